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

from course_lib import gradients
from course_lib._explained_models import (
    as_inputs,
    as_targets,
    guided,
    in_batches,
    layer_and_rest,
    named_layer,
    scored,
    sloped,
    sloped_on_line,
)
from course_lib._feature_visualization import activation_maximization, unit_activations
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


def target_scores(model: Model, x: np.ndarray, target: Target, batch_size: int = 256) -> np.ndarray:
    """Return the score that is to be explained, ``S_c(x)``, for each input.

    Args:
        model: a Keras model or a function of ``keras.ops`` from ``(batch, ...)`` to scores
            ``(batch, classes)``. Give logits unless you mean probabilities.
        x: inputs, floating point, shape ``(batch, ...)``.
        target: the class ``c``, one for all inputs or one for each.
        batch_size: inputs given to the model at a time.

    Returns:
        float32 array of shape ``(batch,)``.

    Raises:
        ValueError: ``x`` is empty, not floating point or not finite, or ``target`` is not a class.
    """
    x = as_inputs(x)
    return in_batches(scored(model), [x, as_targets(model, x, target)], batch_size)


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
    _check_count("samples", samples)
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


def integrated_gradients(
    model: Model,
    x: np.ndarray,
    target: Target,
    baseline: Any = None,
    steps: int = 64,
    rule: str = "gauss",
    batch_size: int = 256,
) -> np.ndarray:
    """Add up the gradient along the straight line from a baseline to the input.

    Chapter equations ``eq-saliency-ig`` and ``eq-saliency-ig-sum`` (Sundararajan, Taly and Yan
    2017, equations 1 and 3). The values of one input sum to ``S_c(x) - S_c(baseline)``, up to the
    error of the sum over steps: see :func:`completeness_error`.

    Args:
        model: as for :func:`gradient`.
        x: as for :func:`gradient`.
        target: as for :func:`gradient`.
        baseline: the input that stands for "nothing there": a number, one input, or one for each
            input; None means zeros.
        steps: gradients on each line, at least 1.
        rule: where on the line they are taken, and with which weights: ``"gauss"`` (Gauss and
            Legendre's), ``"midpoint"`` (in the middle of ``steps`` equal parts), ``"trapezoid"``
            (both ends included, half weight there) or ``"left"`` (the start of each part).
        batch_size: points given to the model at a time.

    Returns:
        Signed float32 array of the shape of ``x``, in units of the score.

    Raises:
        ValueError: as for :func:`gradient`; ``steps`` or ``rule`` is not known; or ``baseline``
            does not fit ``x``.
    """
    x = as_inputs(x)
    targets, start = as_targets(model, x, target), _as_baseline(baseline, x)
    places, shares = _quadrature(rule, steps)
    slope = sloped_on_line(model)
    at_once = min(steps, batch_size)  # points of one line that are computed together
    mean = np.zeros(x.shape, np.float32)
    for first in range(0, steps, at_once):
        some = slice(first, first + at_once)
        part = _padded(places[some], at_once), _padded(shares[some], at_once)

        def on_part(*arrays: Any, part: tuple = part) -> Any:
            return slope(*arrays, *part)

        mean += in_batches(on_part, [x, targets, start], max(1, batch_size // at_once))
    return (x - start) * mean


def integrated_gradients_loop(
    model: Model,
    x: np.ndarray,
    target: Target,
    baseline: Any = None,
    steps: int = 64,
    rule: str = "gauss",
) -> np.ndarray:
    """Compute integrated gradients one input and one step at a time: the form to read.

    It equals :func:`integrated_gradients`, and is tens to hundreds of times slower.

    Args:
        model: as for :func:`gradient`.
        x: as for :func:`gradient`.
        target: as for :func:`gradient`.
        baseline: as for :func:`integrated_gradients`.
        steps: gradients on each line, at least 1.
        rule: as for :func:`integrated_gradients`.

    Returns:
        Signed float32 array of the shape of ``x``, in units of the score.

    Raises:
        ValueError: as for :func:`integrated_gradients`.
    """
    x = as_inputs(x)
    targets, start = as_targets(model, x, target), _as_baseline(baseline, x)
    result = np.zeros_like(x)
    for n in range(len(x)):
        slope_at = gradients.value_and_grad(lambda one, n=n: model(one[None])[0, targets[n]])
        for place, share in zip(*_quadrature(rule, steps), strict=True):
            point = (start[n] + place * (x[n] - start[n])).astype(np.float32)
            slope = ops.convert_to_numpy(slope_at(point)[1])
            result[n] += share * slope * (x[n] - start[n])
    return result


def completeness_error(
    model: Model, x: np.ndarray, target: Target, attributions: np.ndarray, baseline: Any = None
) -> np.ndarray:
    """Measure by how much attributions miss the change of the score that they should add up to.

    Chapter equation ``eq-saliency-completeness`` (Sundararajan, Taly and Yan 2017, proposition 1).

    Args:
        model: as for :func:`gradient`.
        x: as for :func:`gradient`.
        target: as for :func:`gradient`.
        attributions: one number for each of ``x``, of its shape.
        baseline: as for :func:`integrated_gradients`.

    Returns:
        ``sum(attributions) - (S_c(x) - S_c(baseline))``, float32 array of shape ``(batch,)``.

    Raises:
        ValueError: as for :func:`integrated_gradients`, or the shapes of ``attributions`` and ``x``
            differ.
    """
    x = as_inputs(x)
    if np.shape(attributions) != x.shape:
        raise ValueError(
            f"attributions must have the shape of x, {x.shape}, but have {np.shape(attributions)}."
        )
    change = target_scores(model, x, target) - target_scores(
        model, _as_baseline(baseline, x), target
    )
    total = np.sum(attributions, axis=tuple(range(1, x.ndim)), dtype=np.float64)
    return (total - change).astype(np.float32)


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


def occlusion(
    model: Model,
    x: np.ndarray,
    target: Target,
    patch: int | tuple[int, int] = 6,
    stride: int | tuple[int, int] = 2,
    baseline: Any = 0.0,
    batch_size: int = 256,
) -> np.ndarray:
    """Measure how far the score falls when a patch of the image is covered.

    Chapter equation ``eq-saliency-occlusion`` (after Zeiler and Fergus 2014, section 4.2). A pixel
    gets the mean fall of all patches that cover it.

    Args:
        model: as for :func:`gradient`.
        x: images, floating point, shape ``(batch, height, width, channels)``.
        target: the class to be explained, one for all images or one for each.
        patch: height and width of the patch in pixels.
        stride: step of the patch in pixels, down and right, not larger than the patch. The last
            patch of a row may stick out over the edge, so that every pixel is covered.
        baseline: what the patch shows: a number, one image, or one for each image.
        batch_size: covered images given to the model at a time.

    Returns:
        Signed float32 array of shape ``(batch, height, width)``, in units of the score: positive
        where covering lowers it.

    Raises:
        ValueError: as for :func:`gradient`, or ``patch``, ``stride`` or ``baseline`` does not fit.
    """
    x = as_inputs(x, axes=4)
    targets, cover = as_targets(model, x, target), _as_baseline(baseline, x)
    masks = _patches(x.shape[1:3], _as_pair(patch, "patch"), _as_pair(stride, "stride"))
    score = scored(model)
    before = in_batches(score, [x, targets], batch_size)
    falls = np.zeros((len(x), len(masks)), np.float32)
    rows = np.stack(np.divmod(np.arange(falls.size), len(masks)), axis=1)  # (image, patch)

    def fall(some: np.ndarray) -> np.ndarray:
        image, mask = some[:, 0], masks[some[:, 1]][..., None]
        covered = np.where(mask, cover[image], x[image])
        return before[image] - ops.convert_to_numpy(score(covered, targets[image]))

    falls = in_batches(fall, [rows], batch_size).reshape(falls.shape)
    flat = masks.reshape(len(masks), -1).astype(np.float32)
    return (falls @ flat / flat.sum(axis=0)).reshape(x.shape[:3])


def _quadrature(rule: str, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Return places in 0..1 and their weights, which sum to 1."""
    _check_count("steps", steps)
    even = np.full(steps, 1 / steps)
    if rule == "midpoint":
        return (np.arange(steps) + 0.5) / steps, even
    if rule == "left":
        return np.arange(steps) / steps, even
    if rule == "trapezoid" and steps >= 2:
        shares = np.full(steps, 1 / (steps - 1))
        shares[[0, -1]] /= 2
        return np.linspace(0, 1, steps), shares
    if rule == "gauss":
        places, shares = np.polynomial.legendre.leggauss(steps)
        return (places + 1) / 2, shares / 2
    raise ValueError(
        'rule must be "midpoint", "left", "gauss" or, with at least two steps, "trapezoid", '
        f"but it is {rule!r} with {steps} steps."
    )


def _padded(values: np.ndarray, length: int) -> np.ndarray:
    """Fill up with zeros, so that a compiled function meets one length."""
    return np.pad(values, (0, length - len(values))).astype(np.float32)


def _as_baseline(baseline: Any, x: np.ndarray) -> np.ndarray:
    values = np.asarray(0.0 if baseline is None else baseline, np.float32)
    if values.shape not in ((), x.shape[1:], x.shape) or not np.isfinite(values).all():
        raise ValueError(
            f"baseline must be a finite number, one input of shape {x.shape[1:]} or one for each, "
            f"{x.shape}, but its shape is {values.shape}. Is it finite?"
        )
    return np.broadcast_to(values, x.shape)


def _patches(size: tuple[int, int], patch: tuple[int, int], stride: tuple[int, int]) -> np.ndarray:
    """Return a mask for each place of the patch, bool, shape (patches, height, width)."""
    if any(p > n or s > p for n, p, s in zip(size, patch, stride, strict=True)):
        raise ValueError(
            f"patch must fit into the image of {size}, and stride must not exceed patch, or pixels "
            f"are left out, but they are {patch} and {stride}."
        )
    along = []
    for n, p, s in zip(size, patch, stride, strict=True):
        starts = np.arange(-(-(n - p) // s) + 1)[:, None] * s
        places = np.arange(n)
        along.append((places >= starts) & (places < starts + p))  # (starts, n)
    down, right = along
    return (down[:, None, :, None] & right[None, :, None, :]).reshape(-1, *size)


def _as_pair(value: int | tuple[int, int], name: str) -> tuple[int, int]:
    pair = (value, value) if isinstance(value, int | np.integer) else tuple(value)
    if len(pair) != 2 or not all(isinstance(v, int | np.integer) and v >= 1 for v in pair):
        raise ValueError(f"{name} must be one or two whole numbers from 1 on, but it is {value!r}.")
    return int(pair[0]), int(pair[1])


def _check_count(name: str, value: int) -> None:
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or value < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, but it is {value!r}.")
