"""Which changes of an input leave its label alone, and what is it worth to tell the model?

Serves the chapter ``data/augmentation``. Each function changes a batch of images, each image in its
own random way. A function that takes ``images`` and a ``seed`` is all that :class:`Augmented` needs
to put the change into a network, active in training alone, and all that
:func:`check_augmentation` needs to find out whether anything happens at all.

Images have shape ``(batch, height, width, channels)`` and brightness from 0 to 1. Random numbers
are drawn for each image anew. A whole number as ``seed`` draws the same ones at every call; a
``keras.random.SeedGenerator`` draws new ones each time, and that is what training needs.

Main references: Krizhevsky, Sutskever and Hinton (2012) for crops, flips and colors; DeVries and
Taylor (2017) for cutout; Yun and others (2019) for CutMix; Cubuk and others (2020) for RandAugment.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from course_lib._augmenting import Augmented, check_augmentation
from course_lib._boxes import cutmix, cutout
from course_lib._checks import (
    array,
    check_between,
    check_whole,
    either,
    function,
    real,
    sequence,
    string,
    takes,
)
from course_lib._colors import add_noise, as_brightness, color_jitter
from course_lib._draws import Seed, seeds, uniform, wide
from course_lib._warping import affine, as_images, rotate_by, take_pixels, translate_by
from course_lib.regularization import mixup

__all__ = [
    "OPERATIONS",
    "Augmented",
    "add_noise",
    "check_augmentation",
    "color_jitter",
    "crop_and_pad",
    "cutmix",
    "cutout",
    "flip",
    "mixup",
    "random_augment",
    "rotate",
    "rotate_by",
    "translate",
    "translate_by",
]


@takes(images=array(filled=True), direction=string())
def flip(images: Any, seed: Seed, direction: str = "horizontal", rate: float = 0.5) -> Any:
    """Mirror some of the images.

    Args:
        images: shape ``(batch, height, width, channels)``, floating point.
        seed: a whole number repeats the draw; a ``keras.random.SeedGenerator`` draws anew.
        direction: ``"horizontal"`` swaps left and right, ``"vertical"`` top and bottom.
        rate: probability that an image is mirrored, from 0 to 1.

    Returns:
        Tensor of the shape of ``images``.

    Raises:
        ValueError: ``images`` are not floating point or have not four axes, ``direction`` or
            ``rate`` is not one of the above, or ``seed`` is neither number nor generator.
    """
    images = as_images(images)
    axes = {"horizontal": 2, "vertical": 1}
    if direction not in axes:
        raise ValueError(f'direction must be "horizontal" or "vertical", but it is {direction!r}.')
    check_between("rate", rate, 0, 1)
    (draw,) = uniform(images, seed, [(0, 1)])
    return ops.where(wide(draw < rate), ops.flip(images, axis=axes[direction]), images)


@takes(images=array(filled=True), fill=real())
def rotate(images: Any, seed: Seed, degrees: float = 15.0, fill: float = 0.0) -> Any:
    """Turn each image by its own angle, drawn evenly from ``-degrees`` to ``degrees``.

    Args:
        images: shape ``(batch, height, width, channels)``, floating point.
        seed: as in :func:`flip`.
        degrees: the largest angle, from 0 to 180. (Keras's ``RandomRotation`` counts in whole
            turns: its ``factor`` is ``degrees / 360``.)
        fill: brightness of what comes in from outside.

    Returns:
        Tensor of the shape of ``images``.

    Raises:
        ValueError: as :func:`flip`, or ``degrees`` is out of range.
    """
    images = as_images(images)
    check_between("degrees", degrees, 0, 180)
    (angle,) = uniform(images, seed, [(-degrees, degrees)])
    return rotate_by(images, angle, fill)


@takes(images=array(filled=True), fill=real())
def translate(images: Any, seed: Seed, pixels: float = 2.0, fill: float = 0.0) -> Any:
    """Shift each image by its own distances, drawn evenly from ``-pixels`` to ``pixels``.

    Args:
        images: shape ``(batch, height, width, channels)``, floating point.
        seed: as in :func:`flip`.
        pixels: the largest shift along each axis, at least 0. Fractions of a pixel are
            interpolated, which blurs a little; :func:`crop_and_pad` does not. (Keras's
            ``RandomTranslation`` takes shares of the height and width instead.)
        fill: brightness of what comes in from outside.

    Returns:
        Tensor of the shape of ``images``.

    Raises:
        ValueError: as :func:`flip`, or ``pixels`` is out of range.
    """
    images = as_images(images)
    check_between("pixels", pixels, 0, np.inf)
    down, right = uniform(images, seed, 2 * [(-pixels, pixels)])
    return translate_by(images, down, right, fill)


@takes(images=array(filled=True), fill=real())
def crop_and_pad(images: Any, seed: Seed, padding: int = 4, fill: float = 0.0) -> Any:
    """Add a margin, and cut a window of the old size out at a random place.

    A shift by whole pixels, so nothing is blurred.

    Args:
        images: shape ``(batch, height, width, channels)``, floating point.
        seed: as in :func:`flip`.
        padding: pixels of margin at each edge, a whole number from 0 on.
        fill: brightness of the margin.

    Returns:
        Tensor of the shape of ``images``.

    Raises:
        ValueError: as :func:`flip`, or ``padding`` is not a whole number from 0 on.
    """
    images = as_images(images)
    check_whole("padding", padding)
    height, width, channels = images.shape[1:]
    margins = [(0, 0), (padding, padding), (padding, padding), (0, 0)]
    padded = ops.pad(images, margins, constant_values=fill)
    top, left = (ops.floor(u) for u in uniform(images, seed, 2 * [(0, 2 * padding + 1)]))
    inside = np.arange(height)[:, None] * (width + 2 * padding) + np.arange(width)
    corner = ops.cast(top * (width + 2 * padding) + left, "int32")[:, None]
    window = take_pixels(padded, corner + inside.reshape(1, -1).astype("int32"))
    return ops.reshape(window, (-1, height, width, channels))


def _shear(images: Any, seed: Seed, share: float) -> Any:
    """Slant each image sideways: rows move right by up to ``share`` of their height above."""
    (slant,) = uniform(images, seed, [(-share, share)])
    zero, one = ops.zeros_like(slant), ops.ones_like(slant)
    return affine(images, ((one, zero), (slant, one)), (zero, zero))


def _brighten(images: Any, seed: Seed, amount: float) -> Any:
    return color_jitter(images, seed, brightness=amount, contrast=0, saturation=0)


def _stretch(images: Any, seed: Seed, amount: float) -> Any:
    return color_jitter(images, seed, brightness=0, contrast=amount, saturation=amount)


OPERATIONS: dict[str, Callable[[Any, Seed, float], Any]] = {
    "identity": lambda images, seed, magnitude: images,
    "rotate": lambda images, seed, magnitude: rotate(images, seed, 30 * magnitude),
    "shear": lambda images, seed, magnitude: _shear(images, seed, 0.3 * magnitude),
    "translate": lambda images, seed, magnitude: translate(
        images, seed, 0.3 * magnitude * images.shape[1]
    ),
    "brightness": lambda images, seed, magnitude: _brighten(images, seed, 0.5 * magnitude),
    "contrast": lambda images, seed, magnitude: _stretch(images, seed, 0.9 * magnitude),
    "noise": lambda images, seed, magnitude: add_noise(images, seed, 0.2 * magnitude),
    "cutout": lambda images, seed, magnitude: cutout(
        images, seed, round(0.5 * magnitude * images.shape[1])
    ),
}
"""What :func:`random_augment` chooses from: name to function of images, seed and magnitude.

