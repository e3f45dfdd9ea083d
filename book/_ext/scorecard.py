"""What did each challenge cost the course's model, and what did it gain? Two tables, one figure.

`{scorecard}` collects what the chapters measured with `scorecard.record`. Its content lists the
steps, one a line, in the order in which they are shown. A step that no chapter recorded, or that
two did, or that is not listed, is a warning, and so fails the build. No number is written by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from docutils import nodes
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter
from run_tables import NBSP, Chapter, RunTable, table
from sphinx.application import Sphinx
from sphinx.util import logging

from course_lib._lines import draw_legend
from course_lib._svg import MARKERS, PALETTE, inline_svg, new_figure, style
from course_lib.claims import readable

EXPLAINED, BRIGHTEST, RANDOM = (
    "integrated gradients",
    "brightest first",
    "at random",
)
_logger = logging.getLogger(__name__)
_ANSWERS = (
    "Step",
    "Accuracy, %",
    "Change, points",
    "Calibration error, %",
    "Deletion area: explained, brightest first, at random",
)
_COSTS = (
    "Step",
    "File, KiB",
    "Multiply-adds, thousands",
    "Latency, µs",
    "Energy for 1,000 images, J",
)


_FIGURE = (
    "The figure shows the steps that may be compared with {base}. Up is more accurate, left is "
    "smaller or faster. A bar goes from the lowest to the highest of several networks."
)
_METHODS = (
    "The step named {step} compared several explanations of one model. The lower the area, the "
    "sooner the answer goes away when patches turn black in that order. Lower than for the brightest "
    "patches, which need no network, it is for: {better}."
)


class Step(NamedTuple):
    """One recorded step and the chapter that recorded it."""

    chapter: Chapter
    card: dict

    @property
    def name(self) -> str:
        """The step's name, which is its row's."""
        return self.card["step"]

    @property
    def base(self) -> str:
        """The step that this one is compared with; itself where it is compared with none."""
        return self.card["against"] or self.name

    @property
    def accuracy(self) -> float:
        """The mean over its networks."""
        return float(np.mean(self.card["accuracy"]))

    @property
    def kib(self) -> float:
        """The size of its file."""
        return self.card["bytes"] / 1024

    def mean(self, *keys: str) -> float:
        """The mean over its networks of something that was measured for each."""
        found = self.card
        for key in keys:
            found = found[key]
        return float(np.mean(found))


class Scorecard(RunTable):
    """The tables of all steps, what they add up to, and the figure."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Collect the steps, check them, and show them."""
        chapters = list(self.chapters())
        found = [
            Step(chapter, card)
            for chapter in chapters
            for card in chapter.run.get("scorecard", [])
        ]
        if not any(chapter.run for chapter in chapters):
            return self.nothing_yet()
        steps = self._in_order(found)
        if not steps:
            return []
        first = steps[0].base
        comparable = [step for step in steps if step.base == first]
        return [
            self._table(_ANSWERS, steps, answers),
            self._table(_COSTS, steps, costs),
            *notes(steps),
            nodes.paragraph("", "What the tables add up to:"),
            bullets(*readings(steps), front_sentence(comparable)),
            nodes.paragraph("", _FIGURE.format(base=first)),
            figure(comparable),
            *self._methods(steps),
        ]

    def _in_order(self, found: list[Step]) -> list[Step]:
        """The steps as the directive lists them, group by group; warn where that cannot be."""
        wanted = [line.strip() for line in self.content if line.strip()]
        names = [step.name for step in found]
        heads = [step.name for step in found if step.card["against"] is None]
        for name in sorted({*wanted, *names}):
            if names.count(name) != 1 or wanted.count(name) != 1:
                _logger.warning(
                    "scorecard: step '%s' is recorded %d and listed %d times; each must be once",
                    name,
                    names.count(name),
                    wanted.count(name),
                    location=self.get_location(),
                )
        for step in found:
            if step.base not in heads:
                _logger.warning(
                    "scorecard: step '%s' is compared with '%s', with which no step may be",
                    step.name,
                    step.base,
                    location=self.get_location(),
                )
        listed = {step.name: step for step in found if step.name in wanted}
        ordered = [listed[name] for name in wanted if name in listed]
        groups = dict.fromkeys(
            step.base for step in ordered if step.base in listed
        )
        return [step for base in groups for step in ordered if step.base == base]

    def _table(
        self, head: tuple[str, ...], steps: list[Step], cells: Callable
    ) -> nodes.table:
        """One row a step; the first of each group is marked."""
        by_name = {step.name: step for step in steps}
        rows = [
            [self._name(step), *cells(step, by_name[step.base])] for step in steps
        ]
        made = table(head, rows, (28, 24, 15, 13, 20), "scorecard")
        for row, step in zip(
            made.findall(nodes.row), [None, *steps], strict=True
        ):
            if step and step.name == step.base:
                row["classes"].append("scorecard-base")
        return made

    def _name(self, step: Step) -> nodes.container:
        """The step, linked to its card, and what it may be compared with."""
        anchor = f"scorecard-{step.card['slug']}"
        cell = nodes.container(
            "", self.link(step.name, step.chapter.page, anchor)
        )
        images = f"{step.card['labels']:,} labeled images"
        against = f"against {step.base}"
        cell += nodes.paragraph("", images if step.name == step.base else against)
        return cell

    def _methods(self, steps: list[Step]) -> list[nodes.Node]:
        """For steps that compared several explanations, one table of their areas."""
        parts: list[nodes.Node] = []
        for step in steps:
            areas = {k: np.mean(v) for k, v in step.card["deletion"].items()}
            if len(areas) == len((EXPLAINED, BRIGHTEST, RANDOM)):
                continue
            better = [
                name for name, found in areas.items() if found < areas[BRIGHTEST]
            ]
            text = _METHODS.format(step=step.name, better=listing(better))
            parts.append(nodes.paragraph("", text))
            rows = [
                [nodes.paragraph("", name), nodes.paragraph("", f"{value:.3f}")]
                for name, value in sorted(areas.items(), key=lambda a: a[1])
            ]
            head = ("Order in which patches turn black", "Deletion area")
            parts.append(table(head, rows, (70, 30), "scorecard-methods"))
        return parts


