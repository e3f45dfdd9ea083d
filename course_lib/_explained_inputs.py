"""What may be explained: inputs, classes and baselines, checked, and taken a few at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from keras import ops

from course_lib._checks import Kind, indices

__all__ = ["as_baseline", "as_inputs", "as_targets", "check_count", "in_batches"]

TARGET = Kind("a class index, or one for each input", indices(low=-np.inf).fits)


def as_inputs(x: Any, axes: int | None = None) -> np.ndarray:
    """Return inputs as a float32 array after checking them."""
    if not isinstance(x, np.ndarray):
        x = ops.convert_to_numpy(x)
    if x.dtype.kind != "f":
        raise ValueError(
            f"x must hold floating point numbers, but it holds {x.dtype}. For images from 0 to 255 "
            "use training.scale_images first, if the model was trained on scaled images."
        )
    if x.ndim < 2 or x.size == 0 or (axes is not None and x.ndim != axes):
        form = "(batch, height, width, channels)" if axes == 4 else "(batch, ...)"
        raise ValueError(
            f"x must have shape {form} with at least one input, but its shape is {x.shape}. "
            "For a single input give x[None]."
        )
    if not np.isfinite(x).all():
        raise ValueError(
            "x must be finite, but it holds NaN or infinite values: repair them first."
        )
    return x.astype(np.float32)


def as_targets(model: Any, x: np.ndarray, target: Any) -> np.ndarray:
    """Return one class index for each input, int32, after checking that the model has them."""
    TARGET.check("target", target)
    targets = np.asarray(target)
    if targets.shape not in ((), (len(x),)):
        raise ValueError(
            f"target must be a class index, or one for each of the {len(x)} inputs, but it has "
            f"the shape {targets.shape}."
        )
    shape = getattr(model, "output_shape", None) or tuple(model(ops.convert_to_tensor(x[:1])).shape)
    if not isinstance(shape, tuple) or len(shape) != 2:
        raise ValueError(
            f"model must return one array of scores, (batch, classes), but its shape is {shape}."
        )
    if targets.min() < 0 or targets.max() >= shape[1]:
        raise ValueError(
            f"target must lie in 0..{shape[1] - 1}, since the model has {shape[1]} scores, "
            f"but it lies in {targets.min()}..{targets.max()}."
        )
    return np.broadcast_to(targets, len(x)).astype(np.int32)


def as_baseline(baseline: Any, x: np.ndarray) -> np.ndarray:
    values = np.asarray(0.0 if baseline is None else baseline, np.float32)
    if values.shape not in ((), x.shape[1:], x.shape) or not np.isfinite(values).all():
        raise ValueError(
            f"baseline must be a finite number, one input of shape {x.shape[1:]} or one for each, "
            f"{x.shape}, but its shape is {values.shape}. Is it finite?"
        )
    return np.broadcast_to(values, x.shape)


def check_count(name: str, value: int) -> None:
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or value < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, but it is {value!r}.")


def in_batches(
    function: Callable[..., Any], arrays: Sequence[np.ndarray], batch_size: int
) -> np.ndarray:
    """Apply a function to a few rows at a time; arrays have equally many rows.

    The last rows are filled up to a power of two by repeating one, since a compiled function is
    recorded anew for each length that it meets.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, but it is {batch_size!r}.")
    count, results = len(arrays[0]), []
    for first in range(0, count, batch_size):
        rows = min(batch_size, count - first)
        full = min(batch_size, 1 << (rows - 1).bit_length())
        parts = [array[first : first + rows] for array in arrays]
        if full > rows:
            parts = [np.concatenate([p, np.repeat(p[-1:], full - rows, axis=0)]) for p in parts]
        results.append(ops.convert_to_numpy(function(*parts))[:rows])
    return results[0] if len(results) == 1 else np.concatenate(results)
