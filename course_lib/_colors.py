"""Other light, other camera: changes of brightness. A room beneath ``augmentation``."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from course_lib._checks import array, check_between, real, takes
from course_lib._draws import Seed, seeds, uniform, wide
from course_lib._warping import as_images

__all__ = ["LUMINANCE", "add_noise", "as_brightness", "color_jitter"]

LUMINANCE = (0.299, 0.587, 0.114)  # of red, green and blue: ITU-R BT.601


@takes(images=array(filled=True))
def color_jitter(
    images: Any,
    seed: Seed,
    brightness: float = 0.2,
    contrast: float = 0.2,
    saturation: float = 0.2,
) -> Any:
    """Change each image's brightness, contrast and saturation by its own amounts.

    In this order: add a number to all pixels; stretch each channel about its mean; stretch the
    channels of each pixel about its gray. At the end all is cut to 0..1. An image of one channel
    has no saturation.

    Args:
        images: brightness from 0 to 1, shape ``(batch, height, width, channels)``.
        seed: a whole number repeats the draw; a ``keras.random.SeedGenerator`` draws anew.
        brightness: the added number is drawn evenly from ``-brightness`` to ``brightness``.
        contrast: the factor is drawn from ``1 - contrast`` to ``1 + contrast``; from 0 to 1.
        saturation: likewise; from 0 to 1.

    Returns:
        Tensor of the shape of ``images``.

    Raises:
        ValueError: ``images`` are not floating point, have not four axes, or are an array with
            values outside 0..1; an amount is out of range; or ``seed`` is neither number nor
            generator.
    """
    images = as_brightness(images)
    amounts = {"brightness": brightness, "contrast": contrast, "saturation": saturation}
    for name, amount in amounts.items():
        check_between(name, amount, 0, 1)
    draws = uniform(images, seed, [(-amount, amount) for amount in amounts.values()])
    added, stretch, vividness = (ops.cast(wide(draw), images.dtype) for draw in draws)
    images = ops.clip(images + added, 0, 1)
    mean = ops.mean(images, axis=(1, 2), keepdims=True)
    images = mean + (1 + stretch) * (images - mean)
    if images.shape[-1] == 3:
        weights = ops.convert_to_tensor(LUMINANCE, images.dtype)
        gray = ops.sum(weights * images, axis=-1, keepdims=True)
        images = gray + (1 + vividness) * (images - gray)
    return ops.clip(images, 0, 1)


@takes(images=array(filled=True), deviation=real())
def add_noise(images: Any, seed: Seed, deviation: float = 0.1) -> Any:
    """Add an independent normal number to each pixel, and cut to 0..1 as a camera does.

    Args:
        images: brightness from 0 to 1, shape ``(batch, height, width, channels)``.
        seed: a whole number repeats the draw; a ``keras.random.SeedGenerator`` draws anew.
        deviation: standard deviation of the noise, at least 0.

    Returns:
        Tensor of the shape of ``images``. (Cutting lifts the mean of black pixels.)

    Raises:
        ValueError: as :func:`color_jitter`.
    """
    images = as_brightness(images)
    check_between("deviation", deviation, 0, np.inf)
    (seed,) = seeds(seed, 1)
    noise = keras.random.normal(ops.shape(images), stddev=deviation, dtype=images.dtype, seed=seed)
    return ops.clip(images + noise, 0, 1)


def as_brightness(images: Any) -> Any:
    """Return images as a tensor; where they are an array, check that they lie in 0..1."""
    if isinstance(images, np.ndarray) and images.dtype.kind == "f" and images.size:
        low, high = images.min(), images.max()
        if not (low >= 0 and high <= 1):
            raise ValueError(
                f"images must have brightness from 0 to 1, but they go from {low:.4g} to "
                f"{high:.4g}. Divide by their largest possible value first."
            )
    return as_images(images)
