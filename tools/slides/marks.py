"""What does a mark say, and can a slide be made of it?

A mark is the object ``"slide"`` in a cell's metadata:

- ``title``: the heading of the slide; Markdown with $mathematics$.
- ``text`` (optional): at most 45 words of Markdown.
- ``equation`` (optional): the label of an equation of this cell, or a list of labels.
- ``question`` (optional): true for a question to the room; the deck says so above the title. Its
  body is ``text`` or, without one, the box "Predict first" of the cell.
- ``notes`` (optional): what the speaker says; shown in the speaker's view alone.

On a code cell a slide shows the figures that the cell draws or, if it draws none, the cards of the
claims that it checks. Three keys leave some of that out:

- ``figures`` (optional): the numbers of the figures to show, from 1.
- ``cards`` (optional): the numbers of the cards to show, from 1; with it, cards take the place of
  figures.
- ``measured`` (optional): the names of the measured values to show on the cards, as cards write
  them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tools.lint.notebook import joined
from tools.markdown import ADMONITION, EQUATION

MOST_WORDS = 45
PREDICT = "Predict first"

_FIGURE = "Figure: "
_CLAIM = "Claim holds: "

_KEYS = {
    "title": str,
    "text": str,
    "equation": (str, list),
    "question": bool,
    "notes": str,
    "figures": list,
    "cards": list,
    "measured": list,
}
_OF_CODE = ("figures", "cards", "measured")


@dataclass(frozen=True)
class Mark:
    """A cell that becomes a slide.

    Attributes:
        cell: The cell.
        title: The heading.
        text: The Markdown under it; for a question, what is asked. It may be empty.
        equations: Labels of equations in the cell.
        question: Whether it is a question to the room.
        notes: What the speaker says; it may be empty.
        figures: Which of the cell's figures to show, from 1; none for all.
        cards: Which of its cards to show, from 1; none for all, and for figures if there are any.
        measured: Which measured values to show on the cards; none for all.
    """

    cell: dict
    title: str
    text: str = ""
    equations: tuple[str, ...] = ()
    question: bool = False
    notes: str = ""
    figures: tuple[int, ...] = ()
    cards: tuple[int, ...] = ()
    measured: tuple[str, ...] = ()


def mark_of(cell: dict) -> Mark | None:
    """The mark of a cell, or None if it has none.

    Raises:
        ValueError: The mark cannot become a slide; the message says why.
    """
    given = cell["metadata"].get("slide")
    if given is None:
        return None
    found = list(problems(cell))
    if found:
        raise ValueError(f"cell {cell.get('id')}: {'; '.join(found)}")
    labels = given.get("equation", [])
    return Mark(
        cell=cell,
        title=given["title"],
        text=given.get("text") or (_asked(cell) if given.get("question") else ""),
        equations=(labels,) if isinstance(labels, str) else tuple(labels),
        question=given.get("question", False),
        notes=given.get("notes", ""),
        **{key: tuple(given.get(key, ())) for key in _OF_CODE},
    )


def problems(cell: dict) -> Iterator[str]:
    """What is wrong with the mark of a cell that has one."""
    given = cell["metadata"]["slide"]
    if not isinstance(given, dict) or not str(given.get("title", "")).strip():
        yield "the slide needs a title"
        return
    for key, value in given.items():
        if key not in _KEYS:
            yield f"the slide holds {key}; known are {', '.join(_KEYS)}"
        elif not isinstance(value, _KEYS[key]):
            yield f"the slide's {key} is of the wrong kind: {value!r}"
            return
    if given["title"].startswith("Question"):
        yield "the slide's title begins with 'Question', which the deck writes above it"
    words = len(given.get("text", "").split())
    if words > MOST_WORDS:
        yield f"the slide's text has {words} words; at most {MOST_WORDS}"
    if cell["cell_type"] == "code":
        yield from _problems_of_code(cell, given)
    else:
        yield from _problems_of_markdown(cell, given)


def _problems_of_code(cell: dict, given: dict) -> Iterator[str]:
    if given.get("question") or given.get("equation"):
        yield "a slide on a code cell shows what the cell put out: no equation and no question"
    if not draws(cell) and not claims(cell):
        yield "the slide's cell draws no figure and checks no claim"
    for key, begins in (("figures", _FIGURE), ("cards", _CLAIM)):
        most = sum(text.startswith(begins) for text in _plain(cell))
        for number in given.get(key, []):
            if not isinstance(number, int) or not 1 <= number <= most:
                yield f"the slide names number {number!r} of {most} {key}"


def _problems_of_markdown(cell: dict, given: dict) -> Iterator[str]:
    for key in _OF_CODE:
        if key in given:
            yield f"the slide holds {key}, which only a slide on a code cell may"
    source = joined(cell["source"])
    known = {found["label"] for found in EQUATION.finditer(source)}
    labels = given.get("equation", [])
    for label in [labels] if isinstance(labels, str) else labels:
        if label not in known:
            yield f"the slide names {label}, which is no labeled equation of this cell"
    if given.get("question") and not given.get("text") and not _asked(cell):
        yield f"the slide asks nothing: give it a text, or the cell a box '{PREDICT}'"
    if not given.get("question") and not labels and not given.get("text"):
        yield "the slide shows nothing but its title: give it a text or an equation"


def draws(cell: dict) -> bool:
    """Whether a code cell's stored outputs tell of a figure."""
    return any(text.startswith(_FIGURE) for text in _plain(cell))


def claims(cell: dict) -> bool:
    """Whether a code cell's stored outputs tell of a claim."""
    return any(text.startswith(_CLAIM) for text in _plain(cell))


def _plain(cell: dict) -> list[str]:
    outputs = (output.get("data", {}).get("text/plain", "") for output in cell["outputs"])
    return [joined(text) for text in outputs]


def _asked(cell: dict) -> str:
    boxes = ADMONITION.finditer(joined(cell["source"]))
    return "\n\n".join(box["body"].strip() for box in boxes if box["title"].strip() == PREDICT)
