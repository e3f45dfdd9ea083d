"""How do you put questions to a model that you cannot look into? In batches, and with checks.

The explanations of ``local_explanations`` see a model only through ``predict``: a function from
inputs to scores, as NumPy arrays. These are the questions they ask, and the checks of what they are
given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from course_lib._checks import check_whole

__all__ = [
    "Predict",
    "ask",
    "ask_in_blocks",
    "check_names",
    "check_seed",
    "rows_like",
    "table",
]

Predict = Callable[[Any], Any]


def ask(predict: Predict, inputs: Any) -> np.ndarray:
    """Return the scores of some inputs in float64, or say what is wrong with them.

    Args:
        predict: maps n inputs to scores of shape (n,) or (n, classes).
        inputs: an array whose first axis counts the inputs, or a list of texts.
    """
    scores = np.asarray(predict(inputs))
    if scores.ndim not in (1, 2) or len(scores) != len(inputs) or 0 in scores.shape:
        raise ValueError(
            f"predict must return one score or one row of class scores for each of the "
            f"{len(inputs)} inputs, shape ({len(inputs)},) or ({len(inputs)}, classes), but the "
            f"shape is {scores.shape}."
        )
    if scores.dtype.kind not in "fiub" or not np.isfinite(scores).all():
        raise ValueError(
            f"predict must return finite numbers, but it returned {scores.dtype} that are not. "
            "Return probabilities or logits, not names of classes."
        )
    return scores.astype(np.float64, copy=False)


def ask_in_blocks(
    predict: Predict, blocks: Iterable[np.ndarray], rows_a_block: int
) -> Iterable[np.ndarray]:
    """Yield the scores of blocks of inputs, all but a lone block padded to one length.

    A compiled model is recorded anew for each length that it meets, so that odd lengths are slow.

    Args:
        predict: see :func:`ask`.
        blocks: arrays of at most ``rows_a_block`` inputs.
        rows_a_block: the length of a full block.
    """
    for place, block in enumerate(blocks):
        missing = rows_a_block - len(block) if place else 0
        if missing:
            padding = np.broadcast_to(block[-1:], (missing, *block.shape[1:]))
            yield ask(predict, np.concatenate([block, padding]))[: len(block)]
        else:
            yield ask(predict, block)


def table(values: Any, name: str) -> np.ndarray:
    """Return a table (rows, features) of finite numbers, float32 where it was, else float64."""
    values = np.asarray(values)
    if values.dtype != np.float32:
        try:
            values = values.astype(np.float64)
        except (TypeError, ValueError):
            raise ValueError(f"{name} must hold numbers, but it holds {values.dtype}.") from None
    if values.ndim != 2 or 0 in values.shape:
        raise ValueError(
            f"{name} must be a table of shape (rows, features) with at least one of each, but its "
            f"shape is {values.shape}."
        )
    if not np.isfinite(values).all():
        raise ValueError(f"{name} must be finite, but it holds NaN or infinite values. Fill them.")
    return values


def rows_like(x: Any, background: np.ndarray) -> tuple[np.ndarray, bool]:
    """Return x as rows (batch, features) with the background's features; and whether it was one."""
    x = np.asarray(x)
    alone = x.ndim == 1
    rows = table(x[None] if alone else x, "x")
    if rows.shape[1] != background.shape[1]:
        raise ValueError(
            f"x must have the {background.shape[1]} features of background, but it has "
            f"{rows.shape[1]}."
        )
    return rows, alone


def check_seed(seed: object) -> None:
    """Raise unless a seed is a whole number that NumPy takes."""
    check_whole("seed", seed, 0, 2**32 - 1)


def check_names(names: Sequence[str] | None, features: int) -> tuple[str, ...]:
    """Return one name for each feature."""
    if names is None:
        return tuple(f"feature {place}" for place in range(features))
    if len(names) != features:
        raise ValueError(
            f"names must hold one name for each of the {features} features, but it holds "
            f"{len(names)}."
        )
    return tuple(map(str, names))
