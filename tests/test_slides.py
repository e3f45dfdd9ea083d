"""Do the marks in the notebooks make decks that a teacher can show, also without a network?

What a deck looks like is seen by a real browser: `make slides` writes the decks first. In CI a
missing deck or browser is a failure, elsewhere a skip.
"""

from __future__ import annotations

import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tools.book.project import Project
from tools.markdown import read
from tools.slides import __main__ as slides
from tools.slides import marks
from tools.slides.export import contents, copy_shared, to_html
from tools.slides.talk import DOCUMENTS, Slide, Talk, part_of, talk

ROOT = Path(__file__).parents[1]
PROJECT = Project(ROOT)
DECKS = ROOT / "_build" / "slides"
CHAPTERS = PROJECT.chapters()
CONVOLUTION = "book/foundations/convolution"

FIGURE = '<figure class="course-figure"><svg role="img" aria-label="A line"></svg></figure>'
CARD = '<div class="claim claim-holds"><p>Claim holds: Two is more than one</p></div>'


def markdown(source: str, **slide: object) -> dict:
    metadata = {"slide": slide} if slide else {}
    return {"cell_type": "markdown", "id": "m", "metadata": metadata, "source": source}


def code(*shown: tuple[str, str], **slide: object) -> dict:
    """A code cell that displayed pairs of plain text and HTML."""
    outputs = [
        {"output_type": "display_data", "data": {"text/plain": plain, "text/html": page}}
        for plain, page in shown
    ]
    metadata = {"slide": slide} if slide else {}
    return {"cell_type": "code", "id": "c", "metadata": metadata, "source": "1", "outputs": outputs}


DRAWN = ("Figure: A line", FIGURE)
CLAIMED = ("Claim holds: Two is more than one", CARD)
EQUATIONS = "Then\n\n$$\na = b\n$$ (eq-a)\n\nand\n\n$$\nc = d\n$$ (eq-c)"
ASKED = ":::{admonition} Predict first\n:class: tip\n\nHow many?\n:::"
GLANCE = (
    "## At a glance\n\n| | |\n| --- | --- |\n| **Question** | Why so {term}`deep <depth>`? |\n"
    "| **You will be able to** | count; explain why |\n"
)


def chapter(*cells: dict, take_aways: str = "- Count.\n- Explain.") -> dict:
    first = markdown("# Depth: counting layers\n\nWords.")
    last = markdown(f"## Take-aways\n\n{take_aways}\n\n## Further reading\n\nMore.")
    return {"cells": [first, markdown(GLANCE.replace(" <depth>", " <kernel>")), *cells, last]}


def slides_of(*cells: dict, **options: str) -> list[Slide]:
    return talk(PROJECT, CONVOLUTION, chapter(*cells, **options)).slides


# Marks


BAD_MARKS = [
    (markdown("A", text="B"), "needs a title"),
    (markdown("A", title="  ", text="B"), "needs a title"),
    (markdown("A", title="A"), "nothing but its title"),
    (markdown("A", title="Question: why?", text="B"), "begins with 'Question'"),
    (markdown("A", title="A", text="B", color="red"), "holds color"),
    (markdown("A", title="A", text=["B"]), "text is of the wrong kind"),
    (markdown("A", title="A", text="word " * 46), "has 46 words; at most 45"),
    (markdown(EQUATIONS, title="A", equation="eq-b"), "names eq-b"),
    (markdown(EQUATIONS, title="A", equation=["eq-a", "eq-b"]), "names eq-b"),
    (markdown("A", title="A", question=True), "asks nothing"),
    (code(title="A"), "draws no figure and checks no claim"),
    (code(DRAWN, title="A", question=True), "no equation and no question"),
    (code(DRAWN, title="A", equation="eq-a"), "no equation and no question"),
    (code(DRAWN, DRAWN, title="A", figures=[3]), "names number 3 of 2 figures"),
    (code(DRAWN, title="A", cards=[1]), "names number 1 of 0 cards"),
    (code(CLAIMED, title="A", cards=[0]), "names number 0 of 1 cards"),
    (markdown("A", title="A", text="B", cards=[1]), "cards, which only a slide on a code cell"),
]


@pytest.mark.parametrize(("cell", "message"), BAD_MARKS, ids=[row[1] for row in BAD_MARKS])
def test_a_mark_that_makes_no_slide_is_refused(cell, message):
    with pytest.raises(ValueError, match=message):
        marks.mark_of(cell)


def test_a_cell_without_a_mark_is_no_slide():
    assert marks.mark_of(markdown("A")) is None


@pytest.mark.parametrize("name", CHAPTERS)
def test_the_speaker_has_something_to_say_on_every_slide(name):
    for cell in read(PROJECT.source(name))["cells"]:
        if mark := marks.mark_of(cell):
            assert len(mark.notes.split()) >= 8, f"{mark.title}: what does the speaker say?"


