"""Every chapter has a quiz that can be answered, and every answer gives its reason."""

from html.parser import HTMLParser
from pathlib import Path

import pytest

from course_lib import quizzes

ROOT = Path(__file__).parents[1]
CHAPTERS = sorted(path.stem for path in (ROOT / "book").glob("[a-z]*/*.ipynb"))
QUESTIONS = [(name, i) for name in quizzes.names() for i in range(len(quizzes.get(name)))]


class Outline(HTMLParser):
    """Collects the elements and the text of a page, and refuses one that does not nest."""

    def __init__(self, page):
        super().__init__()
        self.open, self.seen, self.text = [], [], ""
        self.feed(page)
        assert not self.open, self.open

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)
        self.seen.append((tag, dict(attributes).get("class", "")))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def shown(monkeypatch, chapter):
    bundles = []
    monkeypatch.setattr(quizzes, "publish", lambda plain, **forms: bundles.append((plain, forms)))
    quizzes.show(chapter)
    [(plain, forms)] = bundles
    return plain, forms["text/html"]


def test_every_chapter_has_its_quiz_and_shows_it():
    assert quizzes.names() == CHAPTERS
    for path in (ROOT / "book").glob("[a-z]*/*.ipynb"):
        assert f'quizzes.show(\\"{path.stem}\\")' in path.read_text(encoding="utf-8"), path


@pytest.mark.parametrize("name", quizzes.names())
def test_a_quiz_has_five_questions_that_cannot_be_guessed_by_form(name):
    questions = quizzes.get(name)
    assert len(questions) == 5
    assert len({question.text for question in questions}) == 5
    places = [[a.right for a in question.answers].index(True) for question in questions]
    assert len(set(places)) >= 2, "the right answer always stands at the same place"
    longest = [max(question.answers, key=lambda a: len(a.text)).right for question in questions]
    assert sum(longest) <= 3, "the right answer is mostly the longest"


@pytest.mark.parametrize(("name", "index"), QUESTIONS)
def test_a_question_has_one_right_answer_and_a_reason_for_each(name, index):
    question = quizzes.get(name)[index]
    assert question.text.strip()
    assert 3 <= len(question.answers) <= 5
    assert sum(answer.right for answer in question.answers) == 1
    assert len({answer.text for answer in question.answers}) == len(question.answers)
    reasons = [answer.feedback for answer in question.answers]
    assert len(set(reasons)) == len(reasons)
    assert min(len(reason) for reason in reasons) >= 30, "a reason takes more than a word"
    for text in [question.text, *reasons, *(answer.text for answer in question.answers)]:
        assert text.count("$") % 2 == 0, text
        assert text.count("`") % 2 == 0, text


@pytest.mark.parametrize("name", quizzes.names())
def test_a_quiz_is_shown_as_html_that_needs_no_script(name, monkeypatch):
    plain, page = shown(monkeypatch, name)
    assert plain == f"Quiz on {name.replace('_', ' ')}: 5 questions."
    seen = Outline(page).seen
    assert sum(kind == "quiz-question" for _, kind in seen) == 5
    assert sum(kind == "quiz-answer quiz-right" for _, kind in seen) == 5
    assert "script" not in {tag for tag, _ in seen}
    answers = sum(len(question.answers) for question in quizzes.get(name))
    assert sum(tag == "details" for tag, _ in seen) == answers


def test_texts_are_escaped_and_marked_up(monkeypatch):
    question = quizzes.Question(
        "Is $a<b$ in `x[i] & 1`, *always*?",
        [quizzes.Answer("<b>yes</b>", "No markup is let through from a text.", right=True)],
    )
    monkeypatch.setattr(quizzes, "get", lambda chapter: [question])
    _, page = shown(monkeypatch, "anything")
    assert '<span class="math notranslate nohighlight">\\(a&lt;b\\)</span>' in page
    assert "<code>x[i] &amp; 1</code>, <em>always</em>?" in page
    assert "<b>" not in page
    assert "Is \\(a<b\\) in x[i] & 1, always?" in Outline(page).text


def test_an_unknown_chapter_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"chapter must be one of .*convolution.*'nothing'"):
        quizzes.show("nothing")
