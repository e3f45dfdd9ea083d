"""The coding exercises of the chapter on the crash test: interventions, recall, gain, ranks."""

from __future__ import annotations

import numpy as np
from scipy import stats

from course_lib.exercises import Exercise

__all__ = ["EXERCISES"]


def _random(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


_ANSWERS = [
    (np.array([0, 1, 1, 0, 1]), np.array([0, 0, 1, 1, 0])),
    (np.array([2, 2, 1, 0]), np.array([2, 2, 1, 1])),
    (_random(0).integers(0, 3, size=40), _random(1).integers(0, 3, size=40)),
]

_RANKED = [
    (np.array([0.7, 0.5, 0.1, 0.9, 0.0]), np.array([0, 1, 0, 1, 0]), 2),
    (_random(2).normal(size=12), (_random(3).random(12) < 0.4).astype(int), 3),
    (_random(4).normal(size=30), (_random(5).random(30) < 0.3).astype(int), 15),
    (-np.arange(6.0), np.array([1, 0, 1, 1, 0, 0]), 1),
]

_CURVES = [
    (np.array([1.0, 0.2, 0.1, 0.0]), np.array([[1.0, 0.6, 0.4, 0.0], [1.0, 0.8, 0.6, 0.0]])),
    (_random(6).random(11), _random(7).random((4, 11))),
    (np.array([0.9, 0.8, 0.7, 0.3]), np.array([[0.9, 0.5, 0.4, 0.3]])),
]

_PAIRS = [
    (np.array([0.1, 5.0, 2.0, -1.0]), np.array([0.3, 0.9, 0.2, 0.1])),
    (_random(8).normal(size=20), np.exp(_random(9).normal(size=20))),
    (_random(10).normal(size=9), _random(10).normal(size=9) ** 3),
]


def _recall_and_precision(scores: np.ndarray, truth: np.ndarray, k: int) -> tuple[float, float]:
    found = truth[np.argsort(-scores)[:k]].sum()
    return found / truth.sum(), found / k


def _lowest_first(scores: np.ndarray, truth: np.ndarray, k: int) -> tuple[float, float]:
    return _recall_and_precision(-scores, truth, k)


def _by_size(scores: np.ndarray, truth: np.ndarray, k: int) -> tuple[float, float]:
    return _recall_and_precision(np.abs(scores), truth, k)


def _area(values: np.ndarray) -> np.ndarray:
    return (values[..., 1:] + values[..., :-1]).mean(axis=-1) / 2


def _gain(curve: np.ndarray, random_curves: np.ndarray) -> float:
    return float(_area(random_curves).mean() - _area(curve))


EXERCISES = {
    "reliance": Exercise(
        solution=lambda before, after: np.mean(before != after),
        cases=_ANSWERS,
        mistakes=[
            (
                lambda before, after: np.mean(before == after),
                "this is the share of answers that stayed.",
            ),
            (
                lambda before, after: np.sum(before != after),
                "this counts the answers. Divide by how many there are.",
            ),
            (
                lambda before, after: np.mean(np.abs(before - after)),
                "classes are names: from class 0 to class 2 is one change, not two.",
            ),
            (
                lambda before, after: abs(np.mean(before) - np.mean(after)),
                "two changes in opposite directions cancel here. Compare example by example.",
            ),
        ],
    ),
    "recall_and_precision": Exercise(
        solution=_recall_and_precision,
        cases=_RANKED,
        mistakes=[
            (
                lambda scores, truth, k: _recall_and_precision(scores, truth, k)[::-1],
                "recall comes first: divide by the number of true units.",
            ),
            (_lowest_first, "you took the units that are ranked last. argsort sorts upwards."),
            (_by_size, "you ranked by absolute values. Keep the signs."),
            (
                lambda scores, truth, k: (_recall_and_precision(scores, truth, k)[1],) * 2,
                "both of yours are divided by k. Recall is divided by the number of true units.",
            ),
        ],
    ),
    "gain": Exercise(
        solution=_gain,
        cases=_CURVES,
        mistakes=[
            (
                lambda curve, random_curves: -_gain(curve, random_curves),
                "a curve that falls earlier has the smaller area, and should have the larger gain.",
            ),
            (
                lambda curve, random_curves: float(random_curves.mean() - curve.mean()),
                "this is the mean of the points. By the trapezoid rule both ends count half.",
            ),
            (
                lambda curve, random_curves: (
                    (len(curve) - 1) * float(_area(random_curves).mean() - _area(curve))
                ),
                "divide by the number of steps, so that the area lies between 0 and 1.",
            ),
            (
                lambda curve, random_curves: float(-_area(curve)),
                "subtract from the area of the random orders.",
            ),
        ],
    ),
    "rank_similarity": Exercise(
        solution=lambda one, other: stats.spearmanr(one, other).statistic,
        cases=_PAIRS,
        mistakes=[
            (
                lambda one, other: np.corrcoef(one, other)[0, 1],
                "this is the correlation of the values. Replace them by their ranks first.",
            ),
            (
                lambda one, other: np.corrcoef(np.argsort(one), np.argsort(other))[0, 1],
                "argsort gives the places of the sorted values, not the ranks. Apply it twice.",
            ),
            (
                lambda one, other: stats.kendalltau(one, other).statistic,
                "this counts pairs in the same order (Kendall). Correlate the ranks (Spearman).",
            ),
            (
                lambda one, other: stats.spearmanr(np.abs(one), np.abs(other)).statistic,
                "you ranked by absolute values. Keep the signs.",
            ),
        ],
    ),
}
