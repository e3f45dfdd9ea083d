"""How does the whole book become one PDF? Sphinx puts it on one page, and a browser prints that.

Usage: ``python -m tools.pdf [--size small]``. Notebooks whose run is in the cache do not run again.
The book lies then in ``_build/<size>/paper``: a PDF with an outline, page numbers in the contents,
the chapter's title at the head of its pages, links that lead to their places, solutions unfolded
and every answer of the quizzes with its reason. Needs Chromium or Chrome.
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
from tools.navigation import Signs, mend

NAME = "deep-learnings-hard-parts.pdf"
_LONGEST = 3_600_000  # milliseconds; a thousand pages take some minutes
_SCALE = 0.75
_PAPER = {
    "format": "A4",
    "scale": _SCALE,
    "margin": {"top": "18mm", "bottom": "18mm", "left": "16mm", "right": "16mm"},
    "print_background": True,
    "outline": True,
    "tagged": True,
}
# How wide the print is in the page's own pixels, 96 an inch: A4 less its margins.
_WIDTH = round((210 - 2 * 16) / 25.4 * 96 / _SCALE)

# The number at the foot of every page; at the head the title of the chapter that it belongs to.
_SHEETS = """() => {
    const small = "font: 10.5px sans-serif; color: #555;";
    const rules = [`@page { @bottom-center { content: counter(page); ${small} } }`];
    const starts = document.querySelectorAll(".bd-article span[id^='document-'] + section");
    starts.forEach((chapter, number) => {
        // The place that links lead to would else stay at the end of the sheet before.
        chapter.prepend(chapter.previousElementSibling);
        const title = chapter.querySelector("h1, h2, h3").cloneNode(true);
        title.querySelectorAll(".headerlink").forEach(link => link.remove());
        const words = JSON.stringify(title.textContent.trim().replace(/\\s+/g, " "));
        chapter.style.page = `chapter-${number}`;
        rules.push(`@page chapter-${number} { @top-right { content: ${words}; ${small} } }`);
    });
    const style = document.createElement("style");
    style.textContent = rules.join("\\n");
    document.head.append(style);
}"""

# What a cell printed keeps its columns, and a table its width, if three fifths of the size will do.
_FIT = """() => {
    const printed = ".output.stream pre, .output.text_plain pre";
    const texts = [...document.querySelectorAll(`.bd-article .cell_output :is(${printed})`)];
    const tables = [...document.querySelectorAll(".bd-article table:not(.claim-ledger)")];
    texts.forEach(text => text.style.whiteSpace = "pre");
    const shares = [
        ...texts.map(text => [text, text.clientWidth / text.scrollWidth]),
        ...tables.map(table => [table, table.parentElement.clientWidth / table.scrollWidth]),
    ];
    texts.forEach(text => text.style.whiteSpace = "");
    for (const [part, share] of shares) {
        // Text that must wrap all the same stays as large as it is.
        const helps = share >= 0.6 || part.matches("table");
        if (share > 0 && share < 1 && helps) {
            const size = parseFloat(getComputedStyle(part).fontSize);
            part.style.fontSize = `${Math.max(0.6, share - 0.01) * size}px`;
        }
    }
}"""

# The headings as they are written, formulas in TeX, and where the lines of the contents lead.
_SIGNS = """() => {
    for (const formula of window.MathJax?.startup?.document?.math ?? []) {
        formula.typesetRoot.dataset.tex = formula.math;
    }
    const headings = [...document.querySelectorAll("h1, h2, h3, h4, h5, h6, [role=heading]")];
    const plain = heading => {
        const copy = heading.cloneNode(true);
        copy.querySelectorAll(".headerlink").forEach(link => link.remove());
        copy.querySelectorAll("[data-tex]").forEach(
            formula => formula.replaceWith(`\\\\(${formula.dataset.tex}\\\\)`)
        );
        return copy.textContent.trim().replace(/\\s+/g, " ");
    };
    const lines = [...document.querySelectorAll("#jb-print-toc a[href^='#']")];
    const seen = part => part.checkVisibility();
    return {
        headings: headings.filter(seen).map(plain),
        contents: lines.filter(seen).map(line => line.getAttribute("href").slice(1)),
    };
}"""


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
        RuntimeError: The page asked another host for something, its formulas failed, or the PDF's
            outline or contents are not those of the page.
    """
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(
            executable_path=browser, args=["--no-sandbox", "--disable-gpu"]
        )
        window = {"width": _WIDTH, "height": 1100}
        tab = chromium.new_page(color_scheme="light", viewport=window)
        tab.set_default_timeout(_LONGEST)
        foreign: list[str] = []
        tab.on("request", lambda asked: _note_foreign(asked.url, foreign))
        tab.goto(page.as_uri(), wait_until="load")
        signs = _finish(tab)
        if foreign:
            raise RuntimeError(f"The page asks other hosts: {', '.join(foreign[:3])}.")
        partial = target.with_suffix(".part")
        tab.pdf(path=partial, **_PAPER)
        chromium.close()
    mend(partial, signs)
    partial.replace(target)


def _note_foreign(address: str, foreign: list[str]) -> None:
    if not address.startswith(("file:", "data:", "blob:")):
        foreign.append(address)


def _finish(tab: Page) -> Signs:
    """Wait for the formulas, unfold what is folded, and fit all to the sheets: paper has no click.

    Returns:
        What the reader of the PDF finds a place by.
    """
    tab.evaluate("() => window.MathJax?.startup?.promise.then(() => true)")
    tab.evaluate("() => document.querySelectorAll('details').forEach(part => part.open = true)")
    errors = tab.locator("mjx-merror").count()
    if errors:
        raise RuntimeError(f"{errors} formulas could not be set.")
    tab.emulate_media(media="print")
    tab.evaluate(_FIT)
    tab.evaluate(_SHEETS)
    return Signs(**tab.evaluate(_SIGNS))


if __name__ == "__main__":
    sys.exit(main())
