"""Can a teacher stand in front of the slides that a chapter's marks make?"""

from __future__ import annotations

from collections.abc import Iterator

from tools.lint.notebook import Notebook, Problem
from tools.markdown import EQUATION
from tools.slides import marks

FEWEST_SLIDES = 8
FEWEST_FIGURES = 3
FEWEST_EQUATIONS = 2
QUESTIONS = 2


def marks_become_slides(notebook: Notebook) -> Iterator[Problem]:
    """Every mark has a title, short text, and something to show."""
    for number, _, _, cell in notebook.cells:
        if "slide" in cell["metadata"]:
            yield from (Problem(message, number) for message in marks.problems(cell))


def slides_are_whole(notebook: Notebook) -> Iterator[Problem]:
    """A chapter's slides show its figures and equations, and ask the room two questions."""
    if not notebook.is_chapter:
        return
    marked = [cell for _, _, _, cell in notebook.cells if cell["metadata"].get("slide")]
    if len(marked) < FEWEST_SLIDES:
        yield Problem(
            f"expected {FEWEST_SLIDES} cells marked as slides or more, found {len(marked)}"
        )
    figures = sum(cell["cell_type"] == "code" and marks.draws(cell) for cell in marked)
    if figures < FEWEST_FIGURES:
        yield Problem(f"expected {FEWEST_FIGURES} slides with figures or more, found {figures}")
    there = sum(len(EQUATION.findall(source)) for _, source in notebook.markdown)
    wanted = min(FEWEST_EQUATIONS, there)
    shown = sum(len(_labels(cell)) for cell in marked)
    if shown < wanted:
        yield Problem(f"expected {wanted} equations on slides or more, found {shown}")
    questions = sum(bool(cell["metadata"]["slide"].get("question")) for cell in marked)
    if questions != QUESTIONS:
        yield Problem(f"expected {QUESTIONS} slides that ask the room, found {questions}")


def _labels(cell: dict) -> list[str]:
    labels = cell["metadata"]["slide"].get("equation", [])
    return [labels] if isinstance(labels, str) else labels
