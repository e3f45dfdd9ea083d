"""What is left of a number when it must fit into a few bits?

Serves the chapter ``compute/compression``. ``quantize`` maps weights to whole numbers with a scale
and a zero point, for the whole array or for each channel; ``dequantize`` maps back. ``calibrate``
looks at data to find the range of each layer's activations. References: Jacob and others (2018),
"Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference";
Krishnamoorthi (2018), arXiv 1806.08342.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from course_lib._checks import (
    Kind,
    array,
    check_between,
    check_whole,
    either,
    flag,
    input_of,
    instance,
    mapping,
    model,
    real,
    sequence,
    string,
    takes,
    whole,
)
from course_lib._model_parts import copy_of
from course_lib._pruning import each_layer, finite_weights, in_batches, kernel_layers

__all__ = [
    "FakeQuantize",
    "Quantized",
    "calibrate",
    "dequantize",
    "quantize",
    "quantize_activations",
    "quantize_model",
    "round_straight_through",
]


def _is_range(value: Any) -> bool:
    return sequence(real(), 2, 2).fits(value) and value[0] <= 0 <= value[1] and value[0] < value[1]


RANGE = Kind(
    "a pair (low, high), with 0 between them or at one of them, and low below high", _is_range
)


class Quantized(NamedTuple):
    """Whole numbers and what they stand for: ``scale * (codes - zero_point)``.

    ``codes`` has the shape of the weights; int8 where symmetric, else uint8. ``scale`` (float32)
    and ``zero_point`` (int32) have the shape ``()`` for the whole array, or one entry for each
    channel along the axis that was kept apart, with 1 on all other axes.
    """

    codes: np.ndarray
    scale: np.ndarray
    zero_point: np.ndarray
    bits: int


@takes(weights=array(finite=False), bits=whole(), axis=whole(-99), symmetric=flag())
def quantize(
    weights: Any, bits: int = 8, axis: int | None = None, symmetric: bool = True
) -> Quantized:
    """Map numbers to whole numbers of a few bits.

    Chapter equations ``eq-compression-symmetric`` and ``eq-compression-affine`` (Jacob and others
    2018, equation 1; Krishnamoorthi 2018, section 2). Symmetric codes run from ``-(2**(bits-1) -
    1)`` to ``2**(bits-1) - 1``, so that 0 and the sign are exact; the smallest code of two's
    complement is left out. Asymmetric codes run from 0 to ``2**bits - 1`` over the range of the
    weights, widened to hold 0, so that 0 is exact here, too. Halves go to the even neighbor.

    Args:
        weights: finite numbers of any shape.
        bits: 2 to 8.
        axis: the axis whose entries get a scale each, ``-1`` for the output channels of a Keras
            kernel; None gives the whole array one scale. Keras's own ``abs_max_quantize`` names
            the axes to *reduce* instead.
        symmetric: whether the range is symmetric around 0.

    Returns:
        Codes, scale, zero point and bits. A channel of zeros has scale 1.

    Raises:
        ValueError: ``weights`` is empty or not finite, ``bits`` is out of range, or there is no
            such axis.
    """
    weights = finite_weights(weights).astype(np.float32)
    check_whole("bits", bits, 2, 8)
    others = None
    if axis is not None:
        check_whole("axis", axis, -weights.ndim, weights.ndim - 1)
        others = tuple(k for k in range(weights.ndim) if k != axis % weights.ndim)
    keep = {"axis": others, "keepdims": axis is not None}
    if symmetric:
        low, high = -(2 ** (bits - 1) - 1), 2 ** (bits - 1) - 1
        scale = np.abs(weights).max(**keep).astype(np.float32) / np.float32(high)
    else:
        low, high = 0, 2**bits - 1
        least = np.minimum(weights.min(**keep), 0)
        scale = ((np.maximum(weights.max(**keep), 0) - least) / high).astype(np.float32)
    scale = np.where(scale > 0, scale, np.float32(1))
    zero = np.zeros(scale.shape, np.int32)
    if not symmetric:
        zero = np.clip(np.rint(-least / scale), low, high).astype(np.int32)
    codes = np.clip(np.rint(weights / scale) + zero, low, high)
    return Quantized(codes.astype(np.int8 if symmetric else np.uint8), scale, zero, int(bits))


@takes(quantized=instance(Quantized, "a Quantized, as quantize returns it"))
def dequantize(quantized: Quantized) -> np.ndarray:
    """Return the float32 numbers that codes stand for, in the shape of the codes."""
    steps = quantized.codes.astype(np.int32) - quantized.zero_point
    return (quantized.scale * steps).astype(np.float32)


@takes(model=model(), bits=either(whole(), mapping(whole())), axis=whole(-99), symmetric=flag())
def quantize_model(
    model: keras.Model,
    bits: int | Mapping[str, int] = 8,
    axis: int | None = -1,
    symmetric: bool = True,
) -> keras.Model:
    """Return a copy whose kernels hold only what their codes stand for; biases stay float32.

    It computes in float32 and is as slow as before: this is for measuring what rounding does.

    Args:
        model: a built functional or sequential model.
        bits: for all kernels, or for each layer by name, the other layers staying as they are.
        axis: see :func:`quantize`.
        symmetric: see :func:`quantize`.

    Raises:
        ValueError: see :func:`quantize`; or a layer has no kernel.
    """
    rounded = copy_of(model)
    for layer, own in each_layer(rounded, bits):
        layer.kernel.assign(dequantize(quantize(layer.kernel, own, axis, symmetric)))
    return rounded


@takes(x=array())
def round_straight_through(x: Any) -> Any:
    """Round, and let the gradient pass as if nothing had happened.

    Chapter equation ``eq-compression-ste``: the straight-through estimator (Bengio, Léonard
    and Courville 2013). The true derivative of rounding is 0 almost everywhere.

    Args:
        x: a float tensor of any shape.
    """
    return x + ops.stop_gradient(ops.round(x) - x)


@keras.saving.register_keras_serializable(package="course_lib")
class FakeQuantize(keras.Layer):
    """Round activations to ``2**bits`` values between two borders, as an integer machine would.

    Values beyond the borders are clipped, and get no gradient; the others pass theirs straight
    through (Jacob and others 2018, section 3, equation 12).

    Args:
        low: lower border, at most 0.
        high: upper border, at least 0, above ``low``. Both are moved so that 0 is exact.
        bits: 2 to 8.
    """

    @takes(low=real(), high=real(), bits=whole(1))
    def __init__(self, low: float, high: float, bits: int = 8, **options: Any) -> None:
        """Take the borders and the bits."""
        super().__init__(**options)
        check_between("high", high, 0, np.inf, open_end=True)
        check_between("low", low, -np.inf, 0, open_start=True)
        check_whole("bits", bits, 2, 8)
        if not low < high:
            raise ValueError(f"low must be below high, but they are {low!r} and {high!r}.")
        self.low, self.high, self.bits = float(low), float(high), int(bits)
        self.scale = (self.high - self.low) / (2**bits - 1)
        self.zero_point = round(-self.low / self.scale)

    def call(self, x: Any) -> Any:
        """Round to the grid and come back."""
        steps = ops.clip(x / self.scale, -self.zero_point, 2**self.bits - 1 - self.zero_point)
        return self.scale * round_straight_through(steps)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to build the layer anew."""
        return super().get_config() | {"low": self.low, "high": self.high, "bits": self.bits}


