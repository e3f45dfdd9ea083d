"""Where is it measured? `{claim}` links a sentence to the claim that a chapter checks.

``{claim}`convolution#a-convolutional-layer-is``` links to that claim's card and shows its
statement; ``{claim}`as SciPy does <convolution#a-convolutional-layer-is>``` shows the words given.
Before the `#` stands the chapter, after it the claim's slug, or as much of its beginning as no other
claim of the chapter shares. The claims are those of the executed notebooks: a link to one that no
longer exists is a warning, and so fails the build.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from docutils import nodes
from run_tables import SHOWS_RUNS
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import ReferenceRole


class Claim(ReferenceRole):
    """A link to the card of one claim."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Find the claim among those that the chapter's last run checked, and link to it."""
        self.env.metadata[self.env.docname][SHOWS_RUNS] = True
        chapter, _, start = self.target.partition("#")
        try:
            page = page_of(chapter, self.env)
            claims = {claim["slug"]: claim for claim in claims_of(page, self.env)}
            slug = only_match(start, claims)
        except LookupError as error:
            message = self.inliner.reporter.warning(
                f"{error.args[0]}", line=self.lineno
            )
            return [
                self.inliner.problematic(self.rawtext, self.rawtext, message)
            ], [message]
        statement = claims[slug]["statement"]
        address = self.env.app.builder.get_relative_uri(self.env.docname, page)
        link = nodes.reference(
            "",
            self.title if self.has_explicit_title else statement,
            internal=True,
            refuri=f"{address}#claim-{slug}",
            classes=["claim-link"],
        )
        if self.has_explicit_title:
            link["reftitle"] = statement
        return [link], []


def page_of(chapter: str, env: BuildEnvironment) -> str:
    """The one page of the book that is a notebook of this name.

    Raises:
        LookupError: no page is called so, or several are.
    """
    pages = [
        page
        for page in sorted(env.found_docs)
        if page.endswith(f"/{chapter}") and env.doc2path(page).endswith(".ipynb")
    ]
    if len(pages) != 1:
        raise LookupError(
            f"{len(pages)} chapters are called '{chapter}'; a claim needs one."
        )
    return pages[0]


def claims_of(page: str, env: BuildEnvironment) -> list[dict]:
    """What the last run of a notebook claimed."""
    path = Path(env.doc2path(page))
    return _claims_in(path, path.stat().st_mtime_ns)


@cache
def _claims_in(path: Path, changed: int) -> list[dict]:
    """Read a notebook once, and again after a change: figures make it megabytes long."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return content["metadata"].get("course", {}).get("claims", [])


def only_match(start: str, slugs: Iterable[str]) -> str:
    """The slug that is `start`, or the only one that begins with it.

    Args:
        start: A slug or its beginning.
        slugs: The slugs of one chapter's claims.

    Raises:
        LookupError: no slug begins so, or several do.
    """
    slugs = list(slugs)
    if start in slugs:
        return start
    matches = [slug for slug in slugs if start and slug.startswith(start)]
    if len(matches) != 1:
        known = ", ".join(matches or slugs)
        raise LookupError(
            f"'{start}' is the beginning of {len(matches)} claims, not of one. Choose from: {known}."
        )
    return matches[0]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the role."""
    app.add_role("claim", Claim())
    return {"parallel_read_safe": True, "parallel_write_safe": True}
