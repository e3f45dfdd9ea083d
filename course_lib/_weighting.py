"""How are the weights of attention computed from queries and keys? The core of ``attention``.

Two scores, the dot product and Bahdanau's additive one, and what both share: the mask, the softmax
over the keys, and the weighted sum of the values.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from course_lib._checks import array, flag, takes

__all__ = [
    "additive_attention",
    "as_floating",
    "as_mask",
    "checked",
    "keep",
    "scaled_dot_product_attention",
    "working_type",
]


@takes(query=array(), key=array(), value=array(), mask=array("...", "keys"), causal=flag())
def scaled_dot_product_attention(
    query: Any, key: Any, value: Any, mask: Any | None = None, causal: bool = False
) -> tuple[Any, Any]:
    """Average values, weighted by how well their keys fit a query (``eq-attention-dot-product``).

    Computes ``softmax(Q K^T / sqrt(d_k)) V``, equation 1 of Vaswani and others (2017), with the
    softmax over the keys. Takes any floating type; the softmax of half-precision types is computed
    in float32. A query that may look at nothing gets weights and an output of zero.

    Args:
        query: Shape ``(..., query_time, features)``, floating point.
        key: Shape ``(..., key_time, features)``.
        value: Shape ``(..., key_time, value_features)``.
        mask: Boolean, True where a query may look at a key; of a shape that broadcasts to
            ``(..., query_time, key_time)``. For padding of shape ``(batch, key_time)`` give
            ``mask[:, None, :]``.
        causal: Whether query ``t`` may look at the keys ``0`` to ``t`` only.

    Returns:
        The output, shape ``(..., query_time, value_features)``, and the weights, shape
        ``(..., query_time, key_time)``: from 0 to 1, adding up to 1 over the keys.

    Raises:
        ValueError: If shapes do not fit together, or the mask is not boolean.
    """
    query, key, value = checked(query, key, value)
    query = query / query.shape[-1] ** 0.5  # before the product: less overflow in float16
    scores = ops.matmul(query, ops.swapaxes(key, -1, -2))  # (..., query_time, key_time)
    return _weighted(scores, value, mask, causal)


@takes(
    query=array(),
    key=array(),
    value=array(),
    scale=array(),
    mask=array("...", "keys"),
    causal=flag(),
)
def additive_attention(
    query: Any,
    key: Any,
    value: Any,
    scale: Any | None = None,
    mask: Any | None = None,
    causal: bool = False,
) -> tuple[Any, Any]:
    """Average values, weighted by a small network's scores (``eq-attention-additive``).

    Computes the scores ``v . tanh(q + k)`` of Bahdanau, Cho and Bengio (2015, appendix A.1.2),
    where ``q`` and ``k`` are already multiplied by their kernels, as
    ``keras.layers.AdditiveAttention`` has it. It needs memory for ``query_time * key_time *
    features`` numbers: the sum is taken for each pair before the ``tanh``.

    Args:
        query: Projected queries, shape ``(..., query_time, features)``, floating point.
        key: Projected keys, shape ``(..., key_time, features)``.
        value: Shape ``(..., key_time, value_features)``.
        scale: ``v``, shape ``(features,)``; ones by default.
        mask: As for :func:`scaled_dot_product_attention`.
        causal: As for :func:`scaled_dot_product_attention`.

    Returns:
        The output, shape ``(..., query_time, value_features)``, and the weights, shape
        ``(..., query_time, key_time)``.

    Raises:
        ValueError: If shapes do not fit together, or the mask is not boolean.
    """
    query, key, value = checked(query, key, value)
    pairs = ops.tanh(ops.expand_dims(query, -2) + ops.expand_dims(key, -3))
    if scale is None:
        return _weighted(ops.sum(pairs, axis=-1), value, mask, causal)
    scale = ops.convert_to_tensor(scale, dtype=query.dtype)
    if tuple(scale.shape) != (query.shape[-1],):
        raise ValueError(
            f"scale must have one number for each of the {query.shape[-1]} features of query, got "
            f"shape {tuple(scale.shape)}."
        )
    # dot and not matmul: for (128, 1, 24, 32) @ (32, 1) TensorFlow 2.21 hands oneDNN a shape that
    # overwrites memory on processors with AVX-512.
    return _weighted(ops.dot(pairs, scale), value, mask, causal)


def _weighted(scores: Any, value: Any, mask: Any | None, causal: bool) -> tuple[Any, Any]:
    """Turn scores (..., query_time, key_time) into weights, and average the values."""
    allowed = keep(mask, causal, scores)
    scores = ops.cast(scores, working_type(value))
    if allowed is not None:
        scores = ops.where(allowed, scores, lowest(scores))
    alone = scores.shape[-1] == 1  # a single key gets it all; Keras would warn
    weights = ops.ones_like(scores) if alone else ops.softmax(scores, axis=-1)
    if mask is not None:  # where it allows nothing the softmax is even: make it zero
        weights = ops.where(allowed, weights, ops.zeros((), weights.dtype))
    weights = ops.cast(weights, value.dtype)
    return ops.matmul(weights, value), weights


def keep(mask: Any | None, causal: bool, scores: Any) -> Any | None:
    """Join the mask and the causal one; None where every query may look at every key."""
    mask = None if mask is None else as_mask(mask, scores.shape)
    if not causal:
        return mask
    query_time, key_time = ops.shape(scores)[-2:]
    past = ops.arange(query_time)[:, None] >= ops.arange(key_time)[None, :]
    return past if mask is None else ops.logical_and(mask, past)


def as_mask(mask: Any, shape: Any) -> Any:
    """Return a mask as a boolean tensor that broadcasts to the shape of the scores."""
    mask = ops.convert_to_tensor(mask)
    kind = keras.backend.standardize_dtype(mask.dtype)
    if kind != "bool":
        raise ValueError(
            f"mask must be boolean, True where a query may look at a key, got {kind}. "
            "Write mask > 0, or ids != 0."
        )
    ends = zip(reversed(tuple(mask.shape)), reversed(tuple(shape)), strict=False)
    fits = all(one in (1, None, other) or other is None for one, other in ends)
    if len(mask.shape) > len(shape) or not fits:
        raise ValueError(
            "mask must broadcast to (..., query_time, key_time) = "
            f"{tuple(shape)}, got {tuple(mask.shape)}. For padding of shape (batch, key_time) give "
            "mask[:, None, :], or mask[:, None, None, :] with heads."
        )
    return mask


def checked(query: Any, key: Any, value: Any) -> tuple[Any, Any, Any]:
    """Return query, key and value as tensors of the query's type, or say what does not fit."""
    query = as_floating(query, "query")
    key, value = (
        as_floating(array, name, query.dtype) for array, name in ((key, "key"), (value, "value"))
    )
    if _differ(query.shape[-1], key.shape[-1]):
        raise ValueError(
            "query and key must have the same number of features (their last axis), got shapes "
            f"{tuple(query.shape)} and {tuple(key.shape)}. Project one of them first."
        )
    if not _broadcast(query.shape[:-2], key.shape[:-2], value.shape[:-2]):
        raise ValueError(
            "query, key and value must fit each other in the axes before the last two, got shapes "
            f"{tuple(query.shape)}, {tuple(key.shape)} and {tuple(value.shape)}."
        )
    if _differ(key.shape[-2], value.shape[-2]):
        raise ValueError(
            "key and value must have the same number of time steps (their last but one axis), got "
            f"shapes {tuple(key.shape)} and {tuple(value.shape)}."
        )
    return query, key, value


