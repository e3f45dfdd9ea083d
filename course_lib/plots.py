"""How do the chapters' figures look, and what do they tell those who do not see them?

Each function draws one kind of figure in one style and shows it as an inline SVG that reads on
light and on dark pages, for color-blind eyes, and on a phone. Its description is one sentence, the
same on every machine; details made from the data are added for screen readers. For a figure of
another kind, make a ``figure``, draw on its axes, and ``show`` it.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from course_lib import _lines, _panels
from course_lib._checks import (
    array,
    either,
    flag,
    instance,
    mapping,
    real,
    sequence,
    string,
    takes,
    whole,
)
from course_lib._describe import curve_details, number, spread_details
from course_lib._display import publish
from course_lib._svg import INK, MARKERS, PALETTE, STROKES, WIDEST, inline_svg, new_figure, style

__all__ = [
    "INK",
    "MARKERS",
    "PALETTE",
    "STROKES",
    "attention_map",
    "bars",
    "confusion_matrix",
    "curves",
    "figure",
    "heat_maps",
    "image_grid",
    "show",
    "style",
    "text_maps",
    "training_curves",
]

LABELS = either(string(), sequence(string()))


@takes(
    rows=whole(1), columns=whole(1), width=real(0, open_start=True), height=real(0, open_start=True)
)
def figure(
    rows: int = 1, columns: int = 1, *, width: float | None = None, height: float | None = None
) -> tuple[Figure, np.ndarray]:
    """Make a figure in the course's style, apart from Matplotlib's global state.

    Draw on its axes inside ``with style():``, so that fonts and lines are the course's too.

    Args:
        rows: rows of panels.
        columns: columns of panels.
        width: width in inches; by default 5 for one column and 7 for more. At most 7.
        height: height in inches; by default 3.2 for each row.

    Returns:
        The figure, and its axes as an array of shape (rows, columns).

    Raises:
        ValueError: there are no panels, or the figure is too wide to be read on a phone.
    """
    width = (5.0 if columns == 1 else WIDEST) if width is None else width
    return new_figure(rows, columns, width, 3.2 * rows if height is None else height)


@takes(figure=instance(Figure, "a figure of plots.figure"), description=string(1), details=string())
def show(figure: Figure, description: str, details: str = "") -> None:
    """Show a figure as an inline SVG with its description as alternative text, and empty it.

    Args:
        figure: a figure made by ``figure``.
        description: one sentence saying what the figure shows; the same on every machine.
        details: what the data in it say, for those who do not see it; may differ by machine.

    Raises:
        ValueError: the description is empty.
    """
    if not isinstance(description, str) or not description.strip():
        raise ValueError("description must say in a sentence what the figure shows; it is empty.")
    description = " ".join(description.split())
    description += "" if description[-1] in ".?!" else "."
    svg = inline_svg(figure, " ".join([description, *details.split()]))
    page = f'<figure class="course-figure" style="margin: 1em 0">{svg}</figure>'
    publish(f"Figure: {description}", **{"text/html": page})
    figure.clear()


@style()
@takes(
    x=array("points"),
    series=mapping(array(), keys=string()),
    xlabel=string(),
    ylabel=string(),
    description=string(1),
    log_x=flag(),
    log_y=flag(),
)
def curves(
    x: Sequence[float],
    series: Mapping[str, object],
    *,
    xlabel: str,
    ylabel: str,
    description: str,
    log_x: bool = False,
    log_y: bool = False,
) -> None:
    """Draw lines over a common axis; several runs become their mean within their range.

    Args:
        x: positions, shape (points,).
        series: for each label, values of shape (points,) or (runs, points); at most 6 labels.
        xlabel: what ``x`` is, with its unit.
        ylabel: what the values are, with their unit.
        description: one sentence saying what the figure shows.
        log_x: whether ``x`` has a logarithmic scale.
        log_y: whether the values have one.

    Raises:
        ValueError: shapes do not agree, there are no or too many labels, or values are not finite.
    """
    x = _lines.as_runs(x, np.size(x), "x")[0]
    drawn, axes = figure()
    panel = axes[0, 0]
    details = []
    _lines.check_count(series, "series")
    for place, (label, values) in enumerate(series.items()):
        runs = _lines.as_runs(values, len(x), f"series[{label!r}]")
        _lines.draw_curve(panel, x, runs, place, label)
        details.append(curve_details(label, x, runs))
    panel.set(xlabel=xlabel, ylabel=ylabel)
    if log_x:
        panel.set_xscale("log")
        _lines.write_plainly(panel.xaxis)
    else:
        _lines.count_whole(panel.xaxis, x)
    if log_y:
        panel.set_yscale("log")
        _lines.write_plainly(panel.yaxis)
    panel.grid(True)
    if len(series) > 1:
        _lines.draw_legend(panel)
    show(drawn, description, " ".join(details))


@style()
@takes(histories=mapping(keys=string()), metric=string(1), description=string(1))
def training_curves(
    histories: Mapping[str, object], metric: str = "accuracy", *, description: str | None = None
) -> None:
    """Draw a metric by epoch, on the validation set too where it was measured (dashed).

    Args:
        histories: for each label a Keras history (or its dictionary), or a list of them for
            several seeds; at most 6 labels.
        metric: the name of the metric, without ``val_``.
        description: one sentence; by default made from the metric and the labels.

    Raises:
        ValueError: the metric is missing, or the runs of one label differ in length.
    """
    _lines.check_count(histories, "histories")
    drawn, axes = figure()
    panel = axes[0, 0]
    details = []
    for place, (label, history) in enumerate(histories.items()):
        found = _lines.metric_runs(label, history, metric)
        for part, runs in found.items():
            name = f"{label}, {part}" if len(found) > 1 else label
            epochs = np.arange(1, runs.shape[1] + 1)
            _lines.draw_curve(
                panel, epochs, runs, place, name, stroke="--" if part == "validation" else "-"
            )
            details.append(curve_details(name, epochs, runs))
    panel.set(xlabel="epoch", ylabel=metric.replace("_", " "))
    _lines.count_whole(panel.xaxis, epochs)
    panel.grid(True)
    _lines.draw_legend(panel)
    made = f"{metric.replace('_', ' ').capitalize()} by epoch of training: {', '.join(histories)}"
    show(drawn, description or made, " ".join(details))


@style()
@takes(values=mapping(array(), 1, string()), xlabel=string(), description=string(1), log_x=flag())
def bars(
    values: Mapping[str, object], *, xlabel: str, description: str, log_x: bool = False
) -> None:
    """Draw one horizontal bar for each label; several runs become their mean with an error bar.

    Args:
        values: for each label a number, or the numbers of several runs. The error bar is one
            standard deviation of the runs to each side.
        xlabel: what the values are, with their unit.
        description: one sentence saying what the figure shows.
        log_x: whether the values have a logarithmic scale.

    Raises:
        ValueError: there are no labels, or values are not finite.
    """
    if not values:
        raise ValueError("values must have at least one label.")
    runs = {
        label: _lines.as_runs(value, np.size(value), f"values[{label!r}]")[0]
        for label, value in values.items()
    }
    means = [run.mean() for run in runs.values()]
    spreads = [run.std(ddof=1) if len(run) > 1 else 0.0 for run in runs.values()]
    drawn, axes = figure(height=1.0 + 0.42 * len(runs))
    panel = axes[0, 0]
    errors = spreads if any(spreads) else None
    shapes = panel.barh(
        range(len(runs)), means, xerr=errors, height=0.65, color=PALETTE[0], ecolor=INK, capsize=3
    )
    panel.bar_label(shapes, [number(mean) for mean in means], padding=4, fontsize=9)
    panel.set_yticks(range(len(runs)), list(runs))
    panel.invert_yaxis()
    panel.set_xlabel(xlabel)
    panel.margins(x=0.16 if min(means) >= 0 else 0.24)  # room for the numbers
    if log_x:
        panel.set_xscale("log")
        _lines.write_plainly(panel.xaxis)
    show(drawn, description, " ".join(spread_details(*pair) for pair in runs.items()))


@style()
@takes(
    images=array(finite=False),
    titles=LABELS,
    columns=whole(1, 10),
    description=string(1),
)
def image_grid(
    images: np.ndarray,
    titles: Sequence[str] | None = None,
    *,
    columns: int = 5,
    description: str,
) -> None:
    """Draw images side by side, each with a title.

    Args:
        images: uint8, or floats from 0 to 1; shape (images, height, width[, 1 or 3]).
        titles: a short text above each image.
        columns: images a row, from 1 to 10.
        description: one sentence saying what the figure shows.

    Raises:
        ValueError: the shape, the range or the number of titles is wrong.
    """
    pictures = _panels.as_pictures(images)
    texts = _panels.as_labels(titles, len(pictures), "titles")
    drawn, axes = _panels.picture_grid(
        len(pictures), columns, pictures.shape[1:3], titled=titles is not None
    )
    for panel, picture, text in zip(axes, pictures, texts, strict=True):
        _panels.draw_picture(panel, picture, text)
    details = f"{len(pictures)} images" + (f": {'; '.join(texts)}." if titles is not None else ".")
    show(drawn, description, details.replace("\n", ", "))


@style()
@takes(
    images=array(finite=False),
    maps=array(finite=False),
    titles=LABELS,
    columns=whole(1, 10),
    description=string(1),
)
def heat_maps(
    images: np.ndarray | None,
    maps: np.ndarray,
    titles: Sequence[str] | None = None,
    *,
    columns: int = 5,
    description: str,
) -> None:
    """Draw maps over images, or alone: kernels, feature maps, saliency.

    Over an image, orange covers what has a large positive value and blue what has a negative one.
    Alone, a map has a color bar; signed values run from blue over white to orange. All maps share
    one scale.

    Args:
        images: as for ``image_grid``, one for each map, or None to draw the maps alone.
        maps: finite values of shape (maps, height, width); stretched over the images.
        titles: a short text above each.
        columns: maps a row, from 1 to 10.
        description: one sentence saying what the figure shows.

    Raises:
        ValueError: shapes do not agree or values are not finite.
    """
    maps = _panels.as_maps(maps)
    texts = _panels.as_labels(titles, len(maps), "titles")
    strongest = float(np.abs(maps).max())
    signed = maps.min() < 0
    pictures = None if images is None else _panels.as_pictures(images)
    if pictures is not None and len(pictures) != len(maps):
        raise ValueError(
            f"images and maps must be equally many, but they are {len(pictures)} and {len(maps)}."
        )
    shape = maps.shape[1:] if pictures is None else pictures.shape[1:3]
    beside = 0.7 if pictures is None else 0.0  # inches for the color bar
    drawn, axes = _panels.picture_grid(
        len(maps), columns, shape, titled=titles is not None, beside=beside
    )
    colors = _panels.SIGNED_COLORS if signed else _panels.MAP_COLORS
    scale = {"cmap": colors, "vmin": -strongest if signed else 0.0, "vmax": strongest}
    for place, (panel, heat, text) in enumerate(zip(axes, maps, texts, strict=True)):
        shown = _panels.draw_picture(panel, heat, text, **scale)
        if pictures is not None:
            shown.remove()
            _panels.draw_overlay(panel, pictures[place], heat, strongest)
    if pictures is None:
        _panels.color_bar(drawn, shown, drawn.axes, "")
    details = f"{len(maps)} maps with values from {number(maps.min())} to {number(maps.max())}."
    peaks = [np.unravel_index(np.abs(heat).argmax(), heat.shape) for heat in maps[:10]]
    for text, (row, column) in zip(texts, peaks, strict=False):
        details += f" {text or 'Map'}: strongest at row {row}, column {column}."
    show(drawn, description, details)


@style()
@takes(
    weights=array("queries", "keys", filled=True),
    row_labels=LABELS,
    column_labels=LABELS,
    description=string(1),
)
def attention_map(
    weights: np.ndarray,
    row_labels: Sequence[str],
    column_labels: Sequence[str],
    *,
    description: str,
) -> None:
    """Draw attention weights: which column each row looks at.

    Args:
        weights: not negative, shape (queries, keys), a query to a row.
        row_labels: a name for each query.
        column_labels: a name for each key.
        description: one sentence saying what the figure shows.

    Raises:
        ValueError: shapes do not agree, or weights are negative or not finite.
    """
    weights = _panels.as_maps(np.asarray(weights)[None])[0]
    if weights.min() < 0:
        raise ValueError(f"weights must not be negative, but the smallest is {weights.min():.4g}.")
    rows = _panels.as_labels(row_labels, weights.shape[0], "row_labels")
    columns = _panels.as_labels(column_labels, weights.shape[1], "column_labels")
    drawn, shown = _panels.matrix(weights, rows, columns, vmax=max(1.0, weights.max()))
    if weights.size <= 64:
        texts = np.vectorize("{:.2f}".format)(weights)
        _panels.cell_texts(drawn.axes[0], shown, weights, texts)
    _panels.color_bar(drawn, shown, drawn.axes[0], "weight")
    drawn.axes[0].set(xlabel="looks at", ylabel="from")
    most = zip(rows, weights, weights.argmax(axis=1), strict=True)
    parts = [f"{row} most at {columns[best]} ({number(line[best])})" for row, line, best in most]
    show(drawn, description, f"Looks: {'; '.join(parts[:20])}.")


@style()
@takes(
    labels=array(finite=False),
    predictions=array(finite=False),
    class_names=sequence(string()),
    description=string(1),
)
def confusion_matrix(
    labels: np.ndarray,
    predictions: np.ndarray,
    class_names: Sequence[str],
    *,
    description: str = "Confusion matrix: how often each class is predicted as each class.",
) -> None:
    """Draw how often each class (row) is predicted as each class (column).

    Args:
        labels: true class indices, shape (examples,).
        predictions: predicted class indices, shape (examples,).
        class_names: the name of each class.
        description: one sentence saying what the figure shows.

    Raises:
        ValueError: shapes differ, there are no examples, or an index has no name.
    """
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    classes = len(class_names)
    if labels.shape != predictions.shape or labels.ndim != 1 or not len(labels):
        raise ValueError(
            "labels and predictions must be class indices of one shape (examples,), but the shapes "
            f"are {labels.shape} and {predictions.shape}. Use argmax on probabilities first."
        )
    both = np.concatenate([labels, predictions])
    if both.dtype.kind not in "iu" or both.min() < 0 or both.max() >= classes:
        raise ValueError(f"labels and predictions must be whole numbers in 0..{classes - 1}.")
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (labels, predictions), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    drawn, shown = _panels.matrix(shares, list(class_names), list(class_names), vmax=1.0)
    texts = np.where(counts > 0, counts.astype(str), "")
    _panels.cell_texts(drawn.axes[0], shown, shares, texts)
    drawn.axes[0].set(xlabel="predicted class", ylabel="true class")
    wrong = counts - np.diag(np.diag(counts))
    worst = np.argsort(-wrong, axis=None, kind="stable")[:3]
    pairs = [divmod(int(place), classes) for place in worst if wrong.flat[place]]
    details = f"{np.trace(counts)} of {len(labels)} are right. " + " ".join(
        f"{class_names[true]} taken for {class_names[taken]}: {wrong[true, taken]}."
        for true, taken in pairs
    )
    show(drawn, description, details)


@style()
@takes(
    text=string(),
    values=array(finite=False),
    titles=LABELS,
    description=string(1),
)
def text_maps(
    text: str, values: np.ndarray, titles: Sequence[str] | None = None, *, description: str
) -> None:
    """Draw values over the characters of a text: what a unit does while the text is read.

    The ground of a character is orange where its value is positive and blue where it is negative,
    the paler the closer to zero. A line end is drawn as an arrow.

    Args:
        text: the text, at most 1,000 characters.
        values: finite values of shape (maps, characters); each map has its own scale.
        titles: a short text above each map.
        description: one sentence saying what the figure shows.

    Raises:
        ValueError: shapes do not agree, values are not finite, or the text is empty or too long.
    """
    values = np.atleast_2d(np.asarray(values, np.float64))
    if not 1 <= len(text) <= 1000:
        raise ValueError(f"text must have 1 to 1,000 characters, but it has {len(text):,}.")
    if values.ndim != 2 or values.shape[1] != len(text) or len(values) == 0:
        raise ValueError(
            f"values must have shape (maps, {len(text)}), one for each character, but the shape is "
            f"{values.shape}."
        )
    _panels.refuse_nan(values, "values")
    names = _panels.as_labels(titles, len(values), "titles")
    folded = _panels.fold_text(text)
    cell, line, gap = 0.085, 0.17, 0.3  # inches
    panel_height = line * len(folded[0])
    width = max(2.0, cell * max(map(len, folded[0])))
    height = len(values) * (panel_height + gap)
    drawn, axes = figure(len(values), 1, width=width, height=height)
    drawn.set_layout_engine("none")
    details = []
    for place, (panel, one, name) in enumerate(zip(axes[:, 0], values, names, strict=True)):
        bottom = height - (place + 1) * (panel_height + gap)
        share = cell * max(map(len, folded[0])) / width
        panel.set_position((0, bottom / height, share, panel_height / height))
        strongest = np.abs(one).max() or 1.0
        _panels.draw_text(panel, folded, one / strongest, cell)
        panel.set_title(name, fontsize=9, pad=3)
        ends = {"highest": one.argmax(), "lowest": one.argmin()}
        parts = [
            f"{which} {number(one[at])} after {text[: at + 1][-12:]!r}"
            for which, at in ends.items()
        ]
        details.append(f"{name or 'Map'}: {', '.join(parts)}.")
    show(drawn, description, " ".join([*details, f"The text: {text}"]))
