"""How are the pages written fast? By all cores, and without making the same list of pages anew.

Sphinx takes one number of processes for reading and for writing. `sphinx-multitoc-numbering` does
not say that it may read in parallel, and Sphinx warns of that; so the number is raised when all is
read. The hundred pages of source code are written one by one after the others, and most of the time
of each went into the list of all pages at its side, which is the same for all of one folder.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import PurePosixPath

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment


def write_with_all_cores(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Raise the number of writing processes to that of the cores; no page was changed by it."""
    app.parallel = os.cpu_count() or 1
    return []


class SharedLists:
    """The lists of pages beside pages of source code, made once for each folder."""

    def __init__(self) -> None:
        self._of_folder: dict[PurePosixPath, Callable[..., str]] = {}

    def share(
        self,
        app: Sphinx,
        page: str,
        template: str,
        context: dict,
        document: nodes.document | None,
    ) -> None:
        """Let a page of source code take its list from the first page of its folder."""
        if page.startswith("_modules/"):
            made = cache(context["toctree"])
            folder = PurePosixPath(page).parent
            context["toctree"] = self._of_folder.setdefault(folder, made)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx; a process that has loaded TensorFlow is forked on Linux alone."""
    if sys.platform == "linux":
        app.connect("env-updated", write_with_all_cores)
    # Before the theme, which uses the list.
    app.connect("html-page-context", SharedLists().share, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
