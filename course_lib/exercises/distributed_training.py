"""The coding exercises of the chapter on distributed training: bytes, means, laws, memory."""

from __future__ import annotations

import numpy as np

from course_lib import distributed_training as distributed
from course_lib.exercises import Exercise

__all__ = ["EXERCISES"]


def _random(shape: tuple[int, ...], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


_RINGS = [(2, 1000), (4, 1000), (1, 1000), (10, 250_000)]
_SUMS = [
    (_random((2, 3), 0), np.array([1, 9])),
    (_random((4, 5), 1), np.array([8, 8, 7, 7])),
    (_random((3, 2), 2), np.array([5, 5, 5])),
]
_LAWS = [(1, 0.9), (8, 0.5), (64, 0.99), (1000, 1.0)]
_MEMORIES = [
    (np.array([0.0, 0.0, 0.0, 0.0]), np.array([3.0, -1.0, 0.5, 2.0]), 0.5),
    (np.array([0.0, 4.0, 0.4, 0.0]), np.array([3.0, -1.0, 0.5, 2.0]), 0.25),
    (_random((20,), 3), _random((20,), 4), 0.1),
]


def _remember(memory: np.ndarray, gradient: np.ndarray, share: float) -> np.ndarray:
    sent = distributed.keep_largest(memory + gradient, share)
    return np.stack([sent, memory + gradient - sent])


def _forgets(memory: np.ndarray, gradient: np.ndarray, share: float) -> np.ndarray:
    sent = distributed.keep_largest(gradient, share)
    return np.stack([sent, gradient - sent])


def _keeps_all(memory: np.ndarray, gradient: np.ndarray, share: float) -> np.ndarray:
    sent = distributed.keep_largest(memory + gradient, share)
    return np.stack([sent, memory + gradient])


def _signed(memory: np.ndarray, gradient: np.ndarray, share: float) -> np.ndarray:
    wanted = memory + gradient
    sent = np.zeros_like(wanted)
    largest = np.argsort(wanted)[-max(1, round(share * wanted.size)) :]
    sent[largest] = wanted[largest]
    return np.stack([sent, wanted - sent])


EXERCISES = {
    "bytes_sent": Exercise(
        solution=lambda workers, size: 2 * (workers - 1) / workers * size,
        cases=_RINGS,
        mistakes=[
            (
                lambda workers, size: (workers - 1) / workers * size,
                "that is one half of the way. After the sums are made, they are still to be "
                "handed round.",
            ),
            (
                lambda workers, size: 2 * (workers - 1) * size,
                "in each step a worker sends one chunk, not all of its array.",
            ),
            (
                lambda workers, size: 2 * size,
                "that is what it comes to with very many workers. One worker alone sends nothing.",
            ),
        ],
    ),
    "mean_gradient": Exercise(
        solution=lambda sums, counts: sums.sum(axis=0) / counts.sum(),
        cases=_SUMS,
        mistakes=[
            (
                lambda sums, counts: (sums / counts[:, None]).mean(axis=0),
                "that is the mean of the workers' means. An example in a small shard counts more "
                "there.",
            ),
            (
                lambda sums, counts: sums.mean(axis=0),
                "divide by the number of examples, not of workers.",
            ),
            (
                lambda sums, counts: (sums / counts[:, None]).sum(axis=0),
                "the sum of means is too large: by about the number of workers.",
            ),
        ],
    ),
    "speedup": Exercise(
        solution=lambda workers, parallel: 1 / (1 - parallel + parallel / workers),
        cases=_LAWS,
        mistakes=[
            (
                lambda workers, parallel: 1 - parallel + parallel * workers,
                "that is Gustafson's law, for a problem that grows with the workers.",
            ),
            (
                lambda workers, parallel: 1 / (parallel + (1 - parallel) / workers),
                "the part that can be divided is the other one.",
            ),
            (
                lambda workers, parallel: 1 - parallel + parallel / workers,
                "that is the time that is left. The speedup is one over it.",
            ),
        ],
    ),
    "remember": Exercise(
        solution=_remember,
        cases=_MEMORIES,
        mistakes=[
            (_forgets, "what was kept back before has to be added first."),
            (_keeps_all, "what was sent must not stay in the memory, or it is sent again."),
            (_signed, "large means large in size: a strongly negative entry counts, too."),
        ],
    ),
}
