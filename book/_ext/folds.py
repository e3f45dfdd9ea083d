"""What does a fold say? "Show the solution", or what else it holds: a long table, the full output.

MyST-NB has one pair of words for all folds of a book. The pair in `_config.yml` is for solutions,
which are folded with their code; of a cell that is no solution only the output is folded.
"""

from __future__ import annotations

from docutils import nodes
from sphinx.application import Sphinx


def name_folded_outputs(app: Sphinx, document: nodes.document) -> None:
    """Let the fold of an output say that it is one."""
    for cell in document.findall(nodes.container):
        if cell.get("hide_mode") == "output":
            cell["prompt_show"] = "Show the output"
            cell["prompt_hide"] = "Hide the output"


def setup(app: Sphinx) -> dict[str, bool]:
    """Name the folds of each page after it was read."""
    app.connect("doctree-read", name_folded_outputs)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
