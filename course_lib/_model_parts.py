"""Which part of a model is its head, and how is a model copied?"""

from __future__ import annotations

import keras
from keras import layers

__all__ = ["body_output", "copy_of", "is_head", "layers_up_to", "normalizations"]


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
    features = last.input if is_head(model, last) else model.output
    if isinstance(features, list) or len(features.shape) != 2:
        raise ValueError(
            "model must end in features of shape (batch, features), with a dense head or none, but "
            f"they are {features!r}. Add a GlobalAveragePooling2D layer."
        )
    return features


def layers_up_to(model: keras.Model, name: str) -> set[str]:
    """Return the names of a layer and of all layers that its output depends on."""
    return {layer.name for layer in keras.Model(model.inputs, named(model, name).output).layers}


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
