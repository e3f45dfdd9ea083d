"""How do the pages become one document, for paper? Sphinx's single page, with links that hold.

Put on one page, seventeen sections named "Exercises" share one anchor, and a link finds the first.
This builder gives every anchor the name of its page, and the links follow.
"""

from __future__ import annotations

import posixpath
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.builders.singlehtml import SingleFileHTMLBuilder
from sphinx.util.build_phase import BuildPhase
from sphinx.util.osutil import relative_uri

_PAGE = "#document-"


class WholeBook(SingleFileHTMLBuilder):
    """Sphinx's builder for one page, with anchors of their own for every page of the book."""

    def get_outfilename(self, pagename: str) -> str:
        """Write the page at the top, where its style sheets and figures are looked for."""
        return str(Path(self.outdir) / "index.html")

    def get_relative_uri(
        self, from_: str, to: str, typ: str | None = None
    ) -> str:
        """Name a page's file while pages are read, as the site does: it is built from the same."""
        if self.app.phase is BuildPhase.READING:
            return relative_uri(f"{from_}.html", f"{to}.html")
        return super().get_relative_uri(from_, to, typ)

    def fix_refuris(self, tree: nodes.Node) -> None:
        """Leave a link to a place on a page as it is: page and place are both needed."""

    def assemble_doctree(self) -> nodes.document:
        """Put all pages on one, then give each page's anchors their own names."""
        tree = super().assemble_doctree()
        pages = list(_pages(tree, self.config.root_doc))
        known = {
            (page, anchor)
            for page, node in pages
            for anchor in node.get("ids", [])
        }
        for page, node in pages:
            for attribute in ("ids", "backrefs"):
                if node.get(attribute):
                    node[attribute] = [
                        _anchor(page, name) for name in node[attribute]
                    ]
            if (page, node.get("refid")) in known:
                node["refid"] = _anchor(page, node["refid"])
            elif node.get("refuri"):
                node["refuri"] = self._address(page, node["refuri"], known)
        return tree

    def _address(
        self, page: str, address: str, known: set[tuple[str, str]]
    ) -> str:
        """Where a link leads now: to a page, to a place on it, or to a place in raw HTML."""
        target, _, name = address.partition("#")
        if address.startswith(_PAGE):
            target, _, name = address.removeprefix(_PAGE).partition("#")
        elif target.endswith(".html") and "://" not in target:
            # A link that was made while the pages were read names another page's file.
            target = target.removesuffix(".html")
            beside = posixpath.normpath(
                posixpath.join(posixpath.dirname(page), target)
            )
            target = beside if beside in self.env.all_docs else target
        else:
            return address
        if not name:
            return _PAGE + target
        return (
            f"#{_anchor(target, name)}" if (target, name) in known else f"#{name}"
        )


def _pages(tree: nodes.document, root: str):
    """Every element of the tree with the page that it came from."""
    waiting: list[tuple[str, nodes.Node]] = [(root, tree)]
    while waiting:
        page, node = waiting.pop()
        if not isinstance(node, nodes.Element):
            continue
        if isinstance(node, addnodes.start_of_file):
            page = node["docname"]
        elif node is not tree:
            yield page, node
        waiting += [(page, child) for child in node.children]


def _anchor(page: str, name: str) -> str:
    return f"{page.replace('/', '-')}--{name}"


def setup(app: Sphinx) -> dict[str, bool]:
    """Take the place of Sphinx's builder for one page."""
    app.add_builder(WholeBook, override=True)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