# The slides of a chapter


def test_a_deck_begins_with_the_question_and_ends_with_the_address():
    first, second, *_, last = slides_of(code(DRAWN, title="A line"))
    assert (first.kind, first.title) == ("title", "Depth: counting layers")
    assert first.text == "Why so deep?\n\n*Foundations*"
    assert (second.title, second.text) == ("You will be able to", "- Count\n- Explain why")
    assert f"{PROJECT.address}{CONVOLUTION}.html" in last.text


def test_marked_cells_become_slides_in_the_order_of_the_notebook():
    made = slides_of(
        markdown("A", title="Words", text="See {cite}`xiao2017` and {term}`kernel`.", notes="Say."),
        code(DRAWN, CLAIMED, title="A line", text="Look."),
        code(CLAIMED, title="A card"),
        code(DRAWN),
        markdown(EQUATIONS, title="Equations", equation=["eq-c", "eq-a"]),
        markdown(f"Before.\n\n{ASKED}", title="A guess", question=True),
        markdown(ASKED, title="Another", question=True, text="Which?"),
    )[2:-2]
    assert [slide.title for slide in made] == [
        *("Words", "A line", "A card", "Equations", "A guess", "Another")
    ]
    kinds = ["text", "figure", "card", "equation", "question", "question"]
    assert [slide.kind for slide in made] == kinds
    assert made[0].text == "See (Xiao et al., 2017) and kernel."
    assert made[0].notes == "Say."
    assert made[1].shown == (FIGURE,)
    assert made[2].shown == (CARD,)
    assert made[3].equations == ("c = d \\tag{2}", "a = b \\tag{1}")
    assert [slide.text for slide in made[4:]] == ["How many?", "Which?"]


def card(*measured: str) -> tuple[str, str]:
    """A card with values as `claims.check` writes them."""
    rows = "".join("<li>{}: <strong>{}</strong></li>".format(*row.split("=")) for row in measured)
    return ("Claim holds: A", f'<div class="claim claim-holds"><p>A</p><ul>{rows}</ul></div>')


def test_a_mark_chooses_figures_cards_and_values():
    other = ("Figure: Another", FIGURE.replace("A line", "Another"))
    one, two = card("gap=0.5", "seed&#x27;s gap=0.25"), card("seconds=3")
    cell = (DRAWN, one, other, two)
    made = slides_of(
        code(*cell, title="Both figures"),
        code(*cell, title="The second figure", figures=[2]),
        code(*cell, title="The second card", cards=[2]),
        code(*cell, title="One value", cards=[1], measured=["seed's gap"]),
    )[2:-2]
    assert [slide.kind for slide in made] == ["figure", "figure", "card", "card"]
    assert made[0].shown == (FIGURE, other[1])
    assert made[1].shown == (other[1],)
    assert made[2].shown == (two[1],)
    assert "0.25" in made[3].shown[0]
    assert "0.5" not in made[3].shown[0]


def test_a_value_that_no_card_measures_is_refused():
    with pytest.raises(ValueError, match="names 'gain'; its cards measure gap"):
        slides_of(code(card("gap=0.5"), title="A", measured=["gain"]))


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("0.9", "0.9"),
        ("0.6833", "0.683"),
        ("3.004, 2.966", "3.00, 2.97"),
        ("3.824e-07", "3.82e-07"),
        ("-156.7", "-157"),
        ("1234.5", "1234.5"),
        ("60,874, 15,466", "60,874, 15,466"),
        ("1,662,674,552, 1,639,729,560", "1.66 billion, 1.64 billion"),
        ("yes", "yes"),
        ("mirror, cutout, color jitter, crop", "mirror, cutout, color jitter, crop"),
        ("0.5, 0.6, 0.7, 0.8", "0.65 on average (0.5 to 0.8)"),
        ("0, 0.01, 0, 0", "0.0025 on average (0 to 0.01)"),
        ("1, 2, 3, 4", "1, 2, 3, 4"),
    ],
)
def test_measured_values_are_short_enough_for_the_wall(written, shown):
    (made,) = slides_of(code(card(f"gap={written}"), title="A"))[2:-2]
    assert f"<li>gap: <strong>{shown}</strong></li>" in made.shown[0]


def test_a_question_that_the_title_asks_is_not_asked_again():
    content = chapter()
    content["cells"][0]["source"] = "# Depth: why so deep?\n\nWords."
    content["cells"][1]["source"] = GLANCE.replace("{term}`deep <depth>`", "deep")
    assert talk(PROJECT, CONVOLUTION, content).slides[0].text == "*Foundations*"


