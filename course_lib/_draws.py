"""What do functions that draw at random ask of their arguments? Shared by several chapters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from course_lib._checks import either, instance, whole

__all__ = ["SEED", "Seed", "as_seed", "float_tensor", "seeds", "uniform", "wide"]

Seed = int | keras.random.SeedGenerator
SEED = either(whole(), instance(keras.random.SeedGenerator, "a keras.random.SeedGenerator"))


def as_seed(seed: Seed) -> Seed:
    """Return a seed that every backend takes: a generator as it is, a large number folded."""
    if isinstance(seed, keras.random.SeedGenerator):
        return seed
    # JAX takes no more than 32 bits.
    return int(seed) if _whole(seed) < 2**32 else seeds(seed, 1)[0]


def seeds(seed: Seed, count: int) -> list[Seed]:
    """Return independent seeds: a generator moves on by itself, a number is spread."""
    if isinstance(seed, keras.random.SeedGenerator):
        return [seed] * count
    words = np.random.SeedSequence(_whole(seed)).generate_state(count)
    return [int(word) for word in words]


def _whole(seed: Any) -> int:
    """Return a seed as a plain number, or raise if it is neither number nor generator."""
    whole = isinstance(seed, int | np.integer) and not isinstance(seed, bool)
    if not whole or seed < 0:
        raise ValueError(
            "seed must be a whole number from 0 on or a keras.random.SeedGenerator, "
            f"but it is {seed!r}."
        )
    return int(seed)


def float_tensor(values: Any, name: str, hint: str = "Cast it to float32 first.") -> Any:
    """Return values as a tensor after checking that they are floating point."""
    if isinstance(values, np.ndarray) and values.dtype == np.float64:
        values = values.astype(keras.backend.floatx())
    tensor = ops.convert_to_tensor(values)
    kind = keras.backend.standardize_dtype(tensor.dtype)
    if not keras.backend.is_float_dtype(kind):
        raise ValueError(f"{name} must hold floating point numbers, but it holds {kind}. {hint}")
    return tensor


def uniform(images: Any, seed: Seed, ranges: Sequence[tuple[float, float]]) -> list[Any]:
    """Draw one number for each image from each range: a list of tensors of shape (batch,)."""
    count = (ops.shape(images)[0],)
    several = seeds(seed, len(ranges))
    pairs = zip(ranges, several, strict=True)
    return [keras.random.uniform(count, low, high, seed=one) for (low, high), one in pairs]


def wide(values: Any) -> Any:
    """Give one number for each image the axes of images: (batch,) to (batch, 1, 1, 1)."""
    return ops.reshape(values, (-1, 1, 1, 1))
