"""What can be learned from images without labels? A contrastive loss, its views, and a pretext.

Serves ``course_lib.label_efficiency``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from course_lib import training
from course_lib._checks import (
    array,
    floats,
    function,
    input_of,
    model,
    real,
    shape_of,
    takes,
    whole,
)
from course_lib._draws import SEED

__all__ = [
    "contrastive_pretraining",
    "nt_xent_loops",
    "nt_xent_loss",
    "random_resized_crop",
    "rotation_task",
]

Seed = int | keras.random.SeedGenerator


@takes(first=floats(filled=True), second=floats(filled=True), temperature=real(1e-6))
def nt_xent_loss(first: Any, second: Any, temperature: float = 0.5) -> Any:
    """Compute the contrastive loss of SimCLR: each view must find its partner among all others.

    Chapter equation ``eq-labels-nt-xent`` (Chen and others 2020, equation 1, averaged over both
    directions as in their algorithm 1): a cross-entropy whose classes are the other ``2 N - 1``
    views of the batch and whose logits are cosine similarities over the temperature.

    Args:
        first: embeddings of one view of each image, floating point, shape ``(batch, features)``.
            Only their direction counts.
        second: embeddings of another view of the same images, in the same order.
        temperature: above 0. The smaller, the more the most similar of the others count.

    Returns:
        The mean over all ``2 * batch`` views, in nats, tensor of shape ``()``.

    Raises:
        ValueError: the shapes differ or are of another kind, or ``temperature`` is not above 0.
    """
    _check_pair(first, second, temperature)
    first, second = (ops.convert_to_tensor(view) for view in (first, second))
    views = _unit(ops.concatenate([first, second], axis=0))  # (2 batch, features)
    similarity = ops.matmul(views, ops.transpose(views)) / temperature  # (2 batch, 2 batch)
    both = ops.shape(views)[0]
    others = similarity - 1e9 * ops.eye(both, dtype=similarity.dtype)  # no view is its own partner
    halves = ops.sum(_unit(first) * _unit(second), axis=1) / temperature
    partner = ops.concatenate([halves, halves], axis=0)  # (2 batch,)
    return ops.mean(ops.logsumexp(others, axis=1) - partner)


@takes(first=floats(filled=True), second=floats(filled=True), temperature=real(1e-6))
def nt_xent_loops(first: np.ndarray, second: np.ndarray, temperature: float = 0.5) -> float:
    """Compute :func:`nt_xent_loss` one pair of views at a time.

    The form to read.

    Args:
        first: as for :func:`nt_xent_loss`, an array.
        second: likewise.
        temperature: likewise.

    Returns:
        The loss, a number.

    Raises:
        ValueError: as for :func:`nt_xent_loss`.
    """
    _check_pair(first, second, temperature)
    views = [np.asarray(view, "float64") for view in (*first, *second)]
    views = [view / np.linalg.norm(view) for view in views]
    count, total = len(views), 0.0
    for i in range(count):
        partner = (i + count // 2) % count
        scores = {k: views[i] @ views[k] / temperature for k in range(count) if k != i}
        total -= scores[partner] - np.log(sum(np.exp(score) for score in scores.values()))
    return float(total / count)


@takes(images=array(filled=True), smallest=real(), seed=SEED)
def random_resized_crop(images: Any, smallest: float, seed: Seed) -> Any:
    """Cut a random part out of each image and stretch it to the full size.

    The change of view that matters most to SimCLR (Chen and others 2020, section 3.1). Height and
    width of the part are drawn independently; between pixels it is interpolated linearly.

    Args:
        images: floating point, shape ``(batch, height, width, channels)``.
        smallest: smallest side of the part as a share of the image's, above 0 and at most 1.
        seed: a whole number cuts the same parts at every call; a ``keras.random.SeedGenerator``
            draws new ones each time.

    Returns:
        Tensor of the shape of ``images``.

    Raises:
        ValueError: ``images`` has not four axes or is not floating point, or ``smallest`` is out of
            range.
    """
    images = _images(images)
    if not 0 < smallest <= 1:
        raise ValueError(f"smallest must be a share above 0 and at most 1, but it is {smallest!r}.")
    count, height, width, channels = images.shape
    draws = keras.random.uniform((4, ops.shape(images)[0]), seed=seed, dtype=images.dtype)
    down = _stretching(smallest + (1 - smallest) * draws[0], draws[1], height)
    across = _stretching(smallest + (1 - smallest) * draws[2], draws[3], width)
    rows = ops.reshape(images, (-1, height, width * channels))
    rows = ops.reshape(ops.matmul(down, rows), (-1, height, width, channels))
    columns = ops.reshape(ops.swapaxes(rows, 1, 2), (-1, width, height * channels))
    columns = ops.reshape(ops.matmul(across, columns), (-1, width, height, channels))
    return ops.swapaxes(columns, 1, 2)


@takes(
    input_of("network", "images"),
    network=model(),
    images=floats("images", "height", "width", "channels", filled=True),
    view=function(),
    epochs=whole(1),
    batch_size=whole(1),
    temperature=real(0, open_start=True),
    learning_rate=real(0, open_start=True),
    seed=whole(),
)
def contrastive_pretraining(
    network: keras.Model,
    images: np.ndarray,
    view: Callable[[np.ndarray, int], Any],
    *,
    epochs: int,
    batch_size: int = 250,
    temperature: float = 0.5,
    learning_rate: float = 4e-3,
    seed: int = 0,
) -> list[float]:
    """Train a network on images without labels by SimCLR (Chen and others 2020, algorithm 1).

    The gradient takes Adam with a one-cycle schedule, where the paper has LARS and far larger
    batches.

    Args:
        network: from images to embeddings ``(batch, features)``: the body and the projection head
            in one. **It is trained in place**; its last layers are to be thrown away afterwards.
        images: floating point, shape ``(images, height, width, channels)``.
        view: gets images and a whole number, and returns the images changed at random, such that
            what they show stays the same.
        epochs: how often to go through the images, with new views each time.
        batch_size: images a step; the loss sees twice as many views.
        temperature: see :func:`nt_xent_loss`.
        learning_rate: the peak of the schedule.
        seed: for the order and the views.

    Returns:
        The mean loss of each epoch.

    Raises:
        ValueError: there are fewer images than one batch holds, or no epochs.
    """
    if not 2 <= batch_size <= len(images) or epochs < 1:
        raise ValueError(
            f"batch_size must be from 2 to the {len(images)} images and epochs at least 1, but "
            f"they are {batch_size} and {epochs}."
        )
    pair = keras.Input((2, *images.shape[1:]))
    both = ops.stack([network(pair[:, 0]), network(pair[:, 1])], axis=1)
    model, steps = keras.Model(pair, both), len(images) // batch_size
    schedule = training.one_cycle(learning_rate, max(2, epochs * steps))
    model.compile(
        keras.optimizers.Adam(schedule),
        lambda _, views: nt_xent_loss(views[:, 0], views[:, 1], temperature),
    )
    losses, random = [], np.random.default_rng(seed)
    for _ in range(epochs):
        chosen = images[random.permutation(len(images))[: steps * batch_size]]
        seeds = random.integers(2**31, size=3)
        pairs = [ops.convert_to_numpy(view(chosen, int(number))) for number in seeds[:2]]
        pairs, nothing = np.stack(pairs, axis=1), np.zeros(len(chosen), "float32")
        history = training.fit(
            model, pairs, nothing, epochs=1, batch_size=batch_size, seed=int(seeds[2])
        )
        losses.append(float(history.history["loss"][0]))
    return losses


@takes(images=array(filled=True), seed=whole())
def rotation_task(images: Any, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Turn each image by a random number of quarters; how many is the label, for free.

    A pretext task (Gidaris, Singh and Komodakis 2018).

    Args:
        images: square, shape ``(batch, side, side, channels)``.
        seed: a whole number from 0 on.

    Returns:
        The turned images, counterclockwise, and the number of quarters, 0 to 3, shape ``(batch,)``.

    Raises:
        ValueError: the images are not square.
    """
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[1] != images.shape[2]:
        raise ValueError(
            f"images must have shape (batch, side, side, channels), but it is {images.shape}."
        )
    quarters = np.random.default_rng(seed).integers(0, 4, size=len(images))
    turned = np.empty_like(images)
    for quarter in range(4):
        turned[quarters == quarter] = np.rot90(images[quarters == quarter], quarter, axes=(1, 2))
    return turned, quarters