def test_the_first_slide_that_names_a_document_says_what_it_is():
    made = slides_of(
        markdown("A", title="Words", text="None.", notes="Document 001 says so."),
        code(CLAIMED, title='Document 004: "yes"'),
        markdown("A", title="Words", text="So say documents 000 and 001."),
    )
    assert [bool(slide.foot) for slide in made] == [False, False, False, True, *[False] * 3]
    assert made[3].foot == DOCUMENTS
    assert DOCUMENTS in to_html(Talk("A", made), "assets")


def test_a_figure_that_did_not_become_html_is_missed():
    with pytest.raises(ValueError, match="expected a figure or a card"):
        slides_of(code(("Figure: A line", ""), title="A line"))


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [
        ([10, 10], [2]),
        ([40, 40, 40], [2, 1]),
        ([20] * 6, [3, 3]),
        ([120, 5], [1, 1]),
        ([2] * 11, [4, 4, 3]),
    ],
)
def test_take_aways_are_spread_evenly_over_few_slides(lengths, expected):
    text = "\n".join("- " + " ".join(["word"] * (length - 1)) for length in lengths)
    made = [slide for slide in slides_of(take_aways=text) if slide.title.startswith("Take-aways")]
    assert [slide.text.count("- ") for slide in made] == expected
    assert [slide.title for slide in made[1:]] == ["Take-aways, continued"] * (len(made) - 1)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("## At a glance", "## Other", "At a glance"),
        ("**Question**", "**Answer**", "the row 'Question'"),
        ("- Count.\n- Explain.", "Count.", "expected a list"),
    ],
)
def test_a_chapter_without_its_parts_is_refused(old, new, message):
    content = json.loads(json.dumps(chapter()).replace(json.dumps(old)[1:-1], new))
    with pytest.raises(ValueError, match=message):
        talk(PROJECT, CONVOLUTION, content)


def test_a_chapter_belongs_to_a_part():
    assert part_of(PROJECT, "book/compute/distillation") == "Compute"
    with pytest.raises(ValueError, match="a part of _toc"):
        part_of(PROJECT, "book/index")


# The file