@takes(input_of("model", exact=True), model=model(), x=array(finite=False), percentile=real())
def calibrate(
    model: keras.Model, x: np.ndarray, percentile: float = 100.0
) -> dict[str, tuple[float, float]]:
    """Find the range of each layer's activations on some inputs.

    Args:
        model: a built ``Sequential``.
        x: a few hundred representative inputs, shape ``(examples, ...)``.
        percentile: above 50, at most 100. Below 100 the largest values are left outside: they will
            be clipped, and all others get a finer grid.

    Returns:
        ``(low, high)`` for each layer with a kernel, by name; ``low <= 0 <= high``.

    Raises:
        ValueError: ``model`` is no ``Sequential``, ``x`` is not finite, or ``percentile`` is out of
            range.
    """
    _check_sequential(model)
    x = finite_weights(x, "x")
    check_between("percentile", percentile, 50, 100, open_start=True)
    chosen = kernel_layers(model)
    ranges, values = {}, x
    for layer in model.layers:
        values = in_batches(layer, values, 250)
        if layer not in chosen:
            continue
        low, high = np.percentile(values, [100 - percentile, percentile])
        ranges[layer.name] = (min(float(low), 0.0), max(float(high), 0.0))
    return ranges


@takes(model=model(), ranges=mapping(RANGE, 1, string()), bits=whole())
def quantize_activations(
    model: keras.Model, ranges: Mapping[str, tuple[float, float]], bits: int = 8
) -> keras.Model:
    """Return a copy that rounds what comes out of the named layers.

    Args:
        model: a built ``Sequential``.
        ranges: from :func:`calibrate`.
        bits: 2 to 8.

    Raises:
        ValueError: ``model`` is no ``Sequential``, or a layer has no kernel.
    """
    _check_sequential(model)
    kernel_layers(model, ranges)
    stack: list[Any] = [keras.Input(model.input_shape[1:])]
    for layer in copy_of(model).layers:
        stack.append(layer)
        if layer.name in ranges:
            name = f"{layer.name}_rounded"
            stack.append(FakeQuantize(*ranges[layer.name], bits=bits, name=name))
    return keras.Sequential(stack)


def _check_sequential(model: keras.Model) -> None:
    if not isinstance(model, keras.Sequential) or not model.built:
        raise ValueError(
            f"model must be a built Sequential, but it is a {type(model).__name__}"
            f"{'' if model.built else ' that is not built'}."
        )
