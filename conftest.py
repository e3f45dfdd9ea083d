"""What may differ when a notebook is compared with its stored outputs? This goes for every run of
``pytest --nbval``, from anywhere in the repository.
"""

from __future__ import annotations

import pytest


def pytest_collectstart(collector: pytest.Collector) -> None:
    """Compare a notebook's text, and nothing that is drawn or measured anew by every run.

    Stored outputs hold text alone, so figures and claim cards are compared by their plain text,
    which is the same on every machine.
    """
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += (
            "text/html",
            "application/vnd.course-lib.claim+json",
            "image/svg+xml",
            "image/png",
            "image/jpeg",
            "stderr",
        )
