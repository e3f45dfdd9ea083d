"""How does a sentence become numbers? The words of ``attention``'s texts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from course_lib._checks import either, indices, sequence, string, takes, whole

__all__ = ["Words"]

_TOKEN = re.compile(r"\w+(?:'\w+)*|[^\w\s]")


class Words:
    """The words of a list of texts, each with a number, the frequent ones first.

    Number 0 stands for padding and number 1 for every word that was not met (often enough).

    Attributes:
        words: The word of each number; the first two are ``"<padding>"`` and ``"<unknown>"``.
    """

    PADDING, UNKNOWN = 0, 1

    @takes(texts=either(string(), sequence(string())), least=whole(1))
    def __init__(self, texts: Sequence[str], least: int = 1) -> None:
        """Collect the words of texts.

        Args:
            texts: The texts to learn the words from: those of the training set.
            least: How often a word must occur to get a number of its own.

        Raises:
            ValueError: If ``texts`` is a single string or holds no word, or ``least`` is below 1.
        """
        counts = Counter(token for text in _checked(texts) for token in self.tokens(text))
        if least < 1:
            raise ValueError(f"least must be at least 1, got {least!r}.")
        kept = sorted((-count, word) for word, count in counts.items() if count >= least)
        if not kept:
            raise ValueError(f"texts must hold at least one word that occurs {least} times.")
        self.words = ("<padding>", "<unknown>", *(word for _, word in kept))
        self._numbers = {word: number for number, word in enumerate(self.words)}

    def __len__(self) -> int:
        """Return how many numbers there are, padding and unknown words included."""
        return len(self.words)

    def __repr__(self) -> str:
        return f"Words: {len(self) - 2:,} different ones, from {self.words[2]!r} on"

    @takes(text=string())
    def tokens(self, text: str) -> list[str]:
        """Cut a text into words, in lower case, and signs of punctuation.

        Args:
            text: Any text. An apostrophe between letters belongs to the word, as in "doesn't".
        """
        return _TOKEN.findall(text.lower().replace("\u2019", "'"))

    @takes(texts=either(string(), sequence(string())), length=whole(1))
    def encode(self, texts: Sequence[str], length: int) -> np.ndarray:
        """Turn texts into rows of numbers.

        Args:
            texts: The texts.
            length: Numbers in a row. A shorter text is padded with 0 at its end, a longer one is
                cut off.

        Returns:
            int32 array of shape ``(texts, length)``; :meth:`mask` says what in it is not padding.

        Raises:
            ValueError: If ``texts`` is a single string, or ``length`` is below 1.
        """
        if length < 1:
            raise ValueError(f"length must be at least 1, got {length!r}.")
        texts = _checked(texts)
        ids = np.full((len(texts), length), self.PADDING, np.int32)
        for row, text in zip(ids, texts, strict=True):
            numbers = [self._numbers.get(token, self.UNKNOWN) for token in self.tokens(text)]
            row[: len(numbers)] = numbers[:length]
        return ids

    @takes(ids=indices())
    def mask(self, ids: np.ndarray) -> np.ndarray:
        """Return True where there is a word, and False where there is padding; shape of ``ids``."""
        return np.asarray(ids) != self.PADDING

    @takes(ids=indices())
    def decode(self, ids: Iterable[int]) -> list[str]:
        """Return the words of a row of numbers, without the padding.

        Args:
            ids: Whole numbers from 0 to ``len(self) - 1``, shape ``(length,)``.

        Raises:
            ValueError: If a number belongs to no word.
        """
        ids = np.asarray(ids)
        if ids.ndim != 1 or (ids.size and not 0 <= ids.min() <= ids.max() < len(self)):
            raise ValueError(
                f"ids must be one row of whole numbers in 0..{len(self) - 1}, got shape {ids.shape}"
                + (f" with numbers from {ids.min()} to {ids.max()}." if ids.size else ".")
            )
        return [self.words[number] for number in ids.tolist() if number != self.PADDING]


def _checked(texts: Sequence[str]) -> list[str]:
    if isinstance(texts, str):
        raise ValueError("texts must be a list of texts, got a single one: write [text].")
    return [str(text) for text in texts]
