"""Every exercise accepts what is right and answers each known mistake with its hint."""

import numpy as np
import pytest
import scipy.signal

from course_lib import exercises

NAMES = exercises.names()
MISTAKES = [(name, i) for name in NAMES for i in range(len(exercises.get(name).mistakes))]


@pytest.mark.parametrize("name", NAMES)
def test_the_solution_passes_and_says_so(name, capsys):
    exercises.check(name, exercises.get(name).solution)
    assert capsys.readouterr().out.startswith(f"Right: {name} agrees on all")


@pytest.mark.parametrize(("name", "index"), MISTAKES)
def test_each_known_mistake_gets_its_own_hint(name, index):
    wrong, hint = exercises.get(name).mistakes[index]
    with pytest.raises(exercises.WrongAnswer) as caught:
        exercises.check(name, wrong)
    assert hint in str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_an_exercise_knows_at_least_three_mistakes(name):
    assert len(exercises.get(name).mistakes) >= 3


@pytest.mark.parametrize("name", NAMES)
def test_unusual_wrong_answers_are_refused_too(name):
    rows = [
        (lambda *arguments: None, "returns None"),
        (lambda *arguments: 1 / 0, "ZeroDivisionError"),
        (lambda *arguments: "no number", "should return numbers"),
        (lambda *arguments: np.zeros((1, 2, 3, 4)), "has shape"),
        (12, "Pass the function itself"),
    ]
    for answer, message in rows:
        with pytest.raises(exercises.WrongAnswer, match=message):
            exercises.check(name, answer)


def test_a_wrong_answer_without_a_hint_says_where_it_differs():
    with pytest.raises(exercises.WrongAnswer, match="you return 7, expected 6"):
        exercises.check("convolution.output_size", lambda n, k, s, p: 7)


def test_unknown_exercises_are_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"convolution\.output_size"):
        exercises.check("convolution.nothing", max)


def test_the_true_convolution_is_scipys():
    exercises.check(
        "convolution.true_convolution",
        lambda image, kernel: scipy.signal.convolve2d(image, kernel, mode="valid"),
    )


def test_the_moving_kernel_moves_a_picture_to_the_right():
    kernel = exercises.get("convolution.move_right").solution()
    picture = np.random.default_rng(0).normal(size=(6, 6))
    moved = scipy.signal.correlate2d(picture, kernel, mode="same")
    np.testing.assert_allclose(moved[:, 1:], picture[:, :-1])
