"""Where did each pixel of a turned or shifted image come from? The room beneath ``augmentation``.

An affine map is written backwards: for each pixel of the *result* it says where in the source to
look. There the brightness is interpolated between the four nearest pixels. Beyond the border lies
``fill``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from course_lib._checks import array, real, takes
from course_lib._draws import float_tensor

__all__ = ["affine", "as_images", "rotate_by", "take_pixels", "translate_by"]


def as_images(images: Any) -> Any:
    """Return images as a tensor, or say what is wrong with their type or shape."""
    hint = "Scale uint8 images to 0..1 first: training.scale_images."
    images = float_tensor(images, "images", hint)
    if len(images.shape) != 4:
        raise ValueError(
            "images must have shape (batch, height, width, channels), but their shape is "
            f"{tuple(images.shape)}. Add axes for one image or one channel: x[None, :, :, None]."
        )
    if None in tuple(images.shape)[1:]:
        raise ValueError(
            "images must have a height, width and number of channels that are known when a "
            f"function is compiled, but their shape is {tuple(images.shape)}. Compile anew for "
            "images of another size."
        )
    return images


@takes(images=array(filled=True), degrees=array(), fill=real())
def rotate_by(images: Any, degrees: Any, fill: float = 0.0) -> Any:
    """Turn each image by a given angle about its middle (chapter equation ``eq-augmentation-map``).

    Args:
        images: shape ``(batch, height, width, channels)``, floating point.
        degrees: the angle, counterclockwise as you see it: one number or one for each image.
        fill: brightness of what comes in from outside.

    Returns:
        Tensor of the shape of ``images``; the corners of the source are cut off.

    Raises:
        ValueError: ``images`` are not floating point or have not four axes, or there are not as
            many angles as images.
    """
    images = as_images(images)
    angle = _one_each(degrees, images, "degrees") * (np.pi / 180)
    sine, cosine = ops.sin(angle), ops.cos(angle)
    nowhere = ops.zeros_like(angle)
    return affine(images, ((cosine, sine), (-sine, cosine)), (nowhere, nowhere), fill)


@takes(images=array(filled=True), down=array(), right=array(), fill=real())
def translate_by(images: Any, down: Any, right: Any, fill: float = 0.0) -> Any:
    """Shift each image by given distances (chapter equation ``eq-augmentation-map``).

    Args:
        images: shape ``(batch, height, width, channels)``, floating point.
        down: pixels downward, one number or one for each image; fractions are interpolated.
        right: pixels to the right, likewise.
        fill: brightness of what comes in from outside.

    Returns:
        Tensor of the shape of ``images``.

    Raises:
        ValueError: as :func:`rotate_by`.
    """
    images = as_images(images)
    down, right = _one_each(down, images, "down"), _one_each(right, images, "right")
    one, zero = ops.ones_like(down), ops.zeros_like(down)
    return affine(images, ((one, zero), (zero, one)), (-down, -right), fill)


def affine(
    images: Any,
    matrix: tuple[tuple[Any, Any], tuple[Any, Any]],
    offset: tuple[Any, Any],
    fill: float = 0.0,
) -> Any:
    """Look up each pixel of the result at ``matrix @ place + offset`` in the source.

    Chapter equation ``eq-augmentation-map``. Places are (row, column) in pixels, counted from the
    middle of the image. (Jaderberg and others 2015, equation 1, in pixels.)

    Args:
        images: shape ``(batch, height, width, channels)``, floating point tensor.
        matrix: two rows of two numbers, each a tensor of shape ``(batch,)``.
        offset: rows and columns to add, each of shape ``(batch,)``.
        fill: brightness of what comes in from outside.

    Returns:
        Tensor of the shape of ``images``.
    """
    height, width = images.shape[1:3]
    middle = (height - 1) / 2, (width - 1) / 2
    down = np.repeat(np.arange(height, dtype="float32") - middle[0], width)[None]
    right = np.tile(np.arange(width, dtype="float32") - middle[1], height)[None]
    places = [
        a[:, None] * down + b[:, None] * right + shift[:, None] + start  # (batch, pixels)
        for (a, b), shift, start in zip(matrix, offset, middle, strict=True)
    ]
    return _interpolate(images, *places, fill)


def take_pixels(images: Any, places: Any) -> Any:
    """Pick pixels by number, ``row * width + column``: (batch, n) to (batch, n, channels)."""
    batch, pixels = ops.shape(images)[0], images.shape[1] * images.shape[2]
    flat = ops.reshape(images, (-1, images.shape[3]))  # all pixels of all images in one column
    first = ops.cast(ops.arange(batch), "int32")[:, None] * pixels
    return ops.take(flat, ops.cast(places, "int32") + first, axis=0)


def _interpolate(images: Any, rows: Any, columns: Any, fill: float) -> Any:
    """Mix the four pixels around each place; rows and columns have shape (batch, places)."""
    height, width, channels = images.shape[1:]
    margins = [(0, 0), (1, 1), (1, 1), (0, 0)]
    padded = ops.pad(images, margins, constant_values=fill)
    rows = ops.clip(rows, -1, height) + 1  # places in the padded image
    columns = ops.clip(columns, -1, width) + 1
    top = ops.clip(ops.floor(rows), 0, height)
    left = ops.clip(ops.floor(columns), 0, width)
    lower, righter = (rows - top)[..., None], (columns - left)[..., None]  # shares, 0 to 1
    corner = top * (width + 2) + left
    upper_left, upper_right, lower_left, lower_right = (
        take_pixels(padded, corner + step) for step in (0, 1, width + 2, width + 3)
    )
    lower, righter = (ops.cast(share, images.dtype) for share in (lower, righter))
    upper = upper_left + righter * (upper_right - upper_left)
    under = lower_left + righter * (lower_right - lower_left)
    mixed = upper + lower * (under - upper)
    return ops.reshape(mixed, (-1, height, width, channels))


def _one_each(values: Any, images: Any, name: str) -> Any:
    """Return one float32 number for each image: shape (batch,)."""
    values = ops.cast(ops.convert_to_tensor(values), "float32")
    count = images.shape[0]
    shape = tuple(values.shape)
    if len(shape) > 1 or (shape and count and shape[0] != count):
        raise ValueError(
            f"{name} must be one number or one for each of the {count} images, but its shape is "
            f"{shape}."
        )
    return values + ops.zeros((ops.shape(images)[0],), "float32")
