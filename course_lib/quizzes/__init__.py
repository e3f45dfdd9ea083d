"""Did you understand what you read? Five questions a chapter, each answer with its reason.

``quizzes.show("convolution")`` shows the questions of a chapter. An answer opens when you choose
it and says why it is right or wrong. It is HTML alone, without a script, so it works in a notebook,
on the static page and without a network. The questions of a chapter live in the module of its name.
"""

from __future__ import annotations

import html
import importlib
import pkgutil
import re
from collections.abc import Sequence
from dataclasses import dataclass

from course_lib._checks import string, takes
from course_lib._display import publish

__all__ = ["Answer", "Question", "get", "names", "show"]

_MARKUP = re.compile(r"`(?P<code>[^`]+)`|\$(?P<math>[^$]+)\$|\*(?P<emphasis>[^*]+)\*")


@dataclass(frozen=True)
class Answer:
    """One answer to choose.

    Attributes:
        text: What the answer says.
        feedback: Why it is right, or what is wrong with it.
        right: Whether it is the right one.
    """

    text: str
    feedback: str
    right: bool = False


@dataclass(frozen=True)
class Question:
    """One question. Its texts may hold `code`, $mathematics$ and *emphasis*.

    Attributes:
        text: What is asked.
        answers: What can be chosen; exactly one is right.
    """

    text: str
    answers: Sequence[Answer]


def names() -> list[str]:
    """List the chapters that have a quiz."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


@takes(chapter=string())
def get(chapter: str) -> list[Question]:
    """Return the questions of a chapter.

    Args:
        chapter: Its name, such as ``"convolution"``; one of :func:`names`.

    Raises:
        ValueError: If there is no such quiz.
    """
    if chapter not in names():
        raise ValueError(f"chapter must be one of {', '.join(names())}, but it is {chapter!r}.")
    return list(importlib.import_module(f"{__name__}.{chapter}").QUESTIONS)


@takes(chapter=string())
def show(chapter: str) -> None:
    """Show the questions of a chapter; each answer opens to its reason.

    Args:
        chapter: Its name, such as ``"convolution"``; one of :func:`names`.

    Raises:
        ValueError: If there is no such quiz.
    """
    questions = get(chapter)
    items = "".join(_question(question) for question in questions)
    title = chapter.replace("_", " ")
    page = f'<ol class="quiz" id="quiz-{chapter.replace("_", "-")}">{items}</ol>'
    publish(f"Quiz on {title}: {len(questions)} questions.", **{"text/html": page})


def _question(question: Question) -> str:
    answers = "".join(_answer(answer) for answer in question.answers)
    return f'<li class="quiz-question"><p>{_marked_up(question.text)}</p>{answers}</li>'


def _answer(answer: Answer) -> str:
    kind, verdict = ("right", "✓ Right.") if answer.right else ("wrong", "✗ Not quite.")
    return (
        f'<details class="quiz-answer quiz-{kind}"><summary>{_marked_up(answer.text)}</summary>'
        f"<p><strong>{verdict}</strong> {_marked_up(answer.feedback)}</p></details>"
    )


def _marked_up(text: str) -> str:
    """Turn a text into HTML: `code`, $mathematics$ as MathJax reads it, and *emphasis*."""
    return _MARKUP.sub(_tagged, html.escape(text, quote=False))


def _tagged(match: re.Match) -> str:
    content = match[match.lastgroup]
    return {
        "code": f"<code>{content}</code>",
        "math": f'<span class="math notranslate nohighlight">\\({content}\\)</span>',
        "emphasis": f"<em>{content}</em>",
    }[match.lastgroup]
