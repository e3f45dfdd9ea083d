"""How does a Matplotlib figure become an inline SVG that reads in light and in dark mode?

Text, axes and ticks are drawn in one sentinel color, ``INK``, which becomes ``currentColor`` in
the SVG: the figure takes the color of the text around it. The background is left transparent. Ids
get a prefix of their own, so that many figures can live on one page.
"""

import hashlib
import html
import io
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.spines import Spine
from matplotlib.text import Text

__all__ = ["INK", "MARKERS", "PALETTE", "STROKES", "WIDEST", "inline_svg", "new_figure", "style"]

INK = "#0a0b0c"
WIDEST = 7.0  # inches: a wider figure would shrink to nothing on a phone
_BLACK = (0.0, 0.0, 0.0, 1.0)

# After Okabe and Ito (2008): those of their colors that have a contrast of at least 3 : 1 both on
# white and on a dark page, then a gray and a dark yellow. Marker and stroke differ as well.
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#808080", "#957a1c")
MARKERS = ("o", "s", "^", "D", "v", "P")
STROKES = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)), (0, (3, 1)), (0, (8, 1.5)))

_STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.labelsize": 10,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.fontsize": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": INK,
    "grid.alpha": 0.2,
    "grid.linewidth": 0.6,
    "axes.grid": False,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "legend.frameon": False,
    "legend.handlelength": 3.2,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "image.interpolation": "none",
    "image.composite_image": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "course_lib",
    "axes.prop_cycle": mpl.cycler(color=PALETTE) + mpl.cycler(linestyle=STROKES),
}
_shown: Counter[str] = Counter()


@contextmanager
def style() -> Iterator[None]:
    """Draw in the course's style within this block."""
    with mpl.rc_context(_STYLE):
        yield


def new_figure(rows: int, columns: int, width: float, height: float) -> tuple[Figure, np.ndarray]:
    """Return a figure of a size in inches, and its axes of shape (rows, columns)."""
    if rows < 1 or columns < 1:
        raise ValueError(f"rows and columns must be at least 1, but they are {rows} and {columns}.")
    if not 0 < width <= WIDEST:
        raise ValueError(f"width must be above 0 and at most {WIDEST} inches, but it is {width}.")
    with style():
        figure = Figure(figsize=(width, height))
        figure.set_layout_engine("constrained")
        return figure, figure.subplots(rows, columns, squeeze=False)


def inline_svg(figure: Figure, label: str) -> str:
    """Return a figure as an SVG element to stand within HTML.

    Args:
        figure: the figure. What is black in it is drawn in the color of the page's text.
        label: what the figure shows, for those who do not see it.
    """
    _replace_black(figure)
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with style():
        FigureCanvasSVG(figure).print_svg(buffer, metadata=nothing)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"\s*<metadata>.*?</metadata>|\s*<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = svg.replace(INK, "currentColor")
    svg = _with_own_ids(svg)
    svg = re.sub(r"\n\s*", "\n", svg)
    width = figure.get_figwidth() * 96  # CSS pixels to the inch
    attributes = (
        f'role="img" aria-label="{html.escape(label)}" '
        f'style="--width: {width:.0f}px; width: {width:.0f}px; max-width: 100%; height: auto"'
    )
    view_box = re.search(r'viewBox="[^"]*"', svg)[0]
    return re.sub(r"<svg[^>]*>", lambda _: f"<svg {view_box} {attributes}>", svg, count=1).strip()


def _replace_black(figure: Figure) -> None:
    """Turn what was drawn in Matplotlib's default black, outside ``style()``, into ink."""
    for artist in figure.findobj(lambda found: isinstance(found, Text | Line2D)):
        if to_rgba(artist.get_color()) == _BLACK:
            artist.set_color(INK)
    for spine in figure.findobj(Spine):
        if to_rgba(spine.get_edgecolor()) == _BLACK:
            spine.set_edgecolor(INK)


def _with_own_ids(svg: str) -> str:
    """Drop the ids nothing refers to and give the others a prefix that no other figure has."""
    used = set(re.findall(r'(?:href="|url\()#([^")]+)', svg))
    svg = re.sub(r' id="([^"]+)"', lambda m: m[0] if m[1] in used else "", svg)
    content = hashlib.sha256(svg.encode("utf-8")).hexdigest()[:8]
    _shown[content] += 1
    prefix = f"f{content}-{_shown[content]}-"
    svg = re.sub(r' id="', f' id="{prefix}', svg)
    return re.sub(r'((?:href="|url\()#)', rf"\g<1>{prefix}", svg)
