"""Which slides has a chapter's deck, and what is on each?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml

from tools.book.project import Project
from tools.lint.notebook import joined
from tools.markdown import Book, Page, sections, title_of
from tools.slides.marks import Mark, mark_of

MOST_WORDS_OF_LIST = 90
MOST_ITEMS_OF_LIST = 5

_ROW = re.compile(r"^\|\s*\*\*(?P<name>[^*]+)\*\*\s*\|\s*(?P<value>.*?)\s*\|\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Slide:
    """One slide.

    Attributes:
        kind: What it is, for its looks: title, list, text, equation, figure, card, question, end.
        title: The heading, as Markdown.
        text: The Markdown under it.
        equations: TeX of the equations to show.
        shown: HTML of the figures or cards to show.
        notes: What the speaker says, as Markdown.
    """

    kind: str
    title: str
    text: str = ""
    equations: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    notes: str = ""


@dataclass(frozen=True)
class Talk:
    """The deck of one chapter.

    Attributes:
        title: The chapter's title.
        slides: Its slides, in order.
    """

    title: str
    slides: list[Slide] = field(default_factory=list)


def talk(project: Project, name: str, content: dict) -> Talk:
    """Make the deck of a chapter.

    Args:
        project: The checkout.
        name: The page's name, such as "book/foundations/convolution".
        content: Its notebook, with the outputs of a run: figures and cards as HTML.

    Raises:
        ValueError: A mark cannot become a slide, or a part that every chapter has is missing.
    """
    page = Page(Book(project), name, content, linked=False)
    glance = {row["name"]: row["value"] for row in _ROW.finditer(_section(content, "At a glance"))}
    for row in ("Question", "You will be able to"):
        if row not in glance:
            raise ValueError(f"{name}: expected the row '{row}' in the section At a glance.")
    marks = [mark for cell in content["cells"] if (mark := mark_of(cell))]
    title = title_of(content)
    slides = [
        Slide("title", title, f"{page.plain(glance['Question'])}\n\n*{part_of(project, name)}*"),
        Slide("list", "You will be able to", _as_list(page.plain(glance["You will be able to"]))),
        *(_slide(mark, page) for mark in marks),
        *_take_aways(page.plain(_section(content, "Take-aways"))),
        Slide("end", "Read on, run it, answer it", _address(page)),
    ]
    return Talk(title, slides)


def part_of(project: Project, name: str) -> str:
    """The caption of the part of the book that a page belongs to."""
    toc = yaml.safe_load((project.root / "_toc.yml").read_text(encoding="utf-8"))
    for part in toc.get("parts", []):
        if any(chapter["file"] == name for chapter in part["chapters"]):
            return part["caption"]
    raise ValueError(f"{name}: expected it in a part of _toc.yml.")


def _slide(mark: Mark, page: Page) -> Slide:
    shown = tuple(_shown(mark.cell)) if mark.cell["cell_type"] == "code" else ()
    if mark.question:
        kind = "question"
    elif shown:
        kind = "figure" if shown[0].startswith("<figure") else "card"
    else:
        kind = "equation" if mark.equations else "text"
    return Slide(
        kind=kind,
        title=page.plain(mark.title),
        text=page.plain(mark.text),
        equations=tuple(_numbered(page, label) for label in mark.equations),
        shown=shown,
        notes=page.plain(mark.notes),
    )


def _shown(cell: dict) -> Iterator[str]:
    """The figures of a cell or, if it has none, its cards."""
    pages = [joined(output.get("data", {}).get("text/html", "")) for output in cell["outputs"]]
    figures = [page for page in pages if page.startswith("<figure")]
    cards = [page for page in pages if page.startswith('<div class="claim')]
    if not figures and not cards:
        raise ValueError(f"cell {cell.get('id')}: expected a figure or a card among its outputs.")
    yield from figures or cards


def _numbered(page: Page, label: str) -> str:
    number, body = page.equations[label]
    return f"{body} \\tag{{{number}}}"


def _take_aways(text: str) -> Iterator[Slide]:
    """The list of take-aways, over as few slides as it needs, and evenly."""
    items = re.findall(r"^- .*(?:\n(?!- ).+)*", text, flags=re.MULTILINE)
    if not items:
        raise ValueError("Take-aways: expected a list.")
    fewest = len(_filled(items, MOST_WORDS_OF_LIST))
    even = (_filled(items, words) for words in range(1, MOST_WORDS_OF_LIST + 1))
    for number, part in enumerate(next(found for found in even if len(found) == fewest)):
        title = "Take-aways" if number == 0 else "Take-aways, continued"
        yield Slide("list", title, "\n".join(part))


def _filled(items: list[str], words: int) -> list[list[str]]:
    """Put items on slides one after the other, each slide up to some number of words."""
    slides: list[list[str]] = [[]]
    for item in items:
        length = sum(len(other.split()) for other in [*slides[-1], item])
        if slides[-1] and (length > words or len(slides[-1]) == MOST_ITEMS_OF_LIST):
            slides.append([])
        slides[-1].append(item)
    return slides


def _as_list(text: str) -> str:
    """What is separated by semicolons as a list; each item begins with a capital letter."""
    items = [item.strip().rstrip(".") for item in text.split(";") if item.strip()]
    return "\n".join(f"- {item[0].upper()}{item[1:]}" for item in items)


def _section(content: dict, heading: str) -> str:
    found = sections(content)
    if heading not in found:
        raise ValueError(f"expected the section '## {heading}', found {', '.join(found)}.")
    return found[heading]


def _address(page: Page) -> str:
    address = page.book.address(page.name)
    return (
        "The chapter has the code, the claims and what was measured, a quiz, and exercises that "
        f"check your answers.\n\n[{address}]({address})"
    )
