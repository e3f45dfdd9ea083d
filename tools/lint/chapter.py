"""Is a chapter whole? The rules about its parts, its exercises, its claims and its figures."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tools.lint.notebook import Notebook, Problem, plain_texts, tags, trees, without_fences

HEADINGS = (
    "At a glance",
    "The idea",
    "From scratch",
    "Against the reference",
    "On real data",
    "What the sources got wrong",
    "When it fails",
    "Quiz",
    "Exercises",
    "Take-aways",
    "Further reading",
)
FEWEST_EXERCISES = 4
FEWEST_FIGURES = 2

_EXERCISE = re.compile(r"Exercise (\d+): \S")
FOLDED = re.compile(r"\{admonition\}.*solution.*\n(:.*\n)*:class:.*\bdropdown\b", re.IGNORECASE)
_BARE_DRAWING = re.compile(r"\bplt\.show\(|\.savefig\(|\bfig(?:ure)?\.show\(")
_UNDESCRIBED = re.compile(r"^<(?:Figure size|Axes|matplotlib\.|Image|IPython\.core)")
_NO_ALT = re.compile(r"!\[\s*\]\(|<img(?![^>]*\balt=\"[^\"]+\")[^>]*>")


def headings_nest(notebook: Notebook) -> Iterator[Problem]:
    """The page has one title, in its first cell, and no heading skips a level."""
    titles = [(number, text) for number, level, text in notebook.headings if level == 1]
    if [number for number, _ in titles] != [1]:
        yield Problem(f"expected one title (# ...), in cell 1; found {len(titles)}")
    previous = 1
    for number, level, text in notebook.headings:
        if level > previous + 1:
            yield Problem(f"'{text}' is of level {level} right below level {previous}", number)
        previous = level


def chapter_is_complete(notebook: Notebook) -> Iterator[Problem]:
    """A chapter has all its parts, in the agreed order."""
    if not notebook.is_chapter:
        return
    found = [text for _, level, text in notebook.headings if level == 2]
    for heading in HEADINGS:
        if found.count(heading) != 1:
            yield Problem(f"expected one section '## {heading}', found {found.count(heading)}")
    present = [heading for heading in found if heading in HEADINGS]
    wanted = [heading for heading in HEADINGS if heading in present]
    if present != wanted and len(present) == len(set(present)):
        yield Problem(f"the sections are out of order; expected {', '.join(wanted)}")


def exercises_are_solved(notebook: Notebook) -> Iterator[Problem]:
    """A chapter has at least four exercises, numbered, each with a folded solution."""
    if not notebook.is_chapter:
        return
    starts = [(n, text) for n, level, text in notebook.headings if level == 3]
    exercises = [(n, _EXERCISE.match(text)) for n, text in starts if text.startswith("Exercise")]
    if len(exercises) < FEWEST_EXERCISES:
        yield Problem(f"expected {FEWEST_EXERCISES} exercises or more, found {len(exercises)}")
    borders = sorted({number for number, level, _ in notebook.headings if level <= 3})
    for expected, (number, match) in enumerate(exercises, start=1):
        if match is None or int(match[1]) != expected:
            yield Problem(f"expected the heading '### Exercise {expected}: ...'", number)
        end = min(
            (border for border in borders if border > number), default=len(notebook.cells) + 1
        )
        if not any(_is_solution(*cell[1:]) for cell in notebook.cells[number - 1 : end - 1]):
            yield Problem(
                "the exercise has no folded solution: a code cell tagged solution and hide-cell, "
                "or an admonition with Solution in its title and the class dropdown",
                number,
            )


def solutions_are_folded(notebook: Notebook) -> Iterator[Problem]:
    """A solution is folded, so that nobody reads it by accident."""
    for number, _, cell in notebook.code:
        given = tags(cell)
        if "solution" in given and "hide-cell" not in given:
            yield Problem("a cell tagged solution needs the tag hide-cell, too", number)


def something_is_claimed(notebook: Notebook) -> Iterator[Problem]:
    """A chapter checks at least one claim."""
    calls = [node for _, tree in trees(notebook) for node in ast.walk(tree) if _is_claim(node)]
    if notebook.is_chapter and not calls:
        yield Problem("no cell calls claims.check: bind what the text concludes to a check")


def something_is_drawn(notebook: Notebook) -> Iterator[Problem]:
    """A chapter draws at least two figures."""
    texts = [text for _, text in plain_texts(notebook)]
    figures = sum(text.startswith("Figure: ") for text in texts)
    if notebook.is_chapter and figures < FEWEST_FIGURES:
        yield Problem(f"expected {FEWEST_FIGURES} described figures or more, found {figures}")


def figures_are_described(notebook: Notebook) -> Iterator[Problem]:
    """Every figure goes through `course_lib.plots`, which describes it; images have alt text."""
    for number, source, _ in notebook.code:
        if _BARE_DRAWING.search(source):
            yield Problem("show figures with course_lib.plots.show(figure, description)", number)
        elif re.search(r"\bplt\.\w+\(", source) and "plots." not in source:
            yield Problem("the cell draws, but shows nothing through course_lib.plots", number)
    for number, text in plain_texts(notebook):
        if _UNDESCRIBED.match(text):
            yield Problem(f"the output {text[:30]!r} is a figure without a description", number)
        elif text.strip() == "Figure:":
            yield Problem("the figure's description is empty", number)
    for number, source in notebook.markdown:
        if _NO_ALT.search(without_fences(source)):
            yield Problem("an image has no alt text: ![what it shows](file)", number)


def _is_solution(kind: str, source: str, cell: dict) -> bool:
    if kind == "code":
        return {"solution", "hide-cell"} <= tags(cell)
    return bool(FOLDED.search(source))


def _is_claim(node: ast.AST) -> bool:
    """Whether a node is a call of `claims.check(...)` or of an imported `check(...)`."""
    if not isinstance(node, ast.Call):
        return False
    return ast.unparse(node.func) in {"claims.check", "course_lib.claims.check", "check"}
