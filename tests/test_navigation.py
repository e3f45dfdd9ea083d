"""Does a reader of the PDF find a place? The outline's titles, as Chromium makes them, mended."""

from __future__ import annotations

import pytest

from tools import navigation


@pytest.mark.parametrize(
    ("title", "heading", "expected"),
    [
        ("Quiz", "Quiz", "Quiz"),
        ("Take-awaysTake-aways", "Take-aways", "Take-aways"),
        ("At a glanceAt a glance", "At a glance", "At a glance"),
        ("numbers bygoing downhill", "numbers by going downhill", "numbers by going downhill"),
        ("2. A large amount of2. A large amount ofdata", "2. A large amount of data", None),
        ("A short-A short-sighted net", "A short-sighted net", None),
        ("One line andthe lastthe last", "One line and the last", None),
        ("Why , measured", r"Why \(T^2\), measured", "Why T^2, measured"),
        ("", r"\(T^2\)", "T^2"),
        ("Why , measuredWhy , measured", r"Why \(T^2\), measured", "Why T^2, measured"),
    ],
)
def test_a_title_is_the_heading_that_it_was_made_from(title, heading, expected):
    assert navigation.true_titles([title], ["Another", heading, "Last"]) == [expected or heading]


def test_titles_that_stand_several_times_keep_their_order():
    titles = ["Alpha", "ExercisesExercises", "Beta", "Exercises"]
    headings = ["Alpha", "Not in the outline", "Exercises", "Beta", "Exercises"]
    assert navigation.true_titles(titles, headings) == ["Alpha", "Exercises", "Beta", "Exercises"]


def test_a_heading_explains_one_title_only():
    with pytest.raises(RuntimeError, match="'Quiz'"):
        navigation.true_titles(["Quiz", "Quiz"], ["Quiz"])


@pytest.mark.parametrize("title", ["Quizz", "QuizQui", ""])
def test_a_title_that_no_heading_explains_is_an_error(title):
    with pytest.raises(RuntimeError, match="No heading explains"):
        navigation.true_titles([title], ["Quiz"])
