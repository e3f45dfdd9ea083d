"""How are the pages written by all cores, though one of Jupyter Book's extensions must read alone?

Sphinx takes one number for reading and for writing. `sphinx-multitoc-numbering` does not say that
it may read in parallel, and Sphinx warns of that; so the number is raised when all is read.
"""

from __future__ import annotations

import os
import sys

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment


def write_with_all_cores(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Raise the number of writing processes to that of the cores; no page was changed by it."""
    app.parallel = os.cpu_count() or 1
    return []


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx, where a process that has loaded TensorFlow may be forked."""
    if sys.platform == "linux":
        app.connect("env-updated", write_with_all_cores)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
