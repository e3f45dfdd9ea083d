"""The coding exercises of the chapter on regularization: penalties, dropout, calibration."""

from __future__ import annotations

import numpy as np
from scipy import special

from course_lib.exercises import Exercise

__all__ = ["EXERCISES"]


def _random(shape: tuple[int, ...], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


_STEPS = [
    (_random((4,), 0), _random((4,), 1), 0.1, 0.5),
    (_random((2, 3), 2), np.zeros((2, 3)), 0.5, 0.02),
    (_random((3,), 3), _random((3,), 4), 1.0, 0.0),
]

_MASKS = [
    (_random((6,), 5), np.array([1, 0, 1, 1, 0, 1]), 0.25),
    (_random((2, 4), 6), np.array([[1, 1, 0, 0], [0, 1, 1, 1]]), 0.4),
]

_SMOOTHINGS = [(10, 0.1), (4, 0.2), (100, 0.05)]

_ENSEMBLES = [(3 * _random((4, 5), 7), 2), (3 * _random((2, 3), 8), 0), (_random((6, 10), 9), 9)]


def _confidences(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    confidence = random.uniform(0.3, 1.0, size=count)
    return confidence, (random.random(count) < confidence**2).astype(int)


_CALIBRATIONS = [
    (*_confidences(60, 10), 10),
    (*_confidences(40, 11), 4),
    (np.array([0.5, 0.5, 0.7, 1.0]), np.array([1, 1, 0, 1]), 10),  # every one on a border
    (np.array([0.25, 0.5, 0.75, 0.75, 0.9]), np.array([0, 1, 0, 1, 1]), 4),
]


def _lowest_loss(num_classes: int, amount: float) -> float:
    target = np.full(num_classes, amount / num_classes)
    target[0] += 1 - amount
    return float(-np.sum(target * np.log(target)))


def _spread_over_the_others(num_classes: int, amount: float) -> float:
    target = np.full(num_classes, amount / (num_classes - 1))
    target[0] = 1 - amount
    return float(-np.sum(target * np.log(target)))


def _bins(confidence: np.ndarray, right: np.ndarray, place: np.ndarray) -> list[tuple]:
    """Return, for each bin that is not empty, its share, its accuracy and its confidence."""
    masks = [place == b for b in np.unique(place)]
    return [(inside.mean(), right[inside].mean(), confidence[inside].mean()) for inside in masks]


def _upper_border_included(confidence: np.ndarray, bins: int) -> np.ndarray:
    return np.searchsorted(np.arange(1, bins) / bins, confidence, side="left")


def _calibration_error(confidence: np.ndarray, right: np.ndarray, bins: int) -> float:
    groups = _bins(confidence, right, _upper_border_included(confidence, bins))
    return float(sum(share * abs(accuracy - sure) for share, accuracy, sure in groups))


def _lower_border_included(confidence: np.ndarray, right: np.ndarray, bins: int) -> float:
    place = np.minimum(np.floor(confidence * bins + 1e-9), bins - 1)
    groups = _bins(confidence, right, place)
    return float(sum(share * abs(accuracy - sure) for share, accuracy, sure in groups))


def _unweighted(confidence: np.ndarray, right: np.ndarray, bins: int) -> float:
    groups = _bins(confidence, right, _upper_border_included(confidence, bins))
    return float(np.mean([abs(accuracy - sure) for _, accuracy, sure in groups]))


def _signed(confidence: np.ndarray, right: np.ndarray, bins: int) -> float:
    groups = _bins(confidence, right, _upper_border_included(confidence, bins))
    return float(sum(share * (accuracy - sure) for share, accuracy, sure in groups))


EXERCISES = {
    "penalized_step": Exercise(
        solution=lambda w, gradient, rate, strength: w - rate * (gradient + 2 * strength * w),
        cases=_STEPS,
        mistakes=[
            (
                lambda w, gradient, rate, strength: w - rate * (gradient + strength * w),
                "the derivative of w squared is 2 w: the document's penalty has no factor of half.",
            ),
            (
                lambda w, gradient, rate, strength: w - rate * gradient - 2 * strength * w,
                "the penalty is part of the loss: the learning rate multiplies its gradient, too.",
            ),
            (
                lambda w, gradient, rate, strength: w - rate * (gradient + strength * w**2),
                "you added the penalty itself to the gradient. Take its derivative.",
            ),
            (
                lambda w, gradient, rate, strength: w + rate * (gradient + 2 * strength * w),
                "this step goes uphill: subtract the gradient.",
            ),
        ],
    ),
    "drop": Exercise(
        solution=lambda x, mask, rate: x * mask / (1 - rate),
        cases=_MASKS,
        mistakes=[
            (
                lambda x, mask, rate: x * mask,
                "the mean shrinks by the factor 1 - rate. Scale up what is kept.",
            ),
            (
                lambda x, mask, rate: x * mask / rate,
                "rate is the share that is dropped; divide by the share that is kept.",
            ),
            (
                lambda x, mask, rate: x * mask * (1 - rate),
                "this makes the mean smaller still: divide instead.",
            ),
            (
                lambda x, mask, rate: x * (1 - mask) / (1 - rate),
                "mask is 1 for the units to keep.",
            ),
        ],
    ),
    "lowest_loss": Exercise(
        solution=_lowest_loss,
        cases=_SMOOTHINGS,
        mistakes=[
            (
                lambda num_classes, amount: 0.0,
                "zero needs a target of exactly 1, and a smoothed target has none.",
            ),
            (
                _spread_over_the_others,
                "the amount is spread over all classes: the right one gets its share back.",
            ),
            (
                lambda num_classes, amount: -np.log(1 - amount + amount / num_classes),
                "the other classes have targets above zero, and so add to the loss.",
            ),
        ],
    ),
    "ensemble_loss": Exercise(
        solution=lambda logits, label: -np.log(special.softmax(logits, axis=1)[:, label].mean()),
        cases=_ENSEMBLES,
        mistakes=[
            (
                lambda logits, label: -np.log(special.softmax(logits.mean(axis=0))[label]),
                "you averaged the logits. Average the probabilities.",
            ),
            (
                lambda logits, label: -np.log(special.softmax(logits, axis=1)[:, label]).mean(),
                "this is the mean loss of the members. Average first, then take the logarithm.",
            ),
            (
                lambda logits, label: -np.log(special.softmax(logits, axis=0)[:, label].mean()),
                "the softmax runs over the classes, not over the models.",
            ),
        ],
    ),
    "calibration_error": Exercise(
        solution=_calibration_error,
        cases=_CALIBRATIONS,
        mistakes=[
            (
                _unweighted,
                "weigh each bin's gap by its share of the examples.",
            ),
            (
                _signed,
                "gaps of different sign cancel here: take the absolute value in each bin.",
            ),
            (
                _lower_border_included,
                "a confidence on a border belongs to the bin below it.",
            ),
            (
                lambda confidence, right, bins: abs(right.mean() - confidence.mean()),
                "this is one bin for all. Compare within each bin.",
            ),
        ],
    ),
}
