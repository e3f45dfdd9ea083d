"""How does a reader of the PDF find a place? By its outline and its contents, both mended here.

Chromium makes the outline from what it painted: a heading that it laid out twice stands there
twice, and one that wraps loses the space between its lines. It cannot print page numbers in the
contents, as the pages come later. Both are added to the printed file, at its end; nothing else in
it changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pypdf import PageObject, PdfWriter
from pypdf.generic import (
    ArrayObject,
    DecodedStreamObject,
    DictionaryObject,
    NameObject,
    TextStringObject,
)

_FORMULA = re.compile(r"\\\((.*?)\\\)")
_SIZE = 8.5  # points
_DIGIT = 0.556 * _SIZE  # Every digit of Helvetica is that wide.


@dataclass(frozen=True)
class Signs:
    """What a printed page says of itself.

    Attributes:
        headings: The text of each heading, in order; formulas in TeX, between ``\\(`` and ``\\)``.
        contents: The names of the places that the lines of the contents lead to, in order.
    """

    headings: list[str]
    contents: list[str]


def mend(path: Path, signs: Signs) -> None:
    """Give a PDF's outline the headings as they are written, and its contents page numbers.

    Args:
        path: The PDF, as Chromium printed it. It is changed in place.
        signs: The headings and the contents of the page that was printed.

    Raises:
        RuntimeError: The outline has a title that no heading explains, or a line of the contents
            is not found as a link.
    """
    writer = PdfWriter(path, incremental=True)
    entries = list(_entries(writer.root_object["/Outlines"]))
    titles = true_titles([entry["/Title"] for entry in entries], signs.headings)
    for entry, title in zip(entries, titles, strict=True):
        if entry["/Title"] != title:
            entry[NameObject("/Title")] = TextStringObject(title)
    _number_contents(writer, signs.contents)
    writer.write(path)


def true_titles(titles: Sequence[str], headings: Sequence[str]) -> list[str]:
    """Find for each title of an outline the heading that it was made from.

    Args:
        titles: The outline's titles, in order. In one, lines may be glued or stand twice.
        headings: The headings, in the same order; those that the outline lacks are passed over.
            Chromium leaves formulas out of a title.

    Returns:
        One heading for each title, with its formulas in TeX.

    Raises:
        RuntimeError: A title comes from none of the headings that are left.
    """
    found = []
    start = 0
    for title in titles:
        squeezed = _squeeze(title)
        for place in range(start, len(headings)):
            if _explains(_FORMULA.sub("", headings[place]), squeezed):
                break
        else:
            raise RuntimeError(f"No heading explains the outline's title {title!r}.")
        found.append(_FORMULA.sub(r"\1", headings[place]))
        start = place + 1
    return found


def _explains(heading: str, squeezed: str) -> bool:
    """Whether a title without spaces is the heading, some of whose lines may stand there again."""
    words = re.findall(r"[^\s-]+-*|-+", heading)
    one = "".join(words)
    edges = {len("".join(words[:number])) for number in range(len(words) + 1)}
    places = {0}
    for letter in squeezed:
        again = {edge for place in places & edges for edge in edges if edge < place}
        places = {p + 1 for p in places | again if p < len(one) and one[p] == letter}
    return len(one) in places


def _squeeze(text: str) -> str:
    return re.sub(r"\s+", "", text)


def _entries(parent: DictionaryObject) -> Iterator[DictionaryObject]:
    """The entries of an outline below one of them, in reading order."""
    entry = parent.get("/First")
    while entry is not None:
        entry = entry.get_object()
        yield entry
        yield from _entries(entry)
        entry = entry.get("/Next")


def _number_contents(writer: PdfWriter, contents: Sequence[str]) -> None:
    """Write behind each line of the contents the number of the page that it leads to."""
    places = writer.named_destinations
    wanted = iter(contents)
    name = next(wanted, None)
    for page in writer.pages:
        if name is None:
            return
        written = []
        for link in page.get("/Annots") or []:
            link = link.get_object()
            if name is not None and link.get("/Dest") == f"/{name}":
                number = writer.get_destination_page_number(places[f"/{name}"]) + 1
                written.append(_number(number, link["/Rect"]))
                name = next(wanted, None)
        if written:
            _write_over(writer, page, "\n".join(written))
    if name is not None:
        raise RuntimeError(f"The contents' line that leads to {name!r} is not on paper.")


def _number(number: int, line: Sequence[float]) -> str:
    """The drawing of a number at the right end of a line of the contents."""
    _, bottom, right, top = map(float, line)
    left = right - _DIGIT * len(str(number))
    base = (bottom + top) / 2 - 0.35 * _SIZE
    return f"BT /CourseNumber {_SIZE} Tf {left:.2f} {base:.2f} Td ({number}) Tj ET"


def _write_over(writer: PdfWriter, page: PageObject, drawing: str) -> None:
    """Draw on a page that is there, outside the text that a screen reader follows."""
    font = {"/Type": "/Font", "/Subtype": "/Type1", "/BaseFont": "/Helvetica"}
    names = DictionaryObject({NameObject(k): NameObject(v) for k, v in font.items()})
    fonts = page["/Resources"].setdefault(NameObject("/Font"), DictionaryObject())
    fonts.get_object()[NameObject("/CourseNumber")] = names
    before, after = DecodedStreamObject(), DecodedStreamObject()
    before.set_data(b"q\n")
    after.set_data(f"\nQ\n/Artifact BMC\n{drawing}\nEMC\n".encode())
    drawn = page.raw_get("/Contents")
    parts = drawn.get_object()
    parts = list(parts) if isinstance(parts, ArrayObject) else [drawn]
    page[NameObject("/Contents")] = ArrayObject(
        [writer._add_object(before), *parts, writer._add_object(after)]
    )
