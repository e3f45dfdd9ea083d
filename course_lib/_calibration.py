"""Does a model that says 80 % turn out right eight times in ten? Measures, and one repair.

All of it is computed by NumPy and SciPy in float64, on any backend: nothing here is trained, and
the borders between bins must not depend on rounding.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from keras import ops
from scipy import optimize, special

from course_lib._checks import array, takes, whole

__all__ = ["Reliability", "expected_calibration_error", "reliability", "temperature_scaling"]


class Reliability(NamedTuple):
    """What a reliability diagram shows: one number for each bin of confidence, shape ``(bins,)``.

    ``counts`` holds the examples in the bin, ``confidence`` their mean confidence, and ``accuracy``
    the share of them that is right. The last two are NaN where a bin is empty.
    """

    counts: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray


@takes(probabilities=array(), labels=array(), bins=whole(1))
def reliability(probabilities: Any, labels: Any, bins: int = 15) -> Reliability:
    """Group predictions by confidence and compare confidence with accuracy in each group.

    The confidence of a prediction is the probability of its likeliest class. Bin ``k`` of
    ``0 .. bins - 1`` holds confidences above ``k / bins`` up to and **including**
    ``(k + 1) / bins``, as in Guo and others (2017), section 2; a confidence of exactly 0 belongs
    to the first bin.

    Args:
        probabilities: shape ``(examples, classes)``, rows that sum to 1.
        labels: true class indices, shape ``(examples,)``.
        bins: number of bins of equal width.

    Raises:
        ValueError: shapes do not fit, rows are not probabilities, or ``bins`` is below 1.
    """
    probabilities, labels = _checked(probabilities, labels, "probabilities")
    outside = probabilities.min() < 0 or np.abs(probabilities.sum(axis=1) - 1).max() > 1e-3
    if outside:
        raise ValueError(
            "probabilities must not be negative and every row must sum to 1. Are they logits? "
            "Apply a softmax first."
        )
    if not isinstance(bins, int | np.integer) or bins < 1:
        raise ValueError(f"bins must be a whole number from 1 on, but it is {bins!r}.")
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    inner_borders = np.arange(1, bins) / bins
    place = np.searchsorted(inner_borders, confidence, side="left")  # a border belongs below
    counts = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):
        means = [np.bincount(place, values, bins) / counts for values in (confidence, right)]
    return Reliability(counts, *means)


@takes(probabilities=array(), labels=array(), bins=whole(1))
def expected_calibration_error(probabilities: Any, labels: Any, bins: int = 15) -> float:
    """Average the gap between confidence and accuracy over bins.

    Chapter equation ``eq-regularization-ece``: the mean over all examples of the gap of the
    example's bin (Guo and others 2017, equation 3). Which bin a border belongs to is said in
    :func:`reliability`. The error depends on ``bins``, and on few examples chance alone makes it
    larger than 0: compare only equals.

    Args:
        probabilities: shape ``(examples, classes)``, rows that sum to 1.
        labels: true class indices, shape ``(examples,)``.
        bins: number of bins of equal width.

    Returns:
        A number from 0 to 1.

    Raises:
        ValueError: as :func:`reliability`.
    """
    groups = reliability(probabilities, labels, bins)
    used = groups.counts > 0
    gaps = np.abs(groups.accuracy[used] - groups.confidence[used])
    return float(np.sum(groups.counts[used] * gaps) / np.sum(groups.counts))


@takes(logits=array(), labels=array())
def temperature_scaling(logits: Any, labels: Any) -> float:
    """Find the temperature that makes a trained model's probabilities fit.

    Minimizes the mean cross-entropy of ``softmax(logits / T)``: chapter equation
    ``eq-regularization-temperature`` (Guo and others 2017, section 4.2). In ``1 / T`` that is a
    convex function, so there is one minimum. Dividing all logits by one number changes no
    prediction, only how sure it is. Fit it on data that the model was **not** trained on.

    Args:
        logits: shape ``(examples, classes)``.
        labels: true class indices, shape ``(examples,)``.

    Returns:
        The temperature ``T``; above 1 where the model was too sure of itself.

    Raises:
        ValueError: shapes do not fit, or there is no finite best temperature: every prediction is
            right (then the colder the better), or the logits know nothing of the labels.
    """
    logits, labels = _checked(logits, labels, "logits")
    true = logits[np.arange(len(labels)), labels]
    others = np.where(np.eye(logits.shape[1], dtype=bool)[labels], -np.inf, logits)
    if np.all(true > others.max(axis=1)):
        raise ValueError(
            "Every prediction is right, so no finite temperature is best. Were the logits measured "
            "on the training data? Use validation data, and enough of them that some are wrong."
        )
    if true.mean() <= logits.mean():
        raise ValueError(
            "The logits of the true classes are not above average, so an infinite temperature "
            "would be best. Do the labels belong to these logits?"
        )

    def loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        return float(
            np.mean(special.logsumexp(scaled, axis=1) - scaled[range(len(labels)), labels])
        )

    # The scale of the logits is the natural unit of the temperature.
    unit = np.log(np.std(logits - logits.mean(axis=1, keepdims=True)))
    found = optimize.minimize_scalar(
        loss, bounds=(unit - 12, unit + 12), method="bounded", options={"xatol": 1e-9}
    )
    return float(np.exp(found.x))


def _checked(scores: Any, labels: Any, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return scores (examples, classes) in float64 and labels (examples,), or say what is wrong."""
    scores = np.asarray(ops.convert_to_numpy(scores), np.float64)
    labels = np.asarray(ops.convert_to_numpy(labels))
    if scores.ndim != 2 or scores.shape[1] < 2 or len(scores) == 0:
        raise ValueError(
            f"{name} must have shape (examples, classes) with at least one example and two "
            f"classes, but the shape is {scores.shape}."
        )
    if labels.dtype.kind not in "iu" or labels.shape != scores.shape[:1]:
        raise ValueError(
            f"labels must be {len(scores)} class indices, one for each example, but they are "
            f"{labels.dtype} of shape {labels.shape}."
        )
    if labels.min() < 0 or labels.max() >= scores.shape[1]:
        raise ValueError(
            f"labels must lie in 0..{scores.shape[1] - 1}, "
            f"but they lie in {labels.min()}..{labels.max()}."
        )
    if not np.isfinite(scores).all():
        raise ValueError(f"{name} must be finite, but hold NaN or infinite values.")
    return scores, labels
