"""Does the built site hold what it promises, seen by a real browser?

The site is read, not assumed: `make site-tests` builds it first. `COURSE_SITE` names another folder
than `_build/<size>/html`. In CI a missing site or browser is a failure, elsewhere a skip.
"""

import functools
import http.server
import os
import re
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import pytest

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[1]
SITE = Path(
    os.environ.get("COURSE_SITE")
    or ROOT / "_build" / (os.environ.get("COURSE_SIZE") or "small") / "html"
)
CHAPTER = "book/foundations/convolution.html"
CLAIMS = "book/reference/claims.html"
SCORECARD = "book/reference/scorecard.html"
FILES = sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html"))
PAGES = [file for file in FILES if not file.startswith("_static/")] or ["index.html", CHAPTER]
READ = [page for page in PAGES if page.startswith("book/")]

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
LARGEST_SITE = 40e6  # bytes
TEXT_CONTRAST = 4.5  # WCAG 2.2, level AA, normal text

MATHEMATICS_DONE = "() => window.MathJax?.startup?.promise.then(() => true) ?? true"
RAW_MATHEMATICS = r"""() => {
  const article = document.querySelector('article') ?? document.body;
  const skip = 'pre, code, mjx-container, script, style';
  const walker = document.createTreeWalker(article, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const text = walker.currentNode.data;
    if (/\$\$|\\\(|\\\[|\\begin\{/.test(text) && !walker.currentNode.parentElement.closest(skip))
      found.push(text.trim());
  }
  return found;
}"""
# The ink of each figure and the ground it lies on, as [red, green, blue] from 0 to 255.
FIGURE_COLORS = """() => {
  const rgb = text => text.match(/[\\d.]+/g).map(Number);
  return [...document.querySelectorAll('article figure svg')].map(svg => {
    const ink = rgb(getComputedStyle(svg).color);
    const drawn = [...svg.querySelectorAll('path, use, text, line')].some(part =>
      [getComputedStyle(part).fill, getComputedStyle(part).stroke].some(
        paint => paint.startsWith('rgb') && rgb(paint).join() === ink.join()));
    let ground = [255, 255, 255];
    for (let box = svg; box; box = box.parentElement) {
      const color = rgb(getComputedStyle(box).backgroundColor);
      if (color.length === 3 || color[3] === 1) { ground = color; break; }
    }
    return {label: svg.getAttribute('aria-label') ?? '', ink, ground, drawn};
  });
}"""


class Document(HTMLParser):
    """What the static tests need to know of one page."""

    def __init__(self, text: str):
        """Read the page."""
        super().__init__()
        self.anchors: list[str] = []
        self.links: list[str] = []  # where a reader or the page itself may go
        self.loads: list[str] = []  # what the browser fetches to show the page
        self.undescribed: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect anchors, addresses and pictures without a description."""
        values = {name: value or "" for name, value in attrs}
        if "id" in values:
            self.anchors.append(values["id"])
        if tag == "a" and "name" in values:
            self.anchors.append(values["name"])
        for name in ("href", "src", "xlink:href"):
            address = values.get(name, "")
            if not address or address.startswith(("data:", "mailto:", "javascript:")):
                continue
            self.links.append(address)
            if name == "src" or (tag == "link" and "stylesheet" in values.get("rel", "")):
                self.loads.append(address)
        described = values.get("alt" if tag == "img" else "aria-label", "").strip()
        is_picture = tag == "img" or (tag == "svg" and values.get("role") == "img")
        if is_picture and not described and values.get("aria-hidden") != "true":
            self.undescribed.append(self.get_starttag_text() or tag)


@functools.cache
def read(page: str) -> Document:
    """Parse a page of the site once."""
    return Document((SITE / page).read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def site() -> Path:
    """The folder of the built site."""
    if (SITE / CHAPTER).is_file():
        return SITE
    problem = f"There is no site at {SITE}: run `make book` first."
    if os.environ.get("CI", "").lower() in {"1", "true"}:
        pytest.fail(problem)
    pytest.skip(problem)


@pytest.fixture(scope="session")
def address(site: Path) -> Iterator[str]:
    """The address at which the site is served."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    handler = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


