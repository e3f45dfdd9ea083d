"""What surrounds the scan of a recurrent layer? The private room of ``recurrence``."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

__all__ = ["batch_first", "checked", "project", "start"]


def project(x: Any, kernel: Any, bias: Any | None) -> Any:
    """Multiply all times by the kernel in one matrix product; return (time, batch, columns)."""
    batch, time, features = ops.shape(x)
    rows = ops.reshape(ops.transpose(x, (1, 0, 2)), (-1, features))  # (time * batch, features)
    z = ops.matmul(rows, kernel)
    z = z if bias is None else z + bias
    return ops.reshape(z, (time, batch, ops.shape(kernel)[1]))


def batch_first(states: Any) -> Any:
    """Turn (time, batch, units) into (batch, time, units)."""
    return ops.transpose(states, (1, 0, 2))


def start(x: Any, recurrent_kernel: Any, state: Any | None, name: str) -> Any:
    """Return the state before the first step, shape (batch, units)."""
    if state is None:
        return ops.zeros((ops.shape(x)[0], ops.shape(recurrent_kernel)[0]), dtype=x.dtype)
    state = ops.convert_to_tensor(state, dtype=x.dtype)
    expected = (x.shape[0], recurrent_kernel.shape[0])
    if not _fits(state.shape, expected):
        raise ValueError(
            f"{name} must have shape (batch, units) = {expected}, got {tuple(state.shape)}."
        )
    return state


def checked(
    x: Any,
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any | None,
    gates: int,
    bias_rows: int | None = None,
) -> tuple[Any, Any, Any, Any]:
    """Return the arguments as tensors of one type, or say which shape does not fit."""
    x = ops.convert_to_tensor(x)
    if not keras.backend.is_float_dtype(x.dtype) or len(x.shape) != 3:
        raise ValueError(
            "x must hold floating point numbers of shape (batch, time, features), got "
            f"{keras.backend.standardize_dtype(x.dtype)} of shape {tuple(x.shape)}."
        )
    if x.shape[1] == 0:
        raise ValueError("x must have at least one time step, got none.")
    kernel, recurrent_kernel = (
        ops.convert_to_tensor(matrix, dtype=x.dtype) for matrix in (kernel, recurrent_kernel)
    )
    columns = "units" if gates == 1 else f"{gates} * units"
    units = recurrent_kernel.shape[0]
    width = None if units is None else gates * units
    if not _fits(recurrent_kernel.shape, (units, width)):
        raise ValueError(
            f"recurrent_kernel must have shape (units, {columns}), "
            f"got {tuple(recurrent_kernel.shape)}."
        )
    if not _fits(kernel.shape, (x.shape[2], width)):
        raise ValueError(
            f"kernel must have shape (features, {columns}) = ({x.shape[2]}, {width}), "
            f"got {tuple(kernel.shape)}."
        )
    if bias is not None:
        bias = ops.convert_to_tensor(bias, dtype=x.dtype)
        expected = (width,) if bias_rows is None else (bias_rows, width)
        if not _fits(bias.shape, expected):
            raise ValueError(f"bias must have shape {expected}, got {tuple(bias.shape)}.")
    return x, kernel, recurrent_kernel, bias


def _fits(shape: Any, expected: tuple[int | None, ...]) -> bool:
    """Compare shapes; a length that a compiler does not know yet (None) fits any."""
    return len(shape) == len(expected) and all(
        None in pair or pair[0] == pair[1] for pair in zip(tuple(shape), expected, strict=True)
    )