def answers(step: Step, base: Step) -> list[nodes.Node]:
    """The cells on what a step's networks say."""
    areas = [
        f"{step.mean('deletion', kind):.2f}"
        for kind in (EXPLAINED, BRIGHTEST, RANDOM)
    ]
    moved, error = change(step, base)
    changed = f"{signed(moved)}{NBSP}±{NBSP}{error:.1f}"
    chance = f"chance {100 * step.mean('calibration_by_chance'):.1f}"
    return [
        lines(f"{100 * step.accuracy:.1f}", *spread(step.card)),
        lines("" if step is base else changed),
        lines(f"{100 * step.mean('calibration_error'):.1f}", chance),
        lines(", ".join(areas)),
    ]


def costs(step: Step, base: Step) -> list[nodes.Node]:
    """The cells on what a step's networks cost."""
    card = step.card
    other = [] if card["file"] == base.card["file"] else [card["file"]]
    return [
        lines(f"{step.kib:,.0f}", *other),
        lines(f"{card['multiply_adds'] / 1000:,.0f}"),
        lines(f"{card['microseconds']:,.0f}"),
        lines(f"{card['joules']:.2g}"),
    ]


def spread(card: dict) -> list[str]:
    """How many networks were measured, and what other seeds reached."""
    count, told = card["networks"], []
    if count > 1:
        low, high = min(card["accuracy"]), max(card["accuracy"])
        told = [f"{100 * low:.1f} to {100 * high:.1f}"]
    told += [f"{count} networks" if count > 1 else "one network"]
    if card["other_seeds"]:
        low, high = min(card["other_seeds"]), max(card["other_seeds"])
        told += [
            f"recorded, {len(card['other_seeds'])} seeds: {100 * low:.1f} to {100 * high:.1f}"
        ]
    return told


def change(step: Step, base: Step) -> tuple[float, float]:
    """How many points of accuracy a step gained on its base, and the standard error of that.

    Both answered the same test images, so the images are compared one by one. The error says how
    far other test images would move the difference, and nothing of other seeds.
    """
    shares = [
        np.array([int(digit) for digit in one.card["right"]])
        / one.card["networks"]
        for one in (step, base)
    ]
    difference = 100 * (shares[0] - shares[1])
    error = difference.std(ddof=1) / np.sqrt(len(difference))
    return float(difference.mean()), float(error)


def readings(steps: list[Step]) -> list[str]:
    """Sentences on accuracy, calibration, files and explanations, true by construction."""
    by_name = {step.name: step for step in steps}
    pairs = [
        (step, by_name[step.base]) for step in steps if step.name != step.base
    ]
    moves = {step.name: change(step, base) for step, base in pairs}
    lost = [n for n, (moved, error) in moves.items() if moved < -2 * error]
    won = [n for n, (moved, error) in moves.items() if moved > 2 * error]
    gaps = {
        step.name: 100
        * (step.mean("calibration_error") - base.mean("calibration_error"))
        for step, base in pairs
    }
    worse = [name for name, gap in gaps.items() if gap > 1]
    better = [name for name, gap in gaps.items() if gap < -1]
    smaller = [
        f"{step.name} ({base.kib / step.kib:.1f} times smaller)"
        for step, base in pairs
        if step.kib < base.kib / 1.5
    ]
    knowing = [
        step.name
        for step in steps
        if step.mean("deletion", EXPLAINED) < step.mean("deletion", BRIGHTEST)
    ]
    return [
        "Accuracy fell by more than two standard errors against the step compared with: "
        f"{listing(lost)}. It rose by more than two: {listing(won)}.",
        "The calibration error is larger than that of the step compared with, by more than a point: "
        f"{listing(worse)}. It is smaller by more than a point: {listing(better)}.",
        f"The file is smaller by more than a third: {listing(smaller)}.",
        "The explanation finds what the answer rests on sooner than the order of brightness, which "
        f"knows no network, in {len(knowing)} of {len(steps)} steps.",
    ]


