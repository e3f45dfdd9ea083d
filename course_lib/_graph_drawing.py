"""What does a computation look like? Draws the record behind a ``Variable``."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Text

from course_lib import plots
from course_lib._autodiff import Graph, Variable, computation_graph
from course_lib._checks import instance, string, takes
from course_lib._describe import number

__all__ = ["draw_graph"]

_SYMBOLS = {"*": "×", "-": "−", "/": "÷", "**2": "square", "@": "matrix product"}


@takes(result=instance(Variable, "a Variable"), description=string(1))
def draw_graph(result: Variable, description: str) -> None:
    """Draw a computation from top to bottom: variables that were given, operations, the result.

    Each box shows what made the variable, its value (or the shape of an array) and, after
    ``backward``, its gradient. Meant for computations of at most some twenty steps.

    Args:
        result: the end of the computation.
        description: one sentence saying what the figure shows.
    """
    graph = computation_graph(result)
    places = _places(graph)
    columns, rows = places.max(axis=0) + 1
    with plots.style():
        figure, axes = plots.figure(width=min(7.0, 0.4 + 1.6 * columns), height=0.85 * rows)
        panel = axes[0, 0]
        panel.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.6, -0.4), xticks=[], yticks=[])
        panel.set_axis_off()
        boxes = [_box(panel, *pair) for pair in zip(graph.nodes, places, strict=True)]
        for start, end in dict.fromkeys(graph.edges):
            skips = places[end][1] - places[start][1] > 1
            same = graph.edges.count((start, end))
            for bend in np.linspace(-0.25, 0.25, same) if same > 1 else [0.5 if skips else 0.0]:
                _arrow(panel, boxes[start], boxes[end], bend)
    details = " ".join(f"{' '.join(_text(node).split())}." for node in graph.nodes)
    plots.show(figure, description, details)


def _places(graph: Graph) -> np.ndarray:
    """Give each node a column and a row: its distance from the given variables."""
    row = np.zeros(len(graph.nodes), int)
    for start, end in graph.edges:  # operands come before results
        row[end] = max(row[end], row[start] + 1)
    for i, node in enumerate(graph.nodes):  # a given variable stands just before its first use
        uses = [row[end] for start, end in graph.edges if start == i]
        if not node.parents and uses:
            row[i] = min(uses) - 1
    filled = [0] * (int(row.max()) + 1)
    places = np.zeros((len(graph.nodes), 2))
    for i, of_node in enumerate(row):
        places[i] = filled[of_node], of_node
        filled[of_node] += 1
    for i, of_node in enumerate(row):
        places[i, 0] += (max(filled) - filled[of_node]) / 2  # short rows are centered
    return places


def _box(panel: Axes, node: Variable, place: np.ndarray) -> Text:
    color = plots.PALETTE[1 if node.parents else 0]
    frame = {"boxstyle": "round,pad=0.3", "facecolor": "none", "edgecolor": color, "lw": 1.8}
    return panel.text(*place, _text(node), ha="center", va="center", fontsize=8.5, bbox=frame)


def _arrow(panel: Axes, start: Text, end: Text, bend: float) -> None:
    look = {"arrowstyle": "-|>", "color": plots.INK, "lw": 1.0, "shrinkA": 2, "shrinkB": 2}
    look |= {"patchA": start.get_bbox_patch(), "patchB": end.get_bbox_patch()}
    look["connectionstyle"] = f"arc3,rad={bend}"
    panel.annotate("", end.get_position(), start.get_position(), arrowprops=look)


def _text(node: Variable) -> str:
    operation = _SYMBOLS.get(node.operation, node.operation)
    label = " ".join(part for part in (node.name, operation) if part) or "given"
    if node.value.size != 1:
        return f"{label}\nshape {' x '.join(map(str, node.shape))}"
    text = f"{label}\nvalue {number(node.value.item())}"
    return text if node.gradient is None else f"{text}\ngradient {number(node.gradient.item())}"
