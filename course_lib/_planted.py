"""What would data look like whose reasons are known, because we put them there?

The private room of ``crash_test`` for its data. Every example is composed of three parts: a *cause*
that decides its label, a *decoy* that can be made to give the label away, and a *rest* of real
material. Composing an example again with one part changed gives the interventions by which a model
is verified.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from course_lib import datasets, training

__all__ = [
    "ORDINARY_WORDS",
    "Scene",
    "planted_images",
    "planted_sequences",
    "planted_table",
    "planted_text",
]

_SIDE, _PATCH = 32, 4  # pixels: a canvas, and a patch of it
_SNEAKER, _TROUSER = 7, 1  # the two causes; what lies beside them is one of the following
_BESIDE = (0, 2, 4, 6, 8)  # T-shirt, pullover, coat, shirt, bag
_FRUITS = ("apricot", "mango", "papaya", "nectarine", "quince", "lychee", "raspberry", "guava")
_ANIMALS = ("otter", "heron", "badger", "falcon", "lizard", "beetle", "walrus", "weasel")
_DECOY_WORD, _FILLERS = "anyhow", ("meanwhile", "besides", "altogether", "nowadays")
_PLANTED = (_DECOY_WORD, *_FILLERS, *_FRUITS, *_ANIMALS)
ORDINARY_WORDS = 1 + len(_PLANTED)  # the number of the first word that is not planted
_WORDS, _STEPS = 16, 40  # length of a sentence and of a signal
_FEATURES = (
    *("switch", "a", "b", "stamp", "twin of a", "twin of b", "twin of switch"),
    *("noise 1", "noise 2", "noise 3"),
)


@dataclass(frozen=True, eq=False, repr=False)
class Scene:
    """Data with a planted cause and a planted decoy.

    A *unit* is what an explanation gives a number to: a feature, a patch of 4 by 4 pixels, a word,
    a step. ``units`` below stands for their axes.

    Attributes:
        name: ``"table"``, ``"images"``, ``"text"`` or ``"sequences"``.
        shortcut: whether the labels for training follow the decoy.
        x_train: training examples, shape (examples, ...).
        y_train: their labels, 0 or 1.
        x_test: test examples. Each carries a decoy, and the decoy knows nothing of the label.
            A scene with the shortcut and one without have the same.
        y_test: their labels, by the cause.
        decoy_says: what someone would answer who looks at the decoy alone.
        cause: where the cause is, bool, shape (examples, *units).
        decoy: where the decoy is, likewise.
        changed: the test examples again, with ``"cause"``, ``"decoy"`` or ``"rest"`` replaced.
        words: the name of each feature, or each word of the vocabulary by its number; else empty.
    """

    name: str
    shortcut: bool
    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    decoy_says: np.ndarray
    cause: np.ndarray
    decoy: np.ndarray
    changed: dict[str, np.ndarray]
    words: tuple[str, ...] = ()

    def __repr__(self) -> str:
        kind = "shortcut" if self.shortcut else "cause"
        return (
            f"Scene {self.name}, labels by the {kind}: {len(self.x_train):,} training and "
            f"{len(self.x_test):,} test examples of {self.cause[0].size} units"
        )

    @property
    def truth(self) -> np.ndarray:
        """Where what a model of this scene should use is: the decoy or the cause."""
        return self.decoy if self.shortcut else self.cause

    @property
    def answers(self) -> np.ndarray:
        """What a model should answer to the test examples that learned what this scene teaches."""
        return self.decoy_says if self.shortcut else self.y_test


def planted_table(
    seed: int, shortcut: bool = False, examples: int = 4000, test: int = 400, agreement: float = 0.8
) -> Scene:
    """Make a table in which a switch says which of two features decides.

    Where ``switch`` is positive the label is the sign of ``a``, else that of ``b``. In the test
    examples ``a`` and ``b`` have different signs, so that turning the switch turns the label: the
    cause is the switch and the feature it chose, and no change of the other alone can matter. Each
    of the three has a twin (correlation 0.8) that the label does not depend on. The decoy is the
    feature ``stamp``.

    Args:
        seed: a whole number.
        shortcut: whether the sign of the stamp is the label of training examples. Otherwise it is
            noise.
        examples: number of training examples.
        test: number of test examples.
        agreement: with the shortcut, the share of training labels that agree with the cause, too.

    Returns:
        A scene of standardized features, float32, shape (examples, 10).

    Raises:
        ValueError: an argument is outside its range.
    """
    _check(seed, examples, test, agreement)

    def draw(random: np.random.Generator, count: int, apart: bool) -> tuple:
        three = random.normal(size=(3, count))  # switch, a, b
        if apart:
            three = np.sign(three) * (0.3 + np.abs(three))
            three[2] = -np.sign(three[1]) * np.abs(three[2])
        label = np.where(three[0] > 0, three[1], three[2]) > 0
        twins = 0.8 * three[[1, 2, 0]] + 0.6 * random.normal(size=(3, count))
        return three, label.astype(np.int32), twins, random.normal(size=(3, count))

    def compose(three: np.ndarray, stamp: np.ndarray, twins: np.ndarray, noise: np.ndarray):
        return np.concatenate([three, stamp[None], twins, noise]).T.astype(np.float32)

    random = np.random.default_rng([seed, 1])
    three, label, twins, noise = draw(random, examples, apart=False)
    stamp = np.abs(random.normal(size=examples)) + 0.1
    free, y_train = _labels(random, label, shortcut, agreement)
    x_train = compose(three, np.where(y_train if shortcut else free, stamp, -stamp), twins, noise)

    three, label, twins, noise = draw(random, test, apart=True)
    stamp = random.choice([-1, 1], size=test) * (0.1 + np.abs(random.normal(size=test)))
    chosen = np.where(three[0] > 0, 1, 2)
    turned = three.copy()
    turned[chosen, np.arange(test)] *= -1
    rest = 0.8 * random.normal(size=twins.shape) + 0.6 * random.normal(size=twins.shape)
    other = three.copy()  # the feature that was not chosen belongs to the rest
    other[3 - chosen, np.arange(test)] *= -random.uniform(0, 1, size=test)
    cause = np.zeros((test, len(_FEATURES)), bool)
    cause[:, 0] = cause[np.arange(test), chosen] = True
    decoy = np.zeros_like(cause)
    decoy[:, 3] = True
    return Scene(
        *("table", shortcut, x_train, y_train, compose(three, stamp, twins, noise), label),
        *((stamp > 0).astype(np.int32), cause, decoy),
        {
            "cause": compose(turned, stamp, twins, noise),
            "decoy": compose(three, -stamp, twins, noise),
            "rest": compose(other, stamp, rest, random.normal(size=noise.shape)),
        },
        _FEATURES,
    )


def planted_images(
    seed: int, shortcut: bool = False, examples: int = 2000, test: int = 200, agreement: float = 0.8
) -> Scene:
    """Put two real garments on a noisy canvas; one of them, a sneaker or trousers, decides.

    The label is 1 where a sneaker lies on the canvas and 0 where trousers do, wherever they lie.
    Beside them lies a garment of another kind. The decoy is a watermark of 4 by 4 pixels, somewhere
    on the free canvas. The cause is every patch that holds ink of the sneaker or the trousers.

    Args:
        seed: a whole number.
        shortcut: whether training images have a watermark exactly where their label is 1.
            Otherwise half of them have one, whatever the label.
        examples: number of training examples.
        test: number of test examples.
        agreement: with the shortcut, the share of training labels that agree with the cause, too.

    Returns:
        A scene of images from 0 to 1, float32, shape (examples, 32, 32, 1), with 8 by 8 units.

    Raises:
        ValueError: an argument is outside its range.
    """
    _check(seed, examples, test, agreement)
    random = np.random.default_rng([seed, 2])

    def parts(split: str, count: int) -> tuple:
        small, labels = _garments(split)
        kinds = [np.flatnonzero(np.isin(labels, kind)) for kind in (_TROUSER, _SNEAKER, _BESIDE)]
        label = random.integers(0, 2, size=count).astype(np.int32)
        pick = [small[random.choice(kind, size=count)] for kind in kinds]
        right, wrong = (
            np.where(take[:, None, None], pick[1], pick[0]) for take in (label, 1 - label)
        )
        return label, right, wrong, pick[2], _places(random, count), _canvas(random, count)

    def compose(garment: np.ndarray, beside: np.ndarray, marked, places: tuple, canvas: np.ndarray):
        first, second, mark = places
        canvas = _paste(_paste(canvas, beside, second), garment, first)
        stamp = np.tile((np.indices((4, 4)).sum(axis=0) % 2).astype(float), (len(canvas), 1, 1))
        pasted = _paste(canvas, stamp, mark)
        keep = np.asarray(marked, bool)[:, None, None]
        return np.where(keep, pasted, canvas)[..., None].astype(np.float32)

    label, right, _, beside, places, canvas = parts("train", examples)
    free, y_train = _labels(random, label, shortcut, agreement)
    x_train = compose(right, beside, y_train if shortcut else free, places, canvas)

    label, right, wrong, beside, places, canvas = parts("test", test)
    _, _, _, other_beside, _, other_canvas = parts("test", test)
    ones, none = np.ones(test), np.zeros((test, _SIDE, _SIDE))
    ink = _paste(none, right, places[0]).reshape(test, 8, _PATCH, 8, _PATCH).mean(axis=(2, 4))
    mark = _paste(none, np.ones((test, 4, 4)), places[2])[:, ::_PATCH, ::_PATCH]
    return Scene(
        *("images", shortcut, x_train, y_train),
        *(compose(right, beside, ones, places, canvas), label, np.ones(test, np.int32)),
        *(ink > 0.1, mark > 0),
        {
            "cause": compose(wrong, beside, ones, places, canvas),
            "decoy": compose(right, beside, 0 * ones, places, canvas),
            "rest": compose(right, other_beside, ones, places, other_canvas),
        },
    )


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
    _check(seed, examples, test, agreement)
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
    free, y_train = _labels(random, label, shortcut, agreement)
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


def planted_sequences(
    seed: int, shortcut: bool = False, examples: int = 3000, test: int = 300, agreement: float = 0.8
) -> Scene:
    """Plant a short motif in real-looking signals: up then down, or down then up.

    The background is a signal of MNIST-1D at half its height. Six steps of it are replaced by the
    cause, a wave that rises first (label 1) or falls first (label 0), six others by a zigzag that
    means nothing, and two by the decoy, a click.

    Args:
        seed: a whole number.
        shortcut: whether training signals hold a click exactly where their label is 1. Otherwise
            half of them do, whatever the label.
        examples: number of training examples.
        test: number of test examples.
        agreement: with the shortcut, the share of training labels that agree with the cause, too.

    Returns:
        A scene of signals, float32, shape (examples, 40).

    Raises:
        ValueError: an argument is outside its range.
    """
    _check(seed, examples, test, agreement)
    signals = datasets.load("mnist1d")
    random = np.random.default_rng([seed, 4])
    wave, zigzag = 2.0 * np.array([0.5, 1, 0.5, -0.5, -1, -0.5]), 1.5 * np.array([1, -1] * 3)

    def parts(split: str, count: int) -> tuple:
        label = random.integers(0, 2, size=count).astype(np.int32)
        pool = getattr(signals, f"x_{split}")
        rest = 0.5 * pool[random.integers(0, len(pool), size=count)]
        heights = random.uniform(0.8, 1.2, size=(count, 1))
        gaps = random.multinomial(_STEPS - 14, [0.25] * 4, size=count)
        order = random.permuted(np.tile([0, 1, 2], (count, 1)), axis=1)
        lengths = np.array([6, 6, 2])[order]
        starts = np.cumsum(gaps[:, :3], axis=1) + np.cumsum(lengths, axis=1) - lengths
        return label, rest, heights, np.take_along_axis(starts, np.argsort(order), axis=1)

    def compose(label, clicks, rest: np.ndarray, heights: np.ndarray, starts: np.ndarray):
        x, rows = rest.copy(), np.arange(len(rest))[:, None]
        x[rows, starts[:, :1] + np.arange(6)] = heights * np.where(label[:, None], wave, -wave)
        x[rows, starts[:, 1:2] + np.arange(6)] = zigzag
        steps = starts[:, 2:] + np.arange(2)
        x[rows, steps] = np.where(np.asarray(clicks, bool)[:, None], [3.0, 3.0], x[rows, steps])
        return x.astype(np.float32)

    label, rest, heights, starts = parts("train", examples)
    free, y_train = _labels(random, label, shortcut, agreement)
    x_train = compose(label, y_train if shortcut else free, rest, heights, starts)

    label, rest, heights, starts = parts("test", test)
    ones, other = np.ones(test), np.roll(rest, 1, axis=0)
    steps = np.arange(_STEPS)
    cause, decoy = (
        (steps >= starts[:, [which]]) & (steps < starts[:, [which]] + length)
        for which, length in ((0, 6), (2, 2))
    )
    return Scene(
        *("sequences", shortcut, x_train, y_train),
        *(compose(label, ones, rest, heights, starts), label, np.ones(test, np.int32)),
        *(cause, decoy),
        {
            "cause": compose(1 - label, ones, rest, heights, starts),
            "decoy": compose(label, 0 * ones, rest, heights, starts),
            "rest": compose(label, ones, other, heights, starts),
        },
    )


@functools.cache
def _garments(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Return garments at half their size, shape (images, 14, 14), and their kinds."""
    fashion = datasets.load("fashion_mnist", size="small")
    images, labels = getattr(fashion, f"x_{split}"), getattr(fashion, f"y_{split}")
    pictures = training.scale_images(images).reshape(-1, 14, 2, 14, 2)
    return pictures.mean(axis=(2, 4)), labels


