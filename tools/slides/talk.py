"""Which slides has a chapter's deck, and what is on each?"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import yaml

from tools.book.project import Project
from tools.lint.notebook import joined
from tools.markdown import Book, Page, sections, title_of
from tools.slides.marks import Mark, mark_of

MOST_WORDS_OF_LIST = 90
MOST_ITEMS_OF_LIST = 5
DOCUMENTS = (
    "Documents 000 to 004 are the five articles whose formulas and programs this course covers "
    "and repairs."
)
FEWEST_TO_SUM_UP = 4  # a list of so many fractions is shown as its mean and range

_ROW = re.compile(r"^\|\s*\*\*(?P<name>[^*]+)\*\*\s*\|\s*(?P<value>.*?)\s*\|\s*$", re.MULTILINE)
_DOCUMENT = re.compile(r"\bdocuments? 00\d", re.IGNORECASE)
_MEASURED = re.compile(r"<li>(?P<name>[^<]*): <strong>(?P<values>[^<]*)</strong></li>")
_NUMBER = re.compile(r"-?\d+(\.\d+)?(e[+-]\d+)?")


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
        foot: A line in small letters at the foot of the slide.
    """

    kind: str
    title: str
    text: str = ""
    equations: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    notes: str = ""
    foot: str = ""


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
    part = part_of(project, name)
    slides = [
        Slide("title", title, _under_the_title(title, page.plain(glance["Question"]), part)),
        Slide("list", "You will be able to", _as_list(page.plain(glance["You will be able to"]))),
        *(_slide(mark, page) for mark in marks),
        *_take_aways(page.plain(_section(content, "Take-aways"))),
        Slide("end", "Read on, run it, answer it", _address(page)),
    ]
    return Talk(title, _documents_explained(slides))


def part_of(project: Project, name: str) -> str:
    """The caption of the part of the book that a page belongs to."""
    toc = yaml.safe_load((project.root / "_toc.yml").read_text(encoding="utf-8"))
    for part in toc.get("parts", []):
        if any(chapter["file"] == name for chapter in part["chapters"]):
            return part["caption"]
    raise ValueError(f"{name}: expected it in a part of _toc.yml.")


def _under_the_title(title: str, question: str, part: str) -> str:
    """The chapter's question, unless the title asks it already, and the part of the book."""
    lines = [f"*{part}*"] if question.lower() in title.lower() else [question, f"*{part}*"]
    return "\n\n".join(lines)


def _documents_explained(slides: list[Slide]) -> list[Slide]:
    """Say what "document 001" is, at the foot of the first slide on which the room reads of one."""
    for place, slide in enumerate(slides):
        if _DOCUMENT.search(" ".join([slide.title, slide.text, *slide.shown])):
            return [*slides[:place], replace(slide, foot=DOCUMENTS), *slides[place + 1 :]]
    return slides


def _slide(mark: Mark, page: Page) -> Slide:
    shown = tuple(_shown(mark)) if mark.cell["cell_type"] == "code" else ()
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


def _shown(mark: Mark) -> Iterator[str]:
    """The figures of a cell or, if it has none or the mark names cards, its cards."""
    outputs = mark.cell["outputs"]
    pages = [joined(output.get("data", {}).get("text/html", "")) for output in outputs]
    figures = [page for page in pages if page.startswith("<figure")]
    cards = [page for page in pages if page.startswith('<div class="claim')]
    if not figures and not cards:
        raise ValueError(
            f"cell {mark.cell.get('id')}: expected a figure or a card among its outputs."
        )
    if figures and not mark.cards:
        yield from _picked(figures, mark.figures)
    else:
        yield from for_the_wall(_picked(cards, mark.cards), mark)


def _picked(pages: list[str], numbers: tuple[int, ...]) -> list[str]:
    return [pages[number - 1] for number in numbers] if numbers else pages


def for_the_wall(cards: list[str], mark: Mark) -> list[str]:
    """Shorten what cards measured, so that it can be read from the last row.

    Numbers keep three digits, long lists of fractions become their mean and range, and values that
    the mark leaves out are left out.

    Args:
        cards: HTML of the cards.
        mark: Their mark; its `measured` names the values to show.

    Raises:
        ValueError: The mark names a value that none of the cards has.
    """
    there = {html.unescape(row["name"]) for card in cards for row in _MEASURED.finditer(card)}
    if unknown := [name for name in mark.measured if name not in there]:
        raise ValueError(
            f"cell {mark.cell.get('id')}: the slide names {unknown[0]!r}; its cards measure "
            f"{', '.join(sorted(there))}."
        )

    def shortened(row: re.Match[str]) -> str:
        if mark.measured and html.unescape(row["name"]) not in mark.measured:
            return ""
        return f"<li>{row['name']}: <strong>{_short(row['values'])}</strong></li>"

    return [_MEASURED.sub(shortened, card) for card in cards]


def _short(values: str) -> str:
    parts = values.split(", ")
    if len(parts) < FEWEST_TO_SUM_UP or not all(map(_NUMBER.fullmatch, parts)) or "." not in values:
        return ", ".join(_three_digits(part) for part in parts)
    numbers = [float(part) for part in parts]
    mean, low, high = sum(numbers) / len(numbers), min(numbers), max(numbers)
    return f"{mean:.3g} on average ({low:.3g} to {high:.3g})"


def _three_digits(number: str) -> str:
    plain = number.replace(",", "")
    if not _NUMBER.fullmatch(plain):
        return number
    for size, name in ((1e9, "billion"), (1e6, "million")):
        if abs(float(plain)) >= size:
            return f"{float(plain) / size:.3g} {name}"
    digits = number.split("e")[0].lstrip("-0.").replace(".", "")
    if len(digits) <= 3 or abs(float(plain)) >= 999:
        return number
    return f"{float(number):#.3g}".removesuffix(".")


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
