"""How can a network choose what to look at, and does where it looks explain what it says?

Serves the chapter ``interpretability/attention``. :func:`scaled_dot_product_attention` and
:func:`additive_attention` compute weights and the weighted average; :func:`chunked_attention`
computes the average without keeping the weights. :class:`MultiHeadAttention` and
:class:`AttentionPooling` are the layers that learn. :func:`character_transformer` puts them into a
model that writes, with :func:`sinusoidal_positions`, :func:`generate` and
:func:`attention_weights`; :class:`Words` and :class:`TextClassifier` into one that judges
sentences. What explanations are asked stands here: :func:`attention_rollout`,
:func:`leave_one_out`, :func:`jensen_shannon` and :func:`adversarial_attention`.

Main references: Bahdanau, Cho and Bengio (2015); Vaswani and others (2017); Jain and Wallace
(2019); Wiegreffe and Pinter (2019).

Sequences are arrays of shape ``(..., time, features)``. A mask is boolean: True means keep.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from keras import ops

from course_lib import gradients
from course_lib._checks import (
    array,
    either,
    floats,
    function,
    real,
    same_shape,
    sequence,
    takes,
    whole,
)
from course_lib._chunks import chunked_attention
from course_lib._multi_head import AttentionPooling, MultiHeadAttention
from course_lib._reader import TextClassifier, without_each_word
from course_lib._transformer import (
    TransformerBlock,
    attention_weights,
    character_transformer,
    generate,
    sinusoidal_positions,
)
from course_lib._weighting import additive_attention, scaled_dot_product_attention
from course_lib._words import Words

__all__ = [
    "AttentionPooling",
    "MultiHeadAttention",
    "TextClassifier",
    "TransformerBlock",
    "Words",
    "additive_attention",
    "adversarial_attention",
    "attention_rollout",
    "attention_weights",
    "character_transformer",
    "chunked_attention",
    "generate",
    "jensen_shannon",
    "leave_one_out",
    "scaled_dot_product_attention",
    "sinusoidal_positions",
]


@takes(weights=either(sequence(array()), array("layers", "batch", "heads", "queries", "keys")))
def attention_rollout(weights: Sequence[Any] | Any) -> np.ndarray:
    """Follow attention through all layers down to the input (``eq-attention-rollout``).

    Abnar and Zuidema (2020), section 3: average the heads of each layer, give half of each row to
    the residual connection, and multiply the layers.

    Args:
        weights: The weights of each layer, first layer first, each of shape
            ``(batch, heads, time, time)``.

    Returns:
        For each position of the last layer its share of each input, float32, shape
        ``(batch, time, time)``; each row adds up to 1.

    Raises:
        ValueError: If there is no layer, or the weights have other shapes or are negative.
    """
    layers = [np.asarray(ops.convert_to_numpy(layer), "float64") for layer in weights]
    shapes = {layer.shape for layer in layers}
    if len(shapes) != 1 or len(layers[0].shape) != 4 or layers[0].shape[-1] != layers[0].shape[-2]:
        raise ValueError(
            "weights must hold for each layer an array of one shape (batch, heads, time, time), "
            f"got {sorted(shapes) or 'no layer'}."
        )
    rollout = np.eye(layers[0].shape[-1])
    for layer in layers:
        if not layer.min() >= 0:
            raise ValueError(f"weights must not be negative, got {layer.min():.4g}.")
        passed_on = layer.mean(axis=1) + np.eye(layer.shape[-1])
        rollout = passed_on / passed_on.sum(axis=-1, keepdims=True) @ rollout
    return rollout.astype("float32")


@takes(predict=function(), ids=array(), batch_size=whole(1))
def leave_one_out(
    predict: Callable[[np.ndarray], np.ndarray], ids: np.ndarray, batch_size: int = 1024
) -> np.ndarray:
    """Return how much a score changes when each word is taken out of its text.

    Args:
        predict: Function from numbers, shape ``(texts, time)``, to scores, shape ``(texts,)``.
        ids: Words as numbers, 0 for padding at the end, shape ``(texts, time)``.
        batch_size: Texts to predict at a time; all calls but none have this many.

    Returns:
        The score of the whole text minus the score without the word, shape ``(texts, time)``;
        zero at padding.

    Raises:
        ValueError: If ``ids`` is of another form.
    """
    ids = np.asarray(ids)
    if ids.ndim != 2 or ids.dtype.kind not in "iu" or not ids.size:
        raise ValueError(
            f"ids must be whole numbers of shape (texts, time), got {ids.dtype} of shape "
            f"{ids.shape}."
        )
    rows, places = np.nonzero(ids != Words.PADDING)
    shorter = without_each_word(ids)[rows, places]
    asked = np.concatenate([ids, shorter])
    missing = -len(asked) % batch_size  # whole batches: another size would be compiled anew
    asked = np.concatenate([asked, np.repeat(asked[:1], missing, axis=0)])
    batches = asked.reshape(-1, batch_size, ids.shape[1])
    scores = np.concatenate([np.asarray(predict(batch)).reshape(-1) for batch in batches])
    changes = np.zeros(ids.shape, "float32")
    changes[rows, places] = scores[rows] - scores[len(ids) : len(ids) + len(rows)]
    return changes


@takes(
    same_shape("one", "other"), one=floats("...", "time", low=0), other=floats("...", "time", low=0)
)
def jensen_shannon(one: Any, other: Any) -> Any:
    """Return how far apart two distributions are, from 0 to ln 2 (Lin 1991).

    The mean of the two Kullback-Leibler divergences from their middle
    (``eq-attention-jensen-shannon``). Made of ``keras.ops``, so it can be differentiated.

    Args:
        one: Not negative, adding up to 1 along the last axis, shape ``(..., time)``.
        other: Of the same shape.

    Returns:
        In nats, shape ``(...)``. Two distributions without a common place have ln 2 = 0.693.

    Raises:
        ValueError: If the shapes differ, or an array is not floating point or holds NaN.
    """
    one, other = ops.convert_to_tensor(one), ops.convert_to_tensor(other)
    middle = (one + other) / 2

    def divergence(p: Any) -> Any:  # 0 log 0 is 0
        return ops.sum(p * (ops.log(p + 1e-12) - ops.log(middle + 1e-12)), axis=-1)

    return (divergence(one) + divergence(other)) / 2


@takes(
    decide=function(),
    weights=array("texts", "time", filled=True),
    tolerance=real(),
    steps=whole(),
    seed=whole(),
)
def adversarial_attention(
    decide: Callable[[Any], Any],
    weights: Any,
    tolerance: float = 0.01,
    steps: int = 300,
    seed: int = 0,
) -> np.ndarray:
    """Look for other weights, far from the given ones, that leave the prediction as it is.

    Section 4.2.2 of Jain and Wallace (2019): gradient ascent on the divergence from the given
    weights, with a penalty on a change of the prediction beyond the tolerance. All texts are
    searched at once. Texts where the search fails keep the given weights.

    Args:
        decide: Function from weights, shape ``(texts, time)``, to probabilities, ``(texts,)``, made
            of ``keras.ops``.
        weights: The weights to get away from, shape ``(texts, time)``; zero at padding. A weight
            that is zero stays zero.
        tolerance: Largest change of the probability, from 0 to 1, that counts as none. For two
            classes it is the total variation distance.
        steps: Steps of the search.
        seed: Seed of the weights to begin with.

    Returns:
        The farthest weights found within the tolerance, float32, shape ``(texts, time)``.

    Raises:
        ValueError: If the weights are not distributions, or an argument is outside its range.
    """
    weights = np.asarray(ops.convert_to_numpy(weights), "float32")
    sums = weights.sum(axis=-1) if weights.ndim == 2 else np.zeros(1)
    if not (np.abs(sums - 1) < 1e-3).all() or weights.min() < 0:
        raise ValueError(
            "weights must have shape (texts, time) and add up to 1 in each row, got shape "
            f"{weights.shape}."
        )
    if not 0 < tolerance < 1 or steps < 1:
        raise ValueError(
            "tolerance must lie between 0 and 1 and steps be at least 1, got "
            f"{tolerance!r} and {steps!r}."
        )
    real = ops.convert_to_tensor(weights > 0)
    given = ops.convert_to_tensor(weights)
    before = decide(given)

    def judged(scores: Any) -> tuple[Any, Any, Any]:
        new = ops.softmax(ops.where(real, scores, -1e9), axis=-1)
        return new, jensen_shannon(given, new), ops.abs(decide(new) - before)

    def loss(scores: Any) -> Any:
        _, distance, change = judged(scores)
        return ops.sum(10 * ops.relu(change - tolerance / 2) - distance)

    def step(number: Any, scores: Any, mean: Any, square: Any, best: Any, farthest: Any) -> tuple:
        """Take one step of Adam (Kingma and Ba 2015), its rate falling to zero; keep the best."""
        _, slope = gradients.value_and_grad(loss)(scores)
        mean, square = 0.9 * mean + 0.1 * slope, 0.99 * square + 0.01 * slope**2
        size = ops.sqrt(square / (1 - 0.99**number)) + 1e-8
        scores = scores - 0.2 * (1 - number / steps) * mean / (1 - 0.9**number) / size
        new, distance, change = judged(scores)
        better = ops.logical_and(change < tolerance, distance > farthest)
        best = ops.where(better[:, None], new, best)
        return scores, mean, square, best, ops.where(better, distance, farthest)

    start = np.random.default_rng(seed).normal(size=weights.shape).astype("float32")
    zeros = np.zeros_like(weights)
    state = tuple(map(ops.convert_to_tensor, (start, zeros, zeros, weights, zeros[:, 0])))
    step = gradients.compile(step)
    for number in range(1, steps + 1):
        state = step(ops.convert_to_tensor(float(number)), *state)
    return ops.convert_to_numpy(state[3])
