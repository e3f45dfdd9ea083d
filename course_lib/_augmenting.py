"""How does augmentation get into training, and does it do anything there?

The room beneath ``augmentation`` for what is not a change of images itself: the layer that applies
one, and the check that finds one that does nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from course_lib._checks import array, function, real, takes

__all__ = ["Augmented", "check_augmentation"]


class Augmented(keras.layers.Layer):
    """A layer that changes its inputs in training and passes them on as they are otherwise.

    Put it first in a model. Each batch of each epoch then gets new draws. The layer has no weights,
    so a model with it and one without can exchange theirs.

    Example::

        shaken = augmentation.Augmented(augmentation.rotate, seed=0, degrees=10)
        model = keras.Sequential([shaken, *network.layers])

    Args:
        function: takes ``images``, a ``keras.random.SeedGenerator`` and ``settings``, and returns
            images of the same shape.
        seed: a whole number to start the layer's generator from.
        **settings: further arguments of ``function``.
    """

    def __init__(
        self, function: Callable[..., Any], seed: int, name: str | None = None, **settings: Any
    ) -> None:
        """Keep the function, and make a generator that moves on at each call."""
        super().__init__(name=name, trainable=False)
        if not callable(function):
            raise ValueError(f"function must be callable, but it is {function!r}.")
        self.function, self.settings = function, settings
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, images: Any, training: bool = False) -> Any:
        """Change the images if ``training`` is true."""
        return self.function(images, self.generator, **self.settings) if training else images

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Return the shape that comes in."""
        return input_shape


@takes(function=function(), images=array(), least=real())
def check_augmentation(
    function: Callable[[Any], Any], images: np.ndarray, least: float = 0.002
) -> list[str]:
    """Look for the faults by which an augmentation silently does nothing, or does harm.

    Use it in a test: ``assert not check_augmentation(layer, images)``. It calls ``function`` twice
    on the images as they are and once on copies of the first one.

    Args:
        function: takes images and returns changed images, with new draws at each call; a layer is
            asked with ``training=True``.
        images: as they enter training, shape ``(batch, height, width, channels)``; where there are
            fewer than 32, they are repeated.
        least: the smallest mean change of a pixel that counts, as a share of the images' range of
            values.

    Returns:
        A sentence for each fault found; an empty list if there is none. The faults: another shape;
        values that are not finite, or farther outside the images' range than a tenth of it; next
        to no change; the same result at both calls; the same change for every image.

    Raises:
        ValueError: there are no images, or they hold a single value.
    """
    images = np.asarray(images)
    if images.ndim != 4 or not images.size or images.min() == images.max():
        raise ValueError(
            "images must have shape (batch, height, width, channels) and hold more than one value, "
            f"but their shape is {images.shape}."
        )
    images = np.resize(images, (max(32, len(images)), *images.shape[1:]))
    extra = {"training": True} if isinstance(function, keras.layers.Layer) else {}
    copies = np.repeat(images[:1], len(images), axis=0)
    first, second, alike = (
        np.asarray(ops.convert_to_numpy(function(x, **extra)), "float64")
        for x in (images, images, copies)
    )
    if first.shape != images.shape:
        return [f"The shape changes from {images.shape} to {first.shape}."]
    if not np.isfinite(first).all():
        return ["Some values are not finite."]
    low, high = float(images.min()), float(images.max())
    span, faults = high - low, []
    if first.min() < low - 0.1 * span or first.max() > high + 0.1 * span:
        faults.append(
            f"Values leave the range of the images, {low:.4g} to {high:.4g}: they go from "
            f"{first.min():.4g} to {first.max():.4g}. Does the function expect 0 to 255?"
        )
    if np.abs(first - images).mean() < least * span:
        return [*faults, "Next to nothing changes. Is it switched off, or too weak for this range?"]
    if np.array_equal(first, second):
        faults.append("Two calls give the same result. Is the seed a fixed number?")
    if np.abs(alike - alike[:1]).max() < 1e-6 * span:
        faults.append("Every image is changed in the same way. Draw for each image anew.")
    return faults
