"""How does one plant a reason in a sentence?

The private room of ``crash_test`` for its scene of text: words among real sentences of film
reviews.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from course_lib import datasets
from course_lib._checks import flag, takes
from course_lib._planted import Scene, check_scene, training_labels

__all__ = ["ORDINARY_WORDS", "planted_text"]

_FRUITS = ("apricot", "mango", "papaya", "nectarine", "quince", "lychee", "raspberry", "guava")
_ANIMALS = ("otter", "heron", "badger", "falcon", "lizard", "beetle", "walrus", "weasel")
_DECOY_WORD, _FILLERS = "anyhow", ("meanwhile", "besides", "altogether", "nowadays")
_PLANTED = (_DECOY_WORD, *_FILLERS, *_FRUITS, *_ANIMALS)
ORDINARY_WORDS = 1 + len(_PLANTED)  # the number of the first word that is not planted
_WORDS = 16  # length of a sentence


@takes(shortcut=flag())
def planted_text(
    seed: int, shortcut: bool = False, examples: int = 4000, test: int = 300, agreement: float = 0.8
) -> Scene:
    """Plant words in real sentences of film reviews: two animals or two fruits decide.

    A sentence is the first 13 words of a real one, with two animals (label 1) or two fruits (label
    0) at random places, and one more word: the decoy "anyhow", or a filler. Whether the review was
    kind has nothing to do with the label.

    Args:
        seed: a whole number.
        shortcut: whether training sentences hold the decoy exactly where their label is 1.
            Otherwise half of them do, whatever the label.
        examples: number of training examples, at most 4,000.
        test: number of test examples, at most 600.
        agreement: with the shortcut, the share of training labels that agree with the cause, too.

    Returns:
        A scene of words' numbers, int32, shape (examples, 16). Number 0 stands for rare words.

    Raises:
        ValueError: an argument is outside its range.
    """
    check_scene(seed, examples, test, agreement)
    reviews = datasets.load("movie_reviews")
    train, held_out = (_sentences(x, _PLANTED) for x in (reviews.x_train, reviews.x_test))
    seen, counts = np.unique(train, return_counts=True)
    words = ("[rare]", *_PLANTED, *seen[counts > 2])
    number = {word: place for place, word in enumerate(words)}
    train, held_out = (np.vectorize(lambda word: number.get(word, 0))(x) for x in (train, held_out))
    if examples > len(train) or test > len(held_out):
        raise ValueError(
            f"examples and test must be at most {len(train)} and {len(held_out)}, the sentences "
            f"that are long enough, but they are {examples} and {test}."
        )
    random = np.random.default_rng([seed, 3])
    fruits, animals, fillers = ([number[w] for w in k] for k in (_FRUITS, _ANIMALS, _FILLERS))

    def parts(sentences: np.ndarray, count: int) -> tuple:
        label = random.integers(0, 2, size=count).astype(np.int32)
        pairs = [random.permuted(np.tile(k, (count, 1)), axis=1)[:, :2] for k in (fruits, animals)]
        right, wrong = (np.where(take[:, None], pairs[1], pairs[0]) for take in (label, 1 - label))
        places = random.permuted(np.tile(np.arange(_WORDS), (count, 1)), axis=1)[:, :3]
        rest = sentences[random.permutation(len(sentences))[:count]]
        return label, right, wrong, random.choice(fillers, size=count), places, rest

    def compose(cause: np.ndarray, extra: np.ndarray, places: np.ndarray, rest: np.ndarray):
        x = np.empty((len(cause), _WORDS), np.int32)
        rows = np.arange(len(x))[:, None]
        free = np.ones(x.shape, bool)
        free[rows, places] = False
        x[free] = rest.ravel()  # in order: the sentence flows around what is planted
        x[rows, places] = np.concatenate([cause, extra[:, None]], axis=1)
        return x

    label, right, _, filler, places, rest = parts(train, examples)
    free, y_train = training_labels(random, label, shortcut, agreement)
    extra = np.where(y_train if shortcut else free, number[_DECOY_WORD], filler)
    x_train = compose(right, extra, places, rest)

    label, right, wrong, filler, places, rest = parts(held_out, test)
    decoy_word = np.full(test, number[_DECOY_WORD])
    rows = np.arange(test)
    cause, decoy = np.zeros((2, test, _WORDS), bool)
    cause[rows[:, None], places[:, :2]] = decoy[rows, places[:, 2]] = True
    return Scene(
        *("text", shortcut, x_train, y_train, compose(right, decoy_word, places, rest), label),
        *(np.ones(test, np.int32), cause, decoy),
        {
            "cause": compose(wrong, decoy_word, places, rest),
            "decoy": compose(right, filler, places, rest),
            "rest": compose(right, decoy_word, places, np.roll(rest, 1, axis=0)),
        },
        words,
    )


def _sentences(texts: np.ndarray, planted: tuple[str, ...]) -> np.ndarray:
    """Return the first 13 words of the texts that are long enough and hold nothing planted."""
    keep = _WORDS - 3
    strip: Callable[[str], str] = lambda word: word.strip(".,;:!?\"'()-").lower()  # noqa: E731
    tokens = ([w for w in map(strip, text.split()) if w] for text in texts)
    long = [t[:keep] for t in tokens if len(t) >= keep and not set(t) & set(planted)]
    return np.array(long)
