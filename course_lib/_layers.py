"""What does one layer compute, and how wrong is the last one? The pieces of ``neural_networks``.

Dense layers, activations and losses on ``keras.ops``, and the checks of their arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from course_lib._checks import array, takes


@takes(
    x=array("...", "features", finite=False), kernel=array(finite=False), bias=array(finite=False)
)
def dense(x: Any, kernel: Any, bias: Any) -> Any:
    """Compute a dense layer, ``x W + b`` (chapter equation ``eq-neural-networks-dense``).

    Args:
        x: inputs, shape ``(..., features)``.
        kernel: weights, shape ``(features, units)``.
        bias: one number for each unit, shape ``(units,)``.

    Returns:
        Shape ``(..., units)``.

    Raises:
        ValueError: the shapes do not fit, or an array holds NaN or other things than floats.
    """
    x, kernel, bias = (as_floats(v, n) for v, n in ((x, "x"), (kernel, "kernel"), (bias, "bias")))
    if len(kernel.shape) < 2 or _differ(kernel.shape[-2], x.shape[-1]):
        raise ValueError(
            f"kernel must have shape (features, units) with {x.shape[-1]} features, as x has, but "
            f"its shape is {tuple(kernel.shape)}."
        )
    if len(bias.shape) < 1 or _differ(bias.shape[-1], kernel.shape[-1]):
        raise ValueError(
            f"bias must hold one number for each of the {kernel.shape[-1]} units, but its shape is "
            f"{tuple(bias.shape)}."
        )
    return ops.matmul(x, kernel) + bias


@takes(x=array(finite=True))
def relu(x: Any) -> Any:
    """Return the larger of 0 and ``x``, element by element."""
    return ops.maximum(x, 0)


@takes(x=array(finite=True))
def sigmoid(x: Any) -> Any:
    """Return ``1 / (1 + exp(-x))``, written with ``tanh`` so that nothing overflows."""
    return 0.5 * (1 + ops.tanh(0.5 * x))


@takes(x=array(finite=True))
def tanh(x: Any) -> Any:
    """Return the hyperbolic tangent, element by element."""
    return ops.tanh(x)


@takes(logits=array("...", "classes", filled=True))
def softmax(logits: Any) -> Any:
    """Turn logits into probabilities along the last axis.

    The largest logit is subtracted first. It changes nothing in the result, and no exponential can
    overflow.

    Args:
        logits: any real numbers, shape ``(..., classes)``.

    Returns:
        Numbers from 0 to 1 of the same shape, which add up to 1 along the last axis.
    """
    powers = ops.exp(logits - ops.max(logits, axis=-1, keepdims=True))
    return powers / ops.sum(powers, axis=-1, keepdims=True)


# Each activation with its derivative, written as a function of the activation's own output.
ACTIVATIONS: dict[str, tuple[Callable, Callable]] = {
    "relu": (relu, lambda h: ops.cast(h > 0, h.dtype)),
    "sigmoid": (sigmoid, lambda h: h * (1 - h)),
    "tanh": (tanh, lambda h: 1 - h * h),
    "linear": (lambda x: x, ops.ones_like),
}


@takes(targets=array(filled=True), predictions=array())
def mean_squared_error(targets: Any, predictions: Any) -> Any:
    """Compute ``1 / (2n)`` times the sum of squared differences, the form of document 002.

    It is half of what Keras calls mean squared error (``eq-neural-networks-squared-error``).

    Args:
        targets: true values, any shape, ``n`` of them.
        predictions: of the same shape.

    Returns:
        One number.

    Raises:
        ValueError: the shapes differ, or an array holds NaN or other things than floats.
    """
    targets, predictions = as_floats(targets, "targets"), as_floats(predictions, "predictions")
    if tuple(targets.shape) != tuple(predictions.shape):
        raise ValueError(
            "targets and predictions must have the same shape, but the shapes are "
            f"{tuple(targets.shape)} and {tuple(predictions.shape)}: broadcasting would hide that."
        )
    return 0.5 * ops.mean(ops.square(targets - predictions))


@takes(labels=array(), logits=array("...", "classes", filled=True))
def cross_entropy(labels: Any, logits: Any) -> Any:
    """Compute the mean of ``-log p`` of the true class (``eq-neural-networks-cross-entropy``).

    The logarithm of the softmax is written out as the logit minus the log-sum-exp, so that large
    logits neither overflow nor become ``log 0``.

    Args:
        labels: class indices, whole numbers, shape ``(batch,)``.
        logits: shape ``(batch, classes)``.

    Returns:
        One number: the mean over the batch.

    Raises:
        ValueError: the shapes do not fit, labels are not class indices, or logits hold NaN.
    """
    logits = as_floats(logits, "logits")
    check_labels(labels, logits)
    shifted = logits - ops.max(logits, axis=-1, keepdims=True)
    log_sum = ops.log(ops.sum(ops.exp(shifted), axis=-1))
    of_true_class = ops.sum(shifted * one_hot(labels, logits), axis=-1)
    return ops.mean(log_sum - of_true_class)


def one_hot(labels: Any, logits: Any) -> Any:
    return ops.one_hot(labels, logits.shape[-1], dtype=logits.dtype)


def as_floats(array: Any, name: str) -> Any:
    """Return an array as a tensor; refuse what is not floating point, and NaN where it shows."""
    array = np.asarray(array) if isinstance(array, list | tuple) else array
    kind = keras.backend.standardize_dtype(getattr(array, "dtype", type(array).__name__))
    if not keras.backend.is_float_dtype(kind):
        raise ValueError(
            f"{name} must hold floating point numbers, but its type is {kind}. "
            'Convert it first: .astype("float32").'
        )
    if isinstance(array, np.ndarray) and np.isnan(np.sum(array)):
        raise ValueError(f"{name} must not hold NaN. Remove or fill it first.")
    return ops.convert_to_tensor(array) if isinstance(array, np.ndarray) else array


def check_labels(labels: Any, logits: Any, examples: int | None = None) -> None:
    """Refuse labels that are not one class index for each row of logits."""
    shape, classes = tuple(np.shape(labels)), logits.shape[-1]
    rows = logits.shape[0] if examples is None else examples
    if len(logits.shape) != 2 or len(shape) != 1 or _differ(shape[0], rows):
        raise ValueError(
            "labels must have shape (batch,) and logits (batch, classes), but the shapes are "
            f"{shape} and {tuple(logits.shape)}. Are the labels one-hot? Take their argmax."
        )
    if not isinstance(labels, np.ndarray) or not len(labels):
        return  # what is in a tensor is not known while a function is recorded
    if labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() >= classes:
        raise ValueError(
            f"labels must be whole numbers from 0 to {classes - 1}, but they are "
            f"{labels.dtype} from {labels.min()} to {labels.max()}."
        )


def _differ(length: int | None, other: int | None) -> bool:
    """Say whether two lengths differ; while TensorFlow records, one may be unknown: None."""
    return None not in (length, other) and length != other
