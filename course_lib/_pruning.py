"""Which weights can go? The smallest, layer by layer or all in one contest.

Serves the chapter ``compute/compression``. Reference: Han and others (2015), "Learning both Weights
and Connections for Efficient Neural Networks".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from course_lib._checks import (
    array,
    check_between,
    either,
    function,
    mapping,
    model,
    real,
    sequence,
    string,
    takes,
)
from course_lib._model_parts import copy_of

__all__ = [
    "check_scope",
    "each_layer",
    "finite_weights",
    "global_masks",
    "in_batches",
    "kept",
    "kernel_layers",
    "kernel_masks",
    "magnitude_mask",
    "prune_model",
    "sensitivity",
]


def finite_weights(weights: Any, name: str = "weights") -> np.ndarray:
    """Return weights as a NumPy array after checking that there are some and all are finite."""
    array = ops.convert_to_numpy(weights)
    if array.size == 0 or array.dtype.kind not in "fiu" or not np.isfinite(array).all():
        raise ValueError(
            f"{name} must be finite numbers and at least one, but it is {array.dtype} of shape "
            f"{array.shape}{'' if array.size == 0 else ' and may hold NaN or infinite values'}."
        )
    return array


@takes(weights=array(finite=False), sparsity=real())
def magnitude_mask(weights: Any, sparsity: float) -> np.ndarray:
    """Mark the weights to keep: those of largest magnitude (Han and others 2015, section 3).

    Chapter equation ``eq-compression-mask``. Exactly ``round(sparsity * weights.size)`` weights
    are dropped. Among equal magnitudes the first ones in memory order are kept, so the number is
    exact with ties, too.

    Args:
        weights: finite numbers of any shape.
        sparsity: share to drop, from 0 to 1.

    Returns:
        Bool array of the shape of ``weights``: True where a weight is kept.

    Raises:
        ValueError: ``weights`` is empty or not finite, or ``sparsity`` is outside 0 to 1.
    """
    weights = finite_weights(weights)
    check_between("sparsity", sparsity, 0, 1)
    magnitudes = np.abs(weights).ravel()
    keep = magnitudes.size - round(float(sparsity) * magnitudes.size)
    mask = np.zeros(magnitudes.size, bool)
    mask[np.argsort(-magnitudes, kind="stable")[:keep]] = True
    return mask.reshape(weights.shape)


@takes(several=sequence(array(finite=False)), sparsity=real())
def global_masks(several: Sequence[Any], sparsity: float) -> list[np.ndarray]:
    """Mark the weights to keep in several arrays that compete with each other.

    Args:
        several: arrays of finite numbers.
        sparsity: share of *all* weights to drop, from 0 to 1. Each array may lose more or less.

    Returns:
        One mask for each array, as :func:`magnitude_mask` gives them.

    Raises:
        ValueError: see :func:`magnitude_mask`; or there is no array.
    """
    arrays = [finite_weights(array, "several") for array in several]
    if not arrays:
        raise ValueError("several must hold at least one array, but it is empty.")
    mask = magnitude_mask(np.concatenate([array.ravel() for array in arrays]), sparsity)
    parts = np.split(mask, np.cumsum([array.size for array in arrays])[:-1])
    return [part.reshape(array.shape) for part, array in zip(parts, arrays, strict=True)]


def kernel_layers(model: keras.Model, names: Iterable[str] | None = None) -> list[keras.Layer]:
    """Return the layers that have a kernel, all or those named, in the model's order.

    Raises:
        ValueError: a name is not that of a layer with a kernel, or there is none at all.
    """
    layers = {layer.name: layer for layer in model.layers if hasattr(layer, "kernel")}
    chosen = list(layers) if names is None else list(names)
    unknown = sorted(set(chosen) - set(layers))
    if unknown or not chosen:
        raise ValueError(
            f"layers must name layers with a kernel ({', '.join(layers) or 'there are none'}), "
            f"but {', '.join(unknown) or 'no layer'} was given."
        )
    return [layers[name] for name in layers if name in chosen]


def each_layer(model: keras.Model, setting: Any) -> list[tuple[keras.Layer, Any]]:
    """Pair layers that have a kernel with their settings: one for all, or some by layer name.

    Raises:
        ValueError: see :func:`kernel_layers`.
    """
    if not isinstance(setting, Mapping):
        return [(layer, setting) for layer in kernel_layers(model)]
    return [(layer, setting[layer.name]) for layer in kernel_layers(model, setting)]


def check_scope(scope: str, sparsity: float | Mapping[str, float]) -> None:
    """Raise unless kernels are pruned each by itself, or all by one number in one contest."""
    if scope not in ("layer", "global") or (scope == "global" and isinstance(sparsity, Mapping)):
        raise ValueError(
            "scope must be 'layer' or, with one number as sparsity, 'global', but scope is "
            f"{scope!r} and sparsity {sparsity!r}."
        )


def kernel_masks(
    kernels: Sequence[np.ndarray], shares: Sequence[float], scope: str
) -> list[np.ndarray]:
    """Mark the weights to keep of kernels by themselves, or in one contest by the common share."""
    if scope == "global":
        return global_masks(kernels, shares[0])
    return [magnitude_mask(*pair) for pair in zip(kernels, shares, strict=True)]


def in_batches(model: keras.Model | keras.Layer, x: np.ndarray, batch_size: int) -> np.ndarray:
    """Call a model with one output on batches of inputs, as in use, without compiling it."""
    starts = range(0, len(x), batch_size)
    parts = [model(x[start : start + batch_size], training=False) for start in starts]
    return np.concatenate([ops.convert_to_numpy(part) for part in parts])


@takes(model=model(), sparsity=either(real(), mapping(real())), scope=string())
def prune_model(
    model: keras.Model, sparsity: float | Mapping[str, float], scope: str = "layer"
) -> keras.Model:
    """Return a copy of a model with its smallest weights at zero; biases stay.

    Args:
        model: a built functional or sequential model.
        sparsity: share of each kernel to drop, from 0 to 1; or a share for each layer by name, the
            other layers staying whole.
        scope: ``"layer"`` drops the same share of every kernel; ``"global"`` lets all kernels
            compete, so that the share holds over all of them.

    Returns:
        An uncompiled copy; ``model`` stays as it is.

    Raises:
        ValueError: a share is outside 0 to 1, a layer has no kernel, or ``scope`` is unknown.
    """
    check_scope(scope, sparsity)
    pruned = copy_of(model)
    layers, shares = zip(*each_layer(pruned, sparsity), strict=True)
    kernels = [ops.convert_to_numpy(layer.kernel) for layer in layers]
    masks = kernel_masks(kernels, shares, scope)
    for layer, kernel, mask in zip(layers, kernels, masks, strict=True):
        layer.kernel.assign(kernel * mask)
    return pruned


@takes(model=model())
def kept(model: keras.Model) -> dict[str, float]:
    """Return the share of each layer's kernel that is not zero, by layer name."""
    return {
        layer.name: float(np.mean(ops.convert_to_numpy(layer.kernel) != 0))
        for layer in kernel_layers(model)
    }


@takes(model=model(), score=function(), sparsities=sequence(real(0, 1)))
def sensitivity(
    model: keras.Model, score: Callable[[keras.Model], float], sparsities: Sequence[float]
) -> dict[str, np.ndarray]:
    """Prune one layer at a time and score the model: which layer can spare its weights?

    Args:
        model: a built functional or sequential model.
        score: takes a model and returns a number, such as its accuracy.
        sparsities: shares to drop, each from 0 to 1.

    Returns:
        For each layer with a kernel the scores, float array of shape ``(sparsities,)``.

    Raises:
        ValueError: a share is outside 0 to 1, or no layer has a kernel.
    """
    trial, found = copy_of(model), {}
    for layer in kernel_layers(trial):
        whole = ops.convert_to_numpy(layer.kernel)
        scores = []
        for sparsity in sparsities:
            layer.kernel.assign(whole * magnitude_mask(whole, sparsity))
            scores.append(float(score(trial)))
        layer.kernel.assign(whole)
        found[layer.name] = np.array(scores)
    return found
