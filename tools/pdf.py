"""How does the whole book become one PDF? Sphinx puts it on one page, and a browser prints that.

Usage: ``python -m tools.pdf [--size small]``. Notebooks whose run is in the cache do not run again.
The book lies then in ``_build/<size>/paper``: a PDF with an outline, with links that lead to their
places, solutions unfolded and every answer of the quizzes with its reason. Needs Chromium or
Chrome.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tools.book import execute, site, stage
from tools.book.project import SIZES, Project
from tools.browser import find_browser

NAME = "deep-learnings-hard-parts.pdf"
_LONGEST = 3_600_000  # milliseconds; a thousand pages take some minutes
_PAPER = {
    "format": "A4",
    "scale": 0.75,
    "margin": {"top": "18mm", "bottom": "18mm", "left": "16mm", "right": "16mm"},
    "display_header_footer": True,
    "header_template": "<span></span>",
    "footer_template": (
        '<div style="width: 100%; text-align: center; font-size: 8px">'
        '<span class="pageNumber"></span></div>'
    ),
    "print_background": True,
    "outline": True,
    "tagged": True,
}


def main(arguments: list[str] | None = None) -> int:
    """Make the PDF and return an exit status: 0 if it is there, 1 if something failed."""
    parser = argparse.ArgumentParser(prog="python -m tools.pdf", description=__doc__)
    parser.add_argument("--size", choices=SIZES, default=os.environ.get("COURSE_SIZE", "small"))
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[1])
    options = parser.parse_args(arguments)
    browser = find_browser()
    if browser is None:
        print("A PDF is printed by Chromium or Chrome: install one of them.", file=sys.stderr)
        return 1
    project = Project(options.root.resolve(), options.size)
    start = time.monotonic()
    failed = execute.run_missing(project, project.notebooks())
    if failed:
        print(f"{len(failed)} notebook(s) failed: {', '.join(failed)}. No PDF was made.")
        return 1
    stage.lay_out(project)
    if not site.sift(project, "singlehtml"):
        print("The book has errors or warnings, listed above; each must go.")
        return 1
    print("Printing; this takes some minutes.", flush=True)
    target = project.paper / NAME
    print_page(project.paper / "index.html", target, browser)
    minutes, seconds = divmod(round(time.monotonic() - start), 60)
    print(f"Made in {minutes} min {seconds} s: {target}, {target.stat().st_size / 1e6:.1f} MB")
    return 0


def print_page(page: Path, target: Path, browser: str) -> None:
    """Print one HTML page as a PDF.

    Args:
        page: The page; what it loads lies beside it.
        target: The PDF to write. It appears whole or not at all.
        browser: The path of Chromium or Chrome.

    Raises:
        RuntimeError: The page asked another host for something, or its formulas failed.
    """
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(
            executable_path=browser, args=["--no-sandbox", "--disable-gpu"]
        )
        tab = chromium.new_page(color_scheme="light")
        tab.set_default_timeout(_LONGEST)
        foreign: list[str] = []
        tab.on("request", lambda asked: _note_foreign(asked.url, foreign))
        tab.goto(page.as_uri(), wait_until="load")
        _finish(tab)
        if foreign:
            raise RuntimeError(f"The page asks other hosts: {', '.join(foreign[:3])}.")
        partial = target.with_suffix(".part")
        tab.pdf(path=partial, **_PAPER)
        partial.replace(target)
        chromium.close()


def _note_foreign(address: str, foreign: list[str]) -> None:
    if not address.startswith(("file:", "data:", "blob:")):
        foreign.append(address)


def _finish(tab: Page) -> None:
    """Wait for the formulas and unfold what is folded: paper has no click."""
    tab.evaluate("() => window.MathJax?.startup?.promise.then(() => true)")
    tab.evaluate("() => document.querySelectorAll('details').forEach(part => part.open = true)")
    errors = tab.locator("mjx-merror").count()
    if errors:
        raise RuntimeError(f"{errors} formulas could not be set.")


if __name__ == "__main__":
    sys.exit(main())