@pytest.fixture
def tab(browser, address):
    """An empty tab that keeps a list of everything that went wrong in it."""
    context = browser.new_context(viewport=DESKTOP, reduced_motion="reduce", color_scheme="light")
    page = context.new_page()
    page.troubles = []

    def watch_request(request):
        if not request.url.startswith((address, "data:", "blob:", "file:")):
            page.troubles.append(f"outside request: {request.url}")

    def watch_response(response):
        if response.status >= 400:
            page.troubles.append(f"status {response.status}: {response.url}")

    def watch_failure(request):
        # A page that sends its reader on at once may take back what it asked for: the server's
        # answer, if one came, was watched above.
        if request.failure != "net::ERR_ABORTED":
            page.troubles.append(f"failed: {request.url} ({request.failure})")

    def watch_console(message):
        if message.type == "error":
            page.troubles.append(f"console error: {message.text}")

    page.on("request", watch_request)
    page.on("response", watch_response)
    page.on("console", watch_console)
    page.on("requestfailed", watch_failure)
    page.on("pageerror", lambda error: page.troubles.append(f"script error: {error}"))
    yield page
    context.close()


def visit(tab, url: str) -> None:
    """Open a page and wait until its formulas are drawn."""
    tab.goto(url, wait_until="load")
    tab.evaluate(MATHEMATICS_DONE)


def contrast(one: list[float], other: list[float]) -> float:
    """The contrast ratio of two sRGB colors, from 1 to 21 (WCAG 2.2)."""

    def luminance(color: list[float]) -> float:
        parts = [value / 255 for value in color[:3]]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def target_of(page: str, link: str) -> tuple[str, str]:
    """The page within the site, or the file, that a link leads to, and its anchor."""
    path, anchor = urldefrag(link)
    path = unquote(urlsplit(path).path)
    if not path:
        return page, unquote(anchor)
    target = os.path.normpath(os.path.join(os.path.dirname(page), path))
    return Path(target).as_posix(), unquote(anchor)


# What can be seen without a browser


@pytest.mark.parametrize("page", PAGES)
def test_every_internal_link_leads_somewhere(site, page):
    broken = []
    for link in read(page).links:
        if urlsplit(link).scheme or link.startswith("//"):
            continue
        target, anchor = target_of(page, link)
        is_there = (site / target).is_file()
        if is_there and anchor and target.endswith(".html"):
            is_there = anchor in read(target).anchors
        if not is_there:
            broken.append(link)
    assert not broken


@pytest.mark.parametrize("page", PAGES)
def test_no_page_asks_another_host_for_anything(site, page):
    assert not [url for url in read(page).loads if urlsplit(url).netloc]


@pytest.mark.parametrize("page", PAGES)
def test_every_picture_is_described_and_every_anchor_is_unique(site, page):
    document = read(page)
    assert not document.undescribed
    twice = {name for name in document.anchors if document.anchors.count(name) > 1}
    assert not twice


def test_equations_are_numbered_on_each_page_from_one(site):
    numbered = 0
    for page in READ:
        text = (SITE / page).read_text(encoding="utf-8")
        numbers = re.findall(r'<span class="eqno">\((.*?)\)<', text)
        assert numbers == [str(number) for number in range(1, len(numbers) + 1)], page
        numbered += len(numbers)
    assert numbered > 100


def test_shown_source_has_no_roles_of_sphinx(site):
    for page in READ:
        assert ":func:`" not in (SITE / page).read_text(encoding="utf-8"), page


def test_the_package_s_page_links_equations_by_their_numbers(site):
    text = (SITE / "book/reference/api.html").read_text(encoding="utf-8")
    links = re.findall(r'href="([\w./]+)#equation-eq-[\w-]+"[^>]*>\((\d+)\)', text)
    assert len(links) > 50
    assert not re.search(r"[^-]\beq-[a-z]", re.sub(r"<[^>]*>", "", text))


def test_the_site_stays_small(site):
    size = sum(path.stat().st_size for path in site.rglob("*") if path.is_file())
    assert size < LARGEST_SITE, f"{size / 1e6:.1f} MB"


def test_the_ledger_lists_every_claim_and_links_to_its_card(site):
    cards = {
        f"{page}#{anchor}"
        for page in READ
        if page != CLAIMS
        for anchor in read(page).anchors
        if anchor.startswith("claim-") and anchor != "claim-ledger"
    }
    listed = {"#".join(target_of(CLAIMS, link)) for link in read(CLAIMS).links if "#claim-" in link}
    assert cards
    assert listed - {f"{CLAIMS}#claim-ledger"} == cards


def test_the_scorecard_lists_every_step_and_links_to_its_card(site):
    cards = {
        f"{page}#{anchor}"
        for page in READ
        if page != SCORECARD
        for anchor in read(page).anchors
        if anchor.startswith("scorecard-")
    }
    found = {link for link in read(SCORECARD).links if "#scorecard-" in link}
    assert cards
    assert {"#".join(target_of(SCORECARD, link)) for link in found} == cards


# What only a browser can tell


