"""The coding exercises of the chapter on saliency: maps from gradients, made by hand."""

from __future__ import annotations

import numpy as np
from scipy import special

from course_lib.exercises import Exercise

__all__ = ["EXERCISES"]


def _random(shape: tuple[int, ...], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


_LINEAR = [
    (_random((3, 4), 0), _random((4, 5), 1), _random((5,), 2), 3),
    (_random((1, 2), 3), _random((2, 2), 4), _random((2,), 5), 0),
    (_random((4, 3), 6), _random((3, 3), 7), _random((3,), 8), 1),
]

_PATHS = [
    (_random((5, 3), 9), _random((3,), 10), _random((3,), 11)),
    (_random((1, 4), 12), _random((4,), 13), np.zeros(4)),
    (_random((8, 2), 14), np.array([0.5, 0.5]), np.array([0.5, 0.0])),
]

_BASELINES = [
    (np.array([0.0, 0.2, 0.0, 1.0]), 0.0),
    (np.array([[0.0, 0.5], [0.5, 1.0], [0.0, 0.5]]), 0.5),
    (np.array([0.1, 0.7, 0.0]), np.array([0.1, 0.7, 0.3])),
]

_MAPS = [
    (np.abs(_random((4, 4, 3), 15)), _random((4, 4, 3), 16)),
    (np.abs(_random((2, 5, 6), 17)), _random((2, 5, 6), 18)),
    (_random((3, 3, 2), 19), _random((3, 3, 2), 20)),
]

_LOGITS = [
    (_random((4,), 21), _random((4, 3), 22), 2),
    (3 * _random((3,), 23), _random((3, 5), 24), 0),
    (np.array([2.0, 1.0]), np.array([[1.0, 2.0], [1.0, 2.0]]), 1),
]


def _cam(feature_maps: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    return np.maximum((feature_maps * slopes.mean(axis=(0, 1))).sum(axis=-1), 0)


def _probability_slope(logits: np.ndarray, slopes: np.ndarray, c: int) -> np.ndarray:
    probabilities = special.softmax(logits)
    return probabilities[c] * (slopes[c] - probabilities @ slopes)


EXERCISES = {
    "times_input": Exercise(
        solution=lambda x, W, b, c: x * W[:, c],
        cases=_LINEAR,
        mistakes=[
            (
                lambda x, W, b, c: np.broadcast_to(W[:, c], x.shape),
                "this is the gradient. Multiply it by the input.",
            ),
            (
                lambda x, W, b, c: x * W[:, c] + b[c],
                "the bias belongs to no feature, and has no part in a gradient.",
            ),
            (
                lambda x, W, b, c: x @ W[:, c],
                "this adds the features up. The map has one number for each.",
            ),
        ],
    ),
    "integrated": Exercise(
        solution=lambda slopes, x, baseline: (x - baseline) * slopes.mean(axis=0),
        cases=_PATHS,
        mistakes=[
            (
                lambda slopes, x, baseline: slopes.mean(axis=0),
                "the factor x - baseline is missing, so the values do not add up to the change of "
                "the score.",
            ),
            (
                lambda slopes, x, baseline: x * slopes.mean(axis=0),
                "multiply by the distance from the baseline, not by the input.",
            ),
            (
                lambda slopes, x, baseline: (x - baseline) * slopes.sum(axis=0),
                "each step has the weight 1 / steps: take the mean.",
            ),
            (
                lambda slopes, x, baseline: (baseline - x) * slopes.mean(axis=0),
                "the path leads from the baseline to the input, not back.",
            ),
        ],
    ),
    "hidden_share": Exercise(
        solution=lambda x, baseline: np.mean(x == baseline),
        cases=_BASELINES,
        mistakes=[
            (
                lambda x, baseline: np.mean(x == 0),
                "what is hidden equals the baseline, which need not be zero.",
            ),
            (
                lambda x, baseline: np.mean(x != baseline),
                "this is the share that can get credit.",
            ),
            (
                lambda x, baseline: np.sum(x == baseline),
                "this counts. The share is the mean.",
            ),
        ],
    ),
    "cam": Exercise(
        solution=_cam,
        cases=_MAPS,
        mistakes=[
            (
                lambda maps, slopes: (maps * slopes.mean(axis=(0, 1))).sum(axis=-1),
                "the ReLU at the end is missing.",
            ),
            (
                lambda maps, slopes: np.maximum(maps * slopes.mean(axis=(0, 1)), 0).sum(axis=-1),
                "add up the maps first, then take what is positive.",
            ),
            (
                lambda maps, slopes: np.maximum((maps * slopes).sum(axis=-1), 0),
                "average each map's gradient over its positions before you multiply.",
            ),
            (
                lambda maps, slopes: np.maximum((maps * slopes.sum(axis=(0, 1))).sum(axis=-1), 0),
                "the weight of a map is the mean of its gradients, not their sum.",
            ),
        ],
    ),
    "probability_slope": Exercise(
        solution=_probability_slope,
        cases=_LOGITS,
        mistakes=[
            (
                lambda logits, slopes, c: special.softmax(logits)[c] * slopes[c],
                "the other classes' logits move, too: subtract their mean gradient, weighted with "
                "the probabilities.",
            ),
            (
                lambda logits, slopes, c: (
                    special.softmax(logits)[c] * (1 - special.softmax(logits)[c]) * slopes[c]
                ),
                "this holds if the other logits stand still. They depend on the input as well.",
            ),
            (
                lambda logits, slopes, c: slopes[c] - special.softmax(logits) @ slopes,
                "this is the gradient of the logarithm of the probability. Multiply by p[c].",
            ),
        ],
    ),
}
