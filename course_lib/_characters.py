"""How does a text become numbers, windows to learn from, and text again?

The private room of ``recurrence`` for its language model of characters.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from course_lib._checks import array, flag, real, string, takes, whole

__all__ = [
    "Vocabulary",
    "character_lstm",
    "character_windows",
    "check_known",
    "check_writing",
    "draw",
]


class Vocabulary:
    """The different characters of a text, sorted, each with a number.

    Attributes:
        characters: The characters as one string; a character's number is its place in it.
    """

    def __init__(self, text: str) -> None:
        """Collect the characters of a text.

        Args:
            text: Any text that holds every character that will be met.

        Raises:
            ValueError: If ``text`` is not a string or is empty.
        """
        if not isinstance(text, str) or not text:
            raise ValueError(f"text must be a string with at least one character, got {text!r}.")
        self.characters = "".join(sorted(set(text)))
        self._codes = _code_points(self.characters)

    def __len__(self) -> int:
        """Return the number of different characters."""
        return len(self.characters)

    def __repr__(self) -> str:
        return f"Vocabulary of {len(self)} characters: {self.characters!r}"

    @takes(text=string())
    def encode(self, text: str) -> np.ndarray:
        """Turn a text into numbers.

        Args:
            text: A text made of the vocabulary's characters.

        Returns:
            int32 array of shape ``(characters,)``.

        Raises:
            ValueError: If the text holds a character that the vocabulary does not.
        """
        return self._numbers(text, "text")

    def _numbers(self, text: str, name: str) -> np.ndarray:
        codes = _code_points(text)
        ids = np.searchsorted(self._codes, codes)
        known = self._codes[np.minimum(ids, len(self) - 1)] == codes
        if not known.all():
            place = int(np.argmin(known))
            raise ValueError(
                f"{name} holds {text[place]!r} at position {place}, which is not in the "
                f"vocabulary. Replace or remove it; known are: {self.characters!r}."
            )
        return ids.astype(np.int32)

    @takes(ids=array())
    def decode(self, ids: Any) -> str:
        """Turn numbers into a text.

        Args:
            ids: Whole numbers from 0 to ``len(self) - 1``, shape ``(characters,)``.

        Raises:
            ValueError: If a number belongs to no character.
        """
        ids = np.asarray(ids)
        if ids.ndim != 1 or (ids.size and ids.dtype.kind not in "iu"):
            raise ValueError(
                f"ids must be whole numbers of shape (characters,), got {ids.dtype} of shape "
                f"{ids.shape}."
            )
        if ids.size and not 0 <= ids.min() <= ids.max() < len(self):
            raise ValueError(
                f"ids must lie in 0..{len(self) - 1}, but they lie in {ids.min()}..{ids.max()}."
            )
        return "".join(self.characters[i] for i in ids.tolist())


@takes(text_ids=array(), length=whole(1), stride=whole(1))
def character_windows(
    text_ids: np.ndarray, length: int, stride: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Cut a text into windows, and the same windows one character later: inputs and targets.

    ``targets[n, t]`` is the character that follows ``inputs[n, t]``. Both are views on the text: no
    character is copied, however much the windows overlap.

    Args:
        text_ids: The text as numbers, shape ``(characters,)``.
        length: Characters in a window.
        stride: From the start of one window to the start of the next, in characters; ``length`` by
            default, so that each character is a target once.

    Returns:
        ``(inputs, targets)``, two read-only views of shape ``(windows, length)``.

    Raises:
        ValueError: If the text is too short for one window, or is not one row of whole numbers.
    """
    text_ids = np.asarray(text_ids)
    if text_ids.ndim != 1 or text_ids.dtype.kind not in "iu":
        raise ValueError(
            "text_ids must be whole numbers of shape (characters,), got "
            f"{text_ids.dtype} of shape {text_ids.shape}. Use Vocabulary.encode first."
        )
    stride = length if stride is None else stride
    if length < 1 or stride < 1:
        raise ValueError(f"length and stride must be at least 1, got {length} and {stride}.")
    if len(text_ids) < length + 1:
        raise ValueError(
            f"text_ids must hold at least length + 1 = {length + 1} characters, so that the last "
            f"of a window has a next one, got {len(text_ids)}."
        )
    both = np.lib.stride_tricks.sliding_window_view(text_ids, length + 1)[::stride]
    return both[:, :-1], both[:, 1:]


