"""Which pixels made the network say "sneaker"?

Serves the chapter ``interpretability/saliency``. Each function takes a model, a batch of inputs and
the class to be explained, and returns a map of the inputs' size. They differ in what they ask: how
the class's score changes with each pixel (:func:`gradient`), how it grew on the way from a baseline
(:func:`integrated_gradients`), what remains when a patch is covered (:func:`occlusion`), where the
last feature maps speak for the class (:func:`grad_cam`). :func:`activation_maximization` turns the
question around: which image excites a unit most? :func:`randomize_layers` tests them all.

Main references: Simonyan, Vedaldi and Zisserman (2014); Zeiler and Fergus (2014); Springenberg and
others (2015); Smilkov and others (2017); Sundararajan, Taly and Yan (2017); Selvaraju and others
(2017); Adebayo and others (2018).

A ``model`` is a Keras model, or any function made of ``keras.ops``, from a float tensor ``(batch,
...)`` to scores ``(batch, classes)``. A Keras model is compiled once; its weights are arguments of
what is compiled, so that new weights are seen. A plain function runs as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from course_lib._checks import array, function, input_of, real, string, takes, whole
from course_lib._explained_inputs import as_inputs, as_targets, check_count, in_batches
from course_lib._explained_models import guided, layer_and_rest, named_layer, sloped
from course_lib._feature_visualization import activation_maximization, unit_activations
from course_lib._integrated_gradients import (
    completeness_error,
    integrated_gradients,
    integrated_gradients_loop,
    target_scores,
)
from course_lib._occlusion import occlusion
from course_lib._randomization import randomize_layers, rank_correlation, structural_similarity

__all__ = [
    "activation_maximization",
    "completeness_error",
    "grad_cam",
    "gradient",
    "gradient_times_input",
    "guided_backpropagation",
    "integrated_gradients",
    "integrated_gradients_loop",
    "occlusion",
    "randomize_layers",
    "rank_correlation",
    "smooth_grad",
    "structural_similarity",
    "target_scores",
    "unit_activations",
]

Model = Callable[[Any], Any]
Target = int | Sequence[int] | np.ndarray


@takes(input_of("model"), x=array(finite=False), batch_size=whole(1), model=function())
def gradient(model: Model, x: np.ndarray, target: Target, batch_size: int = 256) -> np.ndarray:
    """Compute how the score of a class changes with each number of the input.

    Chapter equation ``eq-saliency-gradient`` (Simonyan, Vedaldi and Zisserman 2014, section 3),
    with its sign. The paper draws the largest absolute value over the channels.

    Args:
        model: a Keras model or a function of ``keras.ops`` from ``(batch, ...)`` to scores
            ``(batch, classes)``. Give logits unless you mean probabilities.
        x: inputs of any shape ``(batch, ...)``, floating point: images, rows of a table, embedded
            sequences.
        target: the class to be explained, one for all inputs or one for each.
        batch_size: inputs given to the model at a time.

    Returns:
        Signed float32 array of the shape of ``x``, in units of score per unit of input.

    Raises:
        ValueError: ``x`` is empty, not floating point or not finite, or ``target`` is not a class.
    """
    x = as_inputs(x)
    return in_batches(sloped(model), [x, as_targets(model, x, target)], batch_size)


@takes(input_of("model"), x=array(finite=False), batch_size=whole(1), model=function())
def gradient_times_input(
    model: Model, x: np.ndarray, target: Target, batch_size: int = 256
) -> np.ndarray:
    """Multiply the gradient by the input (chapter equation ``eq-saliency-times-input``).

    For a linear model these are its summands. What is zero in the input is zero in the map.

    Args:
        model: as for :func:`gradient`.
        x: as for :func:`gradient`.
        target: as for :func:`gradient`.
        batch_size: inputs given to the model at a time.

    Returns:
        Signed float32 array of the shape of ``x``, in units of the score.

    Raises:
        ValueError: as for :func:`gradient`.
    """
    return as_inputs(x) * gradient(model, x, target, batch_size)


@takes(
    input_of("model"),
    model=function(),
    x=array(finite=False),
    noise=real(),
    seed=whole(),
    batch_size=whole(1),
)
def smooth_grad(
    model: Model,
    x: np.ndarray,
    target: Target,
    samples: int = 32,
    noise: float = 0.1,
    seed: int = 0,
    batch_size: int = 256,
) -> np.ndarray:
    """Average the gradient over noisy copies of the input.

    Chapter equation ``eq-saliency-smooth`` (Smilkov and others 2017). Each input gets noise of its
    own, the same on every backend and for every batch size.

    Args:
        model: as for :func:`gradient`.
        x: as for :func:`gradient`.
        target: as for :func:`gradient`.
        samples: noisy copies of each input, at least 1.
        noise: standard deviation of the noise, at least 0, in the unit of ``x``. (The paper gives
            it as a share of the input's range; for images from 0 to 1 that is the same.)
        seed: where the noise starts.
        batch_size: noisy copies given to the model at a time.

    Returns:
        Signed float32 array of the shape of ``x``.

    Raises:
        ValueError: as for :func:`gradient`, or ``samples`` or ``noise`` is out of range.
    """
    x = as_inputs(x)
    targets = as_targets(model, x, target)
    check_count("samples", samples)
    if not np.isfinite(noise) or noise < 0:
        raise ValueError(f"noise must be a standard deviation of at least 0, but it is {noise!r}.")
    slope, total = sloped(model), np.zeros(x.shape, np.float64)
    random = np.random.default_rng(seed)
    at_once = max(1, batch_size // len(x))  # samples of every input that are computed together
    for first in range(0, samples, at_once):
        count = min(at_once, samples - first)
        disturbed = x + np.float32(noise) * random.standard_normal((count, *x.shape), np.float32)
        rows = [disturbed.reshape(-1, *x.shape[1:]), np.tile(targets, count)]
        total += in_batches(slope, rows, batch_size).reshape(disturbed.shape).sum(axis=0)
    return (total / samples).astype(np.float32)


@takes(
    input_of("model"), x=array(finite=False), batch_size=whole(1), layer=string(), model=function()
)
def grad_cam(
    model: keras.Model, x: np.ndarray, target: Target, layer: str, batch_size: int = 256
) -> np.ndarray:
    """Weigh a layer's feature maps by their mean gradient, and add them up.

    Chapter equation ``eq-saliency-grad-cam`` (Selvaraju and others 2017, equations 1 and 2). The
    coarse map is stretched to the size of the input, bilinearly.

    Args:
        model: a Keras model from images to scores ``(batch, classes)``, made of layers (Sequential
            or functional).
        x: images, floating point, shape ``(batch, height, width, channels)``.
        target: the class to be explained, one for all images or one for each.
        layer: the name of a layer with outputs ``(batch, rows, columns, maps)``.
        batch_size: images given to the model at a time.

    Returns:
        float32 array of shape ``(batch, height, width)``; no value is negative.

    Raises:
        ValueError: as for :func:`gradient`, or ``layer`` is no such layer of ``model``.
    """
    x = as_inputs(x, axes=4)
    targets = as_targets(model, x, target)
    shape = named_layer(model, layer).output.shape
    if len(shape) != 4:
        raise ValueError(
            f"layer must have outputs (batch, rows, columns, maps), but those of {layer!r} have "
            f"shape {tuple(shape)}. Take the last convolution or pooling layer."
        )
    maps_and_slopes = layer_and_rest(model, layer)

    def weighted(images: Any, targets: Any) -> Any:
        maps, slopes = maps_and_slopes(images, targets)  # (batch, rows, columns, maps)
        weights = ops.mean(slopes, axis=(1, 2), keepdims=True)
        coarse = ops.relu(ops.sum(weights * maps, axis=-1, keepdims=True))
        return ops.image.resize(
            coarse, x.shape[1:3], interpolation="bilinear", data_format="channels_last"
        )[..., 0]

    return in_batches(weighted, [x, targets], batch_size)


@takes(input_of("model"), x=array(finite=False), batch_size=whole(1), model=function())
def guided_backpropagation(
    model: keras.Model, x: np.ndarray, target: Target, batch_size: int = 256
) -> np.ndarray:
    """Compute the gradient, but let nothing negative pass back through a ReLU.

    Chapter equation ``eq-saliency-guided`` (Springenberg and others 2015, section 3.4). It makes
    sharp pictures and fails the sanity checks of the chapter: use it to learn, not to explain.

    Args:
        model: a Keras model made of layers (Sequential or functional), with ReLUs.
        x: as for :func:`gradient`.
        target: as for :func:`gradient`.
        batch_size: inputs given to the model at a time.

    Returns:
        Signed float32 array of the shape of ``x``.

    Raises:
        ValueError: as for :func:`gradient`, or ``model`` has no ReLU.
    """
    x = as_inputs(x)
    targets = as_targets(model, x, target)
    return in_batches(guided(model), [x, targets], batch_size)
