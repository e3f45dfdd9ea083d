"""How is a model cut, copied, frozen and given a new head?

Serves the chapter ``data/transfer_learning``. Every function leaves the model it gets as it is.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from course_lib._checks import check_whole, model, string, takes, whole

__all__ = [
    "copy_of",
    "feature_extractor",
    "freeze",
    "is_head",
    "normalizations",
    "replace_head",
]


@takes(model=model(), until=string())
def freeze(model: keras.Model, until: str | None = None) -> keras.Model:
    """Return a copy of a model in which the first layers no longer learn.

    A frozen batch normalization also stops following its batches: in Keras ``trainable = False``
    makes it use its stored mean and variance, even in ``fit``.

    Args:
        model: a built functional or sequential model.
        until: name of the last layer to freeze; it and all that its output depends on are frozen.
            None freezes every layer.

    Returns:
        An uncompiled copy; ``model`` stays as it is.

    Raises:
        ValueError: there is no layer of that name.
    """
    frozen = copy_of(model)
    chosen = {x.name for x in frozen.layers} if until is None else layers_up_to(frozen, until)
    for layer in frozen.layers:
        if layer.name in chosen:
            layer.trainable = False
    return frozen


@takes(model=model(), num_classes=whole(2), seed=whole())
def replace_head(model: keras.Model, num_classes: int, seed: int = 0) -> keras.Model:
    """Return a copy of a model with a fresh dense layer for another set of classes.

    Args:
        model: ends in a dense layer, which is left out, or in features of shape
            ``(batch, features)``.
        num_classes: number of the new classes, at least 2.
        seed: for the new layer's initial kernel.

    Returns:
        An uncompiled model whose last layer, ``"head"``, gives **logits** of shape
        ``(batch, num_classes)``. All other layers keep their names, weights and what was frozen.

    Raises:
        ValueError: ``num_classes`` is below 2, or the model ends otherwise.
    """
    check_whole("num_classes", num_classes, 2)
    check_whole("seed", seed, 0)
    body = copy_of(model)
    start = keras.initializers.GlorotUniform(int(seed))
    head = layers.Dense(int(num_classes), kernel_initializer=start, name="head")
    return keras.Model(input_of(body), head(body_output(body)), name=model.name)


@takes(model=model(), layer=string(), positions=whole(1))
def feature_extractor(
    model: keras.Model, layer: str | None = None, positions: int = 1
) -> keras.Model:
    """Cut a model at a layer and return its first part, which shares the model's weights.

    Args:
        model: a built functional or sequential model.
        layer: name of the layer whose output is wanted; None means what goes into the head.
        positions: feature maps are averaged over ``positions`` by ``positions`` tiles; 1 averages
            over the whole map, as global average pooling does.

    Returns:
        A model from inputs to features, shape ``(batch, features)``: for feature maps
        ``positions**2 * channels``.

    Raises:
        ValueError: there is no such layer, its output has another form, or ``positions`` is below
            1 or more than the map has pixels on a side.
    """
    output = body_output(model) if layer is None else named(model, layer).output
    if len(output.shape) == 2:
        return keras.Model(input_of(model), output)
    check_whole("positions", positions, 1)
    if len(output.shape) != 4 or positions > min(output.shape[1:3]):
        raise ValueError(
            f"Layer {layer!r} must give feature maps of at least positions = {positions} pixels a "
            f"side, or a vector for each example, but its output has shape {output.shape}."
        )
    tile = tuple(-(-side // positions) for side in output.shape[1:3])
    maps = layers.AveragePooling2D(tile, padding="same")(output)
    return keras.Model(input_of(model), layers.Flatten()(maps))


def copy_of(model: keras.Model) -> keras.Model:
    """Return an uncompiled copy with weights of its own, frozen where the model is frozen."""
    copied = keras.models.clone_model(model)
    copied.set_weights(model.get_weights())
    for new, old in zip(copied.layers, model.layers, strict=True):
        new.trainable = old.trainable
        for ours, theirs in zip(new.variables, old.variables, strict=True):
            ours.trainable = theirs.trainable
    return copied


def is_head(model: keras.Model, layer: keras.Layer) -> bool:
    """Say whether a layer is the dense layer at the end of a model."""
    return isinstance(layer, layers.Dense) and layer is model.layers[-1]


def body_output(model: keras.Model) -> keras.KerasTensor:
    """Return what goes into the head; where there is none, what comes out of the model."""
    last = model.layers[-1]
    features = last.input if is_head(model, last) else model.outputs[0]
    if len(model.outputs) > 1 or len(features.shape) != 2:
        raise ValueError(
            "model must end in features of shape (batch, features), with a dense head or none, but "
            f"they are {features!r}. Add a GlobalAveragePooling2D layer."
        )
    return features


def input_of(model: keras.Model) -> Any:
    """Return the input, not in a list where there is only one."""
    return model.inputs[0] if len(model.inputs) == 1 else model.inputs


def layers_up_to(model: keras.Model, name: str) -> set[str]:
    """Return the names of a layer and of all layers that its output depends on."""
    return {layer.name for layer in keras.Model(input_of(model), named(model, name).output).layers}


def named(model: keras.Model, name: str) -> keras.Layer:
    """Return the layer of a name, or raise a ValueError that lists the names there are."""
    found = [layer for layer in model.layers if layer.name == name]
    if not found:
        names = ", ".join(layer.name for layer in model.layers)
        raise ValueError(f"The model has no layer {name!r}. Its layers: {names}.")
    return found[0]


def normalizations(model: keras.Model) -> list[layers.BatchNormalization]:
    """Return the batch normalizations of a model."""
    return [layer for layer in model.layers if isinstance(layer, layers.BatchNormalization)]
