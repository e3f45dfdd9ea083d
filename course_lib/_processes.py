"""How are several processes started together, watched, and surely stopped?

Serves the chapter ``compute/distributed_training``. Workers are real operating-system processes
that talk over the loopback address. A process that dies, hangs or fails must not leave others
behind: whatever happens, all of them have ended when ``run_together`` returns.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import socket
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import connection
from pathlib import Path
from typing import Any

from course_lib._checks import check_between, check_whole, takes, whole

__all__ = ["Outcome", "free_ports", "prepare_processes", "run_together"]

_GRACE = 15.0  # seconds that the others have to notice the death of one of them


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of processes that ran together.

    Attributes:
        results: what the function returned, by the worker's number; one that died has none.
        exit_codes: 0 for a worker that returned, 1 for one that raised, ``-signal`` for one killed.
        logs: for each worker the file with what it wrote and, if it raised, why.
        seconds: wall time of all together, their start included.
    """

    results: dict[int, Any]
    exit_codes: list[int]
    logs: list[Path]
    seconds: float

    @property
    def whole(self) -> bool:
        """Whether every worker returned."""
        return not any(self.exit_codes)

    def tail(self, worker: int, lines: int = 5) -> str:
        """Return the last lines of a worker's log."""
        text = self.logs[worker].read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-lines:])


@takes(count=whole(1, 1000))
def free_ports(count: int) -> list[int]:
    """Return ports of the loopback address on which nobody listens now, all different.

    Raises:
        ValueError: ``count`` is below 1.
    """
    check_whole("count", count, 1)
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:  # hold all before any is let go, or one port would come twice
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def prepare_processes() -> None:
    """Begin to load Keras for the workers in the background, before one of them is needed."""
    if "forkserver" in multiprocessing.get_all_start_methods():
        from multiprocessing import forkserver

        _context()
        forkserver.ensure_running()


def run_together(
    function: Callable[..., Any],
    arguments: list[tuple],
    folder: Path | str,
    limit: float = 60.0,
) -> Outcome:
    """Run a function in several processes at the same time and wait for all of them.

    Args:
        function: one that a fresh process can import; it returns what can be sent.
        arguments: for each process the arguments of the call.
        folder: where the logs are kept, ``worker-0.log`` and so on; created where missing.
        limit: wall seconds; then all are killed.

    Returns:
        What became of them. Where one dies, the others get a few seconds to notice it by
        themselves, and are killed then.

    Raises:
        TimeoutError: not all had ended in time; the message holds the last lines of the logs.
        ValueError: there are no processes, or ``limit`` is not above 0.
    """
    check_whole("the number of processes", len(arguments), 1)
    check_between("limit", limit, 0, float("inf"), open_start=True)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    logs = [folder / f"worker-{worker}.log" for worker in range(len(arguments))]
    started = time.perf_counter()
    processes, pipes = [], []
    try:
        for log, given in zip(logs, arguments, strict=True):
            receiver, sender = _context().Pipe(duplex=False)
            process = _context().Process(
                target=_work, args=(function, given, sender, str(log)), daemon=True
            )
            process.start()
            sender.close()
            processes.append(process)
            pipes.append(receiver)
        results, in_time = _collect(processes, pipes, started + limit)
    finally:
        for process in processes:
            if process.is_alive():
                process.kill()
            process.join()  # no process stays behind, not even as an entry in the system's table
        for pipe in pipes:
            pipe.close()
    codes = [process.exitcode for process in processes]
    outcome = Outcome(results, codes, logs, time.perf_counter() - started)
    if not in_time:
        tails = "\n".join(f"worker {k}: {outcome.tail(k)}" for k in range(len(logs)))
        raise TimeoutError(
            f"The workers had not ended after {limit:g} seconds and were stopped. The logs in "
            f"{folder} end with:\n{tails}"
        )
    return outcome


def _collect(processes: list, pipes: list, deadline: float) -> tuple[dict[int, Any], bool]:
    """Gather results until all have ended; tell whether that was in time."""
    results, open_pipes = {}, dict(enumerate(pipes))
    while open_pipes or any(process.is_alive() for process in processes):
        if any(process.exitcode not in (None, 0) for process in processes):
            deadline = min(deadline, time.perf_counter() + _GRACE)
        left = deadline - time.perf_counter()
        if left <= 0:
            return results, not all(process.exitcode in (None, 0) for process in processes)
        waiting = [*open_pipes.values()]
        waiting += [process.sentinel for process in processes if process.is_alive()]
        connection.wait(waiting, timeout=min(left, 0.5))
        for worker, pipe in list(open_pipes.items()):
            if pipe.poll():
                with contextlib.suppress(EOFError):  # it died before it could answer
                    results[worker] = pipe.recv()
                del open_pipes[worker]
    return results, True


def _work(function: Callable[..., Any], arguments: tuple, sender: Any, log: str) -> None:
    """Call the function with everything that it writes going to its log."""
    file = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o644)
    os.dup2(file, 1)
    os.dup2(file, 2)
    try:
        sender.send(function(*arguments))
        code = 0
    except BaseException:
        os.write(2, traceback.format_exc().encode())
        code = 1
    sender.close()
    # Leave at once: threads that wait for a dead partner would hold up an orderly end.
    os._exit(code)


def _context() -> Any:
    """Return a way to start processes that have Keras loaded already, where the system has one.

    A server process imports the course once, before it has run anything, and is then copied for
    each worker: that takes milliseconds instead of the seconds of a fresh start.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["course_lib._training_processes"])
    return context
