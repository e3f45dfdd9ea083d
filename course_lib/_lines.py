"""What is a curve, or several runs of one, and how is it drawn into a panel?"""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import MaxNLocator

from course_lib._panels import refuse_nan
from course_lib._svg import MARKERS, PALETTE, STROKES

__all__ = [
    "as_runs",
    "check_count",
    "count_whole",
    "draw_curve",
    "draw_legend",
    "metric_runs",
    "write_plainly",
]


def as_runs(values: object, points: int, name: str) -> np.ndarray:
    """Return a curve, or several runs of one, as floats of shape (runs, points)."""
    try:
        runs = np.atleast_2d(np.asarray(values, np.float64))
    except (TypeError, ValueError):
        raise ValueError(f"{name} must hold numbers only, in rows of one length.") from None
    if runs.ndim != 2 or runs.shape[1] != points or runs.size == 0:
        raise ValueError(
            f"{name} must have shape ({points},) or (runs, {points}) and not be empty, "
            f"but its shape is {np.shape(values)}."
        )
    refuse_nan(runs, name)
    return runs


def draw_curve(
    panel: Axes, x: np.ndarray, runs: np.ndarray, place: int, label: str, stroke: object = None
) -> None:
    """Draw the mean of runs (runs, points), and the range they span."""
    panel.plot(
        x,
        runs.mean(axis=0),
        color=PALETTE[place],
        linestyle=STROKES[place] if stroke is None else stroke,
        marker=MARKERS[place],
        markerfacecolor="none" if stroke == "--" else PALETTE[place],
        markevery=max(1, len(x) // 10),
        label=label,
    )
    if len(runs) > 1:
        low, high = runs.min(axis=0), runs.max(axis=0)
        panel.fill_between(x, low, high, color=PALETTE[place], alpha=0.2, linewidth=0)


def draw_legend(panel: Axes) -> None:
    """Name two lines within the panel, and more above it, where they cannot hide one."""
    handles, labels = panel.get_legend_handles_labels()
    if len(labels) <= 2:
        panel.legend()
        return
    # A letter of nine points is some 0.08 inches wide; a sample of the line and the gaps take 0.8.
    columns = panel.figure.get_figwidth() / (0.08 * max(map(len, labels)) + 0.8)
    columns = max(1, min(len(labels), int(columns)))
    rows = -(-len(labels) // columns)
    columns = -(-len(labels) // rows)  # as even as can be
    panel.figure.legend(handles, labels, loc="outside upper center", ncols=columns)


def count_whole(axis: Axis, values: np.ndarray) -> None:
    """Where all values are whole numbers, mark no others on their axis."""
    if (values == np.round(values)).all():
        axis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True))


def write_plainly(axis: Axis) -> None:
    """Write 300 and 0.2 at a logarithmic axis, and powers only where numbers get long."""

    def power(value: float, _: int) -> str:
        if 1e-4 < value < 1e6:
            return f"{value:,.{max(0, -int(np.floor(np.log10(value))))}f}"
        return f"$10^{{{np.log10(value):.0f}}}$"

    def between(value: float, place: int) -> str:
        low, high = axis.get_view_interval()
        first_digit = round(value / 10.0 ** np.floor(np.log10(value)))
        # Two of the nine marks between powers, and none of them where there are powers enough.
        return power(value, place) if high < 50 * low and first_digit in (2, 5) else ""

    axis.set_major_formatter(power)
    axis.set_minor_formatter(between)


def check_count(series: Mapping[str, object], name: str) -> None:
    """Raise if there is nothing to draw, or more than can be told apart."""
    if not 1 <= len(series) <= len(PALETTE):
        raise ValueError(
            f"{name} must have 1 to {len(PALETTE)} labels, but it has {len(series)}. "
            "More lines cannot be told apart: split the figure."
        )


def metric_runs(label: str, history: object, metric: str) -> dict[str, np.ndarray]:
    """Return the runs of a metric, shape (runs, epochs), on the training and validation set."""
    several = history if isinstance(history, list | tuple) else [history]
    records = [getattr(one, "history", one) for one in several]
    found = {}
    name = f"histories[{label!r}]"
    if not all(isinstance(record, Mapping) for record in records):
        raise ValueError(f"{name} must be a Keras history, its dictionary, or a list of them.")
    for part, key in (("training", metric), ("validation", f"val_{metric}")):
        if not all(key in record for record in records):
            continue
        try:
            lengths = {len(record[key]) for record in records}
        except TypeError:
            raise ValueError(f"{name}[{key!r}] must hold a value for each epoch.") from None
        if len(lengths) != 1:
            raise ValueError(
                f"The runs of {label!r} must be equally long, but have {lengths} epochs."
            )
        found[part] = as_runs(
            [record[key] for record in records], lengths.pop(), f"{name}[{key!r}]"
        )
    if "training" not in found:
        known = ", ".join(sorted(set().union(*records))) or "none"
        raise ValueError(f"metric {metric!r} is not in every history of {label!r}. Known: {known}.")
    return found
