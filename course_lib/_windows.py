"""Where does a window fit, and which pixels lie under it? The geometry beneath ``convolution``.

Sizes are in pixels. A margin is a pair: pixels added before and after one axis.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from course_lib._checks import choice, either, sequence, whole

Pair = int | tuple[int, int]
PAIR = either(whole(1), sequence(whole(1), 2, 2))
PADDING = either(choice(("valid", "same")), whole())


def count_positions(input_size: int, kernel_size: int, stride: int, margin: tuple[int, int]) -> int:
    """Count the positions of a kernel along one axis of ``input_size`` pixels with a margin."""
    padded = input_size + sum(margin)
    if padded < kernel_size:
        raise ValueError(
            f"A kernel of {kernel_size} pixels does not fit into {input_size} pixels padded to "
            f"{padded}. Use a smaller kernel or more padding."
        )
    return (padded - kernel_size) // stride + 1


def margin_of(
    input_size: int, kernel_size: int, stride: int, padding: str | int
) -> tuple[int, int]:
    """Return the pixels to add at both ends of an axis; "same" puts the odd one after it."""
    if padding == "valid":
        return 0, 0
    if padding == "same":
        total = max((math.ceil(input_size / stride) - 1) * stride + kernel_size - input_size, 0)
        return total // 2, total - total // 2
    if isinstance(padding, int | np.integer) and not isinstance(padding, bool) and padding >= 0:
        return int(padding), int(padding)
    raise ValueError(
        f'padding must be "valid", "same" or a whole number of pixels from 0, got {padding!r}.'
    )


def as_pair(value: Pair, name: str) -> tuple[int, int]:
    pair = (value, value) if isinstance(value, int | np.integer) else tuple(value)
    if len(pair) != 2 or not all(isinstance(v, int | np.integer) and v >= 1 for v in pair):
        raise ValueError(f"{name} must be one or two whole numbers of at least 1, got {value!r}.")
    return int(pair[0]), int(pair[1])


def axes_geometry(
    shape: Sequence[int], kernel_sizes: Pair, strides: Pair, padding: str | int
) -> tuple[tuple[int, int], list[tuple[int, int]]]:
    """Return the output (height, width) and the margins to pad along both axes."""
    axes = list(zip(shape[1:3], kernel_sizes, strides, strict=True))
    margins = [margin_of(n, k, s, padding) for n, k, s in axes]
    rows, columns = (count_positions(*axis, m) for axis, m in zip(axes, margins, strict=True))
    return (rows, columns), margins


def conv_geometry(x: Any, kernel: Any, bias: Any, strides: Pair, padding: str | int) -> tuple:
    """Check that the arrays fit together; return strides, output (height, width) and margins."""
    if len(x.shape) != 4:
        raise ValueError(
            f"x must have shape (batch, height, width, channels), got {tuple(x.shape)}. "
            "Add axes for one image or one channel: x[None, :, :, None]."
        )
    if len(kernel.shape) != 4:
        raise ValueError(
            "kernel must have shape (kernel_height, kernel_width, channels, filters), "
            f"got {tuple(kernel.shape)}."
        )
    if kernel.shape[2] != x.shape[3]:
        raise ValueError(
            f"kernel expects {kernel.shape[2]} channels (its third axis) "
            f"but x has {x.shape[3]} (its last)."
        )
    if bias is not None and tuple(np.shape(bias)) != (kernel.shape[3],):
        raise ValueError(
            f"bias must hold one number per filter, shape ({kernel.shape[3]},), "
            f"got {tuple(np.shape(bias))}."
        )
    strides = as_pair(strides, "strides")
    return strides, *axes_geometry(x.shape, tuple(kernel.shape[:2]), strides, padding)


def slide(x: Any, axis: int, size: int, stride: int, count: int) -> list[Any]:
    """Return ``size`` views of ``x``: the k-th holds the k-th pixel of all ``count`` windows."""
    index = (slice(None),) * axis
    if stride == size:  # windows do not overlap: cutting the axis up is faster than stepping along
        x = x[(*index, slice(count * size))]
        x = ops.reshape(x, (-1, *x.shape[1:axis], count, size, *x.shape[axis + 1 :]))
        return [x[(*index, slice(None), k)] for k in range(size)]
    span = (count - 1) * stride + 1
    return [x[(*index, slice(k, k + span, stride))] for k in range(size)]


def concatenate(views: list[Any]) -> Any:
    return views[0] if len(views) == 1 else ops.concatenate(views, axis=-1)


def pad(x: Any, margins: list[tuple[int, int]], fill: float = 0.0) -> Any:
    if not any(map(any, margins)):
        return x
    return ops.pad(x, [(0, 0), *margins, (0, 0)], constant_values=fill)


def float_tensor(x: Any, name: str) -> Any:
    x = ops.convert_to_tensor(x)
    if not keras.backend.is_float_dtype(x.dtype):
        raise ValueError(
            f"{name} must hold floating point numbers, "
            f"got {keras.backend.standardize_dtype(x.dtype)}. "
            "Scale images first: x.astype('float32') / 255."
        )
    return x
