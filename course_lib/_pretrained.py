"""What models does the chapter on transfer learning start from?

A small residual network of our own, whose weights ship with the course, and the large ones of
``keras.applications``, whose weights are a download away. Both come out as a plain functional
``keras.Model``, so that the same code freezes, cuts and tunes them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from course_lib._checks import Kind, array, choice, either, sequence, string, takes, whole
from course_lib._colors import LUMINANCE
from course_lib._files import DataError

__all__ = ["grey_photos", "load_pretrained", "source_cnn"]

_SCALED = ("MobileNetV2", "ResNet50V2")  # want pixels from -1 to 1
_AS_THEY_ARE = ("EfficientNetB0", "MobileNetV3Small")  # scale pixels from 0 to 255 themselves


@takes(input_shape=sequence(whole(1)), num_classes=whole(2))
def source_cnn(
    input_shape: tuple[int, int, int] = (28, 28, 1), num_classes: int = 10
) -> keras.Model:
    """Build the small residual network that the chapter transfers.

    A convolution of stride 2 (``stem``), three residual blocks with 16, 32 and 64 filters
    (``block1`` to ``block3``; He, Zhang, Ren and Sun 2016), the mean over positions (``pooled``)
    and a dense head (``logits``). Every convolution is followed by batch normalization. 78,682
    parameters at the default sizes. Trained weights ship with the course:
    ``model.set_weights(datasets.load_weights("source_cnn_cifar10_grey"))``.

    Args:
        input_shape: ``(height, width, channels)`` of one image; both sides at least 8 pixels.
        num_classes: number of classes, at least 2.

    Returns:
        An uncompiled model from images scaled to 0..1, shape ``(batch, height, width, channels)``,
        to **logits**, shape ``(batch, num_classes)``.

    Raises:
        ValueError: the images are too small or have no channels, or there are fewer than two
            classes.
    """
    if len(input_shape) != 3 or min(input_shape[:2]) < 8 or input_shape[2] < 1:
        raise ValueError(
            "input_shape must be (height, width, channels) with sides of at least 8, "
            f"but it is {input_shape!r}."
        )
    if num_classes < 2:
        raise ValueError(f"num_classes must be at least 2, but it is {num_classes!r}.")
    image = keras.Input(input_shape, name="image")
    x = layers.ReLU(name="stem")(_convolution(image, 16, 5, 2, "stem"))
    for number, filters in enumerate((16, 32, 64), start=1):
        x = _residual_block(x, filters, 1 if number == 1 else 2, f"block{number}")
    x = layers.GlobalAveragePooling2D(name="pooled")(x)
    return keras.Model(image, layers.Dense(num_classes, name="logits")(x), name="source_cnn")


def _residual_block(x: Any, filters: int, strides: int, name: str) -> Any:
    """Add what two convolutions find to what came in; a 1x1 convolution fits the shapes."""
    y = layers.ReLU(name=f"{name}_relu")(_convolution(x, filters, 3, strides, f"{name}_1"))
    y = _convolution(y, filters, 3, 1, f"{name}_2")
    if strides > 1:
        x = _convolution(x, filters, 1, strides, f"{name}_skip")
    return layers.ReLU(name=name)(layers.Add(name=f"{name}_add")([x, y]))


def _convolution(x: Any, filters: int, kernel_size: int, strides: int, name: str) -> Any:
    """Convolve, then normalize each channel; the shift of the latter makes a bias needless."""
    settings = {"padding": "same", "use_bias": False, "kernel_initializer": "he_normal"}
    x = layers.Conv2D(filters, kernel_size, strides, name=f"{name}_conv", **settings)(x)
    return layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(x)


@takes(images=array(), side=whole(1))
def grey_photos(images: np.ndarray, side: int = 28) -> np.ndarray:
    """Turn color photos into gray ones of the size of Fashion-MNIST: brightness, middle cut out.

    Args:
        images: uint8, shape ``(images, height, width, 3)``, both sides at least ``side``.
        side: height and width of the result, in pixels.

    Returns:
        float32 brightness from 0 to 1, shape ``(images, side, side, 1)``.

    Raises:
        ValueError: ``images`` are not uint8 with three channels, or smaller than ``side``.
    """
    shape = np.shape(images)
    fits = len(shape) == 4 and shape[3] == 3 and min(shape[1:3]) >= side >= 1
    if not fits or np.asarray(images).dtype != np.uint8:
        raise ValueError(
            f"images must be uint8 of shape (images, height, width, 3), at least {side} pixels "
            f"high and wide, but they are {np.asarray(images).dtype} of shape {shape}."
        )
    top, left = (shape[1] - side) // 2, (shape[2] - side) // 2
    middle = images[:, top : top + side, left : left + side].astype("float32") / 255
    return (middle @ np.array(LUMINANCE, "float32"))[..., None]


def _is_file(weights: Any) -> bool:
    return isinstance(weights, str | os.PathLike) and Path(weights).is_file()


WEIGHTS = either(choice(("imagenet",)), Kind("the path of a file", _is_file))


@takes(name=string(), input_shape=sequence(whole(1)), weights=WEIGHTS)
def load_pretrained(
    name: str, input_shape: tuple[int, int, int] = (96, 96, 3), weights: str | None = "imagenet"
) -> keras.Model:
    """Build a network of ``keras.applications`` without its head, ready for ``replace_head``.

    Images of any size and of one or three channels are resized to at least 32 pixels, repeated to
    three channels and scaled as the network wants them, inside the model. The weights are not
    shipped: Keras looks for them in its cache and else downloads them.

    Args:
        name: ``"MobileNetV2"``, ``"ResNet50V2"``, ``"EfficientNetB0"`` or ``"MobileNetV3Small"``.
        input_shape: ``(height, width, channels)`` of one image; channels are 1 or 3.
        weights: ``"imagenet"``, the path of a file of weights, or None for random ones.

    Returns:
        An uncompiled, flat functional model from images scaled to 0..1 to features, shape
        ``(batch, features)``.

    Raises:
        ValueError: ``name`` or ``input_shape`` is not known here.
        DataError: the weights are not here and cannot be fetched; the message says what to download
            and where to put it.
    """
    known = (*_SCALED, *_AS_THEY_ARE)
    if name not in known:
        raise ValueError(f"name must be one of {', '.join(known)}, but it is {name!r}.")
    if len(input_shape) != 3 or min(input_shape[:2]) < 1 or input_shape[2] not in (1, 3):
        raise ValueError(
            "input_shape must be (height, width, channels) with 1 or 3 channels, "
            f"but it is {input_shape!r}."
        )
    image = keras.Input(input_shape, name="image")
    size = [max(32, side) for side in input_shape[:2]]
    x = image if list(input_shape[:2]) == size else layers.Resizing(*size, name="resized")(image)
    if input_shape[2] == 1:
        x = layers.Concatenate(name="three_channels")([x, x, x])
    scale, offset = (2.0, -1.0) if name in _SCALED else (255.0, 0.0)
    x = layers.Rescaling(scale, offset, name="rescaled")(x)
    settings = {"include_top": False, "pooling": "avg", "input_tensor": x}
    try:
        body = getattr(keras.applications, name)(weights=weights, **settings)
    except Exception as error:
        if weights != "imagenet":
            raise
        raise DataError(
            f"The ImageNet weights of {name} are not on this machine and could not be downloaded: "
            f"{error}. Where there is a network, call load_pretrained({name!r}) once and copy the "
            "file that it leaves in ~/.keras/models to the same folder here, or pass its path as "
            "weights. The weights of source_cnn ship with the course and need no network."
        ) from error
    return keras.Model(image, body.output, name=name.lower())
