"""Claims: the verdict, the card, the ledger entry, and what is not a verdict at all."""

import json
import re

import keras
import numpy as np
import pytest

from course_lib import claims


@pytest.fixture
def cards(monkeypatch) -> list:
    """What was published: (plain text, MIME bundle)."""
    shown = []
    monkeypatch.setattr(claims, "publish", lambda plain, **bundle: shown.append((plain, bundle)))
    return shown


def test_a_claim_that_holds(cards):
    claims.check("The sum is even.", True, total=4, share=0.123456)
    ((plain, bundle),) = cards
    assert plain == "Claim holds: The sum is even."
    assert bundle[claims.MIME_TYPE] == {
        "statement": "The sum is even.",
        "slug": "the-sum-is-even",
        "holds": True,
        "measured": {"total": 4, "share": 0.123456},
    }
    page = bundle["text/html"]
    assert 'id="claim-the-sum-is-even"' in page
    assert 'class="claim claim-holds"' in page
    assert "<strong>0.1235</strong>" in page


def test_a_claim_that_fails_is_shown_and_raises(cards):
    with pytest.raises(claims.ClaimError, match=r"The sum is even\. Measured: total = 3; a b = no"):
        claims.check("The sum is even.", False, total=3, a_b=False)
    ((plain, bundle),) = cards
    assert plain == "Claim fails: The sum is even."
    assert bundle[claims.MIME_TYPE]["holds"] is False
    assert "claim-fails" in bundle["text/html"]


def test_a_failing_claim_is_an_assertion():
    with pytest.raises(AssertionError):
        claims.check("No.", False)


def test_the_plain_text_has_no_measured_digits(cards):
    claims.check("It is fast.", True, seconds=1.25)
    claims.check("It is fast.", True, seconds=7.5)
    assert cards[0][0] == cards[1][0]


@pytest.mark.parametrize(
    "holds",
    [True, np.True_, np.array(True), np.bool_(1), np.array([1, 2]).sum() > 2],
)
def test_verdicts_that_are_bools(cards, holds):
    claims.check("It holds.", holds)
    assert cards[0][1][claims.MIME_TYPE]["holds"] is True


def test_a_tensor_may_be_the_verdict(cards):
    claims.check("It holds.", keras.ops.all(keras.ops.ones(3) > 0))
    with pytest.raises(claims.ClaimError):
        claims.check("It fails.", keras.ops.all(keras.ops.ones(3) > 1))


@pytest.mark.parametrize(
    "holds",
    [
        None,
        float("nan"),
        np.nan,
        1,
        0,
        0.9,
        "yes",
        [],
        np.array([True, True]),
        np.array(1.0),
        object(),
    ],
)
def test_what_is_not_a_verdict(cards, holds):
    with pytest.raises(ValueError, match="holds must be"):
        claims.check("It holds.", holds)
    assert cards == []


def test_an_array_of_bools_gets_a_hint():
    with pytest.raises(ValueError, match=r"shape \(3,\)\. Use \.all\(\)"):
        claims.check("It holds.", np.ones(3, bool))


@pytest.mark.parametrize("statement", ["", "   ", None, 3])
def test_a_claim_needs_a_statement(statement):
    with pytest.raises(ValueError, match="statement must be a sentence"):
        claims.check(statement, True)


def test_measured_values_become_valid_json(cards):
    claims.check(
        "It holds.",
        True,
        nothing=float("nan"),
        most=np.inf,
        count=np.int64(7),
        rate=np.float32(0.5),
        flag=np.bool_(False),
        tensor=keras.ops.convert_to_tensor(2.0),
        seeds=(1, 2.5, np.nan),
        array=np.arange(3),
        name="CNN",
    )
    ledger = cards[0][1][claims.MIME_TYPE]
    assert json.loads(json.dumps(ledger, allow_nan=False)) == ledger
    assert ledger["measured"] == {
        "nothing": "nan",
        "most": "inf",
        "count": 7,
        "rate": 0.5,
        "flag": False,
        "tensor": 2.0,
        "seeds": [1, 2.5, "nan"],
        "array": [0, 1, 2],
        "name": "CNN",
    }


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.arange(13), "at most 12 values, but it has 13"),
        ({"a": 1}, "dict"),
        (None, "NoneType"),
        (object(), "must be a number"),
    ],
)
def test_measured_values_of_another_kind(value, message):
    with pytest.raises(ValueError, match=message):
        claims.check("It holds.", True, odd=value)


def test_html_is_escaped(cards):
    claims.check("a < b & c > d", True, **{"x_<i>": "<script>"})
    page = cards[0][1]["text/html"]
    assert "a &lt; b &amp; c &gt; d" in page
    assert "<script>" not in page
    assert "<i>" not in page


def test_the_card_reads_on_any_background(cards):
    claims.check("It holds.", True)
    page = cards[0][1]["text/html"]
    assert "currentColor" in page
    assert "background" not in page
    assert not re.search(r"(?<!current)color:\s*#", page)


def test_line_breaks_in_a_statement_do_not_matter(cards):
    claims.check("One\n    sentence.", True)
    assert cards[0][0] == "Claim holds: One sentence."


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("A CNN beats 90 % of them!", "a-cnn-beats-90-of-them"),
        ("Übung macht den Meister", "ubung-macht-den-meister"),
        ("x", "x"),
    ],
)
def test_slug(statement, expected):
    assert claims.slug(statement) == expected


def test_long_slugs_stay_short_and_different():
    start = "The convolutional network needs fewer parameters than the dense network with "
    first, second = claims.slug(start + "one layer"), claims.slug(start + "two layers")
    assert first != second
    assert max(len(first), len(second)) <= 60
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", first)


def test_a_slug_of_no_letters():
    assert re.fullmatch(r"[0-9a-f]{6}", claims.slug("???"))
    assert claims.slug("???") != claims.slug("!!!")


def test_outside_a_notebook_it_prints(capsys):
    claims.check("It holds.", True, value=3)
    assert capsys.readouterr().out == "Claim holds: It holds.\n"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "yes"),
        (60874, "60,874"),
        (0.123456, "0.1235"),
        (123456.7, "123,457"),
        ([1, 0.5, False], "1, 0.5, no"),
        ("H100", "H100"),
    ],
)
def test_measured_values_are_written_for_readers(value, text):
    assert claims.readable(value) == text
