"""What did each part of the input add on the way from a baseline?

Integrated gradients (Sundararajan, Taly and Yan 2017), written twice: a loop to be read, and the
form to be used, which folds steps and inputs into large batches. How well the sum over steps stands
for the integral is measured by :func:`completeness_error`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from keras import ops

from course_lib import gradients
from course_lib._checks import array, function, input_of, string, takes, whole
from course_lib._explained_inputs import (
    as_baseline,
    as_inputs,
    as_targets,
    check_count,
    in_batches,
)
from course_lib._explained_models import scored, sloped_on_line

__all__ = [
    "completeness_error",
    "integrated_gradients",
    "integrated_gradients_loop",
    "target_scores",
]

Model = Callable[[Any], Any]
Target = int | Sequence[int] | np.ndarray


@takes(input_of("model"), x=array(finite=False), batch_size=whole(1), model=function())
def target_scores(model: Model, x: np.ndarray, target: Target, batch_size: int = 256) -> np.ndarray:
    """Return the score that is to be explained, ``S_c(x)``, for each input.

    Args:
        model: a Keras model or a function of ``keras.ops`` from ``(batch, ...)`` to scores
            ``(batch, classes)``. Give logits unless you mean probabilities.
        x: inputs, floating point, shape ``(batch, ...)``.
        target: the class ``c``, one for all inputs or one for each.
        batch_size: inputs given to the model at a time.

    Returns:
        float32 array of shape ``(batch,)``.

    Raises:
        ValueError: ``x`` is empty, not floating point or not finite, or ``target`` is not a class.
    """
    x = as_inputs(x)
    return in_batches(scored(model), [x, as_targets(model, x, target)], batch_size)


@takes(
    input_of("model"),
    model=function(),
    x=array(finite=False),
    baseline=array(finite=False),
    steps=whole(),
    rule=string(),
    batch_size=whole(1),
)
def integrated_gradients(
    model: Model,
    x: np.ndarray,
    target: Target,
    baseline: Any = None,
    steps: int = 64,
    rule: str = "gauss",
    batch_size: int = 256,
) -> np.ndarray:
    """Add up the gradient along the straight line from a baseline to the input.

    Chapter equations ``eq-saliency-ig`` and ``eq-saliency-ig-sum`` (Sundararajan, Taly and Yan
    2017, equations 1 and 3). The values of one input sum to ``S_c(x) - S_c(baseline)``, up to the
    error of the sum over steps: see :func:`completeness_error`.

    Args:
        model: as for :func:`gradient`.
        x: as for :func:`gradient`.
        target: as for :func:`gradient`.
        baseline: the input that stands for "nothing there": a number, one input, or one for each
            input; None means zeros.
        steps: gradients on each line, at least 1.
        rule: where on the line they are taken, and with which weights: ``"gauss"`` (Gauss and
            Legendre's), ``"midpoint"`` (in the middle of ``steps`` equal parts), ``"trapezoid"``
            (both ends included, half weight there) or ``"left"`` (the start of each part).
        batch_size: points given to the model at a time.

    Returns:
        Signed float32 array of the shape of ``x``, in units of the score.

    Raises:
        ValueError: as for :func:`gradient`; ``steps`` or ``rule`` is not known; or ``baseline``
            does not fit ``x``.
    """
    x = as_inputs(x)
    targets, start = as_targets(model, x, target), as_baseline(baseline, x)
    places, shares = _quadrature(rule, steps)
    slope = sloped_on_line(model)
    at_once = min(steps, batch_size)  # points of one line that are computed together
    mean = np.zeros(x.shape, np.float32)
    for first in range(0, steps, at_once):
        some = slice(first, first + at_once)
        part = _padded(places[some], at_once), _padded(shares[some], at_once)

        def on_part(*arrays: Any, part: tuple = part) -> Any:
            return slope(*arrays, *part)

        mean += in_batches(on_part, [x, targets, start], max(1, batch_size // at_once))
    return (x - start) * mean


@takes(
    input_of("model"),
    model=function(),
    x=array(finite=False),
    baseline=array(finite=False),
    steps=whole(),
    rule=string(),
)
def integrated_gradients_loop(
    model: Model,
    x: np.ndarray,
    target: Target,
    baseline: Any = None,
    steps: int = 64,
    rule: str = "gauss",
) -> np.ndarray:
    """Compute integrated gradients one input and one step at a time: the form to read.

    It equals :func:`integrated_gradients`, and is tens to hundreds of times slower.

    Args:
        model: as for :func:`gradient`.
        x: as for :func:`gradient`.
        target: as for :func:`gradient`.
        baseline: as for :func:`integrated_gradients`.
        steps: gradients on each line, at least 1.
        rule: as for :func:`integrated_gradients`.

    Returns:
        Signed float32 array of the shape of ``x``, in units of the score.

    Raises:
        ValueError: as for :func:`integrated_gradients`.
    """
    x = as_inputs(x)
    targets, start = as_targets(model, x, target), as_baseline(baseline, x)
    result = np.zeros_like(x)
    for n in range(len(x)):
        slope_at = gradients.value_and_grad(lambda one, n=n: model(one[None])[0, targets[n]])
        for place, share in zip(*_quadrature(rule, steps), strict=True):
            point = (start[n] + place * (x[n] - start[n])).astype(np.float32)
            slope = ops.convert_to_numpy(slope_at(point)[1])
            result[n] += share * slope * (x[n] - start[n])
    return result


@takes(
    input_of("model"),
    model=function(),
    x=array(finite=False),
    attributions=array(),
    baseline=array(finite=False),
)
def completeness_error(
    model: Model, x: np.ndarray, target: Target, attributions: np.ndarray, baseline: Any = None
) -> np.ndarray:
    """Measure by how much attributions miss the change of the score that they should add up to.

    Chapter equation ``eq-saliency-completeness`` (Sundararajan, Taly and Yan 2017, proposition 1).

    Args:
        model: as for :func:`gradient`.
        x: as for :func:`gradient`.
        target: as for :func:`gradient`.
        attributions: one number for each of ``x``, of its shape.
        baseline: as for :func:`integrated_gradients`.

    Returns:
        ``sum(attributions) - (S_c(x) - S_c(baseline))``, float32 array of shape ``(batch,)``.

    Raises:
        ValueError: as for :func:`integrated_gradients`, or the shapes of ``attributions`` and ``x``
            differ.
    """
    x = as_inputs(x)
    if np.shape(attributions) != x.shape:
        raise ValueError(
            f"attributions must have the shape of x, {x.shape}, but have {np.shape(attributions)}."
        )
    change = target_scores(model, x, target) - target_scores(
        model, as_baseline(baseline, x), target
    )
    total = np.sum(attributions, axis=tuple(range(1, x.ndim)), dtype=np.float64)
    return (total - change).astype(np.float32)


def _quadrature(rule: str, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Return places in 0..1 and their weights, which sum to 1."""
    check_count("steps", steps)
    even = np.full(steps, 1 / steps)
    if rule == "midpoint":
        return (np.arange(steps) + 0.5) / steps, even
    if rule == "left":
        return np.arange(steps) / steps, even
    if rule == "trapezoid" and steps >= 2:
        shares = np.full(steps, 1 / (steps - 1))
        shares[[0, -1]] /= 2
        return np.linspace(0, 1, steps), shares
    if rule == "gauss":
        places, shares = np.polynomial.legendre.leggauss(steps)
        return (places + 1) / 2, shares / 2
    raise ValueError(
        'rule must be "midpoint", "left", "gauss" or, with at least two steps, "trapezoid", '
        f"but it is {rule!r} with {steps} steps."
    )


def _padded(values: np.ndarray, length: int) -> np.ndarray:
    """Fill up with zeros, so that a compiled function meets one length."""
    return np.pad(values, (0, length - len(values))).astype(np.float32)
