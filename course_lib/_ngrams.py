"""How well can one guess the next character by counting? The private room of ``recurrence``."""

from __future__ import annotations

import numpy as np

from course_lib._checks import array, takes, whole

__all__ = ["ngram_bits"]


@takes(train_ids=array(), test_ids=array(), order=whole(), vocabulary_size=whole(1))
def ngram_bits(
    train_ids: np.ndarray, test_ids: np.ndarray, order: int, vocabulary_size: int
) -> np.ndarray:
    """Return what each character of a text costs under a counted n-gram model, in bits.

    The probability of a character after its ``order - 1`` predecessors is a mixture of what was
    counted after exactly these and what a model one shorter says, down to the uniform one. The
    weights are Witten and Bell's (1991), in the interpolated form of Chen and Goodman (1999): with
    ``n`` characters counted after a context, ``t`` of them different, the shorter model gets the
    share ``t / (n + t)`` (chapter equation ``eq-recurrence-witten-bell``).

    Args:
        train_ids: The text to count in, as numbers, shape ``(characters,)``.
        test_ids: The text to predict, shape ``(characters,)``.
        order: Length of an n-gram: 1 counts single characters, 5 looks at four predecessors; 0 is
            the uniform model. At the start of the text fewer predecessors are used.
        vocabulary_size: Number of different characters.

    Returns:
        Minus the logarithm to base 2 of each character's probability, shape ``(characters,)``.

    Raises:
        ValueError: If a text is empty or holds numbers outside the vocabulary, or the order is
            negative or too high for whole numbers of 64 bits.
    """
    train_ids, test_ids = (
        _checked(ids, name, vocabulary_size)
        for ids, name in ((train_ids, "train_ids"), (test_ids, "test_ids"))
    )
    if order < 0 or vocabulary_size ** max(order, 1) >= 2**63:
        raise ValueError(
            f"order must be from 0 to {int(63 / np.log2(max(vocabulary_size, 2)))}, got {order!r}."
        )
    probabilities = np.full(len(test_ids), 1 / vocabulary_size)
    for length in range(1, min(order, len(test_ids), len(train_ids)) + 1):
        grams, counts = np.unique(_codes(train_ids, length, vocabulary_size), return_counts=True)
        contexts, starts = np.unique(grams // vocabulary_size, return_index=True)
        followers = np.add.reduceat(counts, starts)  # n, by context
        different = np.diff(np.append(starts, len(grams)))  # t, by context
        asked = _codes(test_ids, length, vocabulary_size)
        place, seen = _find(contexts, asked // vocabulary_size)
        n, t = followers[place] * seen, different[place] * seen
        gram, met = _find(grams, asked)
        shorter = probabilities[length - 1 :]
        mixed = (counts[gram] * met + t * shorter) / np.maximum(n + t, 1)
        probabilities[length - 1 :] = np.where(seen, mixed, shorter)
    return -np.log2(probabilities)


def _codes(ids: np.ndarray, length: int, base: int) -> np.ndarray:
    """Return each n-gram as one number, its first character the most significant digit."""
    windows = np.lib.stride_tricks.sliding_window_view(ids, length)
    return windows @ (base ** np.arange(length - 1, -1, -1, dtype=np.int64))


def _find(table: np.ndarray, asked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the place of each number in a sorted table, and whether it is there."""
    place = np.minimum(np.searchsorted(table, asked), len(table) - 1)
    return place, table[place] == asked


def _checked(ids: np.ndarray, name: str, vocabulary_size: int) -> np.ndarray:
    ids = np.asarray(ids)
    if ids.ndim != 1 or ids.dtype.kind not in "iu" or not len(ids):
        raise ValueError(
            f"{name} must be whole numbers of shape (characters,) and not be empty, got "
            f"{ids.dtype} of shape {ids.shape}."
        )
    if ids.min() < 0 or ids.max() >= vocabulary_size:
        raise ValueError(
            f"{name} must lie in 0..{vocabulary_size - 1}, but lies in {ids.min()}..{ids.max()}."
        )
    return ids.astype(np.int64)