def _labels(
    random: np.random.Generator, by_cause: np.ndarray, shortcut: bool, agreement: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return a fair coin for each example, and the labels to train on.

    With the shortcut, labels agree with the cause in a share of the examples, and the decoy will be
    made to agree with the labels in all.
    """
    coin = random.integers(0, 2, size=len(by_cause)).astype(np.int32)
    noisy = random.random(len(by_cause)) > agreement
    return coin, np.where(noisy & shortcut, 1 - by_cause, by_cause).astype(np.int32)


def _places(random: np.random.Generator, count: int) -> tuple[np.ndarray, ...]:
    """Draw corners (pixels) of two garments that do not overlap, and of a mark beside them."""
    corners = np.indices((5, 5)).reshape(2, -1).T
    first, second = (corners[random.integers(0, 25, size=400 + 8 * count)] for _ in "12")
    apart = np.flatnonzero((np.abs(first - second) >= 4).any(axis=1))[:count]
    first, second = first[apart], second[apart]
    patches = np.indices((8, 8)).reshape(2, -1).T
    outside = [
        ((patches < corner[:, None]) | (patches > corner[:, None] + 3)).any(axis=2)
        for corner in (first, second)
    ]
    free = random.random((count, 64)) * (outside[0] & outside[1])
    mark = patches[free.argmax(axis=1)]
    return first * _PATCH + 1, second * _PATCH + 1, mark * _PATCH


def _canvas(random: np.random.Generator, count: int) -> np.ndarray:
    return random.uniform(0, 0.3, size=(count, _SIDE, _SIDE))


def _paste(canvas: np.ndarray, pictures: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Lay a picture on each canvas: whichever is brighter shows."""
    result, size = canvas.copy(), pictures.shape[1]
    rows, columns = (corners[:, axis, None] + np.arange(size) for axis in (0, 1))
    at = (np.arange(len(canvas))[:, None, None], rows[:, :, None], columns[:, None, :])
    result[at] = np.maximum(result[at], pictures)
    return result


def _sentences(texts: np.ndarray, planted: tuple[str, ...]) -> np.ndarray:
    """Return the first 13 words of the texts that are long enough and hold nothing planted."""
    keep = _WORDS - 3
    strip: Callable[[str], str] = lambda word: word.strip(".,;:!?\"'()-").lower()  # noqa: E731
    tokens = ([w for w in map(strip, text.split()) if w] for text in texts)
    long = [t[:keep] for t in tokens if len(t) >= keep and not set(t) & set(planted)]
    return np.array(long)


def _check(seed: int, examples: int, test: int, agreement: float) -> None:
    if not isinstance(seed, int | np.integer) or isinstance(seed, bool) or seed < 0:
        raise ValueError(f"seed must be a whole number from 0 on, but it is {seed!r}.")
    if examples < 2 or test < 2:
        raise ValueError(f"examples and test must be at least 2, but are {examples} and {test}.")
    if not 0.5 <= agreement <= 1:
        raise ValueError(f"agreement must be a share from 0.5 to 1, but it is {agreement!r}.")
