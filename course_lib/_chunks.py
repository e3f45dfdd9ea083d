"""How does attention get along without the table of all its weights? For ``attention``.

The softmax of a row can be computed while the keys come in block by block, if one keeps the largest
score so far, the sum of exponentials and the weighted sum of values, and rescales the two sums
whenever a larger score turns up (Milakov and Gimelshein 2018; Rabe and Staats 2021). The gradient
recomputes each block's weights instead of keeping them, as FlashAttention does (Dao and others
2022).
"""

from __future__ import annotations

from typing import Any

from keras import ops

from course_lib._checks import array, flag, takes
from course_lib._weighting import as_mask, checked, lowest, working_type

__all__ = ["chunked_attention"]


@takes(query=array(), key=array(), value=array(), mask=array("...", "keys"), causal=flag())
def chunked_attention(
    query: Any,
    key: Any,
    value: Any,
    mask: Any | None = None,
    causal: bool = False,
    block: int = 128,
) -> Any:
    """Compute the output of :func:`scaled_dot_product_attention` without the table of weights.

    Keys are read ``block`` at a time with a running softmax (``eq-attention-running``), so memory
    grows with ``query_time * block`` instead of ``query_time * key_time``, in the gradient, too.
    Meant to be compiled.

    Args:
        query: Shape ``(..., query_time, features)``, floating point.
        key: Shape ``(..., key_time, features)``, with the leading axes of ``query``.
        value: Shape ``(..., key_time, value_features)``, with the leading axes of ``query``.
        mask: Boolean, True where a query may look at a key; of a shape that broadcasts to
            ``(..., query_time, key_time)``. It saves memory only if it has a 1 for the queries.
        causal: Whether query ``t`` may look at the keys ``0`` to ``t`` only.
        block: Keys to read at a time.

    Returns:
        The output, shape ``(..., query_time, value_features)``. There are no weights to return.

    Raises:
        ValueError: If shapes do not fit together, the mask is not boolean, or the block is not a
            positive whole number.
    """
    query, key, value = checked(query, key, value)
    if not isinstance(block, int) or isinstance(block, bool) or block < 1:
        raise ValueError(f"block must be a whole number of at least 1, got {block!r}.")
    if not tuple(query.shape[:-2]) == tuple(key.shape[:-2]) == tuple(value.shape[:-2]):
        raise ValueError(
            "query, key and value must agree in all axes before the last two, got shapes "
            f"{tuple(query.shape)}, {tuple(key.shape)} and {tuple(value.shape)}."
        )
    mask = None if mask is None else as_mask(mask, (*query.shape[:-1], key.shape[-2]))
    wide = working_type(query)
    blocks = _Blocks(mask, causal, key.shape[-2], block)

    @ops.custom_gradient
    def attend(query: Any, key: Any, value: Any) -> tuple[Any, Any]:
        output, log_sum = _forward(query, key, value, blocks)

        def gradient(*_: Any, upstream: Any | None = None) -> tuple[Any, Any, Any]:
            upstream = _[0] if upstream is None else upstream
            return _backward(query, key, value, output, log_sum, upstream, blocks)

        return output, gradient

    scaled = ops.cast(query, wide) / query.shape[-1] ** 0.5
    return ops.cast(attend(scaled, ops.cast(key, wide), ops.cast(value, wide)), query.dtype)


def _forward(query: Any, key: Any, value: Any, blocks: _Blocks) -> tuple[Any, Any]:
    """Return the output, and the logarithm of each row's sum, shape (..., query_time, 1)."""
    keys, values = blocks.cut(key), blocks.cut(value)

    def read(number: Any, state: tuple) -> tuple:
        largest, total, summed = state
        scores, allowed = blocks.scores(query, keys[number], number)
        new = ops.maximum(largest, ops.max(scores, axis=-1, keepdims=True))
        weights = ops.exp(scores - new)  # relative to the largest score so far
        weights = weights if allowed is None else ops.where(allowed, weights, 0.0)
        shrink = ops.exp(largest - new)
        total = shrink * total + ops.sum(weights, axis=-1, keepdims=True)
        summed = shrink * summed + ops.matmul(weights, values[number])
        return new, total, summed

    rows = ops.zeros_like(query[..., :1])  # (..., query_time, 1)
    start = (rows + lowest(rows), rows, ops.matmul(rows, ops.zeros_like(value[..., :1, :])))
    largest, total, summed = ops.fori_loop(0, blocks.count, read, start)
    total = ops.where(total > 0, total, 1.0)  # rows that may look at nothing stay zero
    return summed / total, largest + ops.log(total)


