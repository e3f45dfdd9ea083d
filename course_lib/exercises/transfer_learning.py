"""The coding exercises of the chapter on transfer learning: rates, low ranks, drifting means."""

from __future__ import annotations

import numpy as np

from course_lib.exercises import Exercise

__all__ = ["EXERCISES"]


def _random(shape: tuple[int, ...], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


_SIZES = [((3, 3, 32, 64), 4), ((5, 5, 1, 16), 2), ((1, 1, 16, 32), 1), ((64, 10), 3)]
_SHARES = [(5, 5, 0.5), (1, 5, 0.5), (3, 10, 1 / 2.6), (2, 2, 0.8)]
_MERGES = [
    (_random((6, 4), 0), _random((6, 2), 1), _random((2, 4), 2), 8.0),
    (_random((3, 5), 3), _random((3, 1), 4), _random((1, 5), 5), 1.0),
    (_random((5, 5), 6), _random((5, 4), 7), _random((4, 5), 8), 2.0),
]
_DRIFTS = [
    (0.0, np.array([1.0]), 0.9),
    (2.0, np.array([1.0, -1.0, 0.5]), 0.99),
    (-1.0, _random((20,), 9), 0.7),
]
_SPECTRA = [np.array([3.0, 1.0]), np.ones(5), np.array([4.0, 2.0, 1.0, 0.5]), np.array([7.0])]


def _entropy(shares: np.ndarray) -> float:
    return float(-np.sum(shares * np.log(shares)))


def _drift(mean: float, batch_means: np.ndarray, momentum: float) -> float:
    for batch_mean in batch_means:
        mean = momentum * mean + (1 - momentum) * batch_mean
    return float(mean)


EXERCISES = {
    "low_rank_size": Exercise(
        solution=lambda shape, rank: rank * (int(np.prod(shape[:-1])) + shape[-1]),
        cases=_SIZES,
        mistakes=[
            (
                lambda shape, rank: int(np.prod(shape)),
                "that is the kernel itself. Count its two thin factors.",
            ),
            (
                lambda shape, rank: rank * int(np.prod(shape)),
                "the sides of the two factors are added, not multiplied.",
            ),
            (
                lambda shape, rank: rank * (shape[-2] + shape[-1]),
                "the first factor reads the whole window: height times width times channels.",
            ),
        ],
    ),
    "share": Exercise(
        solution=lambda place, count, decay: decay ** (count - place),
        cases=_SHARES,
        mistakes=[
            (
                lambda place, count, decay: decay**place,
                "this falls toward the output. The head, at place count, gets 1.",
            ),
            (
                lambda place, count, decay: decay ** (count - place + 1),
                "the head gets 1, not decay.",
            ),
            (
                lambda place, count, decay: decay * (count - place),
                "each layer gets decay times the share of the next: a power, not a product.",
            ),
        ],
    ),
    "merge": Exercise(
        solution=lambda kernel, a, b, alpha: kernel + alpha / a.shape[1] * (a @ b),
        cases=_MERGES,
        mistakes=[
            (
                lambda kernel, a, b, alpha: kernel + a @ b,
                "the product is scaled by alpha / rank.",
            ),
            (
                lambda kernel, a, b, alpha: kernel + alpha * (a @ b),
                "alpha is divided by the rank, so that another rank needs no other learning rate.",
            ),
            (
                lambda kernel, a, b, alpha: alpha / a.shape[1] * (a @ b),
                "this is the addition alone. What is merged is the kernel plus the addition.",
            ),
        ],
    ),
    "drift": Exercise(
        solution=_drift,
        cases=_DRIFTS,
        mistakes=[
            (
                lambda mean, batch_means, momentum: _drift(mean, batch_means, 1 - momentum),
                "in Keras momentum is the share of the old mean; in PyTorch it is that of the new.",
            ),
            (
                lambda mean, batch_means, momentum: float(np.mean(batch_means)),
                "this is the plain mean of all batches. The running mean forgets step by step.",
            ),
            (
                lambda mean, batch_means, momentum: _drift(mean, batch_means[-1:], momentum),
                "you used the last batch only. Update the mean after each one.",
            ),
        ],
    ),
    "effective_rank": Exercise(
        solution=lambda values: float(np.exp(_entropy(values / values.sum()))),
        cases=[(values,) for values in _SPECTRA],
        mistakes=[
            (
                lambda values: _entropy(values / values.sum()),
                "this is the entropy. Its exponential counts directions.",
            ),
            (
                lambda values: float(np.exp(_entropy(values**2 / np.sum(values**2)))),
                "Roy and Vetterli take shares of the singular values, not of their squares.",
            ),
            (
                lambda values: float(len(values)),
                "this counts all directions alike. Weigh them by their size.",
            ),
        ],
    ),
}
