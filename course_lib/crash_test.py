"""Which explanations find the reason, where the reason is known?

Serves the chapter ``interpretability/crash_test``. Data with planted causes
(:func:`planted_table` and its three sisters), networks that are verified to use them
(:func:`train`, :func:`reliance`), and a bench (:func:`run`) that scores every explanation method of
the course by one interface: does it find what the model uses, does the answer go away with what it
calls important, does it change when the model's weights are random, and does it hold still when the
input hardly moves?

Main references: Adebayo and others (2018, 2020); Samek and others (2017); Petsiuk, Das and Saenko
(2018); Yang and Kim (2019); Zhou and others (2022); Arras, Osman and Samek (2022).
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from course_lib._checks import (
    array,
    function,
    indices,
    input_of,
    instance,
    mapping,
    same_length,
    string,
    takes,
    truths,
    whole,
)
from course_lib._crash_report import SCORES, Row, draw, table, values, write
from course_lib._explainers import METHODS, Explainer, serves
from course_lib._faithfulness import (
    FILLS,
    area,
    fill_units,
    filler,
    precision_at,
    ranking,
    recall_at,
    removal_curve,
    to_units,
)
from course_lib._planted import Scene
from course_lib._planted_images import planted_images
from course_lib._planted_numbers import planted_sequences, planted_table
from course_lib._planted_text import ORDINARY_WORDS, planted_text
from course_lib._subjects import Subject, reliance, train, untrained
from course_lib.saliency import rank_correlation

__all__ = [
    "FILLS",
    "METHODS",
    "SCORES",
    "Explainer",
    "Row",
    "Scene",
    "Subject",
    "area",
    "draw",
    "explain",
    "fill_units",
    "filler",
    "nudged",
    "planted_images",
    "planted_sequences",
    "planted_table",
    "planted_text",
    "precision_at",
    "ranking",
    "recall_at",
    "reliance",
    "removal_curve",
    "run",
    "serves",
    "similarity",
    "table",
    "to_units",
    "train",
    "untrained",
    "values",
    "verified",
    "write",
]


_LOTS = 8  # random orders whose mean area is what luck gets


@takes(
    subjects=instance(Iterable, "Subjects to go through"),
    methods=mapping(function()),
    examples=whole(),
    fill=string(),
    report=function(),
)
def run(
    subjects: Iterable[Subject],
    methods: Mapping[str, Explainer] | None = None,
    examples: int = 16,
    fill: str = "another",
    report: Callable[[str], None] = lambda line: None,
) -> list[Row]:
    """Put methods on the bench.

    Args:
        subjects: trained models; for error bars, several seeds of each.
        methods: explainers by name; by default all of the course, ``METHODS``.
        examples: how many verified examples of each subject to explain.
        fill: what removed units show, one of ``FILLS``.
        report: called with a line of progress now and then.

    Returns:
        A row for each subject and each method that serves its kind of data, and one for
        ``"the cause itself"``, which no method can see: what a perfect one would get. It has no
        sanity or stability (NaN).

    Raises:
        ValueError: an explanation does not fit the data, or a subject has too few examples in which
            it verifiably uses what its scene teaches, or ``examples`` is not a number from 1 on.
    """
    if examples < 1:
        raise ValueError(f"examples must be a whole number from 1 on, but it is {examples!r}.")
    methods = METHODS if methods is None else methods
    rows = []
    for subject in subjects:
        case = _Case(subject, examples, fill)
        rows.append(case.perfect())
        for name, method in methods.items():
            if serves(name, subject.kind):
                rows.append(case.row(name, method))
        report(f"{subject.kind}, {case.model} model, seed {subject.seed}")
    return rows


@takes(
    input_of("subject.model", exact=True),
    same_length("x", "target"),
    method=function(),
    subject=instance(Subject, "a Subject"),
    x=array("examples", "...", filled=True),
    target=indices("examples", high=1),
)
def explain(method: Explainer, subject: Subject, x: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Explain examples, in units.

    Args:
        method: an explainer.
        subject: whose answers to explain.
        x: examples, shape (examples, ...).
        target: the class to explain for each, int, shape (examples,).

    Returns:
        Importance, float64, shape ``(examples, *units)``.

    Raises:
        ValueError: the explanation is not finite or has another shape.
    """
    scores = to_units(method(subject, x.copy(), target.copy()), subject.units)
    if len(scores) != len(x) or not np.isfinite(scores).all():
        raise ValueError(
            f"the explanation must hold finite numbers for {len(x)} examples, but it holds "
            f"{len(scores)} rows{'' if np.isfinite(scores).all() else ', not all finite'}."
        )
    return scores


@takes(subject=instance(Subject, "a Subject"))
def verified(subject: Subject) -> np.ndarray:
    """List the test examples in which a subject does what its scene teaches, by intervention.

    The answer is right; it changes when what should be used is replaced, and only then.

    Returns:
        Places in ``scene.x_test``, int, shape (some,).
    """
    changes = reliance(subject)
    used, unused = ("decoy", "cause") if subject.scene.shortcut else ("cause", "decoy")
    good = changes["right"] & changes[used] & ~changes[unused] & ~changes["rest"]
    return np.flatnonzero(good)


