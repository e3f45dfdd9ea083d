"""Which browser is there? The tools that look at pages, or print them, ask here."""

from __future__ import annotations

import os
import shutil

__all__ = ["BROWSERS", "find_browser"]

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def find_browser() -> str | None:
    """Return the path of Chromium or Chrome, the one that ``CHROMIUM`` names first, or None."""
    named = os.environ.get("CHROMIUM", "")
    return next(filter(None, map(shutil.which, (named, *BROWSERS))), None)
