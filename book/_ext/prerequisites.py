"""Which chapter builds on which? A map, drawn from what the chapters themselves say they need.

`{prerequisites-map}` reads the row "You need" of each chapter's *At a glance* and follows its links
to other chapters. A column holds the chapters that are as many steps away from the start; a line
leads from a chapter to each one that builds on it. Lines that follow from others are left out.
"""

from __future__ import annotations

import html
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import yaml
from docutils import nodes
from run_tables import RunTable
from sphinx.application import Sphinx
from sphinx.util import logging

WIDTH, HEIGHT, GAP, ROW_GAP = (
    150,
    46,
    46,
    14,
)  # of a box and between boxes, in pixels
MOST_LETTERS = 22  # in a box
_NEEDS = re.compile(r"^\| \*\*You need\*\* \| (?P<needs>.*) \|$", re.MULTILINE)
_LINK = re.compile(r"\]\((?P<target>[^)#\s]+)\.ipynb[)#]")
_logger = logging.getLogger(__name__)


class Place(NamedTuple):
    """Where a chapter's box stands: its column and its row, both from 0."""

    column: int
    row: float


class PrerequisitesMap(RunTable):
    """The chapters as boxes, each linked to its page, with lines from what it builds on."""

    def run(self) -> list[nodes.Node]:
        """Draw the map as one SVG picture in the colors of the page."""
        titles, needs = {}, {}
        for chapter in self.chapters():
            row = _needs_row(chapter.content)
            if row is None:
                continue
            titles[chapter.page] = short_title(chapter.title, chapter.page)
            needs[chapter.page] = self._linked(chapter.page, row, list(needs))
        if not titles:
            return self.nothing_yet()
        lines = direct(needs)
        addresses = {
            page: self.link("", page).children[0]["refuri"] for page in titles
        }
        picture = draw(titles, lines, arrange(lines), addresses, self._parts())
        return [nodes.raw("", picture, format="html")]

    def _linked(self, page: str, row: str, earlier: list[str]) -> set[str]:
        """The chapters that a row links to; one that comes later is a fault."""
        folder = posixpath.dirname(page)
        targets = (match["target"] for match in _LINK.finditer(row))
        found = {
            posixpath.normpath(posixpath.join(folder, target))
            for target in targets
        }
        for name in sorted(found - set(earlier)):
            _logger.warning(
                "%s needs %s, which is no earlier chapter",
                page,
                name,
                location=self.get_location(),
            )
        return found & set(earlier)

    def _parts(self) -> dict[str, str]:
        """From a chapter to the caption of its part."""
        toc = yaml.safe_load(
            (Path(self.env.srcdir) / "_toc.yml").read_text(encoding="utf-8")
        )
        return {
            chapter["file"]: part.get("caption", "")
            for part in toc.get("parts", [])
            for chapter in part.get("chapters", [])
        }


def short_title(title: str, page: str) -> str:
    """What stands in the box: the title before its colon or, where that is too long, the page's name."""
    title = title.partition(":")[0]
    if len(title) <= MOST_LETTERS:
        return title
    return posixpath.basename(page).replace("_", " ").capitalize()


def direct(needs: dict[str, set[str]]) -> dict[str, set[str]]:
    """Leave out each line that follows from others: what a need needs is needed anyway.

    Args:
        needs: From each chapter, in reading order, to the earlier ones it builds on.
    """
    everything: dict[str, set[str]] = {}
    for chapter, wanted in needs.items():
        everything[chapter] = wanted.union(*(everything[need] for need in wanted))
    return {
        chapter: {
            need
            for need in wanted
            if not any(need in everything[other] for other in wanted)
        }
        for chapter, wanted in needs.items()
    }


