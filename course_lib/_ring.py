"""How do workers in a ring all get the sum of what each of them holds, and nobody in the middle?

Serves the chapter ``compute/distributed_training``. Every worker cuts its array into as many chunks
as there are workers. In the first half of the steps partial sums travel around the ring, one chunk
to a worker; in the second half the finished sums do. Each worker speaks to two neighbors only, and
what it sends hardly depends on how many others there are.

Main reference: Patarasuk and Yuan (2009), who show that no all-reduce can send fewer bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from course_lib._checks import array, check_whole, sequence, takes, whole

__all__ = ["Send", "as_arrays", "ring_all_reduce", "ring_schedule", "ring_states"]


class Send(NamedTuple):
    """One message of one step.

    Attributes:
        sender: the worker whose chunk it is.
        receiver: its right neighbor.
        chunk: which chunk is sent.
        adds: whether the receiver adds it to its own (scatter-reduce) or takes it over
            (all-gather).
    """

    sender: int
    receiver: int
    chunk: int
    adds: bool


@takes(workers=whole(1))
def ring_schedule(workers: int) -> list[list[Send]]:
    """Say who sends which chunk to whom in each step of a ring all-reduce.

    Args:
        workers: number of workers, n, at least 1.

    Returns:
        ``2 * (n - 1)`` steps of n messages that travel at the same time: first n - 1 steps of
        scatter-reduce, then n - 1 of all-gather (Patarasuk and Yuan 2009, section 4).

    Raises:
        ValueError: ``workers`` is below 1.
    """
    check_whole("workers", workers, 1)
    steps = []
    for step in range(2 * (workers - 1)):
        # Scatter-reduce starts at one's own chunk; all-gather at the one that is complete here.
        adds = step < workers - 1
        shift = 0 if adds else workers
        steps.append(
            [
                Send(worker, (worker + 1) % workers, (worker - step + shift) % workers, adds)
                for worker in range(workers)
            ]
        )
    return steps


@takes(shards=sequence(array(), 1))
def ring_states(shards: Sequence[Any]) -> Iterator[list[list[np.ndarray]]]:
    """Run a ring all-reduce and show what every worker holds before it and after each step.

    Args:
        shards: for each worker an array of one common shape.

    Yields:
        Nested lists, ``[worker][chunk]``, of flat arrays.

    Raises:
        ValueError: see :func:`ring_all_reduce`.
    """
    arrays = as_arrays(shards)
    held = [np.array_split(array.reshape(-1), len(arrays)) for array in arrays]
    yield held
    for sends in ring_schedule(len(arrays)):
        after = [list(chunks) for chunks in held]
        for sender, receiver, chunk, adds in sends:  # all at once: read the old, write the new
            came = held[sender][chunk]
            after[receiver][chunk] = held[receiver][chunk] + came if adds else came
        held = after
        yield held


@takes(shards=sequence(array(), 1))
def ring_all_reduce(shards: Sequence[Any]) -> np.ndarray:
    """Give every worker the sum of all workers' arrays, by messages between neighbors alone.

    This plain form runs in one process. Each worker sends ``2 * (n - 1)`` chunks of one n-th of its
    array: ``2 * (n - 1) / n`` times its size (Patarasuk and Yuan 2009, whose lower bound it
    reaches).

    Args:
        shards: for each worker an array or tensor of numbers, all of one shape and type. None is
            changed.

    Returns:
        Shape ``(workers, *shape)``, of the same type: row i is what worker i holds at the end. All
        rows are equal to the last bit, because each chunk is added up once and then copied.

    Raises:
        ValueError: there are no shards, they differ in shape or type, or do not hold numbers.

    Example::

        ring_all_reduce([np.array([1.0, 2.0]), np.array([10.0, 20.0])])
        # [[11.0, 22.0], [11.0, 22.0]]
    """
    arrays = as_arrays(shards)
    *_, held = ring_states(arrays)
    return np.stack([np.concatenate(chunks).reshape(arrays[0].shape) for chunks in held])


def as_arrays(shards: Sequence[Any]) -> list[np.ndarray]:
    """Return shards as arrays after checking that they can be added, place by place."""
    if isinstance(shards, str | bytes | dict) or not hasattr(shards, "__len__"):
        raise ValueError(
            f"shards must be a sequence with an array for each worker, but it is {shards!r}."
        )
    if len(shards) == 0:
        raise ValueError("shards must hold an array for each worker, but it is empty.")
    arrays = [
        shard if isinstance(shard, np.ndarray) else ops.convert_to_numpy(shard) for shard in shards
    ]
    kinds = sorted({f"{array.dtype} {array.shape}" for array in arrays})
    if len(kinds) > 1 or arrays[0].dtype.kind not in "iufc":
        raise ValueError(
            "shards must be arrays of numbers, all of one shape and type, but they are "
            f"{', '.join(kinds)}. An all-reduce adds what is at the same place."
        )
    return arrays
