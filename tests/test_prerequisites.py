"""The map of prerequisites draws what the chapters say, and only what does not follow from it."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "book" / "_ext"))
prerequisites = pytest.importorskip("prerequisites")

NEEDS = {"a": set(), "b": {"a"}, "c": {"a"}, "d": {"a", "b"}, "e": {"c", "d"}, "f": set()}


def reachable(lines):
    """Everything that a chapter rests on, found by walking each path."""
    found = {}
    for chapter in lines:
        waiting, found[chapter] = list(lines[chapter]), set()
        while waiting:
            need = waiting.pop()
            found[chapter].add(need)
            waiting += lines[need]
    return found


def test_a_line_that_follows_from_others_is_left_out():
    lines = prerequisites.direct(NEEDS)
    assert lines["d"] == {"b"}
    assert reachable(lines) == reachable(NEEDS)
    for chapter, wanted in lines.items():
        for need in wanted:
            fewer = {**lines, chapter: wanted - {need}}
            assert reachable(fewer) != reachable(lines), (chapter, need)


def test_a_chapter_stands_right_of_all_it_needs_and_on_nobody_else():
    places = prerequisites.arrange(NEEDS)
    for chapter, wanted in NEEDS.items():
        assert all(places[need].column < places[chapter].column for need in wanted)
    assert len(set(places.values())) == len(places)


def test_the_picture_links_every_chapter_and_says_in_words_what_it_draws():
    lines = prerequisites.direct(NEEDS)
    titles = {name: f"{name.upper()} & more" for name in NEEDS}
    addresses = {name: f"part/{name}.html" for name in NEEDS}
    picture = prerequisites.draw(titles, lines, prerequisites.arrange(lines), addresses, {})
    assert set(re.findall(r'href="part/(\w)\.html"', picture)) == set(NEEDS)
    assert picture.count("<path") == sum(len(wanted) for wanted in lines.values())
    assert "D &amp; more builds on B &amp; more." in picture
    assert "A &amp; more builds on none." in picture
    boxes = re.findall(r'<rect x="([\d.]+)" y="([\d.]+)"', picture)
    width, height = map(float, re.search(r'viewBox="0 0 (\S+) (\S+)"', picture).groups())
    for x, y in boxes:
        assert 0 <= float(x) <= width - prerequisites.WIDTH
        assert 0 <= float(y) <= height - prerequisites.HEIGHT


def test_a_title_that_is_too_long_for_its_box_gives_way_to_the_name_of_the_page():
    short = prerequisites.short_title
    assert short("Attention: choosing what to look at", "book/part/attention") == "Attention"
    long = "Explanations on a crash test: which ones find the reason?"
    assert short(long, "book/part/crash_test") == "Crash test"