def _backward(
    query: Any, key: Any, value: Any, output: Any, log_sum: Any, upstream: Any, blocks: _Blocks
) -> tuple[Any, Any, Any]:
    """Return the gradients by query, key and value, block by block."""
    keys, values = blocks.cut(key), blocks.cut(value)
    common = ops.sum(upstream * output, axis=-1, keepdims=True)

    def read(number: Any, state: tuple) -> tuple:
        by_query, by_keys, by_values = state
        scores, allowed = blocks.scores(query, keys[number], number)
        weights = ops.exp(scores - log_sum)
        weights = weights if allowed is None else ops.where(allowed, weights, 0.0)
        by_weights = ops.matmul(upstream, ops.swapaxes(values[number], -1, -2))
        by_scores = weights * (by_weights - common)
        turned, turned_weights = ops.swapaxes(by_scores, -1, -2), ops.swapaxes(weights, -1, -2)
        place = (number,) + (0,) * (len(query.shape))
        by_keys = ops.slice_update(by_keys, place, ops.matmul(turned, query)[None])
        by_values = ops.slice_update(by_values, place, ops.matmul(turned_weights, upstream)[None])
        return by_query + ops.matmul(by_scores, keys[number]), by_keys, by_values

    start = tuple(ops.zeros_like(array) for array in (query, keys, values))
    by_query, by_keys, by_values = ops.fori_loop(0, blocks.count, read, start)
    return by_query, blocks.join(by_keys), blocks.join(by_values)


class _Blocks:
    """Where the blocks of keys begin, and which of their keys each query may look at."""

    def __init__(self, mask: Any | None, causal: bool, key_time: int, block: int) -> None:
        self.block = min(block, key_time)
        self.key_time, self.causal = key_time, causal
        self.count = -(-key_time // self.block)
        self.missing = self.count * self.block - key_time  # keys to add to fill the last block
        if mask is not None:
            if mask.shape[-1] == 1:
                mask = ops.repeat(mask, key_time, axis=-1)
            mask = mask[None] if len(mask.shape) == 1 else mask
            mask = ops.swapaxes(self.cut(ops.swapaxes(mask, -1, -2)), -1, -2)
        self.masks = mask  # (count, ..., query_time or 1, block)

    def cut(self, array: Any) -> Any:
        """Turn (..., key_time, features) into (count, ..., block, features)."""
        axes = len(array.shape)
        if self.missing:
            array = ops.pad(array, [(0, 0)] * (axes - 2) + [(0, self.missing), (0, 0)])
        shape = ops.shape(array)
        cut = ops.reshape(array, (*shape[:-2], self.count, self.block, shape[-1]))
        return ops.moveaxis(cut, -3, 0)

    def join(self, blocks: Any) -> Any:
        """Undo ``cut``."""
        together = ops.moveaxis(blocks, 0, -3)
        shape = ops.shape(together)
        joined = ops.reshape(together, (*shape[:-3], self.count * self.block, shape[-1]))
        return joined[..., : self.key_time, :]

    def scores(self, query: Any, keys: Any, number: Any) -> tuple[Any, Any | None]:
        """Return the scores of one block of keys, and which of them count (None: all)."""
        scores = ops.matmul(query, ops.swapaxes(keys, -1, -2))  # (..., query_time, block)
        allowed = None if self.masks is None else self.masks[number]
        place = number * self.block + ops.arange(self.block)
        if self.causal:
            past = ops.arange(ops.shape(query)[-2])[:, None] >= place[None, :]
            allowed = past if allowed is None else ops.logical_and(allowed, past)
        if self.missing:
            real = place < self.key_time
            allowed = real if allowed is None else ops.logical_and(allowed, real)
        if allowed is None:
            return scores, None
        return ops.where(allowed, scores, lowest(scores)), allowed
