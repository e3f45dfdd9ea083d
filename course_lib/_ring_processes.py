"""What does an all-reduce cost between real processes, by a ring and through a server?

Serves the chapter ``compute/distributed_training``. The workers of ``ring_all_reduce`` become
operating-system processes, and its messages bytes on sockets of the loopback address. A loopback is
no network: it is memory, shared by all. So a process can be made to wait as long as its bytes would
take on a wire of a given latency and bandwidth.
"""

from __future__ import annotations

import select
import socket
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from course_lib._checks import check_between, check_whole
from course_lib._processes import free_ports, run_together
from course_lib._ring import as_arrays, ring_schedule

__all__ = ["ProcessReduce", "Wire", "exchange", "reduce_over_processes", "ring_worker"]

_PATIENCE = 20.0  # seconds to wait for a partner before giving up


class Wire(NamedTuple):
    """A wire whose delay each process sleeps; the default has none beyond the loopback's own.

    Attributes:
        latency: seconds a message takes, however short.
        bandwidth: bytes a second, in each direction at the same time.
    """

    latency: float = 0.0
    bandwidth: float = float("inf")

    def wait(self, size: int) -> None:
        """Sleep as long as a message of ``size`` bytes is under way."""
        seconds = self.latency + size / self.bandwidth
        if seconds > 0:
            time.sleep(seconds)


class ProcessReduce(NamedTuple):
    """The outcome of an all-reduce over processes.

    Attributes:
        result: shape ``(workers, *shape)``: what each worker held at the end.
        seconds: for each repeat how long the slowest worker took, shape ``(repeats,)``.
    """

    result: np.ndarray
    seconds: np.ndarray


def reduce_over_processes(
    shards: Sequence[Any],
    method: str = "ring",
    *,
    repeats: int = 1,
    wire: Wire | None = None,
    limit: float = 60.0,
) -> ProcessReduce:
    """Sum arrays that lie in different processes, over sockets.

    Args:
        shards: for each worker an array of one common shape and type.
        method: ``"ring"``: each process sends chunks to its right neighbor, see
            :func:`ring_all_reduce`. ``"server"``: one more process collects whole arrays, one after
            the other, and sends the sum back to each.
        repeats: how often the same sum is taken; a first one, not counted, warms up.
        wire: delays to add; None means the loopback as it is.
        limit: wall seconds for everything.

    Raises:
        ValueError: an argument is of another form, see :func:`ring_all_reduce`.
        RuntimeError: a process failed; the message holds the end of its log.
        TimeoutError: it took longer than ``limit``.
    """
    arrays = as_arrays(shards)
    check_whole("repeats", repeats, 1)
    wire = Wire() if wire is None else Wire(*wire)
    check_between("wire.latency", wire.latency, 0, np.inf)
    if not wire.bandwidth > 0:
        raise ValueError(f"wire.bandwidth must be above 0, but it is {wire.bandwidth!r}.")
    if method not in _METHODS:
        raise ValueError(f"method must be one of {', '.join(_METHODS)}, but it is {method!r}.")
    function, extra = _METHODS[method]
    workers = len(arrays)
    flat = [array.reshape(-1) for array in arrays] + [np.zeros_like(arrays[0].reshape(-1))] * extra
    ports = free_ports(len(flat))
    calls = [(worker, workers, ports, one, repeats, wire) for worker, one in enumerate(flat)]
    with tempfile.TemporaryDirectory() as folder:
        outcome = run_together(function, calls, Path(folder), limit)
        if not outcome.whole:
            failed = next(k for k, code in enumerate(outcome.exit_codes) if code)
            raise RuntimeError(f"Worker {failed} failed: {outcome.tail(failed)}")
    found = [outcome.results[worker] for worker in range(workers)]
    result = np.stack([summed.reshape(arrays[0].shape) for summed, _ in found])
    return ProcessReduce(result, np.max([seconds for _, seconds in found], axis=0))