def front_sentence(steps: list[Step]) -> str:
    """Which of the comparable steps none beats in both measures."""
    by_size = front(steps, lambda step: step.kib)
    by_time = front(steps, lambda step: step.card["microseconds"])
    return (
        "Say that a step beats another if it is more accurate and at most a tenth dearer. Of the steps "
        f"that may be compared with {steps[0].base}, none beats these in file size: {by_size}. "
        f"None beats these in the time of one image: {by_time}."
    )


def front(steps: list[Step], cost: Callable[[Step], float]) -> str:
    """The names of the steps that no other beats, which may be a tenth dearer."""
    groups = same_network(steps)
    kept = [
        joined(group)
        for group in groups
        if not any(
            cost(other[0]) < 1.1 * cost(group[0])
            and other[0].accuracy > group[0].accuracy
            for other in groups
        )
    ]
    return listing(kept)


def same_network(steps: list[Step]) -> list[list[Step]]:
    """Steps with the same answers from the same file belong together: one point of the figure."""
    groups: dict[tuple, list[Step]] = {}
    for step in steps:
        key = (step.card["right"], step.card["bytes"])
        groups.setdefault(key, []).append(step)
    return list(groups.values())


def figure(steps: list[Step]) -> nodes.raw:
    """Accuracy against the file's size and against the time of one image."""
    measures = {
        "KiB of the file": lambda step: step.kib,
        "microseconds an image": lambda step: step.card["microseconds"],
    }
    groups = same_network(steps)
    drawn, axes = new_figure(1, 2, 7.0, 4.2)
    with style():
        for panel, (label, cost) in zip(axes[0], measures.items(), strict=True):
            for place, group in enumerate(groups):
                _point(panel, group, place, cost)
            panel.set(xscale="log", xlabel=label)
            panel.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            panel.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            panel.xaxis.set_minor_formatter(NullFormatter())
            panel.grid(True)
        axes[0, 0].set_ylabel("test accuracy, %")
        draw_legend(axes[0, 0])
    told = "; ".join(
        f"{joined(group)}: {readable(group[0].kib)} KiB, "
        f"{readable(group[0].card['microseconds'])} microseconds, "
        f"{100 * group[0].accuracy:.1f} %"
        for group in groups
    )
    label = f"Test accuracy against the size of the file, and against the time of one image. {told}."
    svg = inline_svg(drawn, label)
    return nodes.raw(
        "", f'<figure class="course-figure">{svg}</figure>', format="html"
    )


def _point(panel, group: list[Step], place: int, cost: Callable) -> None:
    step, values = group[0], 100 * np.array(group[0].card["accuracy"])
    mean = values.mean()
    place %= len(PALETTE)
    panel.errorbar(
        [cost(step)],
        [mean],
        yerr=[[mean - values.min()], [values.max() - mean]],
        fmt=MARKERS[place],
        color=PALETTE[place],
        markersize=8,
        capsize=3,
        label=joined(group),
    )


def joined(group: list[Step]) -> str:
    """The names of steps that share a point."""
    return ", ".join(step.name for step in group)


def notes(steps: list[Step]) -> list[nodes.Node]:
    """What must be known before a row is compared."""
    said = [
        f"{step.name}: {step.card['note']}" for step in steps if step.card["note"]
    ]
    if not said:
        return []
    return [nodes.paragraph("", "Notes on the rows:"), bullets(*said)]


def bullets(*texts: str) -> nodes.bullet_list:
    """A list of sentences."""
    items = [nodes.list_item("", nodes.paragraph("", text)) for text in texts]
    return nodes.bullet_list("", *items, classes=["simple"])


def lines(*texts: str) -> nodes.container:
    """The lines of one cell."""
    return nodes.container(
        "", *(nodes.paragraph("", text) for text in texts if text)
    )


def listing(names: list[str]) -> str:
    """Names in a sentence."""
    return "; ".join(names) if names else "none"


def signed(points: float) -> str:
    """A change with its sign, a true minus where it is negative."""
    text = f"{abs(points):.1f}"
    if text == "0.0":
        return text
    return f"{'+' if points > 0 else '−'}{text}"


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("scorecard", Scorecard)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
