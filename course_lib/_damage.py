"""What does a fault in the data do? Make the fault yourself, in a known dose, and look.

Each function returns the damaged data and a record of what was damaged, so that a repair can be
judged against the truth. The same seed makes the same damage.

References: Rubin (1976) for the three ways of going missing; Frénay and Verleysen (2014) for
label noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import stats

from course_lib._checks import array, check_between, mapping, real, string, takes, whole
from course_lib._tables import as_labels, as_table, generator

__all__ = ["add_noise", "add_outliers", "drop_values", "flip_labels", "imbalance"]


@takes(x=array(finite=False), share=real(), mechanism=string(), driver=whole(), columns=array())
def drop_values(
    x: Any,
    share: float,
    mechanism: str = "completely at random",
    *,
    seed: int,
    driver: int = 0,
    columns: Any = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Make values of a table go missing.

    Chapter equation ``eq-quality-missing``. Values go missing with the same probability
    everywhere (*completely at random*), with one that grows with another, observed column (*at
    random*), or with one that grows with the value itself (*not at random*). In the last two the
    probability is ``2 * share * rank``, where ``rank`` runs evenly from 0 for the smallest value
    to 1 for the largest, so that ``share`` of the values are lost (Rubin 1976 has the names).

    Args:
        x: shape (examples, columns), nothing missing.
        share: share of the values to lose, from 0 to 1, and at most 0.5 but for *completely at
            random*.
        mechanism: ``"completely at random"``, ``"at random"`` or ``"not at random"``.
        seed: a whole number.
        driver: for ``"at random"``, the column that decides; it loses nothing.
        columns: the columns that lose values, all by default.

    Returns:
        The table with NaN where values are missing, and a mask that is True there, both of shape
        (examples, columns).

    Raises:
        ValueError: an argument is out of range, or values are missing already.
    """
    x = as_table(x)
    check_between("share", share, 0, 1 if mechanism == "completely at random" else 0.5)
    places = np.arange(x.shape[1])
    chosen = places if columns is None else np.unique(columns)
    if not np.isin([*chosen, driver], places).all():
        raise ValueError(
            f"columns and driver must be from 0 to {x.shape[1] - 1}, but they are "
            f"{list(chosen)} and {driver!r}."
        )
    if mechanism == "completely at random":
        probability = np.full(x.shape, share)
    elif mechanism == "at random":
        probability = np.repeat(2 * share * _ranks(x[:, [driver]]), x.shape[1], axis=1)
        chosen = chosen[chosen != driver]
    elif mechanism == "not at random":
        probability = 2 * share * _ranks(x)
    else:
        raise ValueError(
            'mechanism must be "completely at random", "at random" or "not at random", but it is '
            f"{mechanism!r}."
        )
    missing = generator(seed).random(x.shape) < probability
    missing &= np.isin(places, chosen)
    x[missing] = np.nan
    return x, missing


