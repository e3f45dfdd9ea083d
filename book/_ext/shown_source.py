"""How does the package's source refer to an equation? As a reader can follow it, by its number.

In docstrings, equations of a chapter stand under their labels. Where a chapter shows the source of
a function, they get the number that they have on that page; on the page of the package, where the
docstrings are set as text, the number links to the equation.
"""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

_LABEL = re.compile(r"``(eq-[\w-]+)``")


def number_equations(app: Sphinx, document: nodes.document) -> None:
    """Rewrite the source code that the cells of one page showed."""
    for block in list(document.findall(nodes.literal_block)):
        if block.get("language") == "python" and _is_output(block):
            shown = with_numbers(block.astext(), app.env)
            block.rawsource = shown
            block.children = []
            block += nodes.Text(shown)


def with_numbers(code: str, env: BuildEnvironment) -> str:
    """Give the page's equations their numbers.

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

    return _LABEL.sub(number, code)


def link_equations(
    app: Sphinx,
    what: str,
    name: str,
    about: object,
    options: object,
    lines: list[str],
) -> None:
    """Rewrite the docstring of one object in place (`lines`), before it is read as text."""
    lines[:] = [_LABEL.sub(r":eq:`\1`", line) for line in lines]


def _is_output(block: nodes.Node) -> bool:
    parent = block.parent
    while parent is not None:
        if "cell_output" in parent.get("classes", ()):
            return True
        parent = parent.parent
    return False


def setup(app: Sphinx) -> dict[str, bool]:
    """Rewrite each page after it was read, and each docstring before."""
    app.connect("doctree-read", number_equations)
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("autodoc-process-docstring", link_equations)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
