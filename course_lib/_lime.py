"""How does a model behave near one row of a table? LIME for tables, and what it returns.

Perturb the row, ask the model about each perturbed copy, weigh the copies by how near they are, and
fit a sparse linear model (Ribeiro, Singh and Guestrin 2016). The defaults are those of the authors'
package, ``lime``, so that both can be compared. Texts and images are in ``_lime_parts``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from course_lib._black_box import (
    Predict,
    ask,
    check_names,
    check_seed,
    rows_like,
    table,
)
from course_lib._checks import array, check_whole, function, real, sequence, string, takes, whole
from course_lib._local_fit import exponential_kernel, fit_local

__all__ = [
    "LocalExplanation",
    "Neighborhood",
    "explain_neighborhood",
    "lime_tabular",
    "of_target",
    "random_from",
]


@dataclass(frozen=True)
class Neighborhood:
    """The samples that a local model was fitted to, the explained input first.

    Attributes:
        z: samples in interpretable form, shape (samples, features).
        scores: what the model says to them, shape (samples,).
        proximity: weight of each sample, shape (samples,).
    """

    z: np.ndarray
    scores: np.ndarray
    proximity: np.ndarray


@dataclass(frozen=True)
class LocalExplanation:
    """A sparse linear model of a black box near one input.

    Attributes:
        weights: one number for each feature, word or segment, shape (features,); 0 where the
            sparse model leaves it out.
        intercept: the linear model's constant.
        fidelity: weighted R squared on the samples; 1 is a perfect fit.
        names: what each weight belongs to.
        prediction: what the black box says to the input.
        local_prediction: what the linear model says to it.
        neighborhood: the samples it was fitted to.
        segments: for an image the segment of each pixel, shape (height, width); else None.
    """

    weights: np.ndarray
    intercept: float
    fidelity: float
    names: tuple[str, ...]
    prediction: float
    local_prediction: float
    neighborhood: Neighborhood = field(repr=False)
    segments: np.ndarray | None = field(default=None, repr=False)

    @takes(count=whole(1))
    def top(self, count: int = 5) -> list[tuple[str, float]]:
        """Return the names and weights of the largest weights by size, zeros left out."""
        order = np.argsort(-np.abs(self.weights), kind="stable")[:count]
        return [(self.names[at], float(self.weights[at])) for at in order if self.weights[at] != 0]

    def heat_map(self) -> np.ndarray:
        """Return an image's weights at each pixel, shape (height, width)."""
        if self.segments is None:
            raise ValueError("Only the explanation of an image has a heat map.")
        return self.weights[self.segments]


@takes(
    predict=function(),
    x=array(finite=False),
    background=array(finite=False),
    num_features=whole(1),
    samples=whole(),
    seed=whole(),
    target=whole(),
    bins=whole(),
    categorical=sequence(whole()),
    kernel_width=real(0, open_start=True),
    around=string(),
    selection=string(),
    names=sequence(string()),
)
def lime_tabular(
    predict: Predict,
    x: Any,
    background: Any,
    *,
    num_features: int | None = 10,
    samples: int = 5000,
    seed: int = 0,
    target: int | None = None,
    bins: int | None = 4,
    categorical: Sequence[int] = (),
    kernel_width: float | None = None,
    around: str = "background",
    selection: str = "auto",
    names: Sequence[str] | None = None,
) -> LocalExplanation:
    """Explain one row of a table.

    With ``bins``, every feature is drawn from its column of the background, independently of the
    others, and the linear model sees a 1 where the drawn value falls into the same bin as that of
    ``x``: a weight says what it is worth to lie in that bin rather than elsewhere. Without bins,
    features are drawn from normal distributions and the linear model sees them standardized: a
    weight belongs to one standard deviation.

    Args:
        predict: maps an array ``(n, features)`` to scores of shape ``(n,)`` or ``(n, classes)``.
        x: the row to explain, shape ``(features,)``.
        background: rows that show the features' usual values, shape ``(rows, features)``.
        num_features: how many features may get a weight; None for all.
        samples: rows to ask the model about, ``x`` among them.
        seed: of the draw.
        target: the class to explain; by default the one with the highest score at ``x``.
        bins: bins of equal frequency for each feature, or None for standardized features.
        categorical: numbers of features whose values are names: they are drawn by frequency and
            compared for equality.
        kernel_width: in units of the interpretable features' distance; by default
            ``0.75 * sqrt(features)``.
        around: without bins, whether the normal distributions are centered at the mean of the
            ``"background"`` or at ``"x"``.
        selection: how features are chosen, see ``select_features``.
        names: the features' names.

    Returns:
        The explanation, one weight a feature.

    Raises:
        ValueError: shapes do not fit, an array holds NaN, or an argument is out of range.
    """
    background = table(background, "background")
    rows, alone = rows_like(x, background)
    if not alone:
        raise ValueError(
            f"x must be one row of shape ({rows.shape[1]},), but its shape is {rows.shape}."
        )
    features = rows.shape[1]
    given = names = check_names(names, features)
    check_whole("samples", samples, 10)
    if bins is not None:
        check_whole("bins", bins, 2)
    if around not in ("background", "x"):
        raise ValueError(f"around must be 'background' or 'x', but it is {around!r}.")
    x = rows[0]
    by_equality = np.isin(np.arange(features), list(categorical))
    drawn = _draw_rows(x, background, samples, bins, by_equality, around, random_from(seed))
    if bins is None:
        deviation = background.std(axis=0)
        center = background.mean(axis=0)
        z = (drawn - center) / np.where(deviation == 0, 1.0, deviation)
    else:
        z, conditions = _same_bin(drawn, x, background, bins)
        names = tuple(
            condition.format(name) for condition, name in zip(conditions, names, strict=True)
        )
    z = np.where(by_equality, drawn == x, z).astype(np.float64)
    names = tuple(
        f"{original} = {value:g}" if same else name
        for original, name, value, same in zip(given, names, x, by_equality, strict=True)
    )
    distances = np.linalg.norm(z - z[0], axis=1)
    width = 0.75 * np.sqrt(features) if kernel_width is None else kernel_width
    scores = of_target(ask(predict, drawn.astype(background.dtype)), target)
    return explain_neighborhood(z, scores, distances, width, num_features, selection, names)


