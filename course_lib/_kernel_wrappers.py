"""How does a network learn while its kernels are rounded or shared?

Serves the chapter ``compute/compression``. A layer around a layer computes with a kernel made from
the stored one: rounded, with a gradient that passes straight through (``QuantizationAware``), or
looked up in a codebook that learns (``SharedKernel``). ``plain_model`` takes the wrapping off.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from course_lib._checks import check_whole, either, flag, instance, mapping, model, takes, whole
from course_lib._model_parts import copy_of
from course_lib._pruning import each_layer
from course_lib._quantization import round_straight_through
from course_lib._weight_sharing import share_weights

__all__ = [
    "QuantizationAware",
    "SharedKernel",
    "plain_model",
    "quantization_aware",
    "shared_codebooks",
]


class KernelWrapper(keras.Layer):
    """A ``Dense`` or ``Conv2D`` layer that computes with :meth:`effective_kernel` instead.

    Args:
        layer: a built layer of exactly one of these kinds; its weights are shared.

    Raises:
        ValueError: it is of another kind, or not built.
    """

    def __init__(self, layer: keras.Layer, **options: Any) -> None:
        """Take the layer to wrap."""
        super().__init__(**options)
        if type(layer) not in (layers.Dense, layers.Conv2D) or not layer.built:
            raise ValueError(
                f"layer must be a built Dense or Conv2D layer, but it is a {type(layer).__name__}"
                f"{'' if layer.built else ' that is not built'}."
            )
        self.layer = layer

    def effective_kernel(self) -> Any:
        """Return the kernel to compute with, of the shape of the layer's kernel."""
        return self.layer.kernel

    def call(self, x: Any) -> Any:
        """Compute what the layer would with the effective kernel."""
        kernel = self.effective_kernel()
        if isinstance(self.layer, layers.Dense):
            h = ops.matmul(x, kernel)
        else:
            h = self.layer.convolution_op(x, kernel)
        h = h + self.layer.bias if self.layer.use_bias else h
        return self.layer.activation(h)


class QuantizationAware(KernelWrapper):
    """Compute with a kernel that is rounded to few bits, and learn the one behind it.

    The rounding is that of ``quantize``, symmetric. The gradient passes it as if it were not there
    (Bengio and others 2013; Jacob and others 2018, section 3), and reaches the float kernel, which
    so can add up many small steps until one of them tips a weight over to the next value.

    Args:
        layer: see :class:`KernelWrapper`.
        bits: 2 to 8.
        per_channel: whether each output channel has a scale of its own.
    """

    @takes(layer=instance(keras.Layer, "a Keras layer"), bits=whole(), per_channel=flag())
    def __init__(
        self, layer: keras.Layer, bits: int, per_channel: bool = True, **options: Any
    ) -> None:
        """Take the layer, the bits, and how the scales are kept."""
        super().__init__(layer, **options)
        check_whole("bits", bits, 2, 8)
        self.bits, self.per_channel = int(bits), bool(per_channel)

    def effective_kernel(self) -> Any:
        """Round the kernel to ``2**bits - 1`` values."""
        kernel = self.layer.kernel
        axes = tuple(range(len(kernel.shape) - 1)) if self.per_channel else None
        largest = ops.max(ops.abs(kernel), axis=axes, keepdims=True)
        scale = ops.stop_gradient(largest / (2 ** (self.bits - 1) - 1))
        scale = ops.where(scale > 0, scale, ops.ones_like(scale))
        return scale * round_straight_through(kernel / scale)


