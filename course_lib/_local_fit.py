"""Which few features explain the scores around one input? A weighted, sparse, linear fit.

The heart of LIME (Ribeiro, Singh and Guestrin 2016), apart from where the samples come from: a
kernel that weighs samples by nearness, three ways to choose features, and a ridge regression.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sklearn.linear_model import lars_path

from course_lib._checks import array, check_whole, real, same_length, string, takes

__all__ = ["SELECTIONS", "LocalFit", "exponential_kernel", "fit_local", "select_features"]

SELECTIONS = ("auto", "forward", "highest_weights", "lasso", "none")


class LocalFit(NamedTuple):
    """A sparse linear model: ``weights`` (features,), ``intercept``, ``fidelity`` (R squared)."""

    weights: np.ndarray
    intercept: float
    fidelity: float


@takes(distances=array())
def exponential_kernel(distances: Any, width: float) -> np.ndarray:
    """Turn distances into weights ``exp(-distance**2 / (2 width**2))``.

    Chapter equation ``eq-local-explanations-lime-kernel``. This is the kernel of the ``lime``
    package. Its formula in the paper, ``exp(-distance**2 / width**2)``, has a width that is larger
    by the root of 2.

    Args:
        distances: not negative, any shape.
        width: above 0, in the unit of the distances.

    Returns:
        Weights from 0 to 1, of the shape of ``distances``.

    Raises:
        ValueError: ``width`` is not above 0.
    """
    number = isinstance(width, int | float | np.number) and not isinstance(width, bool)
    if not number or not 0 < width < np.inf:
        raise ValueError(f"width must be a finite number above 0, but it is {width!r}.")
    return np.exp(-np.square(np.asarray(distances, np.float64) / width) / 2)


@takes(
    z=array(filled=True),
    scores=array(),
    proximity=array(finite=False),
    selection=string(),
    strength=real(0),
)
def fit_local(
    z: Any,
    scores: Any,
    proximity: Any,
    num_features: int | None = None,
    selection: str = "auto",
    strength: float = 1.0,
) -> LocalFit:
    """Fit a linear model on at most ``num_features`` features to weighted samples.

    Chapter equation ``eq-local-explanations-ridge``.

    Args:
        z: the samples in interpretable form, shape ``(samples, features)``; the first is the input
            that is explained.
        scores: what the model says to them, shape ``(samples,)``.
        proximity: weight of each sample, shape ``(samples,)``, not negative.
        num_features: how many features may have a weight; None for all.
        selection: how they are chosen, see :func:`select_features`.
        strength: of the ridge penalty, at least 0. The intercept is free of it.

    Returns:
        Weights (0 for features left out), intercept, and R squared over the weighted samples:
        1 where the linear model says what the model says, 0 where it is as good as a constant.

    Raises:
        ValueError: shapes do not fit, or all weights are zero.
    """
    z, scores, proximity = (np.asarray(value, np.float64) for value in (z, scores, proximity))
    if z.ndim != 2 or scores.shape != z.shape[:1] or proximity.shape != z.shape[:1]:
        raise ValueError(
            "z, scores and proximity must have shapes (samples, features), (samples,) and "
            f"(samples,), but have {z.shape}, {scores.shape} and {proximity.shape}."
        )
    if proximity.min() < 0 or not 0 < proximity.sum() < np.inf:
        raise ValueError(
            "proximity must hold weights from 0 on, not all of them 0. Is the kernel too narrow?"
        )
    chosen = select_features(z, scores, proximity, num_features, selection)
    weights = np.zeros(z.shape[1])
    weights[chosen], intercept = _ridge(z[:, chosen], scores, proximity, strength)
    spread = np.sum(proximity * (scores - _mean(scores, proximity)) ** 2)
    error = np.sum(proximity * (scores - intercept - z @ weights) ** 2)
    flat = spread <= 1e-30 * max(1.0, np.sum(proximity * scores**2))
    return LocalFit(weights, intercept, 1.0 if flat else float(1 - error / spread))


@takes(
    same_length("z", "scores", "proximity"),
    z=array("samples", "features", filled=True),
    scores=array("samples"),
    proximity=array("samples"),
    selection=string(),
)
def select_features(
    z: np.ndarray,
    scores: np.ndarray,
    proximity: np.ndarray,
    num_features: int | None,
    selection: str = "auto",
) -> np.ndarray:
    """Choose the features that the linear model may use.

    Args:
        z: samples, shape ``(samples, features)``, the explained input first.
        scores: shape ``(samples,)``.
        proximity: shape ``(samples,)``.
        num_features: how many to choose; None for all.
        selection: ``"forward"`` adds the feature that helps the fit most, one after the other;
            ``"highest_weights"`` fits all and keeps the largest contributions ``weight * z[0]``;
            ``"lasso"`` walks along the lasso's path (the paper's K-Lasso, and may choose fewer);
            ``"none"`` takes all; ``"auto"`` is forward up to 6 features and highest weights above.

    Returns:
        Numbers of the chosen features.

    Raises:
        ValueError: ``selection`` or ``num_features`` is not one of these.
    """
    if selection not in SELECTIONS:
        raise ValueError(f"selection must be one of {', '.join(SELECTIONS)}, not {selection!r}.")
    features = z.shape[1]
    if num_features is None or selection == "none":
        return np.arange(features)
    check_whole("num_features", num_features, 1)
    if selection == "auto":
        selection = "forward" if num_features <= 6 else "highest_weights"
    if selection == "highest_weights":
        weights, _ = _ridge(z, scores, proximity, strength=0.01)
        return np.argsort(-np.abs(weights * z[0]), kind="stable")[:num_features]
    root = np.sqrt(proximity)
    columns = (z - _mean(z, proximity)) * root[:, None]
    residual = (scores - _mean(scores, proximity)) * root
    if selection == "lasso":
        path = lars_path(columns, residual, method="lasso")[2]  # (features, steps)
        for step in path.T[:0:-1]:
            chosen = np.flatnonzero(step)
            if len(chosen) <= num_features:
                return chosen
        return np.arange(0)
    return _forward(columns, residual, min(num_features, features))


def _forward(columns: np.ndarray, residual: np.ndarray, count: int) -> np.ndarray:
    """Add, one by one, the column that lowers the squared error most.

    What is chosen is projected out of all columns, so that no regression is fitted anew.
    """
    columns = columns.copy()
    lengths = np.sum(columns**2, axis=0)
    floor = 1e-10 * lengths + 1e-300  # below it a column is a combination of those chosen
    chosen: list[int] = []
    for _ in range(count):
        lengths = np.sum(columns**2, axis=0)
        usable = lengths > floor
        gains = np.where(usable, (residual @ columns) ** 2 / np.where(usable, lengths, 1), -1.0)
        gains[chosen] = -2.0
        best = int(gains.argmax())
        chosen.append(best)
        if not usable[best]:
            continue
        direction = columns[:, best] / np.sqrt(lengths[best])
        residual = residual - direction * (direction @ residual)
        columns -= np.outer(direction, direction @ columns)
    return np.array(chosen)


def _ridge(
    z: np.ndarray, scores: np.ndarray, proximity: np.ndarray, strength: float
) -> tuple[np.ndarray, float]:
    """Solve the weighted ridge regression with a free intercept."""
    middle, level = _mean(z, proximity), _mean(scores, proximity)
    columns = z - middle
    gram = columns.T @ (columns * proximity[:, None])
    gram[np.diag_indices_from(gram)] += strength
    right = columns.T @ (proximity * (scores - level))
    weights = np.linalg.lstsq(gram, right, rcond=None)[0]  # also where columns repeat each other
    return weights, float(level - middle @ weights)


def _mean(values: np.ndarray, proximity: np.ndarray) -> np.ndarray:
    """Return the weighted mean over the samples."""
    return np.tensordot(proximity, values, axes=1) / proximity.sum()
