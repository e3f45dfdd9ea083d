"""How does a deck become a file? nbconvert writes it; reveal.js and MathJax lie beside it.

reveal.js comes with the package sphinx-revealjs, MathJax with sphinx-mathjax-offline. Of both, a
deck gets what it uses, once for all decks, in the folder `shared`.
"""

from __future__ import annotations

import html
import importlib.util
import shutil
from pathlib import Path

import nbformat
from nbconvert.exporters import SlidesExporter

from tools.slides.talk import Slide, Talk

TEMPLATES = Path(__file__).parent
REVEAL = ("dist/reveal.js", "dist/reveal.css", "plugin/notes/notes.js", "LICENSE")
MATHJAX_SCRIPT = "tex-chtml-full.js"
MATHJAX_FONTS = "output/chtml/fonts/woff-v2"


def to_html(talk: Talk, shared: str) -> str:
    """Write a deck as one page of HTML.

    Args:
        talk: The deck.
        shared: The way from the page's folder to the folder `shared`.
    """
    cells = [cell for slide in talk.slides for cell in _cells(slide)]
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"title": talk.title})
    exporter = SlidesExporter(
        template_name="deck",
        extra_template_basedirs=[str(TEMPLATES)],
        exclude_anchor_links=True,
    )
    text, _ = exporter.from_notebook_node(notebook, resources={"shared": shared})
    return text


def copy_shared(folder: Path) -> None:
    """Copy what all decks load into a folder.

    Raises:
        ValueError: A package that holds it is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    reveal = _inside("sphinx_revealjs", "sphinx-revealjs") / "_static" / "revealjs"
    for name in REVEAL:
        target = "LICENSE-reveal.js" if name == "LICENSE" else Path(name).name
        shutil.copyfile(reveal / name, folder / target)
    mathjax = _inside("sphinx-mathjax-offline", "sphinx-mathjax-offline") / "static" / "mathjax"
    shutil.copytree(mathjax / MATHJAX_FONTS, folder / "mathjax" / MATHJAX_FONTS, dirs_exist_ok=True)
    shutil.copyfile(mathjax / MATHJAX_SCRIPT, folder / "mathjax" / MATHJAX_SCRIPT)
    for name in ("deck.css", "deck.js"):
        shutil.copyfile(TEMPLATES / "deck" / name, folder / name)


def _inside(module: str, package: str) -> Path:
    found = importlib.util.find_spec(module)
    if found is None or found.origin is None:
        raise ValueError(f"{package} is not installed: run `make slides`, which installs it.")
    return Path(found.origin).parent


def _cells(slide: Slide) -> list[nbformat.NotebookNode]:
    """The cells of a notebook from which nbconvert makes one slide."""
    level = "#" if slide.kind == "title" else "##"
    heading = _markdown(f"{level} {slide.title}", "heading", "slide")
    heading.metadata["kind"] = slide.kind
    cells = [heading]
    equations = "\n\n".join(f"$$\n{equation}\n$$" for equation in slide.equations)
    if equations:
        cells.append(_markdown(equations, "equation"))
    if slide.text:
        cells.append(_markdown(slide.text, "text"))
    if slide.shown:
        shown = "\n".join(slide.shown)
        cells.append(nbformat.v4.new_raw_cell(f'<div class="shown">\n{shown}\n</div>'))
    if slide.foot:
        cells.append(_markdown(slide.foot, "foot"))
    if slide.notes:
        cells.append(_markdown(slide.notes, "said", "notes"))
    return cells


def _markdown(source: str, part: str, slide_type: str = "-") -> nbformat.NotebookNode:
    metadata = {"part": part, "slideshow": {"slide_type": slide_type}}
    return nbformat.v4.new_markdown_cell(source, metadata=metadata)


def contents(title: str, decks: dict[str, str]) -> str:
    """A page that lists the decks.

    Args:
        title: The title of the course.
        decks: From the address of each deck to its title.
    """
    items = "\n".join(
        f'<li><a href="{html.escape(address)}">{html.escape(name)}</a></li>'
        for address, name in decks.items()
    )
    return _CONTENTS.format(title=html.escape(title), items=items)


_CONTENTS = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}: slides</title>
<link rel="icon" href="data:,">
<style>
body {{ font: 18px/1.6 system-ui, sans-serif; margin: 2rem auto; max-width: 45rem }}
</style>
</head>
<body>
<main>
<h1>{title}: slides</h1>
<p>One deck a chapter. In a deck, the arrow keys turn the slides, S opens the speaker's view with
the notes, O shows all slides, F fills the screen, and ?print-pdf at the end of the address makes it
fit for printing.</p>
<ol>
{items}
</ol>
</main>
</body>
</html>
"""