def _stretching(share: Any, place: Any, side: int) -> Any:
    """Return, for each image, the matrix (side, side) that interpolates a part along one axis."""
    start = place * (1 - share) * side  # where the part begins, in pixels
    target = ops.cast(ops.arange(side), share.dtype) + 0.5
    source = start[:, None] + share[:, None] * target - 0.5  # (batch, side)
    source = ops.clip(source, 0, side - 1)
    distance = ops.abs(source[:, :, None] - ops.cast(ops.arange(side), share.dtype))
    return ops.relu(1 - distance)


def _unit(views: Any) -> Any:
    """Scale each row to length one."""
    return views * ops.rsqrt(ops.maximum(ops.sum(ops.square(views), axis=1, keepdims=True), 1e-12))


def _images(images: Any) -> Any:
    if isinstance(images, np.ndarray) and images.dtype == np.float64:
        images = images.astype(keras.backend.floatx())
    images = ops.convert_to_tensor(images)
    kind = keras.backend.standardize_dtype(images.dtype)
    if len(images.shape) != 4 or not keras.backend.is_float_dtype(kind):
        raise ValueError(
            "images must be floating point of shape (batch, height, width, channels), but they are "
            f"{kind} of shape {tuple(images.shape)}. Scale them first: training.scale_images."
        )
    return images


def _check_pair(first: Any, second: Any, temperature: float) -> None:
    shapes = [shape_of(view) for view in (first, second)]
    if shapes[0] != shapes[1] or len(shapes[0]) != 2:
        raise ValueError(
            "first and second must both have shape (batch, features), but their shapes are "
            f"{shapes[0]} and {shapes[1]}."
        )
    number = isinstance(temperature, int | float | np.number) and not isinstance(temperature, bool)
    if not number or not 0 < temperature < np.inf:
        raise ValueError(f"temperature must be a number above 0, but it is {temperature!r}.")
