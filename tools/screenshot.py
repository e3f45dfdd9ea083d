"""Take the picture of a chapter that the README shows, from the built site.

Usage: ``python -m tools.screenshot [SITE]``, after ``make book``. It writes
``book/_static/screenshot.png`` in few colors, so that it stays small. Needs Chromium or Chrome.
"""

from __future__ import annotations

import functools
import http.server
import io
import sys
import threading
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from tools.browser import BROWSERS, find_browser

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "book" / "_static" / "screenshot.png"
PAGE = "book/foundations/convolution.html"
PLACE = "#the-model-that-travels"  # a claim and a figure on one screen
SIZE = {"width": 1280, "height": 1140}
COLORS = 128
LARGEST = 150_000  # bytes


class _Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


def photograph(site: Path, browser: str) -> bytes:
    """Return a PNG of a place in the chapter as a reader sees it.

    Args:
        site: the folder of the built site.
        browser: the path of Chromium or Chrome.
    """
    handler = functools.partial(_Quiet, directory=str(site))
    with (
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server,
        sync_playwright() as driver,
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        chromium = driver.chromium.launch(
            executable_path=browser, args=["--no-sandbox", "--disable-gpu"]
        )
        tab = chromium.new_page(viewport=SIZE, color_scheme="light", reduced_motion="reduce")
        address = f"http://127.0.0.1:{server.server_address[1]}/{PAGE}"
        tab.goto(address, wait_until="load")
        tab.evaluate("() => window.MathJax?.startup?.promise.then(() => true)")
        tab.locator(PLACE).evaluate("place => scrollTo(0, place.getBoundingClientRect().top - 65)")
        tab.wait_for_timeout(500)  # the outline marks where the reader is
        picture = tab.screenshot()
        chromium.close()
        server.shutdown()
    return picture


def main(arguments: list[str]) -> int:
    """Write the picture and return the exit status."""
    site = Path(arguments[0]) if arguments else ROOT / "_build" / "small" / "html"
    if not (site / PAGE).is_file():
        print(f"There is no site at {site}: run `make book` first.", file=sys.stderr)
        return 1
    browser = find_browser()
    if browser is None:
        print(f"None of {', '.join(BROWSERS)} is installed.", file=sys.stderr)
        return 1
    picture = Image.open(io.BytesIO(photograph(site, browser))).convert("RGB")
    picture.quantize(COLORS, dither=Image.Dither.NONE).save(PICTURE, optimize=True)
    size = PICTURE.stat().st_size
    print(f"{PICTURE.relative_to(ROOT)}: {size / 1000:.0f} kB")
    return 0 if size < LARGEST else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