@takes(dropout=real(0, 1, open_end=True), stateful=flag(), batch_size=whole(1))
def character_lstm(
    vocabulary: Vocabulary | int,
    units: int = 128,
    embedding: int = 64,
    layers: int = 1,
    *,
    dropout: float = 0.0,
    stateful: bool = False,
    batch_size: int | None = None,
) -> keras.Model:
    """Build a model that says, at each character of a text, which one comes next.

    Args:
        vocabulary: The vocabulary, which the model then carries as ``model.vocabulary``, so that
            :func:`generate` can turn numbers into text; or only the number of different characters.
        units: Units of each LSTM layer.
        embedding: Length of the vector that stands for a character.
        layers: Number of LSTM layers, one on top of the other.
        dropout: Share of each LSTM layer's outputs that is left out in training.
        stateful: Whether the states at the end of a batch start the next batch (Keras's
            ``stateful``): row ``n`` of the next batch must go on where row ``n`` of this one ends.
        batch_size: Rows of a batch; needed for a stateful model, free otherwise.

    Returns:
        An uncompiled model from character numbers, shape ``(batch, time)``, to **logits**, shape
        ``(batch, time, vocabulary_size)``: train it with ``from_logits=True``.

    Raises:
        ValueError: If a size is not a positive whole number, or a stateful model has no batch size.
    """
    characters = len(vocabulary) if isinstance(vocabulary, Vocabulary) else vocabulary
    sizes = {
        "vocabulary": characters,
        "units": units,
        "embedding": embedding,
        "layers": layers,
    }
    for name, value in sizes.items():
        if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
            raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}.")
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout must be at least 0 and below 1, got {dropout!r}.")
    if stateful and batch_size is None:
        raise ValueError("batch_size must be given for a stateful model: it keeps a state a row.")
    stack: list[Any] = [
        keras.Input(batch_shape=(batch_size, None), dtype="int32", name="characters"),
        keras.layers.Embedding(characters, embedding, name="embedding"),
    ]
    for number in range(1, layers + 1):
        stack.append(
            keras.layers.LSTM(units, return_sequences=True, stateful=stateful, name=f"lstm{number}")
        )
        if dropout:
            stack.append(keras.layers.Dropout(dropout, name=f"dropout{number}"))
    stack.append(keras.layers.Dense(characters, name="logits"))
    model = keras.Sequential(stack, name="character_lstm")
    model.vocabulary = vocabulary if isinstance(vocabulary, Vocabulary) else None
    return model


def check_known(ids: np.ndarray, embedding: keras.layers.Embedding) -> None:
    """Raise if a model has no vector for a number: a backend may take another one silently."""
    if isinstance(ids, np.ndarray) and not 0 <= ids.min() <= ids.max() < embedding.input_dim:
        raise ValueError(
            f"ids must lie in 0..{embedding.input_dim - 1}, the characters that the model knows, "
            f"but they lie in {ids.min()}..{ids.max()}."
        )


def check_writing(prompt: str, length: int, temperature: float, top_k: int | None) -> None:
    """Raise unless these can be asked of a model that writes."""
    if not isinstance(prompt, str) or not prompt:
        raise ValueError("prompt must hold at least one character, such as a line end.")
    if length < 0:
        raise ValueError(f"length must not be negative, got {length!r}.")
    if not temperature >= 0 or np.isinf(temperature):
        raise ValueError(f"temperature must be a number from 0 on, got {temperature!r}.")
    if top_k is not None and top_k < 1:
        raise ValueError(f"top_k must be at least 1, or None for no limit, got {top_k!r}.")


def draw(
    logits: np.ndarray, temperature: float, top_k: int | None, random: np.random.Generator
) -> int:
    """Draw a class from logits of shape (classes,) by adding Gumbel noise and taking the largest.

    Dividing by the temperature and drawing from the softmax is the same as adding Gumbel noise,
    times the temperature, to the logits (Gumbel 1954; no overflow, and 0 needs no case of its own).
    """
    noisy = logits.astype("float64") + temperature * random.gumbel(size=len(logits))
    if top_k is not None and top_k < len(logits):
        noisy[np.argsort(-logits, kind="stable")[top_k:]] = -np.inf
    return int(np.argmax(noisy))


def _code_points(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le"), np.uint32)
