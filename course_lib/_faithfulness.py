"""How good is an explanation, once it is known what should be found?

The private room of ``crash_test`` for its scores. The first ask whether an explanation finds the
truth. The others need no truth: does the answer go away with what was called important?
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy import ndimage

from course_lib._checks import (
    array,
    flag,
    function,
    indices,
    instance,
    same_length,
    sequence,
    shape_of,
    string,
    takes,
    truths,
    whole,
)
from course_lib._planted import Scene

__all__ = [
    "FILLS",
    "area",
    "fill_units",
    "filler",
    "precision_at",
    "ranking",
    "recall_at",
    "removal_curve",
    "to_units",
]

FILLS = ("blank", "mean", "blur", "another")


@takes(scores=array(finite=False), seed=whole())
def ranking(scores: np.ndarray, seed: int = 0) -> np.ndarray:
    """Order units from the most to the least important; ties fall by lot.

    Args:
        scores: importance of each unit, finite, shape ``(examples, *units)``.
        seed: of the lot.

    Returns:
        Places of units in flattened order, int, shape (examples, number of units).

    Raises:
        ValueError: ``scores`` are not such an array.
    """
    scores = np.asarray(scores, np.float64)
    if scores.ndim < 2 or scores.size == 0 or not np.isfinite(scores).all():
        raise ValueError(
            "scores must be finite numbers of shape (examples, *units), but their shape is "
            f"{scores.shape}. Is there a NaN in them?"
        )
    flat = scores.reshape(len(scores), -1)
    lot = np.random.default_rng(seed).random(flat.shape)
    return np.lexsort((lot, -flat), axis=1)


@takes(scores=array(finite=False), truth=truths(), k=whole(), seed=whole())
def recall_at(
    scores: np.ndarray, truth: np.ndarray, k: int | None = None, seed: int = 0
) -> np.ndarray:
    """Compute which share of the true units is among the first ``k``.

    Chapter equation ``eq-crash-test-recall``. With ``k`` as large as the truth, precision is the
    same number: the relevance rank accuracy of Arras, Osman and Samek (2022).

    Args:
        scores: importance of each unit, shape ``(examples, *units)``.
        truth: which units are true, bool, of the same shape, at least one in each example.
        k: how many units to look at; by default as many as are true in that example.
        seed: decides between units of equal importance.

    Returns:
        A number from 0 to 1 for each example. A random order gets ``k`` over the number of units.

    Raises:
        ValueError: shapes differ, an example has no true unit, or ``k`` is out of range.
    """
    found, truth, _ = _hits(scores, truth, k, seed)
    return found / truth.sum(axis=1)


@takes(scores=array(finite=False), truth=truths(), k=whole(), seed=whole())
def precision_at(
    scores: np.ndarray, truth: np.ndarray, k: int | None = None, seed: int = 0
) -> np.ndarray:
    """Compute which share of the first ``k`` units is true.

    Chapter equation ``eq-crash-test-precision``. With ``k=1`` it is the pointing game of Zhang and
    others (2016): does the explanation point at the truth first?

    Args:
        scores: as for :func:`recall_at`.
        truth: as for :func:`recall_at`.
        k: as for :func:`recall_at`.
        seed: as for :func:`recall_at`.

    Returns:
        A number from 0 to 1 for each example. A random order gets the share of true units.

    Raises:
        ValueError: as for :func:`recall_at`.
    """
    found, _, counts = _hits(scores, truth, k, seed)
    return found / counts


@takes(
    scene=instance(Scene, "a Scene"),
    x=array("examples", "...", filled=True),
    kind=string(),
    seed=whole(),
)
def filler(scene: Scene, x: np.ndarray, kind: str, seed: int = 0) -> np.ndarray:
    """Make what hidden units show instead.

    Args:
        scene: where the examples are from.
        x: examples, shape (examples, ...).
        kind: ``"blank"`` (zero: black, or the rare word), ``"mean"`` of the training examples,
            ``"blur"`` (images and sequences alone), or ``"another"``: a training example's values.
        seed: picks the other examples.

    Returns:
        An array of the shape of ``x``.

    Raises:
        ValueError: ``kind`` is not known, or makes no sense for these data.
    """
    smooth = scene.name in ("images", "sequences")
    if kind == "blank":
        return np.zeros_like(x)
    if kind == "another":
        rows = np.random.default_rng(seed).integers(0, len(scene.x_train), size=len(x))
        return scene.x_train[rows]
    if kind == "mean" and scene.name != "text":
        return np.broadcast_to(scene.x_train.mean(axis=0), x.shape).astype(x.dtype)
    if kind == "blur" and smooth:
        sigma = (0, *[4.0] * len(scene.cause.shape[1:]), *[0] * (x.ndim - scene.cause.ndim))
        return ndimage.gaussian_filter(x, sigma)
    raise ValueError(
        f"kind must be one of {', '.join(FILLS)} (blur for images and sequences, no mean for "
        f"text), but it is {kind!r} for {scene.name}."
    )


@takes(x=array("examples", "...", filled=True), hidden=truths("examples", "..."), fill=array())
def fill_units(x: np.ndarray, hidden: np.ndarray, fill: np.ndarray) -> np.ndarray:
    """Replace the hidden units of examples.

    Args:
        x: examples, shape (examples, ...).
        hidden: which units to replace, bool, shape ``(examples, *units)``.
        fill: what they show instead, of the shape of ``x``.

    Returns:
        A new array like ``x``.

    Raises:
        ValueError: the shapes do not fit.
    """
    if fill.shape != x.shape or len(hidden) != len(x):
        raise ValueError(
            f"fill must have the shape of x, {x.shape}, and hidden its length, but their shapes "
            f"are {fill.shape} and {hidden.shape}."
        )
    fits = hidden.shape == x.shape
    if x.ndim == 4:
        fits = hidden.ndim == 3 and 0 not in hidden.shape
        fits = fits and not any(n % u for n, u in zip(x.shape[1:3], hidden.shape[1:], strict=True))
    if not fits:
        raise ValueError(
            f"hidden must have a truth value for each unit of x, whose shape is {x.shape}, but its "
            f"shape is {hidden.shape}."
        )
    if x.ndim == 4:  # images: a unit is a patch
        patch = x.shape[1] // hidden.shape[1]
        hidden = hidden.repeat(patch, axis=1).repeat(patch, axis=2)[..., None]
    return np.where(hidden, fill, x)


@takes(values=array("examples", "...", filled=True), units=sequence(whole(1), 1))
def to_units(values: np.ndarray, units: tuple[int, ...]) -> np.ndarray:
    """Add up the values that belong to a unit: of a patch's pixels, of a word's features.

    Args:
        values: shape ``(examples, *units, features)``, ``(examples, height, width[, 1])`` or
            ``(examples, *units)``.
        units: the axes of an explanation.

    Returns:
        float64 array of shape ``(examples, *units)``.

    Raises:
        ValueError: the values do not fit the units.
    """
    values = np.asarray(values, np.float64)
    if len(units) == 2 and values.ndim >= 3 and values.shape[1:3] != units:
        height, width = (n // u for n, u in zip(values.shape[1:3], units, strict=True))
        if (height * units[0], width * units[1]) == values.shape[1:3]:
            values = values.reshape(len(values), units[0], height, units[1], width, -1)
            return values.sum(axis=(2, 4, 5))
    if values.shape[1 : 1 + len(units)] != units or values.ndim > len(units) + 2:
        raise ValueError(
            f"values must have shape (examples, {', '.join(map(str, units))}), or that of "
            f"the input, but its shape is {values.shape}."
        )
    return values.sum(axis=-1) if values.ndim > len(units) + 1 else values


@takes(
    same_length("x", "target"),
    predict=function(),
    x=array("examples", "...", filled=True),
    target=indices("examples"),
    order=indices("examples", "units"),
    fill=array(),
    units=sequence(whole(1), 1),
    insert=flag(),
    steps=whole(1),
)
def removal_curve(
    predict: Callable[[np.ndarray], np.ndarray],
    x: np.ndarray,
    target: np.ndarray,
    order: np.ndarray,
    fill: np.ndarray,
    units: tuple[int, ...],
    insert: bool = False,
    steps: int = 10,
) -> tuple[np.ndarray, np.ndarray]:
    """Remove units in an order, or bring them in, and watch the answer.

    Chapter equation ``eq-crash-test-deletion`` (Samek and others 2017; Petsiuk, Das and Saenko
    2018: deletion and insertion).

    Args:
        predict: maps inputs (n, ...) to probabilities (n, classes).
        x: examples, shape (examples, ...).
        target: the class whose probability is watched, int, shape (examples,).
        order: places of units, the most important first, shape (examples, number of units).
        fill: what removed units show, of the shape of ``x``.
        units: the axes of an explanation.
        insert: start with everything removed and bring units back instead.
        steps: points of the curve, besides the start, at most.

    Returns:
        The share of units removed (or brought in), shape (points,), and the probabilities, shape
        (examples, points).

    Raises:
        ValueError: a row of ``order`` does not name each unit once, or shapes do not fit.
    """
    count = int(np.prod(units))
    if order.shape != (len(x), count) or (np.sort(order, axis=1) != np.arange(count)).any():
        raise ValueError(
            f"order must name each of the {count} units once for each of {len(x)} examples, as "
            f"ranking does, but it has shape {order.shape} and begins {order.ravel()[:5].tolist()}."
        )
    counts = np.unique(np.linspace(0, count, steps + 1).round().astype(int))
    rank = np.argsort(order, axis=1)  # the place of each unit in the order
    inputs = []
    for done in counts:
        first = (rank < done).reshape(len(x), *units)
        inputs.append(fill_units(x, ~first if insert else first, fill))
    answers = predict(np.concatenate(inputs)).reshape(len(counts), len(x), -1)
    check_classes(target, answers.shape[-1])
    return counts / count, answers[:, np.arange(len(x)), target].T


def check_classes(target: Sequence[int] | np.ndarray, classes: int) -> None:
    """Raise unless each target is a class that has an answer."""
    least, most = np.min(target), np.max(target)
    if not 0 <= least <= most < classes:
        raise ValueError(
            f"target must lie in 0..{classes - 1}, the classes that predict answers for, but it "
            f"lies in {least}..{most}."
        )


def _points_fit(given: Mapping[str, Any]) -> None:
    shares, values = shape_of(given["shares"]), shape_of(given["values"])
    if values[-1] != shares[0]:
        raise ValueError(
            "shares and values must have as many points, their last axes, but their shapes are "
            f"{shares} and {values}."
        )


@takes(_points_fit, shares=array("points"), values=array("...", "points"))
def area(shares: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the area under curves over 0..1 by the trapezoid rule: (points,), (..., points)."""
    widths = np.diff(shares)
    return ((values[..., 1:] + values[..., :-1]) / 2 * widths).sum(axis=-1)


def _hits(
    scores: np.ndarray, truth: np.ndarray, k: int | None, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return true units among the first k, the truth (flat), and k for each example."""
    order, truth = ranking(scores, seed), np.asarray(truth)
    if truth.dtype != bool or truth.shape != np.shape(scores):
        raise ValueError(
            f"truth must be truth values of the shape of scores, {np.shape(scores)}, but it is "
            f"{truth.dtype} of shape {truth.shape}."
        )
    truth = truth.reshape(len(truth), -1)
    if not truth.any(axis=1).all():
        raise ValueError("truth must hold at least one true unit in each example.")
    counts = truth.sum(axis=1) if k is None else np.full(len(truth), k)
    if counts.min() < 1 or counts.max() > truth.shape[1]:
        raise ValueError(f"k must be from 1 to {truth.shape[1]}, the number of units, not {k!r}.")
    ordered = np.take_along_axis(truth, order, axis=1)
    first = np.arange(truth.shape[1]) < counts[:, None]
    return (ordered & first).sum(axis=1), truth, counts
