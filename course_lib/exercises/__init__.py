"""How do you know that your own answer to an exercise is right?

``exercises.check("convolution.output_size", my_function)`` runs your function on the cases of the
exercise. If it is right, one line says so. If not, the error says where it differs, and, where your
answer is one that many people give first, what probably happened. The exercises of a chapter live
in the module of its name.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from course_lib._checks import string, takes

__all__ = ["Exercise", "WrongAnswer", "check", "get", "names"]


class WrongAnswer(AssertionError):  # noqa: N818 - a learner meets it, so it has a plain name
    """An answer to an exercise differs from what is right; the message holds a hint."""


@dataclass(frozen=True)
class Exercise:
    """A coding exercise: what is right, where to compare, and the mistakes that are worth a hint.

    Attributes:
        solution: A function that answers rightly.
        cases: Argument tuples on which an answer is compared with the solution.
        mistakes: Pairs of a wrong answer (a function like ``solution``) and the hint for who gives
            it.
        tolerance: Largest absolute difference that still counts as equal.
    """

    solution: Callable[..., Any]
    cases: Sequence[tuple]
    mistakes: Sequence[tuple[Callable[..., Any], str]]
    tolerance: float = 1e-4


def names() -> list[str]:
    """List every exercise as ``chapter.exercise``."""
    chapters = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return [f"{chapter}.{name}" for chapter in chapters for name in _of_chapter(chapter)]


@takes(name=string())
def get(name: str) -> Exercise:
    """Return one exercise.

    Args:
        name: ``chapter.exercise``, one of :func:`names`.

    Raises:
        ValueError: If there is no such exercise.
    """
    if name not in names():
        raise ValueError(f"There is no exercise {name!r}. A name is one of: {', '.join(names())}.")
    chapter, exercise = name.split(".")
    return _of_chapter(chapter)[exercise]


@takes(name=string())
def check(name: str, answer: Callable[..., Any]) -> None:
    """Compare an answer with the exercise's solution on all its cases; print a line if it is right.

    Args:
        name: ``chapter.exercise``, one of :func:`names`.
        answer: Your function. It gets the same arguments as the exercise describes.

    Raises:
        WrongAnswer: If a result differs; the message says where, and gives a hint if the mistake is
            a known one.
        ValueError: If there is no such exercise.
    """
    exercise = get(name)
    if not callable(answer):
        raise WrongAnswer(f"Pass the function itself, not its result: got {type(answer).__name__}.")
    results = [_run(answer, case) for case in exercise.cases]
    for case, result in zip(exercise.cases, results, strict=True):
        expected = np.asarray(exercise.solution(*case))
        if not _same(result, expected, exercise.tolerance):
            hint = _hint(exercise, results)
            raise WrongAnswer(f"For {_describe(case)} {_difference(result, expected)}{hint}")
    print(f"Right: {name} agrees on all {len(results)} cases.")


def _of_chapter(chapter: str) -> dict[str, Exercise]:
    return importlib.import_module(f"{__name__}.{chapter}").EXERCISES


def _run(answer: Callable[..., Any], case: tuple) -> np.ndarray:
    try:
        result = answer(*case)
    except Exception as error:
        if isinstance(error, NotImplementedError) and _is_its_own(error):
            name = getattr(answer, "__name__", "the function")
            raise WrongAnswer(
                f"Not answered yet: {name} still raises NotImplementedError. Write its body, then "
                "run the cell again."
            ) from None
        raise WrongAnswer(
            f"For {_describe(case)} your function stopped with {type(error).__name__}: {error}"
        ) from error
    if result is None:
        raise WrongAnswer("Your function returns None. Does it end with a return statement?")
    try:
        return np.asarray(result, dtype="float64")
    except (TypeError, ValueError):
        raise WrongAnswer(
            f"Your function should return numbers, but returned {type(result).__name__}."
        ) from None


def _is_its_own(error: Exception) -> bool:
    """Whether the answer itself raised an error, and not what it calls, such as a backend."""
    frames = error.__traceback__.tb_next  # the first frame is ours
    return frames is not None and frames.tb_next is None


def _same(result: np.ndarray, expected: np.ndarray, tolerance: float) -> bool:
    return result.shape == expected.shape and np.allclose(result, expected, rtol=0, atol=tolerance)


def _difference(result: np.ndarray, expected: np.ndarray) -> str:
    if result.shape != expected.shape:
        return f"your result has shape {result.shape}, expected {expected.shape}."
    if expected.size == 1:
        return f"you return {result.item():g}, expected {expected.item():g}."
    worst = np.unravel_index(np.argmax(np.abs(result - expected)), expected.shape)
    where = tuple(int(i) for i in worst)
    return f"entry {where} is {result[worst]:.4g}, expected {expected[worst]:.4g}."


def _hint(exercise: Exercise, results: list[np.ndarray]) -> str:
    for wrong, hint in exercise.mistakes:
        if all(
            _same(result, np.asarray(wrong(*case)), exercise.tolerance)
            for case, result in zip(exercise.cases, results, strict=True)
        ):
            return f" Hint: {hint}"
    return ""


def _describe(case: tuple) -> str:
    parts = (
        f"array of shape {argument.shape}" if isinstance(argument, np.ndarray) else repr(argument)
        for argument in case
    )
    return f"arguments ({', '.join(parts)})"
