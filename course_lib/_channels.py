"""Which channels can go, so that a really smaller network remains?

Serves the chapter ``compute/compression``. Zeros in a kernel save nothing until somebody skips
them. Whole output channels can be cut out of the arrays, together with the weights of the next
layer that would have read them (Li and others 2017, "Pruning Filters for Efficient ConvNets").
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from course_lib._checks import (
    array,
    check_between,
    either,
    floats,
    mapping,
    model,
    real,
    string,
    takes,
)
from course_lib._model_parts import copy_of, is_head
from course_lib._pruning import kernel_layers

__all__ = ["channel_norms", "channels_to_keep", "mask_channels", "remove_channels"]

_WEIGHTLESS = (
    layers.Activation,
    layers.AveragePooling2D,
    layers.Dropout,
    layers.Flatten,
    layers.GlobalAveragePooling2D,
    layers.GlobalMaxPooling2D,
    layers.MaxPooling2D,
    layers.ReLU,
)


@takes(kernel=floats("...", "channels", filled=True))
def channel_norms(kernel: Any) -> np.ndarray:
    """Add up the magnitudes of each output channel (Li and others 2017, section 3.1).

    Args:
        kernel: shape ``(..., channels)``.

    Returns:
        Float array of shape ``(channels,)``.
    """
    kernel = ops.convert_to_numpy(kernel)
    return np.abs(kernel).sum(axis=tuple(range(kernel.ndim - 1)))


@takes(model=model(), sparsity=either(real(), mapping(real())))
def channels_to_keep(
    model: keras.Model, sparsity: float | Mapping[str, float]
) -> dict[str, np.ndarray]:
    """Choose the strongest channels of each layer but the head.

    Args:
        model: a built ``Sequential`` of dense and convolutional layers and layers without weights.
        sparsity: share of the channels to drop, at least 0 and below 1, of each layer, or for each
            layer by name, the others staying whole. At least one channel is kept.

    Returns:
        For each layer's name the indices of the channels to keep, in increasing order.

    Raises:
        ValueError: a share is out of range, a layer is of another kind, or it is the head.
    """
    _check_layers(model)
    hidden = [x for x in kernel_layers(model) if not is_head(model, x)]
    shares = dict(sparsity) if isinstance(sparsity, Mapping) else {x.name: sparsity for x in hidden}
    _check_names(shares, hidden)
    found = {}
    for layer in hidden:
        share = shares.get(layer.name, 0.0)
        check_between("sparsity", share, 0, 1, open_end=True)
        norms = channel_norms(layer.kernel)
        count = max(len(norms) - round(share * len(norms)), 1)
        found[layer.name] = np.sort(np.argsort(-norms, kind="stable")[:count])
    return found


@takes(model=model(), keep=mapping(array(), 1, string()))
def mask_channels(model: keras.Model, keep: Mapping[str, np.ndarray]) -> keras.Model:
    """Return a copy in which all other channels are silent: kernel and bias at zero.

    The network is as large as before. It is what :func:`remove_channels` has to equal.

    Args:
        model: as for :func:`channels_to_keep`.
        keep: for each layer's name the channels to keep.

    Raises:
        ValueError: see :func:`remove_channels`.
    """
    _check_keep(model, keep)
    masked = copy_of(model)
    for layer in kernel_layers(masked, keep):
        mask = np.isin(np.arange(layer.kernel.shape[-1]), keep[layer.name])
        for variable in layer.trainable_variables + layer.non_trainable_variables:
            variable.assign(ops.convert_to_numpy(variable) * mask)
    return masked


@takes(model=model(), keep=mapping(array(), keys=string()))
def remove_channels(model: keras.Model, keep: Mapping[str, np.ndarray]) -> keras.Model:
    """Build the smaller network that computes what the masked one does.

    Args:
        model: a built ``Sequential`` of ``Dense`` and ``Conv2D`` layers and layers without
            weights. Activations must map 0 to 0, else a silent channel would still speak.
        keep: for each layer's name the indices of the output channels to keep, at least one. Layers
            that are not named keep all; the head cannot lose any.

    Returns:
        An uncompiled ``Sequential`` with fewer weights and fewer multiply-adds.

    Raises:
        ValueError: a layer is of another kind, an index does not exist, the head is named, or an
            activation does not map 0 to 0.
    """
    _check_keep(model, keep)
    small, weights = [keras.Input(model.input_shape[1:])], []
    reads: np.ndarray | None = None  # which of its input channels the next layer still has
    for layer in model.layers:
        config = layer.get_config()
        if hasattr(layer, "kernel"):
            kernel = ops.convert_to_numpy(layer.kernel)
            kernel = kernel if reads is None else np.take(kernel, reads, axis=-2)
            writes = np.sort(keep.get(layer.name, np.arange(kernel.shape[-1])))
            weights.append(kernel[..., writes])
            if layer.use_bias:
                weights.append(ops.convert_to_numpy(layer.bias)[writes])
            config["units" if "units" in config else "filters"] = len(writes)
            reads = None if len(writes) == kernel.shape[-1] else writes
        elif isinstance(layer, layers.Flatten) and reads is not None:
            places = np.arange(np.prod(layer.input.shape[1:])).reshape(layer.input.shape[1:])
            reads = places[..., reads].ravel()
        small.append(type(layer).from_config(config))
    smaller = keras.Sequential(small, name=model.name)
    smaller.set_weights(weights)
    return smaller


def _check_layers(model: keras.Model) -> None:
    for layer in model.layers:
        ok = isinstance(layer, _WEIGHTLESS) or type(layer) in (layers.Dense, layers.Conv2D)
        ok = ok and getattr(layer, "groups", 1) == 1
        ok = ok and getattr(layer, "data_format", None) != "channels_first"
        if not isinstance(model, keras.Sequential) or not ok:
            raise ValueError(
                "model must be a Sequential of Dense, Conv2D (channels last, one group), pooling, "
                f"Flatten, Dropout and Activation layers, but {layer.name} is a "
                f"{type(layer).__name__} in a {type(model).__name__}."
            )


def _check_names(names: Mapping[str, Any], hidden: list[keras.Layer]) -> None:
    unknown = sorted(set(names) - {layer.name for layer in hidden})
    if unknown:
        raise ValueError(
            "Channels can be dropped from the layers before the head, "
            f"{', '.join(layer.name for layer in hidden)}, but not from {', '.join(unknown)}."
        )


def _check_keep(model: keras.Model, keep: Mapping[str, np.ndarray]) -> None:
    _check_layers(model)
    _check_names(keep, [x for x in kernel_layers(model) if not is_head(model, x)])
    for layer in model.layers:
        activation = getattr(layer, "activation", None)
        at_zero = 0.0 if activation is None else ops.convert_to_numpy(activation(ops.zeros((1, 2))))
        if not is_head(model, layer) and np.any(at_zero):
            raise ValueError(
                f"The activation of {layer.name} must map 0 to 0, as ReLU and tanh do, so that a "
                "silent channel stays silent."
            )
        if layer.name in keep:
            chosen, count = np.asarray(keep[layer.name]), layer.kernel.shape[-1]
            whole = chosen.ndim == 1 and chosen.dtype.kind in "iu" and chosen.size > 0
            if not whole or chosen.min() < 0 or chosen.max() >= count or _repeats(chosen):
                raise ValueError(
                    f"keep[{layer.name!r}] must hold different channel indices from 0 to "
                    f"{count - 1}, at least one, but it is {keep[layer.name]!r}."
                )


def _repeats(values: np.ndarray) -> bool:
    return len(np.unique(values)) < len(values)