def ring_worker(
    worker: int, workers: int, ports: list[int], own: np.ndarray, repeats: int, wire: Wire
) -> tuple[np.ndarray, np.ndarray]:
    """Be one worker of the ring: the program of one process.

    Args:
        worker: which one it is, from 0.
        workers: how many there are.
        ports: where each worker listens.
        own: its array, shape ``(entries,)``.
        repeats: how often the sum is taken, after a first time that warms up.
        wire: the delays to add.

    Returns:
        The sum over all workers, and the seconds of each repeat.
    """
    with _listen(ports[worker]) as listener:
        right = _connect(ports[(worker + 1) % workers])
        left = _accept(listener)
    mine = [
        (sent.chunk, came.chunk, came.adds)
        for step in ring_schedule(workers)
        for sent in step
        if sent.sender == worker
        for came in step
        if came.receiver == worker
    ]
    seconds = []
    with left, right:
        for _ in range(repeats + 1):
            began = time.perf_counter()
            chunks = [chunk.copy() for chunk in np.array_split(own, workers)]
            for sends, comes, adds in mine:
                into = np.empty_like(chunks[comes])
                exchange(right, chunks[sends], left, into)
                wire.wait(max(into.nbytes, chunks[sends].nbytes))
                chunks[comes] = chunks[comes] + into if adds else into
            seconds.append(time.perf_counter() - began)
    return np.concatenate(chunks), np.array(seconds[1:])


def _server_or_worker(
    worker: int, workers: int, ports: list[int], own: np.ndarray, repeats: int, wire: Wire
) -> tuple[np.ndarray, np.ndarray]:
    """Be a worker that sends everything to the server, or, as the last one, the server."""
    if worker < workers:
        seconds = []
        with _connect(ports[workers]) as server:
            for _ in range(repeats + 1):
                began = time.perf_counter()
                server.sendall(_bytes(own))
                summed = _receive(server, own)
                seconds.append(time.perf_counter() - began)
        return summed, np.array(seconds[1:])
    with _listen(ports[workers]) as listener:
        partners = [_accept(listener) for _ in range(workers)]
    for _ in range(repeats + 1):
        summed = np.zeros_like(own)
        for partner in partners:  # all bytes pass through the one link that the server has
            came = _receive(partner, own)
            wire.wait(came.nbytes)
            summed = summed + came
        for partner in partners:
            wire.wait(summed.nbytes)
            partner.sendall(_bytes(summed))
    for partner in partners:
        partner.close()
    return summed, np.zeros(repeats)


_METHODS = {"ring": (ring_worker, 0), "server": (_server_or_worker, 1)}


def _bytes(array: np.ndarray) -> memoryview:
    return memoryview(np.ascontiguousarray(array).view(np.uint8))


def _listen(port: int) -> socket.socket:
    listener = socket.create_server(("127.0.0.1", port))
    listener.settimeout(_PATIENCE)
    return listener


def _accept(listener: socket.socket) -> socket.socket:
    partner, _ = listener.accept()
    return _ready(partner)


def _connect(port: int) -> socket.socket:
    """Reach a partner that may not listen yet."""
    deadline = time.perf_counter() + _PATIENCE
    while True:
        try:
            return _ready(socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE))
        except ConnectionRefusedError:
            if time.perf_counter() > deadline:
                raise
            time.sleep(0.005)


def _ready(partner: socket.socket) -> socket.socket:
    partner.settimeout(_PATIENCE)
    partner.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # send small messages at once
    return partner


def _receive(partner: socket.socket, like: np.ndarray) -> np.ndarray:
    into = np.empty_like(like)
    view, got = _bytes(into), 0
    while got < len(view):
        count = partner.recv_into(view[got:])
        if count == 0:
            raise ConnectionError("The partner closed its connection.")
        got += count
    return into


def exchange(right: socket.socket, out: np.ndarray, left: socket.socket, into: np.ndarray) -> None:
    """Send to the right and receive from the left at once: all sending first would lock the ring.

    A socket takes a few hundred kilobytes before it waits for its reader. If everybody sends a
    large chunk and reads afterwards, everybody waits for ever.

    Args:
        right: the socket to send to.
        out: what to send.
        left: the socket to receive from.
        into: an array that is filled with what comes.

    Raises:
        ConnectionError: the left neighbor has gone.
        TimeoutError: nobody moved for twenty seconds.
    """
    outgoing, incoming = _bytes(out), _bytes(into)
    sent = got = 0
    while sent < len(outgoing) or got < len(incoming):
        reading = [left] if got < len(incoming) else []
        writing = [right] if sent < len(outgoing) else []
        readable, writable, _ = select.select(reading, writing, [], _PATIENCE)
        if not readable and not writable:
            raise TimeoutError("A neighbor in the ring has not answered.")
        if readable:
            count = left.recv_into(incoming[got:])
            if count == 0:
                raise ConnectionError("The left neighbor closed its connection.")
            got += count
        if writable:
            sent += right.send(outgoing[sent : sent + 262144])