def as_floating(array: Any, name: str, dtype: Any | None = None) -> Any:
    """Return an array of shape (..., time, features) as a tensor of a floating type."""
    if isinstance(array, list | tuple):
        array = np.asarray(array, "float32")
    kind = keras.backend.standardize_dtype(array.dtype)
    if not keras.backend.is_float_dtype(kind) or len(array.shape) < 2:
        raise ValueError(
            f"{name} must hold floating point numbers of shape (..., time, features), got {kind} "
            f"of shape {tuple(array.shape)}."
        )
    if array.shape[-2] == 0 or array.shape[-1] == 0:
        raise ValueError(f"{name} must not be empty, got shape {tuple(array.shape)}.")
    return ops.convert_to_tensor(array, dtype=dtype)


def working_type(array: Any) -> str:
    """Return the type to sum in: float32 for half precision, else the array's own."""
    kind = keras.backend.standardize_dtype(array.dtype)
    return kind if kind in ("float32", "float64") else "float32"


def lowest(scores: Any) -> Any:
    """Return the score of what is masked: finite, so that no difference of two becomes NaN."""
    return ops.cast(-1e30, scores.dtype)


def _broadcast(*shapes: Any) -> bool:
    """Say whether shapes broadcast; a length that is not known yet fits any."""
    try:
        np.broadcast_shapes(*(tuple(1 if n is None else n for n in one) for one in shapes))
    except ValueError:
        return False
    return True


def _differ(length: int | None, other: int | None) -> bool:
    """Say whether two lengths differ; while TensorFlow records, one may be unknown: None."""
    return None not in (length, other) and length != other
