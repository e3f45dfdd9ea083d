"""What was claimed, what was measured, and how long did it take? Two tables made from the runs.

`{claim-ledger}` lists every claim that the executed notebooks checked, with its verdict and what
was measured, and links each to its place in its chapter. `{execution-times}` lists how long each
notebook ran and how much memory it took, and the role `{run-time}` puts one such time into a
sentence. All read the notebooks of this build, so no number in them is written by hand.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, SphinxRole

from course_lib.claims import readable

NBSP = "\N{NO-BREAK SPACE}"  # keeps a number and its unit on one line
NO_BREAK_HYPHEN = "\N{NON-BREAKING HYPHEN}"
SHOWS_RUNS = "shows_runs"  # marks pages to be read again after any run
_logger = logging.getLogger(__name__)


class Chapter(NamedTuple):
    """One executed notebook: its page, its title and its content."""

    page: str
    title: str
    content: dict

    @property
    def run(self) -> dict:
        """The size, the times, the peak memory, the day and the claims of its run."""
        return self.content["metadata"].get("course", {})


class RunTable(SphinxDirective):
    """What both directives share: the executed notebooks, links and tables."""

    def chapters(self) -> Iterator[Chapter]:
        """All notebooks of the book in reading order."""
        self.env.metadata[self.env.docname][SHOWS_RUNS] = True
        found = self.env.found_docs
        for page in (
            name for name in self.config.external_site_map if name in found
        ):
            path = Path(self.env.doc2path(page))
            if path.suffix == ".ipynb":
                self.env.note_dependency(str(path))
                content = json.loads(path.read_text(encoding="utf-8"))
                yield Chapter(page, _title(content) or page, content)

    def link(self, text: str, page: str, anchor: str = "") -> nodes.paragraph:
        """A paragraph that links to a page, or to a place on it."""
        address = self.env.app.builder.get_relative_uri(self.env.docname, page)
        address = f"{address}#{anchor}" if anchor else address
        return nodes.paragraph(
            "", "", nodes.reference("", text, internal=True, refuri=address)
        )

    def nothing_yet(self) -> list[nodes.Node]:
        """What the page says before any notebook has run."""
        return [nodes.paragraph("", "No notebook has run yet.")]


class ClaimLedger(RunTable):
    """Every claim, grouped by chapter, with what was measured."""

    def run(self) -> list[nodes.Node]:
        """Make one section a chapter, with one row a claim."""
        sections: list[nodes.Node] = []
        total = 0
        for chapter in self.chapters():
            claims = chapter.run.get("claims", [])
            total += len(claims)
            if not claims:
                continue
            self._check_anchors(chapter, claims)
            heading = nodes.rubric(
                "", "", *self.link(chapter.title, chapter.page).children
            )
            rows = [self._row(chapter, claim) for claim in claims]
            head = ("Claim", "Verdict", "Measured", "Size")
            sections += [
                heading,
                table(head, rows, (50, 10, 30, 10), "claim-ledger"),
            ]
        if not sections:
            return self.nothing_yet()
        count = f"{total} {'claim' if total == 1 else 'claims'} checked in this build."
        return [nodes.paragraph("", count), *sections]

    def _row(self, chapter: Chapter, claim: dict) -> list[nodes.Node]:
        verdict = "holds" if claim["holds"] else "FAILS"
        return [
            self.link(claim["statement"], chapter.page, f"claim-{claim['slug']}"),
            nodes.paragraph("", verdict, classes=[f"verdict-{verdict.lower()}"]),
            measured_list(claim["measured"]),
            nodes.paragraph("", chapter.run.get("size", "")),
        ]

    def _check_anchors(self, chapter: Chapter, claims: list[dict]) -> None:
        """Warn, and so fail the build, where a row would link to nowhere or to two places."""
        slugs = [claim["slug"] for claim in claims]
        shown = json.dumps(chapter.content)
        for slug in sorted(set(slugs)):
            if slugs.count(slug) > 1:
                problem = f"{slugs.count(slug)} claims share the anchor claim-{slug}: reword one"
            elif f'id=\\"claim-{slug}\\"' not in shown:
                problem = f"the card of claim-{slug} carries no such anchor"
            else:
                continue
            _logger.warning(
                "%s: %s", chapter.page, problem, location=self.get_location()
            )


class ExecutionTimes(RunTable):
    """How long each notebook ran, and how much memory it took."""

    def run(self) -> list[nodes.Node]:
        """Make one row a notebook, and one for the sum."""
        runs = [
            (chapter, chapter.run) for chapter in self.chapters() if chapter.run
        ]
        if not runs:
            return self.nothing_yet()
        rows = []
        for chapter, run in runs:
            texts = (
                _with_unit(run["processor_seconds"], "s"),
                _with_unit(run["seconds"], "s"),
                _with_unit(run["peak_mib"], "MiB"),
                run["finished"].replace("-", NO_BREAK_HYPHEN),
            )
            cells = [nodes.paragraph("", text) for text in texts]
            rows.append([self.link(chapter.title, chapter.page), *cells])
        measured = [run["processor_seconds"] for _, run in runs]
        texts = (
            "All notebooks",
            _with_unit(None if None in measured else sum(measured), "s"),
            _with_unit(sum(run["seconds"] for _, run in runs), "s"),
            _with_unit(_largest([run["peak_mib"] for _, run in runs]), "MiB"),
            "",
        )
        rows.append([nodes.paragraph("", text) for text in texts])
        head = (
            "Notebook",
            "Processor time",
            "Wall time",
            "Peak memory",
            "Ran on",
        )
        return [table(head, rows, (36, 16, 16, 16, 16), "execution-times")]


def _with_unit(value: float | None, unit: str) -> str:
    return "not measured" if value is None else f"{value:,.0f}{NBSP}{unit}"


def _largest(values: list[int | None]) -> int | None:
    return None if None in values else max(values)


class RunTime(SphinxRole):
    """How long one notebook computed, as in {run-time}`book/foundations/convolution`.

    That is processor time where it was measured: several notebooks run at once, and a lesson waits
    for one alone.
    """

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Write the time in seconds, or, before any run, say so."""
        self.env.metadata[self.env.docname][SHOWS_RUNS] = True
        path = Path(self.env.doc2path(self.text))
        if self.text not in self.env.found_docs or path.suffix != ".ipynb":
            _logger.warning(
                "run-time: there is no notebook %s",
                self.text,
                location=self.get_location(),
            )
            return [], []
        self.env.note_dependency(str(path))
        content = json.loads(path.read_text(encoding="utf-8"))
        run = Chapter(self.text, "", content).run
        if not run:
            text = "not run yet"
        elif run["processor_seconds"] is None:
            text = _with_unit(run["seconds"], "s")
        else:
            text = (
                f"{_with_unit(run['processor_seconds'], 's')} of processor time"
            )
        return [nodes.inline("", text, classes=["run-time"])], []


