"""The coding exercises of the chapter on convolution: sizes, flipping, kernels by hand, costs."""

from __future__ import annotations

import math

import numpy as np

from course_lib.convolution import output_size
from course_lib.exercises import Exercise

__all__ = ["EXERCISES"]

_SIZES = [
    (n, k, s, p) for n in (7, 28, 32) for k in (2, 3, 5) for s in (1, 2, 3) for p in (0, 1, 2)
]

_LAYERS = [(3, 1, 16), (3, 16, 32), (5, 3, 8), (1, 64, 10)]  # kernel size, input channels, filters

_BLOCKS = [
    (32, 32, 3, 16, 32),
    (14, 14, 3, 64, 64),
    (7, 9, 5, 8, 12),
]  # height, width, kernel, channels, filters


def _random(shape: tuple[int, ...], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


_IMAGES = [(_random((6, 7), 0), _random((3, 3), 1)), (_random((5, 5), 2), _random((2, 3), 3))]


def _convolve(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Convolve in the mathematicians' sense, where the kernel fits: term by term."""
    height, width = kernel.shape
    rows, columns = image.shape[0] - height + 1, image.shape[1] - width + 1
    return sum(
        kernel[m, n] * image[height - 1 - m :, width - 1 - n :][:rows, :columns]
        for m in range(height)
        for n in range(width)
    )


def _correlate(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    return _convolve(image, kernel[::-1, ::-1])


def _one_hot_kernel(row: int, column: int) -> np.ndarray:
    kernel = np.zeros((3, 3))
    kernel[row, column] = 1
    return kernel


def _separable(height: int, width: int, kernel: int, channels: int, filters: int) -> int:
    return height * width * (kernel * kernel * channels + channels * filters)


EXERCISES = {
    "parameters": Exercise(
        solution=lambda kernel, channels, filters: (kernel * kernel * channels + 1) * filters,
        cases=_LAYERS,
        mistakes=[
            (
                lambda kernel, channels, filters: kernel * kernel * channels * filters,
                "each filter also has a bias.",
            ),
            (
                lambda kernel, channels, filters: (kernel * kernel + 1) * filters,
                "a kernel reaches through all input channels, not one.",
            ),
            (
                lambda kernel, channels, filters: kernel * kernel * channels * filters + 1,
                "there is one bias for each filter, not one for the layer.",
            ),
            (
                lambda kernel, channels, filters: (kernel * channels + 1) * filters,
                "the kernel is square: its size counts twice.",
            ),
        ],
    ),
    "output_size": Exercise(
        solution=output_size,
        cases=[case for case in _SIZES if case[0] + 2 * case[3] >= case[1]],
        mistakes=[
            (
                lambda n, k, s, p: (n + 2 * p - k) // s,
                "count the first position too: a kernel as wide as the picture fits once.",
            ),
            (
                lambda n, k, s, p: (n + p - k) // s + 1,
                "the padding is added at both ends.",
            ),
            (
                lambda n, k, s, p: math.ceil((n + 2 * p - k) / s) + 1,
                "a last step that would leave the image is not taken: round down.",
            ),
            (
                lambda n, k, s, p: (n + 2 * p - k) / s + 1,
                "a count of positions is a whole number: use //.",
            ),
        ],
    ),
    "true_convolution": Exercise(
        solution=_convolve,
        cases=_IMAGES,
        mistakes=[
            (
                _correlate,
                "this is cross-correlation, what layers compute. A convolution flips the kernel.",
            ),
            (
                lambda image, kernel: _convolve(image, kernel[:, ::-1]),
                "you flipped one axis of the kernel; a convolution flips both.",
            ),
            (
                lambda image, kernel: _convolve(image, kernel[::-1]),
                "you flipped one axis of the kernel; a convolution flips both.",
            ),
        ],
    ),
    "move_right": Exercise(
        solution=lambda: _one_hot_kernel(1, 0),
        cases=[()],
        mistakes=[
            (
                lambda: _one_hot_kernel(1, 2),
                "this moves the picture to the left. The layer does not flip the kernel: "
                "output pixel j reads input pixel j - 1 if the 1 stands left of the center.",
            ),
            (lambda: _one_hot_kernel(1, 1), "this kernel copies the picture and moves nothing."),
            (
                lambda: _one_hot_kernel(0, 1),
                "this moves the picture down: rows come first in a kernel.",
            ),
            (
                lambda: _one_hot_kernel(2, 1),
                "this moves the picture up: rows come first in a kernel.",
            ),
        ],
    ),
    "separable_multiply_adds": Exercise(
        solution=_separable,
        cases=_BLOCKS,
        mistakes=[
            (
                lambda h, w, k, c, f: h * w * k * k * c * f,
                "this is the cost of the full convolution.",
            ),
            (
                lambda h, w, k, c, f: h * w * (k * k * c + k * k * c * f),
                "the second step is a 1x1 convolution: its kernel size is 1.",
            ),
            (
                lambda h, w, k, c, f: h * w * (k * k + c * f),
                "the first step works on every channel.",
            ),
            (
                lambda h, w, k, c, f: k * k * c + c * f,
                "these are the weights. Each is used at every output position.",
            ),
        ],
    ),
}