def arrange(lines: dict[str, set[str]]) -> dict[str, Place]:
    """Give each chapter a place: one column right of its last need, near the middle of its needs.

    Args:
        lines: From each chapter, in reading order, to the earlier ones it directly builds on.
    """
    columns: dict[str, int] = {}
    for chapter, wanted in lines.items():
        columns[chapter] = max((columns[need] + 1 for need in wanted), default=0)
    places: dict[str, Place] = {}
    order = list(lines)
    for column in range(max(columns.values()) + 1):
        members = [chapter for chapter in order if columns[chapter] == column]
        members.sort(
            key=lambda chapter: (
                _middle(lines[chapter], places),
                order.index(chapter),
            )
        )
        for row, chapter in enumerate(members):
            places[chapter] = Place(column, row - (len(members) - 1) / 2)
    return places


def draw(
    titles: dict[str, str],
    lines: dict[str, set[str]],
    places: dict[str, Place],
    addresses: dict[str, str],
    parts: dict[str, str],
) -> str:
    """Write the map as SVG inside a figure; its description lists the same in words."""
    top = min(place.row for place in places.values())
    rows = max(place.row for place in places.values()) - top + 1
    columns = max(place.column for place in places.values()) + 1
    corners = {
        page: (
            2 + place.column * (WIDTH + GAP),
            2 + (place.row - top) * (HEIGHT + ROW_GAP),
        )
        for page, place in places.items()
    }
    width = columns * (WIDTH + GAP) - GAP + 4
    height = rows * (HEIGHT + ROW_GAP) - ROW_GAP + 4
    curves = "".join(
        _curve(corners[need], corners[page])
        for page in lines
        for need in sorted(lines[page])
    )
    boxes = "".join(
        _box(corners[page], titles[page], addresses[page], parts.get(page, ""))
        for page in titles
    )
    description = html.escape(" ".join(_sentences(titles, lines)), quote=True)
    return (
        f'<figure class="prerequisites" tabindex="0" role="group" aria-label="{description}">'
        f'<svg viewBox="0 0 {width} {height:g}" width="{width}" height="{height:g}">'
        f"{curves}{boxes}</svg></figure>"
    )


def _needs_row(content: dict) -> str | None:
    for cell in content["cells"]:
        source = (
            cell["source"]
            if isinstance(cell["source"], str)
            else "".join(cell["source"])
        )
        match = _NEEDS.search(source)
        if match:
            return match["needs"]
    return None


def _middle(wanted: set[str], places: dict[str, Place]) -> float:
    rows = [places[need].row for need in wanted]
    return sum(rows) / len(rows) if rows else 0.0


def _curve(start: tuple[float, float], end: tuple[float, float]) -> str:
    x, y = start[0] + WIDTH, start[1] + HEIGHT / 2
    to_x, to_y = end[0], end[1] + HEIGHT / 2
    bend = min((to_x - x) / 2, GAP)
    return f'<path d="M{x:g} {y:g}C{x + bend:g} {y:g} {to_x - bend:g} {to_y:g} {to_x:g} {to_y:g}"/>'


def _box(corner: tuple[float, float], title: str, address: str, part: str) -> str:
    x, y = corner
    middle = x + WIDTH / 2
    return (
        f'<a href="{html.escape(address, quote=True)}">'
        f'<rect x="{x:g}" y="{y:g}" width="{WIDTH}" height="{HEIGHT}" rx="6"/>'
        f'<text x="{middle:g}" y="{y + 20:g}">{html.escape(title)}</text>'
        f'<text class="part" x="{middle:g}" y="{y + 36:g}">{html.escape(part)}</text></a>'
    )


def _sentences(
    titles: dict[str, str], lines: dict[str, set[str]]
) -> Iterator[str]:
    yield "Map of the chapters."
    for page, wanted in lines.items():
        needs = " and ".join(titles[need] for need in titles if need in wanted)
        yield (
            f"{titles[page]} builds on {needs}."
            if needs
            else f"{titles[page]} builds on none."
        )


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("prerequisites-map", PrerequisitesMap)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
