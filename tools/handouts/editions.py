"""What do students get, and what does the teacher get? The same cells, but for the solutions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from tools.handouts.stubs import checked_functions, stub
from tools.lint.chapter import FOLDED
from tools.lint.notebook import joined, tags
from tools.markdown import ADMONITION, Page, quoted, title_of

_EXERCISE = re.compile(r"^### Exercise (\d+):", re.MULTILINE)
_HEADING = re.compile(r"^#{2,3} ", re.MULTILINE)
_WORDS = "*Your answer in words:*"
_CODE = "# Your code"
_STUDENTS = (
    "*This is the students' edition of [{title}]({address}). The solutions are left out; each "
    "exercise has a place for your answer. It runs where the course is installed: type `make lab` "
    "in the project's folder and open it there.*"
)
_TEACHERS = (
    "*This is the teacher's edition of [{title}]({address}), with the solutions and with what to "
    "say to the slides.{teaching}*"
)


def students(content: dict, page: Page) -> dict:
    """The students' edition: no solutions, no outputs, a place for each answer.

    Args:
        content: The chapter's notebook as parsed from its file; it is not changed.
        page: The chapter, for what its Markdown refers to.

    Returns:
        A notebook.

    Raises:
        ValueError: An exercise cannot be turned into a stub, or Markdown cannot be rewritten.
    """
    note = _STUDENTS.format(title=title_of(content), address=page.book.address(page.name))
    return _notebook(content, _with_note(list(_without_solutions(content, page)), note), page)


def teachers(content: dict, page: Page, teaching: str | None) -> dict:
    """The teacher's edition: everything, and the notes of the slides below their cells.

    Args:
        content: The chapter's notebook as parsed from its file; it is not changed.
        page: The chapter, for what its Markdown refers to.
        teaching: The name of the page on how to teach the chapter; None if there is none.
    """
    how = f" [How to teach it]({page.book.address(teaching)})." if teaching else ""
    note = _TEACHERS.format(
        title=title_of(content), address=page.book.address(page.name), teaching=how
    )
    return _notebook(content, _with_note(list(_with_slide_notes(content, page)), note), page)


def _without_solutions(content: dict, page: Page) -> Iterator[dict]:
    number = 0
    after_solution = False
    for cell in content["cells"]:
        source = joined(cell["source"])
        if cell["cell_type"] == "code" and "solution" in tags(cell):
            yield from _places_for_answers(source, number, is_first=not after_solution)
            after_solution = True
        elif cell["cell_type"] == "code":
            yield _code(cell["id"], source, tags(cell))
            after_solution = False
        else:
            kept = _from_heading(source) if after_solution else source
            after_solution = after_solution and not kept
            found = _EXERCISE.findall(kept)
            number = int(found[-1]) if found else number
            asked = ADMONITION.sub(lambda box: "" if FOLDED.search(box[0]) else box[0], kept)
            if asked.strip():
                yield _markdown(cell["id"], page.plain(asked.strip()))
            if asked != kept:
                yield _markdown(f"answer-{number}-words", _WORDS)


def _places_for_answers(source: str, number: int, is_first: bool) -> Iterator[dict]:
    """What stands in place of one cell of a solution: stubs, or once an empty cell, and words."""
    stubs = [stub(checked, number) for checked in checked_functions(source)]
    for place, text in enumerate(stubs):
        name = f"answer-{number}-{place + 1}" if place else f"answer-{number}"
        yield _code(name, text, {"raises-exception"})
    if is_first and not stubs:
        yield _code(f"answer-{number}", _CODE)
    if is_first:
        yield _markdown(f"answer-{number}-words", _WORDS)


def _from_heading(source: str) -> str:
    """Markdown from its first heading on: what stands before it below a solution explains that."""
    found = _HEADING.search(source)
    return source[found.start() :] if found else ""


def _with_slide_notes(content: dict, page: Page) -> Iterator[dict]:
    for cell in content["cells"]:
        source = joined(cell["source"])
        if cell["cell_type"] == "markdown":
            yield _markdown(cell["id"], page.plain(source))
        else:
            kept = {key: cell[key] for key in ("execution_count", "outputs")}
            yield _code(cell["id"], source, tags(cell)) | kept
        mark = cell["metadata"].get("slide", {})
        if mark.get("notes"):
            text = quoted(f"Slide: {mark['title']}", page.plain(mark["notes"]))
            yield _markdown(f"{cell['id']}-notes"[-64:], text)


def _with_note(cells: list[dict], note: str) -> list[dict]:
    return [cells[0], _markdown("about-this-edition", note), *cells[1:]]


def _notebook(content: dict, cells: list[dict], page: Page) -> dict:
    works = page.works_cited()
    if works:
        cells = [*cells, _markdown("works-cited", f"## Works cited\n\n{works}")]
    return content | {"cells": cells}


def _markdown(name: str, source: str) -> dict:
    return {"cell_type": "markdown", "id": name, "metadata": {}, "source": source}


def _code(name: str, source: str, given: Iterable[str] = ()) -> dict:
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": name,
        "metadata": {"tags": sorted(given)} if given else {},
        "outputs": [],
        "source": source,
    }
