"""The coding exercises of the chapter on distillation: softened answers, gradients, limits."""

from __future__ import annotations

import numpy as np

from course_lib.exercises import Exercise

__all__ = ["EXERCISES"]


def _random(shape: tuple[int, ...], seed: int, scale: float = 2.0) -> np.ndarray:
    return scale * np.random.default_rng(seed).normal(size=shape)


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def _centered(logits: np.ndarray) -> np.ndarray:
    return logits - logits.mean(axis=-1, keepdims=True)


def _gradient(student: np.ndarray, teacher: np.ndarray, temperature: float) -> np.ndarray:
    return (_softmax(student / temperature) - _softmax(teacher / temperature)) / temperature


def _smoothed(labels: np.ndarray, classes: int, amount: float) -> np.ndarray:
    return np.log((1 - amount) * np.eye(classes)[labels] + amount / classes)


_HEATS = [
    (np.array([2.0, 1.0, 0.0]), 1.0),
    (_random((10,), 0), 4.0),
    (_random((3, 5), 1), 20.0),
    (_random((4,), 2, 10.0), 0.5),
]
_PAIRS = [
    (_random((4,), 3), _random((4,), 4), 3.0),
    (_random((2, 6), 5), _random((2, 6), 6), 5.0),
    (_random((3,), 7), _random((3,), 8), 2.0),
]
_LIMITS = [(_random((5,), seed), _random((5,), seed + 50) + 3.0) for seed in (9, 10, 11)]
_LIMITS.append((_random((2, 4), 12), _random((2, 4), 13) - 1.0))
_LABELS = [
    (np.array([0, 2, 1]), 3, 0.1),
    (np.array([3]), 10, 0.3),
    (np.array([1, 1, 0, 4]), 5, 0.05),
]
_COUNTS = [
    tuple(np.random.default_rng(seed).integers(0, classes, size=(3, count)))
    for seed, classes, count in ((0, 3, 20), (1, 4, 30), (2, 2, 15))
]


EXERCISES = {
    "soften": Exercise(
        solution=lambda logits, temperature: _softmax(logits / temperature),
        cases=_HEATS,
        mistakes=[
            (
                lambda logits, temperature: _softmax(logits * temperature),
                "you multiply by the temperature, which sharpens. Divide.",
            ),
            (
                lambda logits, temperature: _softmax(logits) / temperature,
                "divide the logits, before the softmax. These do not sum to 1.",
            ),
            (
                lambda logits, temperature: _softmax(logits),
                "this is temperature 1.",
            ),
        ],
    ),
    "gradient": Exercise(
        solution=_gradient,
        cases=_PAIRS,
        mistakes=[
            (
                lambda student, teacher, heat: -_gradient(student, teacher, heat),
                "the sign: the student comes first. Where it gives too much, the loss rises.",
            ),
            (
                lambda student, teacher, heat: heat * _gradient(student, teacher, heat),
                "the chain rule gives one more factor, from the division inside the softmax.",
            ),
            (
                lambda student, teacher, heat: heat**2 * _gradient(student, teacher, heat),
                "this is the gradient of the loss with its factor. Leave the factor out.",
            ),
        ],
    ),
    "hot_limit": Exercise(
        solution=lambda student, teacher: (
            np.square(_centered(student) - _centered(teacher)).mean(axis=-1) / 2
        ),
        cases=_LIMITS,
        mistakes=[
            (
                lambda student, teacher: np.square(student - teacher).mean(axis=-1) / 2,
                "center both first: a softmax does not see a number added to all logits.",
            ),
            (
                lambda student, teacher: np.square(_centered(student) - _centered(teacher)).mean(
                    axis=-1
                ),
                "half of it: its gradient must be the difference over K, not twice that.",
            ),
            (
                lambda student, teacher: (
                    np.square(_centered(student) - _centered(teacher)).sum(axis=-1) / 2
                ),
                "take the mean over classes, not the sum: 1 / K is part of the limit.",
            ),
        ],
    ),
    "smoothing_teacher": Exercise(
        solution=_smoothed,
        cases=_LABELS,
        mistakes=[
            (
                lambda labels, classes, amount: np.exp(_smoothed(labels, classes, amount)),
                "these are the probabilities. A teacher is asked for logits: take the logarithm.",
            ),
            (
                lambda labels, classes, amount: np.log(
                    (1 - amount) * np.eye(classes)[labels]
                    + amount / (classes - 1) * (1 - np.eye(classes)[labels])
                ),
                "the amount is spread over all classes, the right one included.",
            ),
            (
                lambda labels, classes, amount: np.log(np.eye(classes)[labels] + amount / classes),
                "these sum to more than 1. The right class gives up the amount first.",
            ),
        ],
    ),
    "inherited": Exercise(
        solution=lambda student, teacher, labels: float(
            ((teacher != labels) & (student == teacher)).sum() / (teacher != labels).sum()
        ),
        cases=_COUNTS,
        mistakes=[
            (
                lambda student, teacher, labels: float((student == teacher).mean()),
                "this is agreement on all images. Look only where the teacher is wrong.",
            ),
            (
                lambda student, teacher, labels: float(
                    ((teacher != labels) & (student != labels)).sum() / (teacher != labels).sum()
                ),
                "being wrong too is not enough: the student must give the teacher's answer.",
            ),
            (
                lambda student, teacher, labels: float(
                    ((teacher != labels) & (student == teacher)).mean()
                ),
                "divide by the number of the teacher's mistakes, not of all images.",
            ),
        ],
    ),
}
