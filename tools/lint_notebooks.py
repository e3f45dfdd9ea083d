"""Is a notebook fit to be read, re-run and compared? One small rule a question.

Run it with ``python -m tools.lint_notebooks [NOTEBOOK ...]`` (all notebooks without an argument).
A rule takes a `Notebook` and yields a `Problem` for every place that breaks it. The rules about a
chapter's parts pass over the notebooks under `book/reference/` and `book/teaching/`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tools.book.project import NO_CHAPTERS
from tools.lint import chapter, form, slides, solutions
from tools.lint.notebook import Notebook, Problem

ROOT = Path(__file__).parents[1]

Rule = Callable[[Notebook], Iterator[Problem]]
RULES: tuple[Rule, ...] = (
    form.outputs_are_text,
    form.cells_ran_in_order,
    form.cells_have_ids,
    form.metadata_is_clean,
    form.paths_are_relative,
    form.nothing_is_fetched,
    form.nothing_is_installed,
    form.cells_are_short,
    chapter.headings_nest,
    chapter.chapter_is_complete,
    chapter.exercises_are_solved,
    chapter.solutions_are_folded,
    solutions.solutions_become_stubs,
    solutions.solutions_are_not_needed,
    chapter.something_is_claimed,
    chapter.something_is_drawn,
    chapter.figures_are_described,
    slides.marks_become_slides,
    slides.slides_are_whole,
)


def read(path: Path) -> Notebook:
    """Read a notebook; those outside the reference and teaching folders are chapters."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return Notebook(content, is_chapter=path.parent.name not in NO_CHAPTERS)


def lint(notebook: Notebook) -> list[Problem]:
    """All problems of a notebook, rule by rule."""
    return [problem for rule in RULES for problem in rule(notebook)]


def all_notebooks(root: Path = ROOT) -> list[Path]:
    """Every notebook of the book."""
    found = sorted((root / "book").rglob("*.ipynb"))
    return [path for path in found if not any(part.startswith(".") for part in path.parts)]


def main(arguments: list[str]) -> int:
    """Check the named notebooks, or all, and return 1 if any has a problem."""
    paths = [Path(name) for name in arguments] or all_notebooks()
    bad = 0
    for path in paths:
        problems = lint(read(path))
        bad += bool(problems)
        for problem in problems:
            place = f", cell {problem.cell}" if problem.cell else ""
            print(f"{path}{place}: {problem.message}")
    if bad:
        print("Run `make refresh` to run notebooks anew and strip what must not be stored.")
    print(f"{len(paths)} notebook(s) checked, {bad} with problems.")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
