"""How is one gradient computed by many, in parts, or sent as a part of itself?

Serves the chapter ``compute/distributed_training``. What is divided is always a mean over examples,
and the parts are put together again so that the mean is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from keras import ops

from course_lib import gradients
from course_lib._checks import (
    array,
    check_between,
    check_whole,
    floats,
    function,
    real,
    sequence,
    takes,
    whole,
)
from course_lib._ring import ring_all_reduce

__all__ = ["accumulated_gradient", "data_parallel_gradient", "keep_largest", "shard_rows"]

Loss = Callable[[list[Any], Any, Any], Any]


@takes(examples=whole(), workers=whole(1))
def shard_rows(examples: int, workers: int) -> list[np.ndarray]:
    """Deal the rows of a batch out to workers, like cards.

    Args:
        examples: in the batch, at least one for each worker.
        workers: number of workers.

    Returns:
        For each worker the rows it gets; sizes differ by at most one.

    Raises:
        ValueError: a worker would get nothing.
    """
    check_whole("workers", workers, 1)
    check_whole("examples", examples, workers)
    return [np.arange(worker, examples, workers) for worker in range(workers)]


@takes(loss_sum=function(), weights=sequence(floats(), 1), x=array(), y=array(), workers=whole(1))
def data_parallel_gradient(
    loss_sum: Loss, weights: Sequence[Any], x: Any, y: Any, workers: int
) -> list[np.ndarray]:
    """Compute the gradient of a mean loss as several workers would, and add it up in a ring.

    Every worker has the same weights and a shard of the batch. It computes the gradient of the
    **sum** of its examples' losses, divided by the examples of all. So it does not matter that one
    shard is larger than another.

    Args:
        loss_sum: takes weights, inputs and labels, and returns the sum of the examples' losses.
        weights: arrays or tensors.
        x: inputs, shape ``(examples, ...)``.
        y: labels, shape ``(examples, ...)``.
        workers: number of workers, at most as many as examples.

    Returns:
        The gradient of the mean loss, one array for each of ``weights``, as every worker has it.

    Raises:
        ValueError: there are more workers than examples, or not as many labels as inputs.
    """
    x, y = _examples(x, y)
    gradient = gradients.value_and_grad(loss_sum)
    flat = []
    for rows in shard_rows(len(x), workers):  # each of these would be a process of its own
        _, parts = gradient(list(weights), x[rows], y[rows])
        flat.append(_flatten(parts) / np.float32(len(x)))
    return _unflatten(ring_all_reduce(flat)[0], weights)


@takes(loss_sum=function(), weights=sequence(floats(), 1), x=array(), y=array(), parts=whole(1))
def accumulated_gradient(
    loss_sum: Loss, weights: Sequence[Any], x: Any, y: Any, parts: int
) -> list[np.ndarray]:
    """Compute the gradient of a mean loss one part of the batch after the other, on one worker.

    The time of a large batch with the memory of a small one.

    Args:
        loss_sum: takes weights, inputs and labels, and returns the sum of the examples' losses.
        weights: arrays or tensors.
        x: inputs, shape ``(examples, ...)``.
        y: labels, shape ``(examples, ...)``.
        parts: into how many the batch is cut, at most as many as examples.

    Returns:
        The gradient of the mean loss, one array for each of ``weights``.

    Raises:
        ValueError: there are more parts than examples, or not as many labels as inputs.
    """
    x, y = _examples(x, y)
    gradient = gradients.value_and_grad(loss_sum)
    total = [np.zeros(np.shape(weight), "float32") for weight in weights]
    for rows in shard_rows(len(x), parts):
        _, found = gradient(list(weights), x[rows], y[rows])
        total = [a + ops.convert_to_numpy(b) for a, b in zip(total, found, strict=True)]
    return [part / np.float32(len(x)) for part in total]


@takes(vectors=array(filled=True), share=real())
def keep_largest(vectors: Any, share: float) -> np.ndarray:
    """Set all but the entries of largest size to zero: what is worth sending (top-k).

    Args:
        vectors: shape ``(..., entries)``; each vector on its own.
        share: of the entries that stay, above 0 and at most 1; at least one stays.

    Returns:
        An array of the same shape. Where sizes are equal at the border, all of them stay.

    Raises:
        ValueError: ``share`` is out of range.
    """
    check_between("share", share, 0, 1, open_start=True)
    vectors = np.asarray(vectors)
    entries = vectors.shape[-1]
    kept = max(1, round(share * entries))
    sizes = np.abs(vectors)
    border = np.partition(sizes, entries - kept, axis=-1)[..., entries - kept, None]
    return np.where(sizes >= border, vectors, 0)


def _examples(x: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.asarray(x), np.asarray(y)
    if x.ndim == 0 or y.shape[:1] != x.shape[:1]:
        raise ValueError(
            "x and y must hold equally many examples, but their shapes are "
            f"{x.shape} and {y.shape}."
        )
    return x, y


def _flatten(parts: Sequence[Any]) -> np.ndarray:
    return np.concatenate([ops.convert_to_numpy(part).reshape(-1) for part in parts])


def _unflatten(vector: np.ndarray, like: Sequence[Any]) -> list[np.ndarray]:
    shapes = [tuple(np.shape(one)) for one in like]
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
    pieces = np.split(vector, ends[:-1])
    return [piece.reshape(shape) for piece, shape in zip(pieces, shapes, strict=True)]
