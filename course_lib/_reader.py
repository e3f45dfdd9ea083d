"""Which words decide? A classifier of texts that can be taken apart, for ``attention``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from course_lib._characters import check_known
from course_lib._checks import (
    either,
    fits_shape,
    flag,
    floats,
    indices,
    instance,
    real,
    shape_of,
    string,
    takes,
    truths,
    whole,
)
from course_lib._multi_head import AttentionPooling
from course_lib._words import Words

__all__ = ["TextClassifier"]

ENCODERS = ("words", "lstm")


def _known(given: Mapping[str, Any]) -> None:
    check_known(given["ids"], given["self"].embedding)


def _widths_fit(given: Mapping[str, Any]) -> None:
    """Raise unless each word has as many numbers as the next stage takes, and one weight."""
    for name, setting in (("vectors", "features"), ("encoded", "units")):
        shape, width = shape_of(given.get(name)), given["self"].settings[setting]
        if shape is not None and not fits_shape(shape, (None, None, width)):
            raise ValueError(
                f"{name} must have shape (batch, time, {width}), but its shape is {shape}."
            )
    for name in ("mask", "weights"):
        shape, words = (
            shape_of(given.get(name)),
            shape_of(given.get("vectors", given.get("encoded"))),
        )
        if shape is not None and not fits_shape(shape, words[:2]):
            raise ValueError(
                f"{name} must have one number for each word, {words[:2]}, but its shape is {shape}."
            )


@keras.saving.register_keras_serializable(package="course_lib")
class TextClassifier(keras.Model):
    """Words, a vector for each, an encoder, attention over the words, one logit.

    The classifier of Jain and Wallace (2019), section 2. Its stages can be called one by one, so
    that a gradient can be taken by the vectors, and the weights of attention can be replaced:
    ``embed``, ``encode``, ``attend`` and ``decide``. Calling the model runs all four.

    Attributes:
        encoder: ``"words"`` (each word is encoded alone) or ``"lstm"`` (a bidirectional LSTM, so
            that what is attended to at a word knows the whole sentence).
        uniform: Whether all words get the same weight, learned attention or not.
    """

    @takes(
        words=either(instance(Words, "a Words"), whole(2)),
        encoder=string(),
        features=whole(),
        units=whole(),
        uniform=flag(),
        dropout=real(0, 1, open_end=True),
    )
    def __init__(
        self,
        words: Words | int,
        encoder: str = "lstm",
        features: int = 64,
        units: int = 32,
        *,
        uniform: bool = False,
        dropout: float = 0.5,
        **options: Any,
    ) -> None:
        """Take the sizes.

        Args:
            words: The vocabulary, or only its length.
            encoder: ``"words"`` or ``"lstm"``.
            features: Length of the vector that stands for a word.
            units: Features of the encoded words (half of them for each direction of the LSTM), and
                hidden units of the attention scores.
            uniform: Whether to give all words the same weight.
            dropout: Share of the vectors' entries that is left out in training.
            **options: Passed to ``keras.Model``.

        Raises:
            ValueError: If the encoder is unknown, or a size is not fit.
        """
        super().__init__(**options)
        if encoder not in ENCODERS:
            raise ValueError(f"encoder must be one of {', '.join(ENCODERS)}, got {encoder!r}.")
        if units < 2 or units % 2 or features < 1:
            raise ValueError(
                "units must be an even number of at least 2 and features at least 1, got "
                f"{units!r} and {features!r}."
            )
        number = len(words) if isinstance(words, Words) else int(words)
        self.settings = {
            "words": number,
            "encoder": encoder,
            "features": features,
            "units": units,
            "uniform": uniform,
            "dropout": dropout,
        }
        self.encoder, self.uniform = encoder, uniform
        self.embedding = keras.layers.Embedding(number, features, name="embedding")
        self.drop = keras.layers.Dropout(dropout)
        if encoder == "lstm":
            half = keras.layers.LSTM(units // 2, return_sequences=True, use_cudnn=False)
            self.reader = keras.layers.Bidirectional(half, name="lstm")
        else:
            self.reader = keras.layers.Dense(units, activation="tanh", name="words")
        self.pooling = None if uniform else AttentionPooling(units, name="pooling")
        self.output_layer = keras.layers.Dense(1, name="logit")

    def build(self, ids_shape: Any) -> None:
        """Make the weights, for numbers of shape ``(batch, time)``."""
        batch, time = ids_shape
        self.embedding.build(ids_shape)
        self.reader.build((batch, time, self.settings["features"]))
        if self.pooling is not None:
            self.pooling.build((batch, time, self.settings["units"]))
        self.output_layer.build((batch, self.settings["units"]))

    @takes(_known, ids=indices("batch", "time", filled=True))
    def embed(self, ids: Any) -> Any:
        """Return the vectors of words, shape ``(batch, time, features)``.

        Args:
            ids: Words as numbers, 0 for padding, shape ``(batch, time)``.
        """
        return self.embedding(ids)

    @takes(_widths_fit, vectors=floats("batch", "time", "features"), mask=truths("batch", "time"))
    def encode(self, vectors: Any, mask: Any) -> Any:
        """Return what can be attended to at each word, shape ``(batch, time, units)``.

        Args:
            vectors: Shape ``(batch, time, features)``.
            mask: True where there is a word, shape ``(batch, time)``.
        """
        if self.encoder == "lstm":
            return self.reader(vectors, mask=mask)
        return self.reader(vectors)

    @takes(_widths_fit, encoded=floats("batch", "time", "units"), mask=truths("batch", "time"))
    def attend(self, encoded: Any, mask: Any) -> Any:
        """Return the weight of each word, shape ``(batch, time)``; each row adds up to 1."""
        mask = ops.convert_to_tensor(mask)
        if self.pooling is None:
            ones = ops.cast(mask, encoded.dtype)
            return ones / ops.maximum(ops.sum(ones, axis=-1, keepdims=True), 1)
        return self.pooling(encoded, mask)[1]

    @takes(_widths_fit, encoded=floats("batch", "time", "units"), weights=floats("batch", "time"))
    def decide(self, encoded: Any, weights: Any) -> Any:
        """Return the logit of the second class for given weights of the words, shape ``(batch,)``.

        Args:
            encoded: Shape ``(batch, time, units)``.
            weights: Shape ``(batch, time)``: those of ``attend``, or any others.
        """
        context = ops.squeeze(ops.matmul(ops.expand_dims(weights, -2), encoded), -2)
        return ops.squeeze(self.output_layer(context), -1)

    def call(self, ids: Any, training: bool = False) -> Any:
        """Return the logits of the second class, shape ``(batch,)``."""
        mask = ops.not_equal(ids, Words.PADDING)
        vectors = self.drop(self.embed(ids), training=training)
        encoded = self.encode(vectors, mask)
        return self.decide(encoded, self.attend(encoded, mask))

    def compute_output_shape(self, ids_shape: Any) -> tuple[int | None]:
        """Return the shape of the logits."""
        return (ids_shape[0],)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to build the model anew."""
        return super().get_config() | self.settings


def without_each_word(ids: np.ndarray) -> np.ndarray:
    """Return each text once without each of its places, which is taken out and closed up.

    Args:
        ids: Shape ``(texts, time)``.

    Returns:
        Shape ``(texts, time, time)``: entry ``[n, t]`` is text ``n`` without place ``t``.
    """
    ids = np.asarray(ids)
    time = ids.shape[1]
    places = np.arange(time - 1)[None, :] + (
        np.arange(time - 1)[None, :] >= np.arange(time)[:, None]
    )
    shorter = ids[:, places]  # (texts, time, time - 1)
    return np.pad(shorter, ((0, 0), (0, 0), (0, 1)), constant_values=Words.PADDING)