def explain_neighborhood(
    z: np.ndarray,
    scores: np.ndarray,
    distances: np.ndarray,
    width: float,
    num_features: int | None,
    selection: str,
    names: tuple[str, ...],
) -> LocalExplanation:
    """Weigh the samples, fit the sparse linear model, and put all in one place."""
    z = z.astype(np.float64)
    proximity = exponential_kernel(distances, width)
    fit = fit_local(z, scores, proximity, num_features, selection)
    return LocalExplanation(
        *fit,
        names=names,
        prediction=float(scores[0]),
        local_prediction=float(fit.intercept + z[0] @ fit.weights),
        neighborhood=Neighborhood(z, scores, proximity),
    )


def of_target(scores: np.ndarray, target: int | None) -> np.ndarray:
    """Return the scores of one class; by default of the class that wins at the first sample."""
    if scores.ndim == 1:
        if target is not None:
            raise ValueError("target must be None where predict returns one score an input.")
        return scores
    if target is None:
        target = int(scores[0].argmax())
    check_whole("target", target, 0, scores.shape[1] - 1)
    return scores[:, target]


def random_from(seed: int) -> np.random.Generator:
    """Return a generator of random numbers after checking its seed."""
    check_seed(seed)
    return np.random.default_rng(seed)


def _draw_rows(
    x: np.ndarray,
    background: np.ndarray,
    samples: int,
    bins: int | None,
    by_equality: np.ndarray,
    around: str,
    random: np.random.Generator,
) -> np.ndarray:
    """Draw rows (samples, features), each feature by itself; the first is x."""
    shape = (samples, len(x))
    places = random.integers(len(background), size=shape)
    drawn = np.take_along_axis(background, places, axis=0).astype(np.float64)
    if bins is None:
        middle = background.mean(axis=0) if around == "background" else x
        normal = random.normal(size=shape) * background.std(axis=0) + middle
        drawn = np.where(by_equality, drawn, normal)
    drawn[0] = x
    return drawn


def _same_bin(
    drawn: np.ndarray, x: np.ndarray, background: np.ndarray, bins: int
) -> tuple[np.ndarray, list[str]]:
    """Return whether values share the bin of x, and that bin as a condition like ``3 < {} <= 5``.

    As in ``lime``, a border belongs to the bin below it.
    """
    same, conditions = np.empty(drawn.shape, bool), []
    for feature, value in enumerate(x):
        borders = np.unique(np.quantile(background[:, feature], np.arange(1, bins) / bins))
        place = np.searchsorted(borders, value)
        same[:, feature] = np.searchsorted(borders, drawn[:, feature]) == place
        low = f"{borders[place - 1]:.3g} < " if place > 0 else ""
        high = f" <= {borders[place]:.3g}" if place < len(borders) else ""
        conditions.append(f"{low}{{}}{high}")
    return same, conditions
