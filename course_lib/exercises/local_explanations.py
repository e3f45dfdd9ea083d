"""The coding exercises of the chapter on local explanations: shares, fits, shuffles."""

from __future__ import annotations

import math

import numpy as np

from course_lib.exercises import Exercise

__all__ = ["EXERCISES"]


def _random(shape: tuple[int, ...], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


_GAMES = [(0.0, 1.0, 2.0, 5.0), (0.2, 0.9, 0.1, 0.4), (1.0, 1.0, 3.0, 3.0)]

_SIZES = [(0, 3), (1, 3), (2, 3), (0, 10), (4, 10), (7, 8)]

_LINES = [
    (_random((3,), 0), _random((3,), 1), _random((5, 3), 2)),
    (_random((6,), 3), _random((6,), 4), 2 + _random((4, 6), 5)),
]


def _fit_case(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    scores = _random((count,), seed)
    return scores, 0.7 * scores + 0.3 * _random((count,), seed + 1), np.exp(_random((count,), seed))


_FITS = [_fit_case(8, 6), _fit_case(20, 8), _fit_case(5, 10)]


def _shuffle_case(rows: int, features: int, feature: int, seed: int) -> tuple:
    x, weights = _random((rows, features), seed), _random((features,), seed + 1)
    y = x @ weights + 0.5 * _random((rows,), seed + 2)
    return x, y, weights, feature, np.random.default_rng(seed).permutation(rows)


_SHUFFLES = [_shuffle_case(12, 3, 1, 20), _shuffle_case(30, 5, 4, 23)]


def _r_squared(scores: np.ndarray, fitted: np.ndarray, weights: np.ndarray) -> float:
    mean = np.average(scores, weights=weights)
    return float(1 - weights @ (scores - fitted) ** 2 / (weights @ (scores - mean) ** 2))


def _plain_mean(scores: np.ndarray, fitted: np.ndarray, weights: np.ndarray) -> float:
    error = weights @ (scores - fitted) ** 2
    return float(1 - error / (weights @ (scores - scores.mean()) ** 2))


def _rise(
    x: np.ndarray, y: np.ndarray, weights: np.ndarray, feature: int, order: np.ndarray
) -> float:
    shuffled = x.copy()
    shuffled[:, feature] = x[order, feature]
    return float(np.mean((y - shuffled @ weights) ** 2) - np.mean((y - x @ weights) ** 2))


def _whole_rows(
    x: np.ndarray, y: np.ndarray, weights: np.ndarray, feature: int, order: np.ndarray
) -> float:
    return float(np.mean((y - x[order] @ weights) ** 2) - np.mean((y - x @ weights) ** 2))


def _left_out(
    x: np.ndarray, y: np.ndarray, weights: np.ndarray, feature: int, order: np.ndarray
) -> float:
    emptied = x.copy()
    emptied[:, feature] = 0
    return float(np.mean((y - emptied @ weights) ** 2) - np.mean((y - x @ weights) ** 2))


def _shares(none: float, first: float, second: float, both: float) -> list[float]:
    gain = both - none
    return [(gain + first - second) / 2, (gain + second - first) / 2]


EXERCISES = {
    "two_shares": Exercise(
        solution=_shares,
        cases=_GAMES,
        mistakes=[
            (
                lambda none, first, second, both: [first - none, second - none],
                "this is what each adds when it comes first. Average with what it adds as second.",
            ),
            (
                lambda none, first, second, both: [both - second, both - first],
                "this is what each adds when it comes last. Average with what it adds as first.",
            ),
            (
                lambda none, first, second, both: [(both + first - second) / 2] * 2,
                "the two players differ: the first share needs first - second, the second the "
                "opposite.",
            ),
            (
                lambda none, first, second, both: [
                    (both + first - second) / 2,
                    (both + second - first) / 2,
                ],
                "subtract what is earned with nobody there, too.",
            ),
        ],
    ),
    "order_share": Exercise(
        solution=lambda size, features: (
            math.factorial(size) * math.factorial(features - size - 1) / math.factorial(features)
        ),
        cases=_SIZES,
        tolerance=1e-9,
        mistakes=[
            (
                lambda size, features: 1 / math.comb(features, size),
                "the feature itself holds one place: the others can stand in "
                "(features - size - 1)! orders behind it.",
            ),
            (
                lambda size, features: 1 / math.comb(features - 1, size),
                "these weights sum to one for each size. They must sum to one over all sizes.",
            ),
            (
                lambda size, features: 1 / 2 ** (features - 1),
                "coalitions are not all equally likely: count orders, not coalitions.",
            ),
        ],
    ),
    "linear_shares": Exercise(
        solution=lambda weights, x, background: weights * (x - background.mean(axis=0)),
        cases=_LINES,
        mistakes=[
            (
                lambda weights, x, background: weights * x,
                "a share is measured from what the model says on average: subtract the "
                "background's mean.",
            ),
            (
                lambda weights, x, background: weights,
                "a weight says what one unit more does. How many units is x from the mean?",
            ),
            (
                lambda weights, x, background: weights * (background.mean(axis=0) - x),
                "the sign is turned: a feature above the mean with a positive weight adds.",
            ),
        ],
    ),
    "fidelity": Exercise(
        solution=_r_squared,
        cases=_FITS,
        mistakes=[
            (
                lambda scores, fitted, weights: _r_squared(scores, fitted, np.ones_like(weights)),
                "you left out the weights: far samples count less.",
            ),
            (
                _plain_mean,
                "the constant to compare with is the weighted mean.",
            ),
            (
                lambda scores, fitted, weights: 1 - _r_squared(scores, fitted, weights),
                "this is the share that is not explained.",
            ),
        ],
    ),
    "rise": Exercise(
        solution=_rise,
        cases=_SHUFFLES,
        mistakes=[
            (
                _whole_rows,
                "you shuffled whole rows against y. Shuffle one column.",
            ),
            (
                _left_out,
                "you set the column to zero. Shuffling keeps its values and breaks its tie to y.",
            ),
            (
                lambda *case: -_rise(*case),
                "the sign is turned: an important feature makes the error rise.",
            ),
        ],
    ),
}
