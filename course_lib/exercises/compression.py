"""The coding exercises of the chapter on compression: sizes, masks, scales, slopes, gaps."""

from __future__ import annotations

import numpy as np

from course_lib.exercises import Exercise

__all__ = ["EXERCISES"]


def _random(shape: tuple[int, ...], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def _places(count: int, most: int, seed: int) -> np.ndarray:
    return np.sort(np.random.default_rng(seed).choice(most, count, replace=False))


_SIZES = [(1000, 0, 15, 5), (21_776, 900, 63, 5), (260, 3, 31, 4), (50, 7, 16, 8)]
_TIED = [
    (np.array([1.0, -1.0, 1.0, -1.0, 2.0]), 0.4),
    (np.array([0.0, 0.3, -0.1, 0.1, -0.7, 0.1]), 0.5),
    (_random((31,), 0), 0.9),
    (np.repeat([0.5, -0.25], 8), 0.25),
]
_KERNELS = [
    (_random((6, 4), 1), 4),
    (_random((5, 3), 2) * [1.0, 10.0, 0.1], 3),
    (_random((9, 2), 3), 8),
]
_PASSED = [
    (np.array([-3.0, -0.5, 0.2, 1.4, 9.0]), np.array([1.0, 2.0, -1.0, 0.5, 3.0]), -1.0, 2.0),
    (_random((20,), 4), _random((20,), 5), -0.5, 0.5),
    (_random((4, 3), 6), _random((4, 3), 7), 0.0, 1.0),
]
_GAPS = [
    (np.array([1, 4, 15]), 3),
    (np.array([0, 1, 2]), 2),
    (np.array([7, 8, 40]), 3),
    (_places(40, 2000, 8), 4),
    (_places(80, 1000, 9), 2),
]


def _bits_needed(kept: int, fillers: int, clusters: int, index_bits: int) -> int:
    value_bits = int(np.ceil(np.log2(clusters + 1)))
    return (kept + fillers) * (value_bits + index_bits) + 32 * clusters


def _mask(weights: np.ndarray, sparsity: float) -> np.ndarray:
    found = np.zeros(len(weights), bool)
    order = np.argsort(-np.abs(weights), kind="stable")
    found[order[: len(weights) - round(sparsity * len(weights))]] = True
    return found


def _last_stay(weights: np.ndarray, sparsity: float) -> np.ndarray:
    return _mask(weights[::-1], sparsity)[::-1]


def _rounded(kernel: np.ndarray, bits: int, axis: int | None, high: int) -> np.ndarray:
    scale = np.abs(kernel).max(axis=axis, keepdims=True) / high
    return scale * np.rint(kernel / scale)


def _zeros(positions: np.ndarray) -> np.ndarray:
    return np.diff(np.concatenate([[-1], positions])) - 1


EXERCISES = {
    "bits_needed": Exercise(
        solution=_bits_needed,
        cases=_SIZES,
        mistakes=[
            (
                lambda kept, fillers, clusters, index_bits: (
                    kept * (int(np.ceil(np.log2(clusters + 1))) + index_bits) + 32 * clusters
                ),
                "fillers are stored like weights, with a value and a gap.",
            ),
            (
                lambda kept, fillers, clusters, index_bits: (
                    (kept + fillers) * (int(np.ceil(np.log2(clusters + 1))) + index_bits)
                ),
                "the codebook belongs to the file, too: 32 bits for each of its values.",
            ),
            (
                lambda kept, fillers, clusters, index_bits: (
                    (kept + fillers) * int(np.ceil(np.log2(clusters + 1))) + 32 * clusters
                ),
                "each entry also needs a gap, which says where it is.",
            ),
        ],
    ),
    "mask": Exercise(
        solution=_mask,
        cases=_TIED,
        mistakes=[
            (
                lambda weights, sparsity: ~_mask(weights, sparsity),
                "True is for what stays.",
            ),
            (
                lambda weights, sparsity: np.abs(weights) > np.quantile(np.abs(weights), sparsity),
                "with ties a threshold drops too many or too few. Sort, and count.",
            ),
            (
                _last_stay,
                "among equals the first stay. Sort in falling order with kind='stable'.",
            ),
            (
                lambda weights, sparsity: _mask(np.maximum(weights, 0), sparsity),
                "a weight of -0.7 is large: compare magnitudes.",
            ),
        ],
    ),
    "round_channels": Exercise(
        solution=lambda kernel, bits: _rounded(kernel, bits, 0, 2 ** (bits - 1) - 1),
        cases=_KERNELS,
        mistakes=[
            (
                lambda kernel, bits: _rounded(kernel, bits, None, 2 ** (bits - 1) - 1),
                "this is one scale for the whole kernel. Each column has its own.",
            ),
            (
                lambda kernel, bits: _rounded(kernel, bits, 1, 2 ** (bits - 1) - 1),
                "the scales belong to the outputs, the columns. Take the maximum over axis 0.",
            ),
            (
                lambda kernel, bits: _rounded(kernel, bits, 0, 2 ** (bits - 1)),
                "the largest code is 2**(bits - 1) - 1.",
            ),
            (
                lambda kernel, bits: np.rint(
                    kernel / np.abs(kernel).max(axis=0) * (2 ** (bits - 1) - 1)
                ),
                "these are the codes. Multiply by the scale to come back.",
            ),
        ],
    ),
    "pass_through": Exercise(
        solution=lambda x, upstream, low, high: np.where((x >= low) & (x <= high), upstream, 0.0),
        cases=_PASSED,
        mistakes=[
            (
                lambda x, upstream, low, high: upstream,
                "outside the borders the clipped value does not move, so no gradient passes.",
            ),
            (
                lambda x, upstream, low, high: np.zeros_like(upstream),
                "this is the true slope of rounding. Nothing can learn with it: pretend it is 1.",
            ),
            (
                lambda x, upstream, low, high: ((x >= low) & (x <= high)).astype(float),
                "multiply the slope by what comes from above.",
            ),
            (
                lambda x, upstream, low, high: np.where(
                    (upstream >= low) & (upstream <= high), upstream, 0.0
                ),
                "the input x decides who passes, not the gradient.",
            ),
        ],
    ),
    "fillers": Exercise(
        solution=lambda positions, bits: int(np.sum(_zeros(positions) // 2**bits)),
        cases=_GAPS,
        mistakes=[
            (
                lambda positions, bits: int(np.sum(np.diff(positions) // 2**bits)),
                "count zeros: ten lie between places 4 and 15, and some before the first entry.",
            ),
            (
                lambda positions, bits: int(np.sum(_zeros(positions) // (2**bits - 1))),
                "a filler ends a gap of 2**bits - 1 zeros and is one itself: it uses up 2**bits.",
            ),
            (
                lambda positions, bits: int(np.sum(_zeros(positions) >= 2**bits)),
                "a very long gap needs several fillers.",
            ),
        ],
    ),
}