:meta hide-value:
"""


@takes(images=array(filled=True), operations=sequence(either(string(), function())))
def random_augment(
    images: Any,
    seed: Seed,
    operations: Sequence[str | Callable[[Any, Seed, float], Any]] = tuple(OPERATIONS),
    num_operations: int = 2,
    magnitude: float = 0.5,
) -> Any:
    """Do a few operations, chosen at random, to each image, after Cubuk and others (2020).

    Two numbers are left to tune: how many operations, and how strong. Two things differ from the
    paper's RandAugment: the operations are ours, and the strength of each is drawn evenly up to
    its largest instead of being the largest. In each round the batch is dealt out to the
    operations at random, in equal shares; so all shapes are fixed, and it compiles anywhere.

    Args:
        images: brightness from 0 to 1, shape ``(batch, height, width, channels)``.
        seed: as in :func:`flip`.
        operations: names out of ``OPERATIONS``, or functions ``(images, seed, magnitude)``.
        num_operations: how many are done to each image, one after the other; the same one may come
            twice.
        magnitude: share of the strongest form of each operation, from 0 to 1.

    Returns:
        Tensor of the shape of ``images``.

    Raises:
        ValueError: as :func:`color_jitter`; there are no operations, or one is unknown.
    """
    images = as_brightness(images)
    check_whole("num_operations", num_operations)
    check_between("magnitude", magnitude, 0, 1)
    unknown = [name for name in operations if not callable(name) and name not in OPERATIONS]
    if not len(operations) or unknown:
        raise ValueError(
            f"operations must be names out of {', '.join(OPERATIONS)} or functions, at least one, "
            f"but they are {operations!r}."
        )
    functions = [name if callable(name) else OPERATIONS[name] for name in operations]
    several = seeds(seed, num_operations * (len(functions) + 1))
    count = ops.shape(images)[0]
    share = -(-count // len(functions))  # rounded up: the last places hold images a second time
    for _ in range(num_operations):
        order = keras.random.shuffle(ops.arange(share * len(functions)), seed=several.pop())
        dealt = ops.take(images, order % count, axis=0)
        changed = [
            function(dealt[number * share : (number + 1) * share], several.pop(), magnitude)
            for number, function in enumerate(functions)
        ]
        images = ops.take(ops.concatenate(changed), ops.argsort(order)[:count], axis=0)
    return images
