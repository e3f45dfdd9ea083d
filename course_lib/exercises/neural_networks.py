"""The coding exercises of the chapter on neural networks: counting, gradients, optimizers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from course_lib._autodiff import _unbroadcast
from course_lib.exercises import Exercise

__all__ = ["EXERCISES"]


def _random(shape: tuple[int, ...], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


_SIZES = [((784, 64, 10),), ((40, 10),), ((5, 9, 7, 3),), ((2, 1),)]

_BATCHES = [
    (np.random.default_rng(seed).integers(0, classes, batch), scale * _random((batch, classes), 9))
    for seed, (batch, classes, scale) in enumerate([(4, 3, 1), (6, 5, 3), (3, 2, 1000)])
]

_BROADCASTS = [
    (_random((4, 3), 0), (3,)),
    (_random((4, 3), 1), (4, 1)),
    (_random((4, 3), 2), (4, 3)),
    (_random((2, 4, 3), 3), (1, 3)),
    (_random((2, 4, 3), 4), ()),
]

_GRADIENTS = [(_random((6,), 5),), (np.array([5.0]),), (np.array([1.0, 1.0, 1.0, -20.0, 1.0]),)]


def _probabilities(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _logit_gradient(labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    return (_probabilities(logits) - np.eye(logits.shape[1])[labels]) / len(labels)


def _count(sizes: Sequence[int], biases: bool = True) -> int:
    return sum((m + biases) * n for m, n in zip(sizes[:-1], sizes[1:], strict=True))


def _adam_steps(
    gradients: Sequence[float], first: int = 1, corrected: bool = True, root: bool = True
) -> np.ndarray:
    mean = square = 0.0
    moves = []
    for step, gradient in enumerate(gradients, start=first):
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        m, s = (mean / (1 - 0.9**step), square / (1 - 0.999**step)) if corrected else (mean, square)
        moves.append(-0.001 * m / (np.sqrt(s) if root else s))
    return np.array(moves)


def _mean_instead(gradient: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return _unbroadcast(gradient, shape) * np.prod(shape) / gradient.size


def _first_copy(gradient: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Take one of the copies instead of their sum."""
    while gradient.ndim > len(shape):
        gradient = gradient[0]
    return gradient[tuple(slice(0, n) for n in shape)]


EXERCISES = {
    "count": Exercise(
        solution=_count,
        cases=_SIZES,
        mistakes=[
            (
                lambda sizes: _count(sizes, biases=False),
                "each unit of a layer also has a bias.",
            ),
            (
                lambda sizes: _count(sizes, biases=False) + len(sizes) - 1,
                "there is one bias for each unit, not one for each layer.",
            ),
            (
                lambda sizes: _count(sizes, biases=False) + sum(sizes),
                "the inputs are no units: they have no bias.",
            ),
        ],
    ),
    "logit_gradient": Exercise(
        solution=_logit_gradient,
        cases=_BATCHES,
        mistakes=[
            (
                lambda labels, logits: _logit_gradient(labels, logits) * len(labels),
                "the loss is the mean over the batch: divide by the number of examples.",
            ),
            (
                lambda labels, logits: -_logit_gradient(labels, logits),
                "the sign is wrong: raising the logit of a wrong class raises the loss.",
            ),
            (
                lambda labels, logits: _probabilities(logits) / len(labels),
                "subtract 1 at the true class of each example.",
            ),
            (
                lambda labels, logits: (logits - np.eye(logits.shape[1])[labels]) / len(labels),
                "take the softmax of the logits first.",
            ),
        ],
    ),
    "unbroadcast": Exercise(
        solution=_unbroadcast,
        cases=_BROADCASTS,
        mistakes=[
            (
                _mean_instead,
                "every copy contributes in full: add the gradients, do not average them.",
            ),
            (
                _first_copy,
                "this is the gradient of one copy. Add those of all copies.",
            ),
            (
                lambda gradient, shape: gradient,
                "this still has the shape after broadcasting. Sum over the axes that it added.",
            ),
        ],
    ),
    "adam_steps": Exercise(
        solution=_adam_steps,
        cases=_GRADIENTS,
        mistakes=[
            (
                lambda gradients: _adam_steps(gradients, corrected=False),
                "the running means start at zero: divide them by 1 - beta**t.",
            ),
            (
                lambda gradients: _adam_steps(gradients, first=2),
                "the first step is t = 1.",
            ),
            (
                lambda gradients: -_adam_steps(gradients),
                "Adam moves against the gradient.",
            ),
            (
                lambda gradients: _adam_steps(gradients, root=False),
                "divide by the root of the mean of squares.",
            ),
        ],
        tolerance=1e-8,
    ),
}
