"""What is a table, and what are its labels? One place that checks both, and says what is wrong.

A table is a two-dimensional array of numbers: an example to a row, a column to a measurement. A
missing value is NaN. Functions that cannot use a missing value refuse it here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from course_lib._checks import check_whole

__all__ = ["as_labels", "as_table", "generator"]


def as_table(x: Any, name: str = "x", missing: bool = False) -> np.ndarray:
    """Return a copy of a table as float64.

    Args:
        x: numbers of shape (examples, columns), at least one of each.
        name: what to call it in an error.
        missing: whether NaN, a missing value, is allowed. Infinity never is.

    Raises:
        ValueError: the shape is another, or values are not numbers, infinite or missing.
    """
    try:
        table = np.array(x, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(
            f"{name} must hold numbers, but some entries are none. Encode text as numbers first."
        ) from None
    if table.ndim != 2 or 0 in table.shape:
        raise ValueError(
            f"{name} must have the shape (examples, columns), at least one of each, but its shape "
            f"is {table.shape}. Flatten images first: x.reshape(len(x), -1)."
        )
    if np.isinf(table).any():
        raise ValueError(f"{name} holds infinite values. Replace them, by NaN if they are unknown.")
    if not missing and np.isnan(table).any():
        raise ValueError(
            f"{name} holds {int(np.isnan(table).sum())} missing values (NaN). Fill them first, "
            "with impute."
        )
    return table


def as_labels(y: Any, examples: int | None = None, name: str = "y") -> np.ndarray:
    """Return a copy of class labels as int64.

    Args:
        y: whole numbers from 0 on, shape (examples,).
        examples: how many there must be.
        name: what to call them in an error.

    Raises:
        ValueError: they are no class labels, none, or not as many as there are examples.
    """
    labels = np.asarray(y)
    whole = labels.dtype.kind in "iu"
    if labels.ndim != 1 or not len(labels) or not whole or labels.min() < 0:
        raise ValueError(
            f"{name} must be class labels, whole numbers from 0 on of shape (examples,), but it is "
            f"{labels.dtype} of shape {labels.shape}."
        )
    if examples is not None and len(labels) != examples:
        raise ValueError(
            f"{name} must have a label for each of the {examples} examples, but has {len(labels)}."
        )
    return labels.astype(np.int64)


def generator(seed: Any) -> np.random.Generator:
    """Return NumPy's generator for a seed.

    Raises:
        ValueError: ``seed`` is not a whole number from 0 on.
    """
    check_whole("seed", seed)
    return np.random.default_rng(int(seed))
