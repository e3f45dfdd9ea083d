"""What came out of a run that is on record? A table, on a page that is no notebook.

`{recorded-run} NAME` shows what `course_lib.recorded.show` shows in a chapter.
"""

from __future__ import annotations

from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from course_lib import recorded


class RecordedRun(SphinxDirective):
    """The recorded runs of one experiment."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Make the table, and have the page read again when a record changes."""
        experiment = self.arguments[0]
        book = Path(recorded.__file__).parents[1] / "book"
        folder = book / "recorded" / experiment
        for path in folder.glob("*.json"):
            self.env.note_dependency(str(path))
        return self.parse_text_to_nodes(recorded.table(experiment))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("recorded-run", RecordedRun)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
