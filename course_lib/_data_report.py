"""What should you know of a data set before you train on it? A page of facts, and what to mind.

The report counts; it does not judge what a value means. Whether a zero is a measurement or an
empty field, only someone who knows the data can say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from course_lib._checks import array, takes
from course_lib._repair import find_outliers
from course_lib._tables import as_labels, as_table

__all__ = ["DataReport", "report"]


@dataclass(frozen=True)
class DataReport:
    """What :func:`report` found. Printing it shows a line for each fact, and what to mind.

    Attributes:
        examples: number of rows.
        columns: number of columns.
        missing: share of missing values in each column, shape (columns,).
        constant: columns that hold one value only.
        outliers: share of outliers in each column by the modified z-score, shape (columns,).
        scale_ratio: largest over smallest standard deviation of the columns that vary.
        duplicates: rows that repeat an earlier row, labels aside.
        conflicts: rows that repeat another row and have another label.
        class_counts: number of examples of each class.
        majority: share of the most frequent class: the accuracy of always answering it.
        leaked: rows of the test set that are also in the training set, or None without a test set.
    """

    examples: int
    columns: int
    missing: np.ndarray
    constant: list[int]
    outliers: np.ndarray
    scale_ratio: float
    duplicates: int
    conflicts: int
    class_counts: dict[int, int]
    majority: float
    leaked: int | None

    @property
    def warnings(self) -> list[str]:
        """What to mind, a sentence for each fact that needs a decision."""
        counts = self.class_counts.values()
        said = {
            "Values are missing. Ask why before you fill them.": self.missing.max() > 0,
            "Constant columns tell nothing; leave them out.": bool(self.constant),
            "Column scales differ more than tenfold: standardize, fitted on the training set.": (
                self.scale_ratio > 10
            ),
            "Rows repeat. Split so that copies stay on one side.": self.duplicates > 0,
            "Equal rows have different labels: some are wrong, or a column is missing.": (
                self.conflicts > 0
            ),
            "The classes are unbalanced: do not judge by accuracy alone.": (
                self.majority > 2 / len(counts) or max(counts) > 2 * min(counts)
            ),
            "Test rows are in the training set: the test will flatter.": bool(self.leaked),
        }
        return [sentence for sentence, holds in said.items() if holds]

    def __str__(self) -> str:
        """Return the facts, a line each, and then the warnings."""
        counts = list(self.class_counts.values())
        lines = [
            f"{self.examples:,} examples, {self.columns} columns, {len(counts)} classes",
            f"missing values: {self.missing.mean():.1%}, at most {self.missing.max():.1%} a column",
            f"constant columns: {len(self.constant)}",
            f"outliers: {self.outliers.mean():.1%}, at most {self.outliers.max():.1%} a column",
            f"largest over smallest column deviation: {self.scale_ratio:.3g}",
            f"repeated rows: {self.duplicates}, with another label: {self.conflicts}",
            f"examples a class: {min(counts)} to {max(counts)}; most frequent: {self.majority:.1%}",
        ]
        if self.leaked is not None:
            lines.append(f"test rows that are also in the training set: {self.leaked}")
        return "\n".join(lines + [f"! {warning}" for warning in self.warnings])


@takes(x=array(finite=False), y=array(), x_test=array(finite=False))
def report(x: Any, y: Any, x_test: Any = None) -> DataReport:
    """Look at a data set as one should before training on it.

    Args:
        x: examples, shape (examples, ...), missing values as NaN; all but the first axis are
            flattened to columns.
        y: class labels, shape (examples,).
        x_test: test examples with the same columns, to look for leaks.

    Returns:
        A :class:`DataReport`; print it.

    Raises:
        ValueError: ``x`` is no array of numbers, or ``y`` are no labels of ``x``.
    """
    x = as_table(_flat(x), missing=True)
    y = as_labels(y, len(x))
    missing = np.isnan(x).mean(axis=0)
    seen = x[:, missing < 1]
    low, high = np.nanmin(seen, axis=0), np.nanmax(seen, axis=0)
    deviations = np.nanstd(seen[:, low < high], axis=0)
    outliers = np.zeros(x.shape[1])
    outliers[missing < 1] = find_outliers(seen)[0].mean(axis=0)
    _, first, group = np.unique(x, axis=0, return_index=True, return_inverse=True)
    group = group.reshape(-1)
    pairs = np.unique(np.stack([group, y]), axis=1)  # each row's labels, once
    mixed = np.bincount(pairs[0]) > 1
    classes, counts = np.unique(y, return_counts=True)
    return DataReport(
        examples=len(x),
        columns=x.shape[1],
        missing=missing,
        constant=np.flatnonzero(missing < 1)[low == high].tolist(),
        outliers=outliers,
        scale_ratio=float(deviations.max() / deviations.min()) if len(deviations) else 1.0,
        duplicates=len(x) - len(first),
        conflicts=int(mixed[group].sum()),
        class_counts={int(k): int(n) for k, n in zip(classes, counts, strict=True)},
        majority=float(counts.max() / len(y)),
        leaked=None if x_test is None else _shared_rows(x, _flat(x_test)),
    )


def _flat(x: Any) -> np.ndarray:
    x = np.asarray(x)
    return x.reshape(len(x), -1) if x.ndim > 2 and len(x) else x


def _shared_rows(x: np.ndarray, x_test: Any) -> int:
    """Count the rows of one table that occur in another."""
    x_test = as_table(x_test, "x_test", missing=True)
    if x_test.shape[1] != x.shape[1]:
        raise ValueError(
            f"x_test must have the {x.shape[1]} columns of x, but it has {x_test.shape[1]}."
        )
    known = {row.tobytes() for row in x + 0.0}  # turns -0.0 into 0.0
    return sum(row.tobytes() in known for row in x_test + 0.0)
