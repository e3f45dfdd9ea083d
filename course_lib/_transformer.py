"""How do blocks of attention become a model that writes text? The transformer of ``attention``.

A decoder after Vaswani and others (2017), with the normalization before each part, as Radford and
others (2019) have it.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from course_lib import gradients
from course_lib._characters import Vocabulary, check_known, check_writing, draw
from course_lib._checks import choice, flag, indices, model, real, string, takes, whole
from course_lib._multi_head import MultiHeadAttention

__all__ = [
    "TransformerBlock",
    "attention_weights",
    "character_transformer",
    "generate",
    "sinusoidal_positions",
]


def sinusoidal_positions(length: int, features: int) -> Any:
    """Give each position a vector of waves of many lengths (``eq-attention-positions``).

    Section 3.5 of Vaswani and others (2017): even columns hold sines, odd ones cosines, and the
    wave lengths grow from 2 pi to 20,000 pi. The vector of position ``t + k`` is a rotation of that
    of ``t``, the same for all ``t``.

    Args:
        length: Number of positions.
        features: Numbers that stand for a position.

    Returns:
        Values from -1 to 1, float32, shape ``(length, features)``.

    Raises:
        ValueError: If a size is not a positive whole number.
    """
    _check_sizes(length=length, features=features)
    column = ops.arange(features)
    speed = ops.exp(ops.cast(column - column % 2, "float32") * (-np.log(1e4) / features))
    angle = ops.arange(length, dtype="float32")[:, None] * speed
    return ops.where(column % 2 == 0, ops.sin(angle), ops.cos(angle))


@keras.saving.register_keras_serializable(package="course_lib")
class Positions(keras.layers.Layer):
    """Add a vector for each position, learned or fixed, to the vectors of a sequence.

    Attention alone does not see the order of its keys.
    """

    def __init__(self, length: int, kind: str = "learned", **options: Any) -> None:
        """Take the largest number of positions, and ``"learned"`` or ``"sinusoidal"``."""
        super().__init__(**options)
        if kind not in ("learned", "sinusoidal"):
            raise ValueError(f'kind must be "learned" or "sinusoidal", got {kind!r}.')
        _check_sizes(length=length)
        self.length, self.kind = length, kind

    def build(self, x_shape: Any) -> None:
        """Make the table for vectors of a shape ``(batch, time, features)``."""
        shape = (self.length, x_shape[-1])
        if self.kind == "learned":
            start = keras.initializers.RandomUniform(-0.05, 0.05)  # as Keras's embeddings
            self.table = self.add_weight(shape=shape, initializer=start, name="table")

    def call(self, x: Any) -> Any:
        """Add the first rows of the table."""
        time, features = ops.shape(x)[1], x.shape[-1]
        if isinstance(time, int) and time > self.length:
            raise ValueError(f"x must have at most {self.length} time steps, got {time}.")
        if self.kind == "learned":
            return x + ops.convert_to_tensor(self.table)[:time]
        return x + ops.cast(sinusoidal_positions(self.length, features)[:time], x.dtype)

    def compute_output_shape(self, x_shape: Any) -> Any:
        """Return the shape of the input."""
        return x_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to build the layer anew."""
        return super().get_config() | {"length": self.length, "kind": self.kind}


