"""Is this number one that the function can use? The checks of plain numbers, for every room."""

from __future__ import annotations

import numpy as np

__all__ = ["check_between", "check_whole"]


def check_between(
    name: str,
    value: float,
    low: float,
    high: float,
    open_start: bool = False,
    open_end: bool = False,
) -> None:
    """Raise if a plain number lies outside its range; NaN and infinity always do."""
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    fits = number and np.isfinite(value) and low <= value <= high
    if not fits or (open_start and value == low) or (open_end and value == high):
        start = f"above {low}" if open_start else f"at least {low}"
        end = "" if high == np.inf else f" and {'below' if open_end else 'at most'} {high}"
        raise ValueError(f"{name} must be a number {start}{end}, but it is {value!r}.")


def check_whole(name: str, value: object, least: int = 0, most: int | None = None) -> None:
    """Raise unless a value is a whole number in a range, its ends included."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or value < least or (most is not None and value > most):
        end = " on" if most is None else f" to {most}"
        raise ValueError(f"{name} must be a whole number from {least}{end}, but it is {value!r}.")