def table(
    head: tuple[str, ...],
    rows: list[list[nodes.Node]],
    widths: tuple[int, ...],
    style: str,
) -> nodes.table:
    """A table of ready cells under a row of headings, with column widths in percent."""
    group = nodes.tgroup("", cols=len(head))
    group += [nodes.colspec("", colwidth=width) for width in widths]
    top = [nodes.paragraph("", text) for text in head]
    group += nodes.thead("", _row(top))
    group += nodes.tbody("", *(_row(cells) for cells in rows))
    return nodes.table("", group, classes=[style, "colwidths-given"])


def measured_list(measured: dict) -> nodes.Node:
    """The measured values as a list of names and rounded numbers."""
    if not measured:
        return nodes.paragraph("", "nothing to measure")
    items = []
    for name, value in measured.items():
        text = f"{name.replace('_', ' ')}: "
        paragraph = nodes.paragraph("", text, nodes.literal("", readable(value)))
        items.append(nodes.list_item("", paragraph))
    return nodes.bullet_list("", *items, classes=["simple"])


def refresh_tables(
    app: Sphinx,
    env: BuildEnvironment,
    added: set[str],
    changed: set[str],
    removed: set[str],
) -> list[str]:
    """Pages with such a table are read again whenever any page came, went or changed."""
    if not (added or changed or removed):
        return []
    return [page for page, data in env.metadata.items() if SHOWS_RUNS in data]


def _row(cells: list[nodes.Node]) -> nodes.row:
    return nodes.row("", *(nodes.entry("", cell) for cell in cells))


def _title(content: dict) -> str | None:
    """The first top-level heading of a notebook."""
    for cell in content["cells"]:
        source = (
            cell["source"]
            if isinstance(cell["source"], str)
            else "".join(cell["source"])
        )
        for line in source.splitlines():
            if cell["cell_type"] == "markdown" and line.startswith("# "):
                return line[2:].strip()
    return None


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives and the role."""
    app.add_directive("claim-ledger", ClaimLedger)
    app.add_directive("execution-times", ExecutionTimes)
    app.add_role("run-time", RunTime())
    app.connect("env-get-outdated", refresh_tables)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
