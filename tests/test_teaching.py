"""Every chapter has a teaching page with what a teacher needs, and the table of contents has it."""

import re
from pathlib import Path

import pytest

from tools.book.project import Project

ROOT = Path(__file__).parents[1]
CHAPTERS = sorted((ROOT / "book").glob("[a-z]*/*.ipynb"))
HEADINGS = [
    "Minutes",
    "What learners stumble over",
    "Questions to ask",
    "On the board",
    "When time is short",
]


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_has_its_teaching_page(chapter):
    page = ROOT / "book" / "teaching" / f"{chapter.stem}.md"
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == HEADINGS
    assert f"../{chapter.parent.name}/{chapter.name}" in text, "link the chapter"
    assert f"{{run-time}}`book/{chapter.parent.name}/{chapter.stem}`" in text
    assert page.relative_to(ROOT).with_suffix("").as_posix() in Project(ROOT).pages()
    for heading in HEADINGS[1:4]:
        section = text.split(f"## {heading}\n")[1].split("\n## ")[0]
        items = re.findall(r"^(?:-|\d+\.) \S", section, re.MULTILINE)
        assert len(items) >= 3, f"{heading}: expected three points or more"


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_the_minutes_add_up_to_something_one_can_plan_with(chapter):
    text = (ROOT / "book" / "teaching" / f"{chapter.stem}.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| [^|]+\| *(\d*) *\| *(\d*) *\|$", text, re.MULTILINE)
    minutes = [int(number) for row in rows for number in row if number]
    assert len(minutes) >= 5
    assert 60 <= sum(minutes) <= 300
