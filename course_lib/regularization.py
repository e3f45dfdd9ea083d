"""What makes a network do better on new examples than on those it was trained on?

Serves the chapter ``generalization/regularization``. Each function is one method in its smallest
form: a penalty on the weights, noise in the units, softer labels, mixed examples, averaged
networks. Beside them stand the measures of calibration, and ``side_by_side``, which trains many
small networks at once, so that every comparison can be repeated with several seeds.

Main references: Krogh and Hertz (1992) for the penalty; Srivastava and others (2014) for dropout;
Szegedy and others (2016) for label smoothing; Zhang and others (2018) for mixup; Lakshminarayanan,
Pritzel and Blundell (2017) for ensembles; Guo and others (2017) for calibration.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from course_lib._calibration import (
    Reliability,
    expected_calibration_error,
    reliability,
    temperature_scaling,
)
from course_lib._checks import array, check_input, either, flag, function, sequence, takes, whole
from course_lib._checks import check_between as _check_between
from course_lib._draws import Seed
from course_lib._draws import float_tensor as _float
from course_lib._draws import seeds as _seeds
from course_lib._side_by_side import (
    logits_side_by_side,
    loss_side_by_side,
    side_by_side,
)

__all__ = [
    "Reliability",
    "dropout",
    "ensemble_predict",
    "expected_calibration_error",
    "l2_penalty",
    "label_smoothing",
    "logits_side_by_side",
    "loss_side_by_side",
    "mixup",
    "reliability",
    "side_by_side",
    "temperature_scaling",
]


@takes(weights=either(array(), sequence(array())))
def l2_penalty(weights: Any, strength: float) -> Any:
    """Compute the penalty ``strength * sum(w**2)`` on large weights.

    Chapter equation ``eq-regularization-l2``: the form of document 003 and of
    ``keras.regularizers.L2``, with no factor of one half, so its gradient is ``2 * strength * w``
    (Krogh and Hertz 1992 write half of it). Hand it kernels; biases are left out by custom, since
    they do not multiply the input.

    Args:
        weights: one array or tensor of any shape, or a list of them, floating point.
        strength: the factor lambda, at least 0. It has the unit of the loss over that of the
            squared weights.

    Returns:
        A tensor of shape ``()``, to be added to the loss.

    Raises:
        ValueError: ``strength`` is negative or not finite, or there are no floating point weights.
    """
    _check_between("strength", strength, 0, np.inf)
    several = list(weights) if isinstance(weights, list | tuple) else [weights]
    if not several:
        raise ValueError("weights must hold at least one array, but it is empty.")
    squares = [ops.sum(ops.square(_float(weight, "weights"))) for weight in several]
    return strength * sum(squares[1:], start=squares[0])


@takes(x=array(), training=flag())
def dropout(x: Any, rate: float, seed: Seed, training: bool = True) -> Any:
    """Silence each number with probability ``rate`` and scale up the rest.

    Chapter equation ``eq-regularization-dropout``. This is *inverted* dropout: dividing by ``1 -
    rate`` while training keeps the expectation, so nothing is left to do in use. Srivastava and
    others (2014) scale down in use instead, and call ``p`` the share that is *kept*.

    Args:
        x: activations of any shape, floating point.
        rate: share to be silenced, from 0 to below 1.
        seed: a whole number makes the same mask at every call; a ``keras.random.SeedGenerator``
            makes a new one each time. Inside a compiled function a whole number is a constant.
        training: whether to drop; otherwise ``x`` is returned as it is.

    Returns:
        A tensor of the shape of ``x``.

    Raises:
        ValueError: ``rate`` is out of range, ``x`` is not floating point, or ``seed`` is None.
    """
    _check_between("rate", rate, 0, 1, open_end=True)
    x = _float(x, "x")
    (seed,) = _seeds(seed, 1)
    if not training or rate == 0:
        return x
    kept = keras.random.uniform(ops.shape(x), seed=seed) >= rate
    return ops.where(kept, x / (1 - rate), ops.zeros_like(x))


@takes(labels=array(), num_classes=whole(2))
def label_smoothing(labels: Any, num_classes: int, amount: float) -> Any:
    """Turn class indices into targets that are not quite sure.

    Chapter equation ``eq-regularization-smoothing``: ``(1 - amount) * one_hot + amount /
    num_classes`` (Szegedy and others 2016, section 7). The true class gets its share of the second
    term, too.

    Args:
        labels: class indices, whole numbers of any shape.
        num_classes: number of classes, at least 2.
        amount: share of the probability that is spread evenly, from 0 to 1.

    Returns:
        Probabilities, float tensor of shape ``(*labels.shape, num_classes)``.

    Raises:
        ValueError: ``labels`` are not class indices, or an argument is out of range.
    """
    if not isinstance(num_classes, int | np.integer) or num_classes < 2:
        raise ValueError(f"num_classes must be a whole number from 2 on, but it is {num_classes}.")
    _check_between("amount", amount, 0, 1)
    if isinstance(labels, np.ndarray | list | tuple):
        labels = np.asarray(labels)
        whole = labels.dtype.kind in "iu"
        if not whole or (labels.size and not 0 <= labels.min() <= labels.max() < num_classes):
            raise ValueError(
                f"labels must be class indices from 0 to {num_classes - 1}, but they are "
                f"{labels.dtype} with values like {labels.reshape(-1)[:3]}."
            )
    one_hot = ops.one_hot(labels, num_classes)
    return (1 - amount) * one_hot + amount / num_classes


@takes(x=array("batch", "...", filled=True), y=array("batch", "...", filled=True))
def mixup(x: Any, y: Any, alpha: float, seed: Seed) -> tuple[Any, Any]:
    """Replace each example by a mixture of it and another one.

    Chapter equation ``eq-regularization-mixup``: the share of the example itself is drawn anew for
    each example, from a Beta distribution with both parameters ``alpha``; its partner is drawn from
    the same batch (Zhang and others 2018).

    Args:
        x: inputs, floating point, shape ``(batch, ...)``.
        y: targets as probabilities, floating point, shape ``(batch, classes)``: class indices
            cannot be mixed.
        alpha: above 0. Small values leave most examples nearly as they are; 1 draws all shares
            equally often.
        seed: a whole number makes the same mixture at every call; a
            ``keras.random.SeedGenerator`` makes a new one each time.

    Returns:
        Mixed inputs and mixed targets, of the shapes of ``x`` and ``y``.

    Raises:
        ValueError: ``alpha`` is not above 0, ``x`` or ``y`` are not floating point or differ in
            length, or ``seed`` is None.
    """
    _check_between("alpha", alpha, 0, np.inf, open_start=True)
    x, y = _float(x, "x"), _float(y, "y", "Turn class indices into probabilities first: one_hot.")
    if x.shape[0] != y.shape[0]:
        raise ValueError(
            f"x and y must hold equally many examples, but hold {x.shape[0]} and {y.shape[0]}."
        )
    order_seed, share_seed = _seeds(seed, 2)
    count = ops.shape(x)[0]
    partners = keras.random.shuffle(ops.arange(count), seed=order_seed)
    shares = keras.random.beta((count,), alpha, alpha, seed=share_seed)
    return _mix(x, partners, shares), _mix(y, partners, shares)


def _each_takes(given: Mapping[str, Any]) -> None:
    for model in given["models"]:
        check_input(model, "x", given["x"])


@takes(_each_takes, models=sequence(function()), x=array("batch", "..."), batch_size=whole())
def ensemble_predict(models: Sequence[Callable[[Any], Any]], x: Any, batch_size: int = 500) -> Any:
    """Average the *probabilities* of several models.

    Chapter equation ``eq-regularization-ensemble``. Since -log is convex, the loss of the average
    is never above the average of the losses (Jensen's inequality); that holds example by example,
    whatever the models.

    Args:
        models: at least one; each maps inputs ``(batch, ...)`` to **logits** ``(batch, classes)``.
        x: inputs, shape ``(batch, ...)``.
        batch_size: examples given to a model at a time.

    Returns:
        Probabilities, tensor of shape ``(batch, classes)``.

    Raises:
        ValueError: there are no models or examples, or their outputs differ in shape.
    """
    models = list(models)
    if not models or len(x) == 0 or batch_size < 1:
        raise ValueError(
            "models and x must hold at least one model and one example, and batch_size be at least "
            f"1, but they are {len(models)}, {len(x)} and {batch_size}."
        )
    starts = range(0, len(x), batch_size)
    several = []
    for model in models:
        logits = [ops.convert_to_tensor(model(x[at : at + batch_size])) for at in starts]
        several.append(ops.softmax(ops.concatenate(logits, axis=0), axis=-1))
    shapes = {tuple(probabilities.shape) for probabilities in several}
    if len(shapes) > 1:
        raise ValueError(f"The models' outputs must have one shape, but have {sorted(shapes)}.")
    return sum(several[1:], start=several[0]) / len(several)


def _mix(values: Any, partners: Any, shares: Any) -> Any:
    """Return ``share * value + (1 - share) * partner`` along the first axis."""
    shares = ops.cast(ops.reshape(shares, (-1, *[1] * (len(values.shape) - 1))), values.dtype)
    return shares * values + (1 - shares) * ops.take(values, partners, axis=0)