@takes(x=array(finite=False))
def add_noise(x: Any, scale: float, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Add Gaussian noise to every value, as an inexact instrument does.

    Args:
        x: shape (examples, columns).
        scale: standard deviation of the noise, in standard deviations of each column, from 0 on.
        seed: a whole number.

    Returns:
        The noisy table and the noise, both of shape (examples, columns).

    Raises:
        ValueError: an argument is out of range, or values are missing.
    """
    x = as_table(x)
    check_between("scale", scale, 0, np.inf)
    noise = generator(seed).normal(size=x.shape) * scale * x.std(axis=0)
    return x + noise, noise


@takes(x=array(finite=False))
def add_outliers(
    x: Any, share: float, size: float = 10.0, *, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Replace some values by gross errors: a slipped decimal point, a wrong unit, a dead sensor.

    Args:
        x: shape (examples, columns).
        share: share of the values to replace, from 0 to 1.
        size: distance of an outlier from its column's mean, in the column's standard deviations,
            from 0 on; half of them lie above, half below.
        seed: a whole number.

    Returns:
        The table with outliers and a mask that is True there, both of shape (examples, columns).

    Raises:
        ValueError: an argument is out of range, or values are missing.
    """
    x = as_table(x)
    check_between("share", share, 0, 1)
    check_between("size", size, 0, np.inf)
    random = generator(seed)
    hit = random.random(x.shape) < share
    side = np.where(random.random(x.shape) < 0.5, -1.0, 1.0)
    return np.where(hit, x.mean(axis=0) + side * size * x.std(axis=0), x), hit


@takes(y=array(), noise=array(), num_classes=whole())
def flip_labels(
    y: Any, noise: Any, *, seed: int, num_classes: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Exchange some labels for others.

    Args:
        y: class labels, shape (examples,).
        noise: a number from 0 to 1 for *uniform* noise: that share of the labels, rounded to a
            whole number of them, is exchanged for another class, all classes equally likely. Or
            a matrix for *class-dependent* noise, shape (classes, classes): the probability that
            the class of the row is given the label of the column. Its rows sum to 1.
        seed: a whole number.
        num_classes: number of classes, by default the largest label plus one.

    Returns:
        The labels with errors, and a mask that is True at each error, both of shape (examples,).

    Raises:
        ValueError: there are fewer than two classes, or ``noise`` is no share and no such matrix.
    """
    y = as_labels(y)
    classes = int(y.max()) + 1 if num_classes is None else num_classes
    if classes < 2 or y.max() >= classes:
        raise ValueError(
            f"num_classes must be at least 2 and above every label, but it is {classes} and the "
            f"largest label is {y.max()}."
        )
    random = generator(seed)
    if np.ndim(noise) == 0:
        check_between("noise", noise, 0, 1)
        wrong = np.zeros(len(y), dtype=bool)
        wrong[random.permutation(len(y))[: round(noise * len(y))]] = True
        other = (y + random.integers(1, classes, size=len(y))) % classes
        return np.where(wrong, other, y), wrong
    matrix = np.asarray(noise, dtype=np.float64)
    rows = matrix.shape == (classes, classes) and np.allclose(matrix.sum(axis=1), 1)
    if not rows or matrix.min() < 0:
        raise ValueError(
            f"noise must be a share, or a matrix of shape ({classes}, {classes}) with "
            f"probabilities whose rows sum to 1, but its shape is {matrix.shape}."
        )
    below = np.cumsum(matrix, axis=1)[y, :-1]  # (examples, classes - 1)
    given = (random.random((len(y), 1)) >= below).sum(axis=1)
    return given, given != y


@takes(x=array("examples", "...", finite=False), y=array(), shares=mapping(real()))
def imbalance(
    x: Any, y: Any, shares: Mapping[int, float], *, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Make classes rare by leaving out examples.

    Args:
        x: examples, shape (examples, ...).
        y: class labels, shape (examples,).
        shares: for each class that is to be rare, the share of its examples to keep, from 0 to 1;
            at least one example stays.
        seed: a whole number.

    Returns:
        The examples kept, their labels, and the rows they had in ``x``, in their old order.

    Raises:
        ValueError: a class in ``shares`` is not in ``y``, or a share is out of range.
    """
    x = np.asarray(x)
    y = as_labels(y, len(x))
    random = generator(seed)
    kept = np.ones(len(y), dtype=bool)
    for label, share in shares.items():
        check_between(f"shares[{label}]", share, 0, 1)
        rows = random.permutation(np.flatnonzero(y == label))
        if not len(rows):
            raise ValueError(f"shares names class {label!r}, but no example has that label.")
        kept[rows[max(1, round(share * len(rows))) :]] = False
    return x[kept], y[kept], np.flatnonzero(kept)


def _ranks(x: np.ndarray) -> np.ndarray:
    """Return for each value its rank in its column, evenly from 0 to 1, with mean one half."""
    if len(x) == 1:
        return np.full(x.shape, 0.5)
    return (stats.rankdata(x, axis=0) - 1) / (len(x) - 1)