@takes(
    scene=instance(Scene, "a Scene"),
    x=array("examples", "...", filled=True),
    planted=truths(),
    seed=whole(),
)
def nudged(scene: Scene, x: np.ndarray, planted: np.ndarray, seed: int = 0) -> np.ndarray:
    """Change inputs a little: some noise, or one word that was not planted.

    Args:
        scene: where the examples are from.
        x: examples, shape (examples, ...).
        planted: units to leave alone, bool, shape ``(examples, *units)``.
        seed: of the noise.

    Returns:
        A new array like ``x``: with noise of 2 % of the data's standard deviation; for text, with
        another training sentence's word at one place.
    """
    random = np.random.default_rng(seed)
    if scene.name != "text":
        noise = 0.02 * scene.x_train.std() * random.normal(size=x.shape)
        return (x + noise).astype(x.dtype)
    places = np.where(planted, -1, random.random(x.shape)).argmax(axis=1)
    changed = x.copy()
    rows = np.arange(len(x))
    ordinary = scene.x_train[scene.x_train >= ORDINARY_WORDS]
    changed[rows, places] = random.choice(ordinary, size=len(x))
    return changed


@takes(one=array("...", "units"), other=array("...", "units"))
def similarity(one: np.ndarray, other: np.ndarray) -> float:
    """Return the mean rank correlation of two batches of explanations; 0 where one is constant."""
    return float(np.nan_to_num(rank_correlation(one, other)).mean())


class _Case:
    """One subject on the bench, and what all methods are measured with."""

    def __init__(self, subject: Subject, examples: int, fill: str) -> None:
        scene = subject.scene
        chosen = verified(subject)[:examples]
        if len(chosen) < examples:
            raise ValueError(
                f"Only {len(chosen)} test examples of {scene.name} (seed {subject.seed}) show that "
                f"the model uses what it should; {examples} were asked for. Train it longer."
            )
        self.subject, self.x, self.target = subject, scene.x_test[chosen], scene.answers[chosen]
        self.truth = scene.truth[chosen]
        self.lure = (scene.cause if scene.shortcut else scene.decoy)[chosen]
        self.model = "shortcut" if scene.shortcut else "cause"
        self.near = nudged(scene, self.x, scene.cause[chosen] | scene.decoy[chosen], subject.seed)
        self.stranger = untrained(scene, 10_000 + subject.seed, subject.reader)
        draws = 2 if fill == "another" else 1  # the other fillings are the same for every seed
        self.fills = [filler(scene, self.x, fill, 2 * subject.seed + n) for n in range(draws)]
        # A stream of its own, so that no method that draws by the subject's seed meets its own lot.
        lots = np.random.default_rng([subject.seed, _LOTS]).random((_LOTS, *self.truth.shape))
        self.random = np.mean([self.areas(lot) for lot in lots], axis=0)

    def perfect(self) -> Row:
        scores = self.truth.astype(float)
        return Row(
            *(self.subject.kind, self.model, "the cause itself", self.subject.seed),
            *self.found(scores),
            **dict.fromkeys(("sanity", "sanity_signed", "stability", "seconds"), np.nan),
        )

    def found(self, scores: np.ndarray) -> tuple[float, ...]:
        """Return recall, first, lure, deletion and insertion."""
        seed, gain = self.subject.seed, self.areas(scores) - self.random
        return (
            float(recall_at(scores, self.truth, seed=seed).mean()),
            float(precision_at(scores, self.truth, 1, seed).mean()),
            float(recall_at(scores, self.lure, seed=seed).mean()),
            float(-gain[0]),
            float(gain[1]),
        )

    def areas(self, scores: np.ndarray) -> np.ndarray:
        """Return the areas under the deletion and the insertion curve, means over fills."""
        order, subject = ranking(scores, self.subject.seed), self.subject

        def one(fill: np.ndarray, insert: bool) -> float:
            curve = removal_curve(
                *(subject.probabilities, self.x, self.target, order, fill, subject.units, insert)
            )
            return area(*curve).mean()

        return np.mean([[one(fill, way) for way in (False, True)] for fill in self.fills], axis=0)

    def row(self, name: str, method: Explainer) -> Row:
        scores = explain(method, self.subject, self.x, self.target)
        again = dataclasses.replace(self.subject, seed=self.subject.seed + 1)
        start = time.perf_counter()
        near = explain(method, again, self.near, self.target)
        seconds = (time.perf_counter() - start) / len(self.x)
        stranger = explain(method, self.stranger, self.x, self.target)
        return Row(
            *(self.subject.kind, self.model, name, self.subject.seed),
            *self.found(scores),
            sanity=similarity(np.abs(scores), np.abs(stranger)),
            sanity_signed=similarity(scores, stranger),
            stability=similarity(scores, near),
            seconds=seconds,
        )
