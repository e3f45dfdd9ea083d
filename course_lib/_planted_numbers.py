"""How does one plant a reason in a table, and in a signal?

The private room of ``crash_test`` for its scenes of numbers: a rule with an interaction among
columns that correlate, and a motif in a signal of MNIST-1D.
"""

from __future__ import annotations

import numpy as np

from course_lib import datasets
from course_lib._checks import flag, takes
from course_lib._planted import Scene, check_scene, training_labels

__all__ = ["planted_sequences", "planted_table"]

_STEPS = 40  # length of a signal
_FEATURES = (
    *("switch", "a", "b", "stamp", "twin of a", "twin of b", "twin of switch"),
    *("noise 1", "noise 2", "noise 3"),
)


@takes(shortcut=flag())
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
    check_scene(seed, examples, test, agreement)

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
    free, y_train = training_labels(random, label, shortcut, agreement)
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


@takes(shortcut=flag())
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
    check_scene(seed, examples, test, agreement)
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
    free, y_train = training_labels(random, label, shortcut, agreement)
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