class Outline(HTMLParser):
    """The sections of a deck and what it loads."""

    def __init__(self, text: str):
        super().__init__()
        self.sections: list[str] = []
        self.loads: list[str] = []
        self.depth = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "section":
            self.depth += 1
            self.sections.append(values.get("class") or "")
        for name in ("src", "href"):
            if tag in {"script", "link", "img", "iframe"} and values.get(name):
                self.loads.append(values[name] or "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "section":
            self.depth -= 1


def test_each_slide_is_a_section_with_its_parts():
    made = [
        Slide("title", "A < b & $c$", "Words"),
        Slide("figure", "A line", "Look at *this*.", shown=(FIGURE,), notes="Say **it**."),
        Slide("equation", "An equation", equations=("a_i = b_i < c \\tag{1}",)),
    ]
    page = to_html(Talk("A < b", made), "../shared")
    outline = Outline(page)
    assert outline.sections == ["title", "figure", "equation"]
    assert outline.depth == 0
    assert "<title>A &lt; b (slides)</title>" in page
    assert "<h1" in page
    assert page.count("<h2") == 2
    assert "A &lt; b &amp; $c$" in page
    assert '<div class="shown">' in page
    assert re.search(r'<figure class="course-figure"><svg [^>]*aria-label="A line"', page)
    assert re.search(r'<aside class="notes">.*<strong>it</strong>.*</aside>', page, re.DOTALL)
    assert "a_i = b_i &lt; c \\tag{1}" in page


def test_a_deck_loads_from_its_own_folder_alone():
    page = to_html(Talk("A", [Slide("text", "A", "B")]), "../shared")
    loads = Outline(page).loads
    assert len(loads) >= 6
    assert all(load.startswith(("../shared/", "data:")) for load in loads)


def test_the_list_of_decks_names_them():
    page = contents("A & B", {"a/b.html": "C < D"})
    assert '<a href="a/b.html">C &lt; D</a>' in page
    assert "A &amp; B: slides" in page


def test_an_unknown_chapter_is_refused(capsys):
    assert slides.main(["book/foundations/nothing"]) == 2
    assert "book/foundations/nothing" in capsys.readouterr().err


def test_what_a_deck_loads_is_copied(tmp_path):
    pytest.importorskip("sphinx_revealjs")
    copy_shared(tmp_path)
    names = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")}
    loads = Outline(to_html(Talk("A", [Slide("text", "A", "B")]), ".")).loads
    assert {load.removeprefix("./") for load in loads if load.startswith("./")} <= names
    assert "LICENSE-reveal.js" in names
    assert any(name.endswith(".woff") for name in names)


# What only a browser can tell


# For each slide: how far its content reaches over its edges, and what of it is wrong.
LOOK = """() => Reveal.getSlides().map(slide => {
  const parts = [...slide.querySelectorAll(
    'h1, h2, p, li, svg, figure, .claim, mjx-container, table, pre')].filter(
      part => !part.closest('aside') && !part.closest('mjx-assistive-mml'));
  const box = slide.getBoundingClientRect();
  const scale = box.width / slide.offsetWidth;
  const over = Math.max(0, ...parts.map(part => {
    const own = part.getBoundingClientRect();
    return Math.max(own.right - box.right, box.left - own.left, own.bottom - box.bottom,
                    box.top - own.top) / scale;
  }));
  const walker = document.createTreeWalker(slide, NodeFilter.SHOW_TEXT);
  let text = '';
  while (walker.nextNode())
    if (!walker.currentNode.parentElement.closest('code, pre, mjx-container, aside'))
      text += walker.currentNode.data + '\\n';
  const figures = [...slide.querySelectorAll('.shown svg')].map(svg => ({
    alt: svg.getAttribute('aria-label') ?? '',
    size: Math.min(
      svg.getBoundingClientRect().width / scale / parseFloat(svg.style.getPropertyValue('--width')),
      svg.getBoundingClientRect().height / scale /
        (parseFloat(svg.style.getPropertyValue('--width')) *
          svg.viewBox.baseVal.height / svg.viewBox.baseVal.width)),
  }));
  const images = [...slide.querySelectorAll('img')].map(image => image.alt);
  return {title: slide.querySelector('h1, h2')?.textContent ?? '', over, text, figures, images,
          kind: slide.className.split(' ')[0],
          errors: slide.querySelectorAll('mjx-merror').length,
          equations: slide.querySelectorAll('.equation mjx-container').length};
})"""
SMALLEST_FIGURE = 0.6  # of its size on the page, where its letters are 12 pixels high


@pytest.fixture(params=CHAPTERS)
def deck(request) -> Path:
    """The deck of a chapter, as `make slides` wrote it."""
    path = DECKS / Path(request.param).relative_to("book").with_suffix(".html")
    if path.is_file():
        return path
    problem = f"There is no deck at {path}: run `make slides` first."
    if os.environ.get("CI", "").lower() in {"1", "true"}:
        pytest.fail(problem)
    pytest.skip(problem)


@pytest.mark.browser
def test_every_slide_fits_and_shows_what_it_should(browser, deck):
    page = browser.new_page(viewport={"width": 1244, "height": 700})
    troubles: list[str] = []
    page.on("request", lambda r: r.url.startswith(("file:", "data:")) or troubles.append(r.url))
    page.on("requestfailed", lambda request: troubles.append(f"failed: {request.url}"))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda m: m.type == "error" and troubles.append(m.text))
    page.goto(deck.as_uri())
    page.wait_for_function("window.deckIsReady", timeout=60_000)
    looked_at = page.evaluate(LOOK)
    page.close()
    assert troubles == []
    assert len(looked_at) >= 5
    for slide in looked_at:
        name = slide["title"]
        assert name.strip()
        assert slide["over"] < 1, f"{name}: {slide['over']:.0f} px over the edge"
        assert slide["errors"] == 0, name
        assert "$" not in slide["text"], f"{name}: mathematics that is not drawn"
        assert all(text.strip() for text in slide["images"]), f"{name}: an image without alt text"
        for figure in slide["figures"]:
            assert figure["alt"].strip(), f"{name}: a figure without alt text"
            assert figure["size"] >= SMALLEST_FIGURE, f"{name}: a figure of {figure['size']:.2f}"
        assert bool(slide["figures"]) == (slide["kind"] == "figure"), name
        assert bool(slide["equations"]) == (slide["kind"] == "equation"), name


@pytest.mark.browser
def test_a_printed_deck_has_a_slide_a_page(browser, deck):
    page = browser.new_page(viewport={"width": 1244, "height": 700})
    page.goto(f"{deck.as_uri()}?print-pdf")
    page.wait_for_function("window.deckIsReady", timeout=60_000)
    page.wait_for_function("document.querySelector('.pdf-page')", timeout=60_000)
    slides_there = page.evaluate("document.querySelectorAll('.slides section').length")
    paper = page.evaluate(
        "[...document.querySelectorAll('.pdf-page')].map(sheet => sheet.offsetHeight)"
    )
    figures = page.evaluate(
        "[...document.querySelectorAll('.figure .shown svg')].map("
        "svg => svg.getBoundingClientRect().height)"
    )
    page.close()
    assert len(paper) == slides_there
    assert len(set(paper)) == 1
    assert min(figures) > 100
