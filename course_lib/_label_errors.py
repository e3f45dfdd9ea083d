"""Which labels are wrong? Confident learning asks a model that never saw them.

A label is suspicious when a model, trained on *other* examples, is confident of another class. How
confident is confident? As much as the model usually is when it meets that class. From these
suspicions one can estimate how many labels of each class are really of which other, and take out
that many.

Reference: Northcutt, Jiang and Chuang (2021).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from course_lib._checks import array, takes
from course_lib._tables import as_labels

__all__ = ["confident_joint", "find_label_errors"]


@takes(labels=array(), probabilities=array())
def confident_joint(labels: Any, probabilities: Any) -> np.ndarray:
    """Count how often examples with one label are confidently of each class.

    Chapter equations ``eq-quality-threshold`` and ``eq-quality-joint`` (Northcutt and others 2021,
    equations 1 and 2). The threshold of a class is the mean probability that the model gives it on
    examples that bear its label. An example counts for the likeliest of the classes whose
    threshold its probabilities reach, and for none if there is no such class.

    Args:
        labels: class labels as given, some of them wrong, shape (examples,).
        probabilities: of a model that was trained on *other* examples, shape (examples, classes).

    Returns:
        Whole numbers of shape (classes, classes): a row for the given label, a column for the
        class that the model is confident of.

    Raises:
        ValueError: ``probabilities`` are none, or some class has no label.
    """
    labels, probabilities = _checked(labels, probabilities)
    classes = probabilities.shape[1]
    one_hot = np.eye(classes)[labels]  # (examples, classes)
    thresholds = (one_hot * probabilities).sum(axis=0) / one_hot.sum(axis=0)
    # A mean over equal numbers can exceed them by one rounding, hence the tolerance.
    reached = probabilities >= thresholds - 1e-6
    likeliest = np.where(reached, probabilities, -1.0).argmax(axis=1)
    joint = np.zeros((classes, classes), dtype=np.int64)
    sure = reached.any(axis=1)
    np.add.at(joint, (labels[sure], likeliest[sure]), 1)
    return joint


@takes(labels=array(), probabilities=array())
def find_label_errors(labels: Any, probabilities: Any) -> np.ndarray:
    """Find the labels that are probably wrong, by confident learning.

    Chapter equation ``eq-quality-errors``. The confident joint is scaled so that each row sums to
    the number of examples with that label; what then stands off the diagonal says how many
    examples labeled ``i`` are really of class ``j``. For each pair that many examples are taken,
    those with the largest margin between the probabilities of ``j`` and ``i`` (*prune by noise
    rate*, Northcutt and others 2021, section 3.2). An example whose likeliest class is its label
    is never taken.

    Args:
        labels: class labels as given, shape (examples,).
        probabilities: of a model that was trained on *other* examples, for instance by
            cross-validation, shape (examples, classes). In-sample probabilities hide the errors:
            a model that fits its training labels agrees with the wrong ones, too.

    Returns:
        Indices of the suspicious examples, least probable label first.

    Raises:
        ValueError: ``probabilities`` are none, or some class has no label.
    """
    labels, probabilities = _checked(labels, probabilities)
    counts = np.bincount(labels, minlength=probabilities.shape[1])
    joint = confident_joint(labels, probabilities).astype(np.float64)
    np.fill_diagonal(joint, np.maximum(joint.diagonal(), 1))
    expected = _rounded(joint / joint.sum(axis=1, keepdims=True) * counts[:, None])
    suspicious = np.zeros(len(labels), dtype=bool)
    for given, others in enumerate(expected):
        rows = np.flatnonzero(labels == given)
        for other in np.flatnonzero(others):
            if other != given:
                margin = probabilities[rows, other] - probabilities[rows, given]
                suspicious[rows[np.argsort(-margin, kind="stable")[: others[other]]]] = True
    suspicious &= probabilities.argmax(axis=1) != labels
    found = np.flatnonzero(suspicious)
    return found[np.argsort(probabilities[found, labels[found]], kind="stable")]


def _rounded(rows: np.ndarray) -> np.ndarray:
    """Round to whole numbers that keep each row's whole sum: the largest remainders go up."""
    whole = np.floor(rows + 1e-9)
    missing = np.rint((rows - whole).sum(axis=1, keepdims=True))
    place = np.argsort(np.argsort(-(rows - whole), axis=1, kind="stable"), axis=1)
    return (whole + (place < missing)).astype(np.int64)


def _checked(labels: Any, probabilities: Any) -> tuple[np.ndarray, np.ndarray]:
    probabilities = np.asarray(probabilities, dtype=np.float64)
    shaped = probabilities.ndim == 2 and probabilities.shape[1] >= 2 and len(probabilities)
    if not shaped or not np.isfinite(probabilities).all() or probabilities.min() < 0:
        raise ValueError(
            "probabilities must be finite, not negative and of shape (examples, classes) with at "
            f"least two classes, but the shape is {probabilities.shape}. Are they logits?"
        )
    if not np.allclose(probabilities.sum(axis=1), 1, atol=1e-3):
        raise ValueError(
            "The probabilities of each example must sum to 1. Apply a softmax to logits first."
        )
    labels = as_labels(labels, len(probabilities), "labels")
    classes = probabilities.shape[1]
    if labels.max() >= classes:
        raise ValueError(
            f"labels must be below {classes}, the number of columns of probabilities, but the "
            f"largest is {labels.max()}."
        )
    absent = np.flatnonzero(np.bincount(labels, minlength=classes) == 0)
    if len(absent):
        raise ValueError(
            f"Every class needs a label, but none is labeled {absent.tolist()}. Leave out the "
            "columns of such classes."
        )
    return labels, probabilities
