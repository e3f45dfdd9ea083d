"""How does shown source refer to other things? As a reader can follow it, not as Sphinx reads it.

Chapters show functions of the package with their docstrings. In those, names stand in roles, and
equations of the chapter under their labels. On the page a name stands without its role, and an
equation under the number that it has there.
"""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

_ROLE = re.compile(r":(?:py:)?(?:attr|class|data|exc|func|meth|mod):`~?([^`]+)`")
_LABEL = re.compile(r"``(eq-[\w-]+)``")


def make_readable(app: Sphinx, document: nodes.document) -> None:
    """Rewrite the source code that the cells of one page showed."""
    for block in list(document.findall(nodes.literal_block)):
        if block.get("language") == "python" and _is_output(block):
            shown = readable(block.astext(), app.env)
            block.rawsource = shown
            block.children = []
            block += nodes.Text(shown)


def readable(code: str, env: BuildEnvironment) -> str:
    """Take the roles off names, and give the page's equations their numbers.

    Args:
        code: Source code with docstrings.
        env: Where Sphinx keeps the equations; it has read the page.

    Returns:
        The code. The label of another page's equation stays as it is.
    """
    equations = env.get_domain("math").equations

    def number(label: re.Match) -> str:
        page, found = equations.get(label[1], (None, None))
        return f"({found})" if page == env.docname else label[0]

    return _LABEL.sub(number, _ROLE.sub(r"``\1``", code))


def _is_output(block: nodes.Node) -> bool:
    parent = block.parent
    while parent is not None:
        if "cell_output" in parent.get("classes", ()):
            return True
        parent = parent.parent
    return False


def setup(app: Sphinx) -> dict[str, bool]:
    """Rewrite each page after it was read."""
    app.connect("doctree-read", make_readable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
