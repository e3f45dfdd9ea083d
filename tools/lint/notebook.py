"""How does a rule see a notebook? As cells with numbers, headings, syntax trees and texts."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

_MAGIC = re.compile(r"^(\s*)[%!].*$", re.MULTILINE)
_FENCE = re.compile(r"^(`{3,}|~{3,}).*?^\1", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Problem:
    """One broken rule: what is wrong, in which cell (counted from 1), and what to do."""

    message: str
    cell: int | None = None


@dataclass(frozen=True)
class Notebook:
    """A notebook as the rules see it.

    Attributes:
        content: The parsed JSON of the file.
        is_chapter: Whether the rules about a chapter's parts apply.
    """

    content: dict
    is_chapter: bool = True

    @cached_property
    def cells(self) -> list[tuple[int, str, str, dict]]:
        """All cells as (number from 1, type, source, the cell)."""
        return [
            (number, cell["cell_type"], joined(cell["source"]), cell)
            for number, cell in enumerate(self.content["cells"], start=1)
        ]

    @property
    def code(self) -> list[tuple[int, str, dict]]:
        """The code cells as (number, source, the cell)."""
        return [(n, source, cell) for n, kind, source, cell in self.cells if kind == "code"]

    @property
    def markdown(self) -> list[tuple[int, str]]:
        """The Markdown cells as (number, source)."""
        return [(n, source) for n, kind, source, _ in self.cells if kind == "markdown"]

    @property
    def headings(self) -> list[tuple[int, int, str]]:
        """All headings as (cell number, level, text); not the comments of fenced code."""
        return [
            (number, len(match[1]), match[2])
            for number, source in self.markdown
            for match in _HEADING.finditer(without_fences(source))
        ]


def without_fences(source: str) -> str:
    """Markdown without its fenced blocks, whose content is not prose."""
    return _FENCE.sub("", source)


def joined(source: str | list[str]) -> str:
    """Text of a notebook, stored as a string or as a list of lines, as one string."""
    return source if isinstance(source, str) else "".join(source)


def tags(cell: dict) -> set[str]:
    """The tags of a cell."""
    return set(cell["metadata"].get("tags", []))


def trees(notebook: Notebook) -> Iterator[tuple[int, ast.Module]]:
    """The syntax trees of the code cells; IPython's magics are passed over."""
    for number, source, _ in notebook.code:
        try:
            yield number, ast.parse(_MAGIC.sub(r"\1pass", source))
        except SyntaxError:  # An exercise may show code that does not parse.
            continue


def plain_texts(notebook: Notebook) -> Iterator[tuple[int, str]]:
    """The plain texts that cells displayed."""
    for number, _, cell in notebook.code:
        for output in cell["outputs"]:
            if "text/plain" in output.get("data", {}):
                yield number, joined(output["data"]["text/plain"])


def output_text(cell: dict) -> str:
    """All text that a cell put out."""
    parts = [joined(output.get("text", "")) for output in cell["outputs"]]
    parts += [joined(text) for out in cell["outputs"] for text in out.get("data", {}).values()]
    return "\n".join(parts)