class SharedKernel(KernelWrapper):
    """Compute with a kernel that is looked up in a codebook, and learn the codebook.

    A value of the codebook gets the sum of the gradients of all weights that share it (Han and
    others 2016, equation 3): that is the derivative of looking up. Which weight belongs to which
    value stays as k-means found it. What was zero stays zero.

    Args:
        layer: see :class:`KernelWrapper`; its kernel is frozen here.
        clusters: values besides zero.
    """

    @takes(layer=instance(keras.Layer, "a Keras layer"), clusters=whole(1))
    def __init__(self, layer: keras.Layer, clusters: int, **options: Any) -> None:
        """Take the layer and the number of values."""
        super().__init__(layer, **options)
        kernel = ops.convert_to_numpy(layer.kernel)
        alive = kernel != 0
        if not alive.any():
            raise ValueError(f"The kernel of {layer.name} must have a weight that is not zero.")
        codes = np.zeros(kernel.shape, np.int32)
        codes[alive], codebook = share_weights(kernel[alive], clusters)
        layer.kernel.trainable = False
        self.codebook = self.add_weight(name="codebook", shape=codebook.shape)
        fixed = {"shape": codes.shape, "trainable": False, "initializer": "zeros"}
        self.codes = self.add_weight(name="codes", dtype="int32", **fixed)
        self.alive = self.add_weight(name="alive", **fixed)
        for variable, values in ((self.codebook, codebook), (self.codes, codes)):
            variable.assign(values)
        self.alive.assign(alive.astype("float32"))

    def effective_kernel(self) -> Any:
        """Look the weights up."""
        # Multiplied by 1 so that TensorFlow's gradient is an ordinary array, not a list of entries.
        return ops.take(ops.multiply(self.codebook, 1.0), self.codes) * self.alive


@takes(model=model(), bits=either(whole(), mapping(whole())), per_channel=flag())
def quantization_aware(
    model: keras.Model, bits: int | Mapping[str, int], per_channel: bool = True
) -> keras.Model:
    """Return a copy that trains with rounded kernels.

    Args:
        model: a built ``Sequential``.
        bits: for all kernels, or for each layer by name, the other layers staying as they are.
        per_channel: see :class:`QuantizationAware`.

    Returns:
        An uncompiled ``Sequential`` with weights of its own; :func:`plain_model` ends the training.

    Raises:
        ValueError: ``model`` is no ``Sequential``, ``bits`` is out of range, or a layer has no
            kernel.
    """
    return _wrapped(model, bits, lambda layer, own: QuantizationAware(layer, own, per_channel))


@takes(model=model(), clusters=either(whole(), mapping(whole())))
def shared_codebooks(model: keras.Model, clusters: int | Mapping[str, int]) -> keras.Model:
    """Return a copy whose kernels are shared, and whose codebooks and biases learn.

    Args:
        model: a built ``Sequential``, pruned or not.
        clusters: values besides zero for each kernel, or a number for each layer by name, the other
            layers staying as they are.

    Returns:
        An uncompiled ``Sequential`` with weights of its own; :func:`plain_model` ends the training.

    Raises:
        ValueError: ``model`` is no ``Sequential``, or a layer has no kernel or only zeros.
    """
    return _wrapped(model, clusters, SharedKernel)


@takes(model=model())
def plain_model(model: keras.Model) -> keras.Model:
    """Take the wrapping off: an ordinary ``Sequential`` that computes the same.

    Args:
        model: from :func:`quantization_aware` or :func:`shared_codebooks`.

    Returns:
        An uncompiled copy whose kernels are the effective ones; ``model`` stays as it is.
    """
    stack, weights = [keras.Input(model.input_shape[1:])], []
    for layer in model.layers:
        inner = layer.layer if isinstance(layer, KernelWrapper) else layer
        stack.append(type(inner).from_config(inner.get_config()))
        own = inner.get_weights()
        if isinstance(layer, KernelWrapper):  # a frozen kernel comes after the bias
            kernel = ops.convert_to_numpy(layer.effective_kernel())
            own = [kernel, *([ops.convert_to_numpy(inner.bias)] if inner.use_bias else [])]
        weights += own
    plain = keras.Sequential(stack, name=model.name)
    plain.set_weights(weights)
    return plain


def _wrapped(
    model: keras.Model, options: Any, wrap: Callable[[keras.Layer, Any], KernelWrapper]
) -> keras.Model:
    if not isinstance(model, keras.Sequential) or not model.built:
        raise ValueError(f"model must be a built Sequential, but it is a {type(model).__name__}.")
    copied = copy_of(model)
    chosen = {layer.name: own for layer, own in each_layer(copied, options)}
    stack: list[Any] = [keras.Input(model.input_shape[1:])]
    for layer in copied.layers:
        named = layer.name in chosen
        stack.append(wrap(layer, chosen[layer.name]) if named else layer)
    return keras.Sequential(stack, name=model.name)
