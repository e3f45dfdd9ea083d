"""How do the results of the crash test become one table and one figure?

The private room of ``crash_test`` for what readers see of its rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from course_lib import plots
from course_lib._checks import array, choice, instance, mapping, sequence, string, takes
from course_lib._describe import number

__all__ = ["SCORES", "Row", "draw", "table", "values", "write"]

SCORES = ("recall", "first", "deletion", "insertion", "sanity", "stability")


@dataclass(frozen=True)
class Row:
    """One method on one subject: means over the examples.

    Attributes:
        scene: the kind of data, and what reads it where there is a choice.
        model: ``"cause"`` or ``"shortcut"``: what the model verifiably uses.
        method: the method's name.
        seed: the subject's seed.
        recall: share of what the model uses that is found; 1 is best.
        first: how often the unit ranked first is one the model uses; 1 is best.
        lure: as ``recall``, for what it does *not* use: the decoy, or with a shortcut the cause.
        deletion: by how much the probability of the answer lies below that of a random order, on
            average, while units are removed; the higher, the better.
        insertion: by how much it lies above that of a random order while units are brought in.
        sanity: rank correlation of *sizes* (absolute values) with the explanation of a random
            network; 1 is an explanation that never asked the network.
        sanity_signed: the same with signs, which a random network gives by lot.
        stability: rank correlation with that of an input that hardly differs; 1 is best.
        seconds: time for each example, compiled.
    """

    scene: str
    model: str
    method: str
    seed: int
    recall: float
    first: float
    lure: float
    deletion: float
    insertion: float
    sanity: float
    sanity_signed: float
    stability: float
    seconds: float


@takes(rows=sequence(instance(Row, "a Row")), score=string())
def values(rows: Sequence[Row], score: str, **where: object) -> np.ndarray:
    """Collect one score from the rows that fit.

    Args:
        rows: from ``crash_test.run``.
        score: the name of a number of ``Row``.
        **where: what the rows must be, for example ``method="LIME"``.

    Returns:
        Numbers, shape (rows that fit,).

    Raises:
        ValueError: no row fits, or rows have no such score.
    """
    known = [field.name for field in fields(Row)]
    unknown = [name for name in (score, *where) if name not in known]
    if unknown:
        raise ValueError(
            f"score must be what a row has: {', '.join(known)}, but not {', '.join(unknown)}."
        )
    kept = [
        getattr(row, score)
        for row in rows
        if all(getattr(row, key) == value for key, value in where.items())
    ]
    if not kept:
        raise ValueError(f"No row fits {where}. There are {len(rows)} rows in all.")
    return np.array(kept)


@takes(rows=sequence(instance(Row, "a Row")), scores=sequence(string(), 1))
def table(rows: Sequence[Row], scores: Sequence[str] = SCORES) -> dict[str, dict[str, tuple]]:
    """Sum up rows by method: mean and standard deviation over seeds.

    A seed's value is the mean over its subjects, so that the deviation tells what another draw of
    data and model would change.

    Args:
        rows: from ``crash_test.run``.
        scores: which scores.

    Returns:
        For each method, by score, the mean and the deviation, best recall first.
    """
    summary = {}
    for method in dict.fromkeys(row.method for row in rows):
        seeds = dict.fromkeys(row.seed for row in rows if row.method == method)
        summary[method] = {}
        for score in scores:
            by_seed = [values(rows, score, method=method, seed=seed).mean() for seed in seeds]
            spread = float(np.std(by_seed, ddof=1)) if len(by_seed) > 1 else 0.0
            summary[method][score] = (float(np.mean(by_seed)), spread)
    return dict(sorted(summary.items(), key=lambda item: -item[1][scores[0]][0]))


@plots.style()
@takes(
    rows=sequence(instance(Row, "a Row")),
    score=choice([field.name for field in fields(Row)]),
    xlabel=string(),
    description=string(1),
)
def draw(rows: Sequence[Row], score: str = "recall", *, xlabel: str = "", description: str) -> None:
    """Draw one score of every method, a panel for each kind of data.

    A circle is the model that uses the cause, a square the one that uses the shortcut; the bars are
    one standard deviation over seeds to each side. Methods are sorted by their mean.

    Args:
        rows: from ``crash_test.run``.
        score: the name of a number of ``Row``.
        xlabel: what it is; by default its name.
        description: one sentence saying what the figure shows.

    Raises:
        ValueError: there are no rows.
    """
    scenes = list(dict.fromkeys(row.scene for row in rows))
    if not scenes:
        raise ValueError("rows must hold at least one row, but there are none.")
    columns = min(2, len(scenes))
    lines = -(-len(scenes) // columns)
    figure, axes = plots.figure(lines, columns, width=7, height=0.6 + 3.3 * lines)
    details = []
    for panel, scene in zip(axes.flat, scenes, strict=False):
        here = [row for row in rows if row.scene == scene and np.isfinite(getattr(row, score))]
        means = _by(here, score, "method")
        order = sorted(means, key=lambda method: means[method].mean())
        for place, model in enumerate(("cause", "shortcut")):
            found = _by([row for row in here if row.model == model], score, "method")
            for method, several in found.items():
                at = order.index(method) + 0.14 * (1 - 2 * place)
                spread = several.std(ddof=1) if len(several) > 1 else 0.0
                style = {"color": plots.PALETTE[place], "marker": "os"[place], "capsize": 2}
                label = f"uses the {model}" if method == order[0] else None
                panel.errorbar(several.mean(), at, xerr=spread, linestyle="", label=label, **style)
                details.append(f"{scene}, {model}, {method}: {number(several.mean())}.")
        panel.set_yticks(range(len(order)), order)
        panel.set_title(scene)
        panel.grid(True, axis="x")
    for unused in axes.flat[len(scenes) :]:
        unused.remove()
    for panel in list(axes.flat[: len(scenes)])[-columns:]:
        panel.set_xlabel(xlabel or score)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2)
    plots.show(figure, description, " ".join(details))


@takes(
    summary=mapping(mapping(sequence(array(finite=False), 2, 2), keys=string()), 1, keys=string())
)
def write(summary: Mapping[str, Mapping[str, tuple[float, float]]]) -> str:
    """Write a summary from ``crash_test.table`` as lines of text.

    Args:
        summary: for each method, by score, a mean and a deviation; NaN is written as a dash.

    Returns:
        A line for each method below a line of names.
    """
    scores = list(next(iter(summary.values()), {}))
    lines = [" " * 22 + "".join(f"{score:>14}" for score in scores)]
    for method, cells in summary.items():
        texts = (
            "–" if np.isnan(mean) else f"{mean:.2f} ± {deviation:.2f}"
            for mean, deviation in cells.values()
        )
        lines.append(f"{method:<22}" + "".join(f"{text:>14}" for text in texts))
    return "\n".join(lines)


def _by(rows: Sequence[Row], score: str, key: str) -> dict[str, np.ndarray]:
    """Collect a score by the values of another field."""
    names = dict.fromkeys(getattr(row, key) for row in rows)
    return {
        name: np.array([getattr(row, score) for row in rows if getattr(row, key) == name])
        for name in names
    }
