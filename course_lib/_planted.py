"""What would data look like whose reasons are known, because we put them there?

The private room of ``crash_test`` for what its data have in common. Every example is composed of
three parts: a *cause* that decides its label, a *decoy* that can be made to give the label away,
and a *rest* of real material. Composing an example again with one part changed gives the
interventions by which a model is verified. The scenes themselves are planted in
``_planted_numbers``, ``_planted_images`` and ``_planted_text``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from course_lib._checks import check_between, check_whole

__all__ = ["Scene", "check_scene", "training_labels"]


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
        cause: where the cause is, bool, shape ``(examples, *units)``.
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


def training_labels(
    random: np.random.Generator, by_cause: np.ndarray, shortcut: bool, agreement: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return a fair coin for each example, and the labels to train on.

    With the shortcut, labels agree with the cause in a share of the examples, and the decoy will be
    made to agree with the labels in all.
    """
    coin = random.integers(0, 2, size=len(by_cause)).astype(np.int32)
    noisy = random.random(len(by_cause)) > agreement
    return coin, np.where(noisy & shortcut, 1 - by_cause, by_cause).astype(np.int32)


def check_scene(seed: int, examples: int, test: int, agreement: float) -> None:
    """Refuse arguments that make no scene."""
    check_whole("seed", seed)
    check_whole("examples", examples, 2)
    check_whole("test", test, 2)
    check_between("agreement", agreement, 0.5, 1)
