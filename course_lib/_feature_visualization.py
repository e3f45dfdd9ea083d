"""Which image would excite a unit most?

Gradient ascent on the pixels (Erhan and others 2009; Simonyan, Vedaldi and Zisserman 2014). Left to
itself it ends in noise to which the network happens to respond. What makes the result readable are
constraints: a small size (L2), smoothness (total variation, Mahendran and Vedaldi 2015; blur,
Yosinski and others 2015), and insensitivity to small shifts (jitter, Mordvintsev, Olah and Tyka
2015; Olah, Mordvintsev and Schubert 2017).
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from scipy import ndimage

from course_lib._checks import array, input_of, real, string, takes, whole
from course_lib._explained_inputs import as_inputs, in_batches
from course_lib._explained_models import named_layer, unit_model

__all__ = ["activation_maximization", "unit_activations"]


@takes(
    layer=string(),
    unit=array(),
    steps=whole(),
    step_size=real(),
    jitter=whole(),
    blur=real(high=1000),
    total_variation=real(),
    l2=real(),
    start=real(),
    noise=real(),
    seed=whole(),
)
def activation_maximization(
    model: keras.Model,
    layer: str,
    unit: int | Sequence[int],
    steps: int = 128,
    step_size: float = 0.05,
    jitter: int = 2,
    blur: float = 0.5,
    total_variation: float = 0.1,
    l2: float = 0.0,
    start: float = 0.5,
    noise: float = 0.05,
    seed: int = 0,
) -> np.ndarray:
    """Make, for each unit, an image that excites it strongly.

    Chapter equation ``eq-saliency-visualization``. Each step moves the image by ``step_size`` along
    the gradient of the unit's score, divided by its root mean square, less the penalties'
    gradients; then values are clipped to 0..1. The unit's score is that of
    :func:`unit_activations`.

    Args:
        model: a Sequential or functional Keras model from images ``(batch, height, width,
            channels)`` with values from 0 to 1.
        layer: the name of a layer.
        unit: a unit of it, or several: one image is made for each, all at once.
        steps: steps of the ascent, at least 1.
        step_size: root mean square of the change of the pixels in a step.
        jitter: in each step the image is first moved by up to so many pixels, round its edges.
        blur: deviation in pixels of the Gaussian that smooths each step; 0 for none.
        total_variation: weight of the penalty on differences between neighboring pixels.
        l2: weight of the penalty on the distance from ``start``.
        start: brightness of the first image.
        noise: standard deviation of the noise in it.
        seed: where noise and jitter start. Each unit starts from the same image.

    Returns:
        float32 images, shape ``(units, height, width, channels)``, values from 0 to 1; for a
        single unit too.

    Raises:
        ValueError: ``layer`` or ``unit`` is not in the model, its inputs are not images of a fixed
            size, or a number is out of range.
    """
    units = np.atleast_1d(unit)
    width = named_layer(model, layer).output.shape[-1]
    if (
        units.dtype.kind not in "iu"
        or units.ndim != 1
        or not 0 <= units.min() <= units.max() < width
    ):
        raise ValueError(f"unit must be a number from 0 to {width - 1}, or several, not {unit!r}.")
    shape = model.input_shape[1:]
    if len(shape) != 3 or None in shape:
        raise ValueError(f"model must take images of a fixed size, but its inputs are {shape}.")
    _check_not_negative(
        steps=steps - 1,
        step_size=step_size,
        jitter=jitter,
        blur=blur,
        total_variation=total_variation,
        l2=l2,
        noise=noise,
    )
    random = np.random.default_rng(seed)
    first = start + noise * random.standard_normal(shape)
    images = np.repeat(np.clip(first, 0, 1)[None], len(units), axis=0).astype(np.float32)
    slope = unit_model(model, layer, "slope")
    for _ in range(steps):
        shift = random.integers(-jitter, jitter + 1, size=2)
        moved = np.roll(images, shift, axis=(1, 2))
        uphill = in_batches(slope, [moved, units.astype(np.int32)], 256)
        uphill = _normalized(np.roll(uphill, -shift, axis=(1, 2)))
        uphill -= total_variation * _roughness_slope(images) + l2 * 2 * (images - start)
        if blur:
            uphill = ndimage.gaussian_filter(uphill, (0, blur, blur, 0))
        images = np.clip(images + step_size * uphill, 0, 1).astype(np.float32)
    return images


@takes(input_of("model", exact=True), x=array(finite=False), batch_size=whole(1), layer=string())
def unit_activations(
    model: keras.Model, layer: str, x: np.ndarray, batch_size: int = 256
) -> np.ndarray:
    """Return what goes into the activation of each unit of a layer, averaged over positions.

    For a layer of logits these are the logits. For a convolutional layer it is the mean of a
    feature map before its ReLU.

    Args:
        model: a Sequential or functional Keras model.
        layer: the name of a layer.
        x: inputs, floating point, shape ``(batch, ...)``.
        batch_size: inputs given to the model at a time.

    Returns:
        float32 array of shape ``(batch, units)``.

    Raises:
        ValueError: ``x`` is empty, not floating point or not finite, or there is no such layer.
    """
    return in_batches(unit_model(model, layer, "all"), [as_inputs(x)], batch_size)


def _normalized(slopes: np.ndarray) -> np.ndarray:
    """Divide each image's gradient by its root mean square."""
    size = np.sqrt(np.mean(slopes**2, axis=(1, 2, 3), keepdims=True))
    return slopes / np.maximum(size, 1e-12)


def _roughness_slope(images: np.ndarray) -> np.ndarray:
    """Return the gradient of the sum of ``sqrt(difference**2 + 1e-4)`` over neighboring pixels."""
    slope = np.zeros_like(images)
    for axis in (1, 2):
        ahead = np.diff(images, axis=axis)
        steep = ahead / np.sqrt(ahead**2 + 1e-4)
        before, after = [(0, 0)] * 4, [(0, 0)] * 4
        before[axis], after[axis] = (1, 0), (0, 1)
        slope += np.pad(steep, before) - np.pad(steep, after)
    return slope


def _check_not_negative(**values: float) -> None:
    for name, value in values.items():
        if not np.isfinite(value) or value < 0:
            least = "1" if name == "steps" else "0"
            found = value + 1 if name == "steps" else value
            raise ValueError(f"{name} must be at least {least}, but it is {found!r}.")
