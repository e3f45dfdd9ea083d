"""What does a computation look like? Draws the record behind a ``Variable``."""

from __future__ import annotations

import numpy as np

from course_lib import plots
from course_lib._autodiff import Graph, Variable, computation_graph
from course_lib._describe import number

__all__ = ["draw_graph"]


def draw_graph(result: Variable, description: str) -> None:
    """Draw a computation from left to right: variables that were given, operations, the result.

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
        figure, axes = plots.figure(width=7.0, height=0.4 + 0.95 * rows)
        panel = axes[0, 0]
        for start, end in dict.fromkeys(graph.edges):
            twice = graph.edges.count((start, end)) > 1
            _draw_arrow(panel, places[start], places[end], twice)
        for node, (x, y) in zip(graph.nodes, places, strict=True):
            _draw_box(panel, node, x, y)
        panel.set(xlim=(-0.55, columns - 0.45), ylim=(rows - 0.45, -0.55), xticks=[], yticks=[])
        panel.set_axis_off()
    details = " ".join(f"{' '.join(_text(node).split())}." for node in graph.nodes)
    plots.show(figure, description, details)


def _places(graph: Graph) -> np.ndarray:
    """Give each node a column, its distance from the given variables, and a row in it."""
    column = np.zeros(len(graph.nodes), int)
    for start, end in graph.edges:  # operands come before results
        column[end] = max(column[end], column[start] + 1)
    for i, node in enumerate(graph.nodes):  # a given variable stands just before its first use
        uses = [column[end] for start, end in graph.edges if start == i]
        if not node.parents and uses:
            column[i] = min(uses) - 1
    filled = [0] * (int(column.max()) + 1)
    places = np.zeros((len(graph.nodes), 2))
    for i, of_node in enumerate(column):
        places[i] = of_node, filled[of_node]
        filled[of_node] += 1
    tallest = max(filled)
    for i, of_node in enumerate(column):
        places[i, 1] += (tallest - filled[of_node]) / 2  # short columns are centered
    return places


def _draw_arrow(panel, start: np.ndarray, end: np.ndarray, twice: bool) -> None:
    for bend in (-0.25, 0.25) if twice else (0.0,):
        panel.annotate(
            "",
            end - (0.36, 0),
            start + (0.36, 0),
            arrowprops={
                "arrowstyle": "-|>",
                "color": plots.INK,
                "lw": 1.0,
                "connectionstyle": f"arc3,rad={bend}",
            },
        )


def _draw_box(panel, node: Variable, x: float, y: float) -> None:
    given = not node.parents
    color = plots.PALETTE[0 if given else 1]
    frame = {"boxstyle": "round,pad=0.35", "facecolor": "none", "edgecolor": color, "lw": 1.8}
    panel.text(x, y, _text(node), ha="center", va="center", fontsize=8.5, bbox=frame)


def _text(node: Variable) -> str:
    label = " ".join(part for part in (node.name, node.operation) if part) or "constant"
    if node.value.size != 1:
        return f"{label}\n{' x '.join(map(str, node.shape))}"
    text = f"{label}\nvalue {number(node.value.item())}"
    return text if node.gradient is None else f"{text}\ngradient {number(node.gradient.item())}"
