"""How is a table mended without looking at the test set?

Whatever a repair learns (a mean, a scale, a neighbor) it learns from the *first* table it is
given, the training set. The other tables are changed by what was learned there. So a function of
this room takes all tables at once, and the mistake of fitting on test data cannot be made.

References: Troyanskaya and others (2001) for neighbors, van Buuren and Groothuis-Oudshoorn (2011)
for iteration, Iglewicz and Hoaglin (1993) for the modified z-score, Chawla and others (2002) for
SMOTE.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.neighbors import NearestNeighbors

from course_lib._checks import array, check_between, real, string, takes, whole
from course_lib._tables import as_labels, as_table, generator

__all__ = [
    "class_weights",
    "find_outliers",
    "impute",
    "normalize",
    "oversample",
    "robust_scale",
    "standardize",
]

IMPUTERS = {
    "mean": lambda neighbors, seed: SimpleImputer(strategy="mean"),
    "median": lambda neighbors, seed: SimpleImputer(strategy="median"),
    "k-nearest neighbors": lambda neighbors, seed: KNNImputer(n_neighbors=neighbors),
    "iterative": lambda neighbors, seed: IterativeImputer(random_state=seed),
}


@takes(x_train=array(finite=False), others=array(finite=False))
def standardize(x_train: Any, *others: Any) -> tuple[np.ndarray, ...]:
    """Shift and scale each column to mean 0 and standard deviation 1 *on the training set*.

    Chapter equation ``eq-quality-standardize``. A constant column is only shifted.

    Args:
        x_train: the table to learn from, shape (examples, columns). NaN stays NaN.
        others: further tables with the same columns, changed in the same way.

    Returns:
        All tables, in the order given.

    Raises:
        ValueError: tables differ in columns, or a training column has no value.
    """
    tables = _tables(x_train, others)
    return _scaled(tables, np.nanmean(tables[0], axis=0), np.nanstd(tables[0], axis=0))


@takes(x_train=array(finite=False), others=array(finite=False))
def normalize(x_train: Any, *others: Any) -> tuple[np.ndarray, ...]:
    """Shift and scale each column to the range from 0 to 1 *on the training set*.

    One outlier squeezes all other values of its column together. Tables other than the first may
    leave the range: that is honest, and clipping them is a decision of yours.

    Args:
        x_train: the table to learn from, shape (examples, columns). NaN stays NaN.
        others: further tables with the same columns, changed in the same way.

    Returns:
        All tables, in the order given.

    Raises:
        ValueError: tables differ in columns, or a training column has no value.
    """
    tables = _tables(x_train, others)
    low, high = np.nanmin(tables[0], axis=0), np.nanmax(tables[0], axis=0)
    return _scaled(tables, low, high - low)


@takes(x_train=array(finite=False), others=array(finite=False))
def robust_scale(x_train: Any, *others: Any) -> tuple[np.ndarray, ...]:
    """Shift each column by its median and scale it by its interquartile range.

    Up to a quarter of the values can be outliers without moving either by much.

    Args:
        x_train: the table to learn from, shape (examples, columns). NaN stays NaN.
        others: further tables with the same columns, changed in the same way.

    Returns:
        All tables, in the order given.

    Raises:
        ValueError: tables differ in columns, or a training column has no value.
    """
    tables = _tables(x_train, others)
    low, middle, high = np.nanpercentile(tables[0], [25, 50, 75], axis=0)
    return _scaled(tables, middle, high - low)


@takes(
    x_train=array(finite=False),
    others=array(finite=False),
    method=string(),
    neighbors=whole(1),
    seed=whole(),
)
def impute(
    x_train: Any, *others: Any, method: str = "median", neighbors: int = 5, seed: int = 0
) -> tuple[np.ndarray, ...]:
    """Fill missing values by what the training set suggests, with scikit-learn's imputers.

    Args:
        x_train: the table to learn from, shape (examples, columns), missing values as NaN.
        others: further tables with the same columns, filled in the same way.
        method: ``"mean"`` or ``"median"`` of the column; ``"k-nearest neighbors"``, the mean over
            the rows that are most alike in the other columns; or ``"iterative"``, a regression of
            each column on the others, repeated.
        neighbors: how many rows ``"k-nearest neighbors"`` asks.
        seed: a whole number; only ``"iterative"`` uses it.

    Returns:
        All tables without NaN, in the order given.

    Raises:
        ValueError: the method is unknown, tables differ in columns, or a training column has no
            value to learn from.
    """
    tables = _tables(x_train, others)
    generator(seed)
    if method not in IMPUTERS:
        raise ValueError(f"method must be one of {', '.join(IMPUTERS)}, but it is {method!r}.")
    imputer = IMPUTERS[method](neighbors, seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # ten rounds are its default
        imputer.fit(tables[0])
        return tuple(imputer.transform(table) for table in tables)


@takes(x_train=array(finite=False), others=array(finite=False), threshold=real(0, open_start=True))
def find_outliers(x_train: Any, *others: Any, threshold: float = 3.5) -> tuple[np.ndarray, ...]:
    """Mark values that lie far from the median of their column, by the modified z-score.

    Chapter equation ``eq-quality-outlier``: the distance from the median, in units of the median
    absolute deviation times 1.4826, which for normal data is the standard deviation (Iglewicz and
    Hoaglin 1993, who advise 3.5). Where more than half of a column is one value, that deviation
    is zero, and the mean absolute deviation times 1.2533 replaces it; a constant column has no
    outliers.

    Args:
        x_train: the table to learn medians and deviations from, shape (examples, columns). NaN is
            no outlier.
        others: further tables with the same columns.
        threshold: modified z-score above which a value is an outlier, from 0 on.

    Returns:
        A mask for each table, of its shape, True at outliers.

    Raises:
        ValueError: tables differ in columns, a training column has no value, or the threshold is
            negative.
    """
    check_between("threshold", threshold, 0, np.inf)
    tables = _tables(x_train, others)
    middle = np.nanmedian(tables[0], axis=0)
    distance = np.abs(tables[0] - middle)
    spread = 1.4826 * np.nanmedian(distance, axis=0)
    spread = np.where(spread > 0, spread, 1.2533 * np.nanmean(distance, axis=0))
    allowed = np.where(spread > 0, threshold * spread, np.inf)
    return tuple(np.abs(table - middle) > allowed for table in tables)


@takes(y=array())
def class_weights(y: Any) -> dict[int, float]:
    """Weigh classes so that each has the same sum of weights.

    Chapter equation ``eq-quality-weights``: ``examples / (classes * count)``. Keras's ``fit`` takes
    the result as ``class_weight``.

    Args:
        y: class labels, shape (examples,).

    Returns:
        A weight for each class that occurs; the mean weight of the examples is 1.

    Raises:
        ValueError: ``y`` are no class labels.
    """
    classes, counts = np.unique(as_labels(y), return_counts=True)
    weights = counts.sum() / (len(classes) * counts)
    return {int(label): float(w) for label, w in zip(classes, weights, strict=True)}


@takes(x=array(finite=False), y=array(), neighbors=whole())
def oversample(x: Any, y: Any, *, seed: int, neighbors: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Make up examples of rare classes, between real ones, until all classes are as frequent.

    Chapter equation ``eq-quality-smote``: a new example lies at a random place on the segment
    between an example and one of its nearest neighbors of the same class (SMOTE, Chawla and
    others 2002). Call it on the training set alone, after the split.

    Args:
        x: shape (examples, columns), nothing missing, all columns numbers on comparable scales:
            distances are Euclidean.
        y: class labels, shape (examples,).
        seed: a whole number.
        neighbors: how many neighbors to choose from; a class with fewer examples uses all its
            others, and a single example is repeated.

    Returns:
        The examples given, with the new ones after them, and their labels.

    Raises:
        ValueError: values are missing, or ``y`` are no labels of ``x``.
    """
    x = as_table(x)
    y = as_labels(y, len(x))
    if not isinstance(neighbors, int | np.integer) or neighbors < 1:
        raise ValueError(f"neighbors must be a whole number from 1 on, but it is {neighbors!r}.")
    random = generator(seed)
    classes, counts = np.unique(y, return_counts=True)
    made = [x]
    for label, count in zip(classes, counts, strict=True):
        new, own = counts.max() - count, x[y == label]
        near = min(neighbors, count - 1)
        start = random.integers(count, size=new)
        if near:
            # Asked without points, it leaves out each example itself: (count, near).
            index = NearestNeighbors(n_neighbors=near).fit(own).kneighbors(return_distance=False)
            end = index[start, random.integers(near, size=new)]
        else:
            end = start
        made.append(own[start] + random.random((new, 1)) * (own[end] - own[start]))
    return np.concatenate(made), np.concatenate([y, np.repeat(classes, counts.max() - counts)])


def _tables(x_train: Any, others: tuple) -> list[np.ndarray]:
    """Return all tables, after checking that they can be treated alike."""
    tables = [as_table(x_train, "x_train", missing=True)]
    tables += [as_table(x, f"others[{i}]", missing=True) for i, x in enumerate(others)]
    widths = {table.shape[1] for table in tables}
    if len(widths) > 1:
        raise ValueError(
            f"x_train and others must have the same columns, but they have {sorted(widths)}."
        )
    empty = np.flatnonzero(np.isnan(tables[0]).all(axis=0))
    if len(empty):
        raise ValueError(
            f"x_train has no value in column(s) {empty.tolist()}, so nothing can be learned from "
            "them. Leave them out."
        )
    return tables


def _scaled(tables: list, center: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return ``(x - center) / scale``; a column whose scale is zero is only shifted."""
    # The deviation of a constant column can be some roundings instead of zero.
    varies = np.nanmin(tables[0], axis=0) < np.nanmax(tables[0], axis=0)
    scale = np.where(varies & (scale > 0), scale, 1.0)
    return tuple((table - center) / scale for table in tables)
