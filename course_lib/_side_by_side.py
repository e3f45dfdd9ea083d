"""How does one train twenty small networks in the time of two? Put them side by side in one model.

A small network keeps a processor waiting: most of a step is spent on starting it. Networks of one
architecture can share each step. Their kernels (inputs, units) are stacked to one array (networks,
inputs, units), and one batched matrix product serves all. No network sees another's data, weights
or gradients, so each learns what it would have learned alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from course_lib._checks import array, floats, model, same_shape, sequence, takes, whole

__all__ = ["logits_side_by_side", "loss_side_by_side", "side_by_side"]


@takes(networks=sequence(model()))
def side_by_side(networks: Sequence[keras.Sequential]) -> keras.Sequential:
    """Make one model that holds several networks of one architecture, with their weights.

    Args:
        networks: built ``keras.Sequential`` models of ``Flatten``, ``Dense``, ``Dropout`` and
            ``Activation`` layers, alike but for their weights. They are copied, not changed.

    Returns:
        An uncompiled model from inputs ``(batch, networks, ...)``, a batch of its own for each
        network, to outputs ``(batch, networks, classes)``. Every weight has a first axis of
        networks. Activations, regularizers and dropout rates are the networks' own. Compile it
        with :func:`loss_side_by_side`.

    Raises:
        ValueError: there are no networks, they differ in architecture, or a layer is of another
            kind.
    """
    networks = list(networks)
    shapes = {tuple(tuple(w.shape) for w in network.weights) for network in networks}
    kinds = {tuple(type(layer).__name__ for layer in network.layers) for network in networks}
    if len(shapes) != 1 or len(kinds) != 1:
        raise ValueError(
            "networks must be at least one, all of the same layers and sizes, but there are "
            f"{len(networks)} networks of {len(shapes)} kinds."
        )
    first = networks[0]
    stack = [keras.Input((len(networks), *first.input_shape[1:]))]
    stack += [_widened(layer, len(networks)) for layer in first.layers]
    model = keras.Sequential(stack)
    several = [network.get_weights() for network in networks]
    model.set_weights([np.stack(weights) for weights in zip(*several, strict=True)])
    return model


@takes(
    same_shape("y", "logits"),
    y=floats("batch", "networks", "classes"),
    logits=floats("batch", "networks", "classes"),
)
def loss_side_by_side(y: Any, logits: Any) -> Any:
    """Compute the cross-entropy of each example, summed over networks.

    The sum makes each network's gradient the one it would have alone.

    Args:
        y: target probabilities, shape ``(batch, networks, classes)``.
        logits: outputs of a model from :func:`side_by_side`, of the same shape.

    Returns:
        Shape ``(batch,)``; Keras takes the mean.
    """
    return ops.sum(ops.categorical_crossentropy(y, logits, from_logits=True), axis=-1)


@takes(model=model(), x=array("examples", "...", filled=True), batch_size=whole(1))
def logits_side_by_side(
    model: keras.Sequential, x: np.ndarray, batch_size: int = 250
) -> np.ndarray:
    """Show the same examples to all networks of a model.

    Args:
        model: a model from :func:`side_by_side`.
        x: inputs, shape ``(examples, ...)``.
        batch_size: examples at a time.

    Returns:
        Outputs, array of shape ``(networks, examples, classes)``.

    Raises:
        ValueError: the inputs have another shape than the model's.
    """
    networks, *shape = model.input_shape[1:]
    if list(x.shape[1:]) != shape:
        raise ValueError(
            f"x must have shape (examples, {', '.join(map(str, shape))}), "
            f"but its shape is {x.shape}."
        )
    parts = []
    for start in range(0, len(x), batch_size):
        part = x[start : start + batch_size, None]
        shared = np.broadcast_to(part, (len(part), networks, *shape))
        parts.append(ops.convert_to_numpy(model(shared)))
    return np.concatenate(parts).swapaxes(0, 1)


def _widened(layer: keras.Layer, networks: int) -> keras.Layer:
    """Return a layer that does for each of several networks what ``layer`` does for one."""
    if isinstance(layer, layers.Flatten):
        return layers.Reshape((networks, -1))
    if isinstance(layer, layers.Dense):
        return layers.EinsumDense(
            "bni,nio->bno",
            output_shape=(networks, layer.units),
            bias_axes="no" if layer.use_bias else None,
            activation=layer.activation,
            kernel_regularizer=layer.kernel_regularizer,
            bias_regularizer=layer.bias_regularizer,
        )
    if isinstance(layer, layers.Dropout | layers.Activation):
        return type(layer).from_config(layer.get_config() | {"name": None})
    raise ValueError(
        f"Layer {layer.name!r} is a {type(layer).__name__}; side_by_side knows Flatten, Dense, "
        "Dropout and Activation."
    )
