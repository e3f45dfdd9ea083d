"""The coding exercises of the chapter on label efficiency: queries, contrast, prototypes."""

from __future__ import annotations

import numpy as np
from scipy import special

from course_lib.exercises import Exercise

__all__ = ["EXERCISES"]


def _random(shape: tuple[int, ...], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def _probabilities(shape: tuple[int, ...], seed: int) -> np.ndarray:
    return special.softmax(2 * _random(shape, seed), axis=-1)


def _cosines(views: int, seed: int) -> np.ndarray:
    z = _random((views, 4), seed)
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    return z @ z.T


def _margins(probabilities: np.ndarray) -> np.ndarray:
    best = -np.partition(-probabilities, 1, axis=1)
    return best[:, 0] - best[:, 1]


def _entropy(probabilities: np.ndarray) -> np.ndarray:
    return special.entr(probabilities).sum(axis=-1)


def _between(pool: np.ndarray, labeled: np.ndarray) -> np.ndarray:
    return np.sqrt(((pool[:, None] - labeled[None]) ** 2).sum(axis=-1))


def _partner(similarities: np.ndarray, i: int, j: int, temperature: float) -> float:
    scores = similarities[i] / temperature
    scores[i] = -np.inf
    return float(special.softmax(scores)[j])


EXERCISES = {
    "margins": Exercise(
        solution=_margins,
        cases=[(_probabilities((6, 4), 0),), (_probabilities((3, 2), 1),), (np.eye(3),)],
        mistakes=[
            (
                lambda p: p.max(axis=1) - p.min(axis=1),
                "this is the distance from the largest to the smallest. Take the second largest.",
            ),
            (
                lambda p: 1 - _margins(p),
                "this is one minus the margin: large where the learner is torn.",
            ),
            (
                lambda p: p[:, 0] - p[:, 1],
                "the classes are not sorted: the likeliest may stand at any place.",
            ),
            (
                lambda p: -_margins(p),
                "the sign is turned: largest minus second largest is never below zero.",
            ),
        ],
    ),
    "disagreement": Exercise(
        solution=lambda p: float(_entropy(p.mean(axis=0)) - _entropy(p).mean()),
        cases=[(_probabilities((5, 3), 2),), (_probabilities((2, 10), 3),)],
        mistakes=[
            (
                lambda p: float(_entropy(p.mean(axis=0))),
                "this is the entropy of the mean alone. Subtract the doubt that each pass has.",
            ),
            (
                lambda p: float(_entropy(p).mean() - _entropy(p.mean(axis=0))),
                "the sign is turned: the mean of the passes is the less sure one.",
            ),
            (
                lambda p: float(_entropy(p.mean(axis=0)) - _entropy(p).sum()),
                "average the entropies of the passes; do not add them up.",
            ),
            (
                lambda p: float((_entropy(p.mean(axis=0)) - _entropy(p).mean()) / np.log(2)),
                "this is in bits. Use the natural logarithm.",
            ),
        ],
    ),
    "farthest": Exercise(
        solution=lambda pool, labeled: int(_between(pool, labeled).min(axis=1).argmax()),
        cases=[
            (_random((12, 3), 4), _random((4, 3), 5)),
            (_random((9, 2), 6), _random((5, 2), 7)),
            (np.array([[0.0], [5.0], [9.0], [2.4]]), np.array([[0.0], [9.5]])),
        ],
        mistakes=[
            (
                lambda pool, labeled: int(_between(pool, labeled).mean(axis=1).argmax()),
                "you averaged over all labels. Only the nearest one counts.",
            ),
            (
                lambda pool, labeled: int(_between(pool, labeled).max(axis=1).argmax()),
                "you took the farthest label. Take the nearest, and then the farthest example.",
            ),
            (
                lambda pool, labeled: int(_between(pool, labeled).min(axis=1).argmin()),
                "this is the example closest to a label: nothing to learn there.",
            ),
        ],
    ),
    "partner_probability": Exercise(
        solution=lambda s, i, j, temperature: _partner(s.copy(), i, j, temperature),
        cases=[(_cosines(6, 8), 0, 3, 0.5), (_cosines(4, 9), 2, 0, 0.1), (_cosines(8, 1), 7, 3, 1)],
        mistakes=[
            (
                lambda s, i, j, temperature: float(special.softmax(s[i] / temperature)[j]),
                "the view itself is among the choices. Leave out k = i.",
            ),
            (
                lambda s, i, j, temperature: _partner(s * temperature**2, i, j, temperature),
                "you multiplied by the temperature. Divide.",
            ),
            (
                lambda s, i, j, temperature: -np.log(_partner(s.copy(), i, j, temperature)),
                "this is the loss. The probability was asked for.",
            ),
        ],
    ),
    "logits": Exercise(
        solution=lambda query, centers: 2 * centers @ query - np.square(centers).sum(axis=1),
        cases=[(_random((3,), 10), _random((4, 3), 11)), (_random((6,), 12), _random((2, 6), 13))],
        mistakes=[
            (
                lambda query, centers: -np.square(centers - query).sum(axis=1),
                "this holds the query's own squared length, too. Leave it out.",
            ),
            (
                lambda query, centers: 2 * centers @ query,
                "the bias is missing: prototypes far from the origin would always win.",
            ),
            (
                lambda query, centers: centers @ query - np.square(centers).sum(axis=1),
                "the kernel is twice the prototype.",
            ),
            (
                lambda query, centers: 2 * centers @ query + np.square(centers).sum(axis=1),
                "the bias has a minus sign.",
            ),
        ],
    ),
}
