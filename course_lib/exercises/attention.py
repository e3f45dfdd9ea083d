"""The coding exercises of the chapter on attention: weights, masks, sums, sizes, rollout."""

from __future__ import annotations

import numpy as np

from course_lib.exercises import Exercise

__all__ = ["EXERCISES"]


def _random(shape: tuple[int, ...], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


_QUERIES = [
    (_random((4,), 0), _random((5, 4), 1)),
    (np.array([2.0, 0.0]), np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])),
    (1000 * _random((9,), 2), _random((3, 9), 3)),
]
_MASKS = [
    (_random((2, 3), 4), np.array([[True, False, True], [True, True, True]])),
    (5 * _random((3, 4), 5), np.tril(np.ones((3, 4), bool))),
    (_random((2, 2), 6), np.array([[False, False], [True, False]])),
]
_STATES = [
    ((1.0, 2.0, 3.0), (2.0, 1.5, -1.0)),
    ((0.0, 1.0, 1.0), (0.0, 3.0, 0.0)),
    ((800.0, 1.0, 5.0), (790.0, 4.0, 2.0)),
]
_SIZES = [(64, 2, 4), (128, 4, 4), (10, 1, 2)]


def _tables(count: int, time: int, seed: int) -> np.ndarray:
    tables = np.random.default_rng(seed).random((count, time, time))
    return tables / tables.sum(axis=-1, keepdims=True)


_LAYERS = [(_tables(2, 4, 7),), (_tables(3, 3, 8),), (_tables(1, 5, 9),)]


def _softmax(scores: np.ndarray, axis: int = -1) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def _masked(scores: np.ndarray, mask: np.ndarray) -> np.ndarray:
    largest = np.where(mask, scores, -1e30).max(axis=1, keepdims=True)
    powers = np.where(mask, np.exp(np.where(mask, scores - largest, 0)), 0)
    return powers / np.maximum(powers.sum(axis=1, keepdims=True), 1e-30)


def _merge(first: tuple, second: tuple) -> float:
    largest = max(first[0], second[0])
    shares = [np.exp(state[0] - largest) for state in (first, second)]
    total, summed = (shares[0] * first[place] + shares[1] * second[place] for place in (1, 2))
    return summed / total


def _rollout(layers: np.ndarray, residual: float = 0.5, backwards: bool = False) -> np.ndarray:
    result = np.eye(len(layers[0]))
    for table in layers:
        mixed = (1 - residual) * table + residual * np.eye(len(table))
        result = result @ mixed if backwards else mixed @ result
    return result


EXERCISES = {
    "weights": Exercise(
        solution=lambda query, keys: _softmax(keys @ query / np.sqrt(len(query))),
        cases=_QUERIES,
        mistakes=[
            (
                lambda query, keys: _softmax(keys @ query),
                "divide the scores by the root of the number of features.",
            ),
            (
                lambda query, keys: _softmax(keys @ query / len(query)),
                "divide by the root of the number of features, not by the number.",
            ),
            (
                lambda query, keys: keys @ query / np.sqrt(len(query)),
                "these are the scores. A softmax over the keys makes weights of them.",
            ),
        ],
    ),
    "masked_weights": Exercise(
        solution=_masked,
        cases=_MASKS,
        mistakes=[
            (
                lambda scores, mask: _softmax(scores) * mask,
                "the rows do not add up to 1. Mask the scores, before the softmax.",
            ),
            (
                lambda scores, mask: _masked(scores, ~mask),
                "True means that a query may look, not that it may not.",
            ),
            (
                lambda scores, mask: _softmax(np.where(mask, scores, -1e30)),
                "a query that may look at nothing got even weights; it should get zeros.",
            ),
            (
                lambda scores, mask: _softmax(np.where(mask, scores, 0)),
                "a score of 0 is not out of the race: e to the 0 is 1. Use a very negative score.",
            ),
        ],
    ),
    "merge": Exercise(
        solution=_merge,
        cases=_STATES,
        mistakes=[
            (
                lambda first, second: (first[2] + second[2]) / (first[1] + second[1]),
                "the two shares are relative to different largest scores: bring both to one first.",
            ),
            (
                lambda first, second: first[2] / first[1] + second[2] / second[1],
                "an average of all keys is not the sum of the averages of two shares.",
            ),
            (
                lambda first, second: (first[2] / first[1] + second[2] / second[1]) / 2,
                "the two shares do not count the same: their sums say how much each counts.",
            ),
        ],
    ),
    "parameters": Exercise(
        solution=lambda d, layers, w: layers * ((4 + 2 * w) * d * d + (4 + w + 1 + 4) * d),
        cases=_SIZES,
        mistakes=[
            (
                lambda d, layers, w: layers * ((4 + 2 * w) * d * d + (4 + w + 1) * d),
                "the two norms have a scale and a shift for each feature.",
            ),
            (
                lambda d, layers, w: layers * ((4 + 2 * w) * d * d + 4 * d),
                "the projections and both layers of the mlp have biases.",
            ),
            (
                lambda d, layers, w: layers * ((3 + 2 * w) * d * d + (3 + w + 1 + 4) * d),
                "beside queries, keys and values there is the projection of the output.",
            ),
            (
                lambda d, layers, w: (4 + 2 * w) * d * d + (4 + w + 1 + 4) * d,
                "this is one block; there are several.",
            ),
        ],
    ),
    "rollout": Exercise(
        solution=_rollout,
        cases=_LAYERS,
        mistakes=[
            (
                lambda layers: _rollout(layers, residual=0.0),
                "half of each row belongs to the residual connection: average with the identity.",
            ),
            (
                lambda layers: _rollout(layers, backwards=True),
                "a later layer looks at what the earlier ones made: it stands on the left.",
            ),
            (
                lambda layers: np.mean(layers, axis=0),
                "layers follow each other: multiply their tables, do not average them.",
            ),
        ],
    ),
}
