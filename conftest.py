"""How does nbval run the notebooks, and what may differ from their stored outputs? This goes for
every run of ``pytest --nbval``, from anywhere in the repository.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Run notebooks as the build does, and keep what passed for it."""
    if not config.getoption("nbval", default=False):
        return
    from tools.book.execute import quiet_environment
    from tools.book.keep import Keeper
    from tools.book.project import Project

    project = Project(Path(__file__).parent, os.environ.get("COURSE_SIZE", "small"))
    os.environ.update(quiet_environment(project))
    os.environ.pop("MPLBACKEND", None)
    config.pluginmanager.register(Keeper(project))


def pytest_collectstart(collector: pytest.Collector) -> None:
    """Compare a notebook's text, and nothing that is drawn or measured anew by every run.

    Stored outputs hold text alone, so figures and claim cards are compared by their plain text,
    which is the same on every machine.
    """
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += (
            "text/html",
            "application/vnd.course-lib.claim+json",
            "application/vnd.course-lib.scorecard+json",
            "image/svg+xml",
            "image/png",
            "image/jpeg",
            "stderr",
        )
