"""Boxes cut out of images, or pasted into others. A room beneath ``augmentation``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from course_lib._checks import array, check_between, check_whole, floats, real, shape_of, takes
from course_lib._draws import Seed, float_tensor, seeds, uniform
from course_lib._warping import as_images

__all__ = ["cutmix", "cutout"]


@takes(images=array(filled=True), fill=real())
def cutout(images: Any, seed: Seed, size: int = 8, fill: float = 0.0) -> Any:
    """Cover a square of each image, after DeVries and Taylor (2017).

    The square's middle is drawn evenly over the image, so a part of it may lie outside.

    Args:
        images: shape ``(batch, height, width, channels)``, floating point.
        seed: a whole number repeats the draw; a ``keras.random.SeedGenerator`` draws anew.
        size: side of the square in pixels, a whole number from 0 on.
        fill: its brightness.

    Returns:
        Tensor of the shape of ``images``.

    Raises:
        ValueError: ``images`` are not floating point or have not four axes, ``size`` is not a
            whole number from 0 on, or ``seed`` is neither number nor generator.
    """
    images = as_images(images)
    check_whole("size", size)
    covered = _boxes(images, seed, size, size)
    return ops.where(covered, ops.cast(fill, images.dtype), images)


def _targets_fit(given: Mapping[str, Any]) -> None:
    shape = shape_of(given["y"])
    if shape is not None and len(shape) != 2:
        raise ValueError(
            f"y must be probabilities of shape (batch, classes), but its shape is {shape}. Turn "
            "class indices into probabilities first: one_hot."
        )


@takes(
    _targets_fit,
    x=floats("batch", "height", "width", "channels", filled=True),
    y=array(filled=True),
)
def cutmix(x: Any, y: Any, alpha: float, seed: Seed) -> tuple[Any, Any]:
    """Paste a box of another image into each image, and mix their targets by area.

    Chapter equation ``eq-augmentation-cutmix`` (Yun and others 2019, equations 1 and 2). The
    share that an image means to keep is drawn from a Beta distribution with both parameters
    ``alpha``, here for each image anew. The box may lie partly outside; its target counts the
    pixels that it really covers.

    Args:
        x: images, shape ``(batch, height, width, channels)``, floating point.
        y: targets as probabilities, floating point, shape ``(batch, classes)``.
        alpha: above 0; the paper takes 1, where all shares are equally likely.
        seed: a whole number repeats the draw; a ``keras.random.SeedGenerator`` draws anew.

    Returns:
        Mixed images and mixed targets, of the shapes of ``x`` and ``y``.

    Raises:
        ValueError: ``alpha`` is not above 0, ``x`` or ``y`` are not floating point or differ in
            length, or ``seed`` is neither number nor generator.
    """
    check_between("alpha", alpha, 0, np.inf, open_start=True)
    x = as_images(x)
    y = float_tensor(y, "y", "Turn class indices into probabilities first: one_hot.")
    if x.shape[0] != y.shape[0]:
        raise ValueError(
            f"x and y must hold equally many examples, but hold {x.shape[0]} and {y.shape[0]}."
        )
    order_seed, share_seed, box_seed = seeds(seed, 3)
    count, (height, width) = ops.shape(x)[0], x.shape[1:3]
    partners = keras.random.shuffle(ops.arange(count), seed=order_seed)
    side = ops.sqrt(1 - keras.random.beta((count,), alpha, alpha, seed=share_seed))
    pasted = _boxes(x, box_seed, ops.round(side * height), ops.round(side * width))
    share = ops.mean(ops.cast(pasted, y.dtype), axis=(1, 2))  # (batch, 1)
    mixed = ops.where(pasted, ops.take(x, partners, axis=0), x)
    return mixed, (1 - share) * y + share * ops.take(y, partners, axis=0)


def _boxes(images: Any, seed: Seed, height: Any, width: Any) -> Any:
    """Mark a box at a random place: true inside, shape (batch, height, width, 1)."""
    rows, columns = images.shape[1:3]
    middles = uniform(images, seed, [(0, rows), (0, columns)])
    inside = []
    for middle, size, length in zip(middles, (height, width), (rows, columns), strict=True):
        size = ops.cast(size, "float32")
        start = (ops.floor(middle) - ops.floor(size / 2))[:, None]
        place = np.arange(length, dtype="float32")[None]
        inside.append((place >= start) & (place < start + ops.reshape(size, (-1, 1))))
    return (inside[0][:, :, None] & inside[1][:, None, :])[..., None]