@keras.saving.register_keras_serializable(package="course_lib")
class TransformerBlock(keras.layers.Layer):
    """Let positions look at each other, then let each think for itself (``eq-attention-block``).

    Computes ``y = x + attention(norm(x))`` and ``y + mlp(norm(y))``; the second part is a network
    of one hidden layer that is applied to each position alone.
    """

    @takes(
        num_heads=whole(1),
        widening=whole(1),
        causal=flag(),
        dropout=real(0, 1, open_end=True),
        output_scale=real(0),
    )
    def __init__(
        self,
        num_heads: int = 4,
        widening: int = 4,
        causal: bool = True,
        dropout: float = 0.0,
        output_scale: float = 1.0,
        **options: Any,
    ) -> None:
        """Take the sizes.

        Args:
            num_heads: Number of heads; they share the features among them.
            widening: Hidden units of the second part, in multiples of the features.
            causal: Whether each position may look at itself and what is before it only.
            dropout: Share of what both parts add that is left out in training.
            output_scale: Factor on the initial kernels that end both parts.
            **options: Passed to ``keras.layers.Layer``.
        """
        super().__init__(**options)
        _check_sizes(num_heads=num_heads, widening=widening)
        self.settings = {
            "num_heads": num_heads,
            "widening": widening,
            "causal": causal,
            "dropout": dropout,
            "output_scale": output_scale,
        }
        self.causal = causal
        self.supports_masking = True

    def build(self, x_shape: Any) -> None:
        """Make the layers for vectors of a shape ``(batch, time, features)``."""
        features, heads = x_shape[-1], self.settings["num_heads"]
        scale = self.settings["output_scale"]
        if features % heads:
            raise ValueError(
                f"num_heads must divide the {features} features, but {heads} does not."
            )
        self.norms = [keras.layers.LayerNormalization(epsilon=1e-5) for _ in range(2)]
        self.attention = MultiHeadAttention(heads, features // heads, output_scale=scale)
        hidden = self.settings["widening"] * features
        self.widen = keras.layers.Dense(hidden)
        end = keras.initializers.VarianceScaling(scale**2, "fan_avg", "uniform")
        self.narrow = keras.layers.Dense(features, kernel_initializer=end)
        self.drop = keras.layers.Dropout(self.settings["dropout"])
        for layer in (*self.norms, self.attention, self.widen):
            layer.build(x_shape)
        self.narrow.build((*x_shape[:-1], hidden))

    def call(
        self,
        x: Any,
        attention_mask: Any | None = None,
        training: bool = False,
        return_weights: bool = False,
    ) -> Any:
        """Compute the block.

        Args:
            x: Shape ``(batch, time, features)``.
            attention_mask: Boolean, True where one position may look at another, of a shape that
                broadcasts to ``(batch, time, time)``.
            training: Whether dropout is at work.
            return_weights: Whether to return the attention weights, too.

        Returns:
            Shape ``(batch, time, features)``; with ``return_weights`` a pair of it and the weights,
            shape ``(batch, heads, time, time)``.
        """
        seen, weights = self.attention(
            self.norms[0](x),
            attention_mask=attention_mask,
            causal=self.causal,
            return_weights=True,
        )
        x = x + self.drop(seen, training=training)
        hidden = ops.gelu(self.widen(self.norms[1](x)), approximate=True)
        x = x + self.drop(self.narrow(hidden), training=training)
        return (x, weights) if return_weights else x

    def compute_output_shape(self, x_shape: Any, **_: Any) -> Any:
        """Return the shape of the input."""
        return x_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to build the layer anew."""
        return super().get_config() | self.settings


@takes(positions=choice(("learned", "sinusoidal")), dropout=real(0, 1, open_end=True))
def character_transformer(
    vocabulary: Vocabulary | int,
    features: int = 128,
    layers: int = 4,
    num_heads: int = 4,
    length: int = 64,
    *,
    widening: int = 4,
    positions: str | None = "learned",
    dropout: float = 0.0,
) -> keras.Model:
    """Build a transformer that says, at each character of a text, which one comes next.

    Args:
        vocabulary: A ``recurrence.Vocabulary``, which the model then carries as
            ``model.vocabulary``; or only the number of different characters.
        features: Numbers that stand for a character at a position, in all blocks.
        layers: Number of blocks.
        num_heads: Heads of each block; they share the features among them.
        length: Characters that it can look at, which it carries as ``model.length``.
        widening: Hidden units of the blocks' second part, in multiples of the features.
        positions: ``"learned"``, ``"sinusoidal"``, or None for no positions.
        dropout: Share of what each part adds that is left out in training.

    Returns:
        An uncompiled model from character numbers, shape ``(batch, time)`` with a time of at most
        ``length``, to **logits**, shape ``(batch, time, vocabulary_size)``.

    Raises:
        ValueError: If a size is not a positive whole number, the heads do not divide the features,
            or the kind of positions is unknown.
    """
    characters = len(vocabulary) if isinstance(vocabulary, Vocabulary) else vocabulary
    _check_sizes(
        vocabulary=characters,
        features=features,
        layers=layers,
        num_heads=num_heads,
        length=length,
        widening=widening,
    )
    if features % num_heads:
        raise ValueError(
            f"num_heads must divide the {features} features, but {num_heads} does not."
        )
    stack: list[Any] = [
        keras.Input((None,), dtype="int32", name="characters"),
        keras.layers.Embedding(characters, features, name="embedding"),
    ]
    if positions is not None:
        stack.append(Positions(length, positions, name="positions"))
    for number in range(1, layers + 1):
        block = TransformerBlock(
            num_heads,
            widening,
            dropout=dropout,
            output_scale=(2 * layers) ** -0.5,  # so that the sum over the parts does not grow
            name=f"block{number}",
        )
        stack.append(block)
    stack.append(keras.layers.LayerNormalization(epsilon=1e-5, name="norm"))
    stack.append(keras.layers.Dense(characters, name="logits"))
    model = keras.Sequential(stack, name="character_transformer")
    model.vocabulary = vocabulary if isinstance(vocabulary, Vocabulary) else None
    model.length = length
    return model


@takes(model=model(), ids=indices("batch", "time", filled=True))
def attention_weights(model: keras.Model, ids: Any) -> list[np.ndarray]:
    """Return where each block of a transformer looks.

    Args:
        model: A model made by :func:`character_transformer`.
        ids: Characters as numbers, shape ``(batch, time)``.

    Returns:
        For each block the weights, shape ``(batch, heads, time, time)``: rows are the positions
        that look, columns those that are looked at.

    Raises:
        ValueError: If the model has no transformer block.
    """
    ids = ops.convert_to_numpy(ids)
    x, found = ops.convert_to_tensor(ids), []
    for layer in model.layers:
        if isinstance(layer, keras.layers.Embedding):
            check_known(ids, layer)
        if isinstance(layer, TransformerBlock):
            x, weights = layer(x, return_weights=True)
            found.append(ops.convert_to_numpy(weights))
        else:
            x = layer(x)
    if not found:
        raise ValueError("model must be made by character_transformer: it has no block.")
    return found


@takes(
    model=model(),
    prompt=string(),
    length=whole(),
    temperature=real(0),
    top_k=whole(1),
    seed=whole(),
)
def generate(
    model: keras.Model,
    prompt: str,
    length: int = 300,
    temperature: float = 1.0,
    top_k: int | None = None,
    seed: int = 0,
) -> str:
    """Write on from a prompt, one character at a time, as ``recurrence.generate`` does.

    A transformer has no state to carry on. For each character it reads the last ``model.length``
    characters anew; what lies before them does not exist for it.

    Args:
        model: A model made by :func:`character_transformer` with a vocabulary.
        prompt: The text to go on from, at least one character.
        length: Characters to write.
        temperature: What the logits are divided by before a character is drawn; 0 always takes the
            likeliest.
        top_k: Draw only from this many likeliest characters; None draws from all.
        seed: Seed of the drawing.

    Returns:
        The characters that were written, without the prompt.

    Raises:
        ValueError: If an argument is outside its range, the prompt holds an unknown character, or
            the model carries no vocabulary or length.
    """
    vocabulary, window = getattr(model, "vocabulary", None), getattr(model, "length", None)
    if vocabulary is None or window is None:
        raise ValueError(
            "model must carry its vocabulary and length to write text. Build it with "
            "character_transformer(vocabulary, ...), or set model.vocabulary and model.length."
        )
    check_writing(prompt, length, temperature, top_k)
    random = np.random.default_rng(seed)
    text = list(vocabulary._numbers(prompt, "prompt"))
    start = len(text)
    weights = [ops.copy(variable.value) for variable in model.trainable_variables]
    read = _compiled_reading(model)
    while len(text) < start + length:
        seen = text[-window:]
        padded = np.zeros((1, window), "int32")  # what stands after the text cannot be looked at
        padded[0, : len(seen)] = seen
        logits = ops.convert_to_numpy(read(weights, ops.convert_to_tensor(padded)))
        text.append(draw(logits[0, len(seen) - 1], temperature, top_k, random))
    return vocabulary.decode(np.array(text[start:], "int32"))


def _compiled_reading(model: keras.Model) -> Any:
    """Return the model as a compiled function of its weights; compiled once a model."""
    if not hasattr(model, "_compiled_reading"):

        def read(weights: list, ids: Any) -> Any:
            fixed = [variable.value for variable in model.non_trainable_variables]
            return model.stateless_call(weights, fixed, ids)[0]

        model._compiled_reading = gradients.compile(read)
    return model._compiled_reading


def _check_sizes(**sizes: Any) -> None:
    for name, value in sizes.items():
        if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
            raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}.")