@pytest.mark.parametrize("page", [page for page in PAGES if page != "index.html"])
def test_the_page_loads_without_error_and_its_mathematics_is_drawn(tab, address, page):
    visit(tab, address + page)
    assert tab.title().strip()
    assert tab.locator("h1:visible").count() == 1
    assert tab.evaluate(RAW_MATHEMATICS) == []
    assert tab.locator("mjx-merror").count() == 0
    undrawn = "els => els.filter(el => !el.querySelector('mjx-container')).length"
    assert tab.locator("article .math").evaluate_all(undrawn) == 0
    assert tab.troubles == []


def test_the_chapter_and_the_errata_show_formulas(tab, address):
    for page in (CHAPTER, "book/reference/errata.html"):
        visit(tab, address + page)
        assert tab.locator("mjx-container").count() > 5, page


@pytest.mark.parametrize("page", READ)
def test_nothing_is_wider_than_a_phone(tab, address, page):
    tab.set_viewport_size(PHONE)
    visit(tab, address + page)
    widths = "() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    needed, available = tab.evaluate(widths)
    assert needed <= available


@pytest.mark.parametrize("page", READ + ["search.html", "genindex.html"])
def test_axe_finds_no_serious_barrier(tab, address, page):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    visit(tab, address + page)
    # What a figure is made of says nothing to axe, and slows it: its description is tested above.
    scope = {"exclude": [["article figure svg > *"]]}
    options = {"resultTypes": ["violations"]}
    barriers = set()
    for viewport in (DESKTOP, PHONE):
        tab.set_viewport_size(viewport)
        tab.wait_for_timeout(400)  # the theme waits as long before it looks at the new width
        for theme in ("light", "dark"):
            tab.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
            for violation in axe.run(tab, scope, options).response["violations"]:
                if violation["impact"] in ("serious", "critical"):
                    places = [node["target"] for node in violation["nodes"]][:3]
                    where = f"{theme}, {viewport['width']} px"
                    barriers.add(f"{violation['id']} at {places} ({where}): {violation['help']}")
    assert not barriers


def test_the_chapter_reads_from_the_disk_without_a_server(tab, site):
    visit(tab, (site / CHAPTER).as_uri())
    assert tab.locator("mjx-container").count() > 5
    assert tab.troubles == []


def test_search_finds_cross_correlation(tab, address):
    visit(tab, f"{address}search.html?q=cross-correlation")
    hit = tab.locator("#search-results li a[href*='foundations/convolution']").first
    hit.wait_for(timeout=10_000)
    assert tab.troubles == []


def test_the_switch_changes_the_mode_and_figures_stay_readable(tab, address):
    visit(tab, address + CHAPTER)
    theme = "() => document.documentElement.dataset.theme"
    seen = set()
    for _ in range(3):  # the switch goes through automatic, light and dark
        tab.locator("button.theme-switch-button:visible").first.click()
        mode = tab.evaluate(theme)
        seen.add(mode)
        figures = tab.evaluate(FIGURE_COLORS)
        assert figures, "the chapter shows no figure"
        for figure in figures:
            assert figure["drawn"], f"nothing is drawn in the text's color: {figure['label']}"
            ratio = contrast(figure["ink"], figure["ground"])
            assert ratio >= TEXT_CONTRAST, f"{mode}: {ratio:.1f} in {figure['label']}"
    assert seen == {"light", "dark"}
    tab.reload()
    assert tab.evaluate(theme) == mode, "the choice is forgotten on the next page"


def test_solutions_are_folded_and_open_on_a_click(tab, address):
    visit(tab, address + CHAPTER)
    solutions = tab.locator("div.tag_solution details")
    assert solutions.count() >= 4
    is_open = "els => els.filter(el => el.open).length"
    assert solutions.evaluate_all(is_open) == 0
    solutions.first.locator("summary").click()
    assert solutions.evaluate_all(is_open) == 1


def test_the_keyboard_reaches_the_content_first(tab, address):
    visit(tab, address + CHAPTER)
    tab.keyboard.press("Tab")
    assert "skip" in tab.evaluate("() => document.activeElement.textContent.toLowerCase()")


def test_the_way_from_the_root_to_a_claim(tab, address):
    tab.goto(address, wait_until="load")
    tab.wait_for_url("**/book/index.html")
    tab.locator("article a[href*='reference/claims']").first.click()
    tab.locator("article table a[href*='#claim-']").first.click()
    tab.wait_for_url("**/*#claim-*")
    card = tab.locator(f"[id='{urldefrag(tab.url).fragment}']")
    assert card.is_visible()
    assert tab.troubles == []
