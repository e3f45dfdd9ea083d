"""Does what the text says hold here and now?

Every quantitative statement of the course is bound to a check. ``check`` shows a card with the
verdict and the measured values, and raises where the statement does not hold, so that a false page
cannot be built. The claim ledger of the book is made from these cards.
"""

import hashlib
import html
import math
import re
import unicodedata
from collections.abc import Iterable

import numpy as np

from course_lib._checks import string, takes
from course_lib._display import publish

__all__ = ["MIME_TYPE", "ClaimError", "check", "readable", "slug"]

MIME_TYPE = "application/vnd.course-lib.claim+json"
_LONGEST_SLUG = 60
_LONGEST_SEQUENCE = 12
_CARD = (
    "border: 1px solid currentColor; border-left-width: 0.4em; padding: 0.5em 1em; margin: 0.5em 0"
)


class ClaimError(AssertionError):
    """A claim of the course does not hold here."""


def check(statement: str, holds: object, **measured: object) -> None:
    """Show whether a claim holds, with what was measured, and raise if it does not.

    The plain text of the card is the statement and the verdict alone, so it is the same on every
    machine. Word claims so that they hold on every machine: a margin over noise, not a third
    decimal.

    Args:
        statement: the claim, as a sentence a reader understands without the code.
        holds: the verdict, a single bool (Python's, NumPy's or a tensor's).
        **measured: what the verdict rests on: numbers, strings, bools, or sequences of at most 12
            of them. A name becomes a label: ``test_accuracy`` is shown as "test accuracy".

    Raises:
        ClaimError: the claim does not hold; the message names the measured values.
        ValueError: the statement is empty, ``holds`` is not a single bool, or a measured value is
            of another kind.
    """
    statement = _checked_statement(statement)
    verdict = _as_bool(holds)
    values = {name: _as_plain(name, value) for name, value in measured.items()}
    plain = f"Claim {'holds' if verdict else 'fails'}: {statement}"
    ledger = {
        "statement": statement,
        "slug": slug(statement),
        "holds": verdict,
        "measured": values,
    }
    publish(plain, **{"text/html": _card(statement, verdict, values), MIME_TYPE: ledger})
    if not verdict:
        shown = "; ".join(f"{_label(name)} = {readable(value)}" for name, value in values.items())
        raise ClaimError(f"This claim does not hold: {statement} Measured: {shown or 'nothing'}.")


@takes(statement=string())
def slug(statement: str) -> str:
    """Return a short name of a statement for links: lower-case words joined by hyphens.

    Args:
        statement: the claim.

    Returns:
        At most 60 characters. Where something had to be cut off, the end is a checksum, so that
        different statements keep different names.
    """
    ascii_text = unicodedata.normalize("NFKD", statement).encode("ascii", "ignore").decode()
    words = re.sub(r"[^a-z0-9]+", "-", ascii_text.lower()).strip("-")
    if words and len(words) <= _LONGEST_SLUG:
        return words
    checksum = hashlib.sha256(statement.encode("utf-8")).hexdigest()[:6]
    start = words[: _LONGEST_SLUG - 7].rpartition("-")[0] or words[: _LONGEST_SLUG - 7]
    return f"{start}-{checksum}" if start else checksum


def _checked_statement(statement: str) -> str:
    if not isinstance(statement, str) or not statement.strip():
        raise ValueError(f"statement must be a sentence, but it is {statement!r}.")
    return " ".join(statement.split())


def _as_bool(holds: object) -> bool:
    """Return the verdict as a bool, and refuse all that is not clearly one."""
    if isinstance(holds, bool | np.bool_):
        return bool(holds)
    hint = "Compare first, for example: accuracy > 0.9."
    if holds is None or isinstance(holds, str | bytes | int | float):
        raise ValueError(f"holds must be True or False, but it is {holds!r}. {hint}")
    try:
        array = np.asarray(holds)
    except Exception as error:  # tensors refuse the conversion each in their own way
        raise ValueError(f"holds must be True or False, but it is a {type(holds)}.") from error
    if array.dtype != np.bool_:
        raise ValueError(f"holds must be True or False, but it is {holds!r}. {hint}")
    if array.ndim != 0:
        raise ValueError(
            f"holds must be a single True or False, but it has shape {array.shape}. "
            "Use .all() or .any() to say which is meant."
        )
    return bool(array)


def _as_plain(name: str, value: object) -> object:
    """Return a measured value as JSON holds it: bool, int, float, str, or a short list of them.

    JSON has no NaN and no infinity: these become the strings ``nan``, ``inf`` and ``-inf``.
    """
    if isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(float(value))
    if isinstance(value, np.generic) or getattr(value, "shape", None) == ():
        return _as_plain(name, np.asarray(value).item())
    if isinstance(value, Iterable) and not isinstance(value, bytes | dict | set):
        items = list(value)
        if len(items) > _LONGEST_SEQUENCE:
            raise ValueError(
                f"{name} must have at most {_LONGEST_SEQUENCE} values, but it has {len(items)}. "
                "Summarise it, for example by its mean, or its smallest and largest value."
            )
        return [_as_plain(name, item) for item in items]
    raise ValueError(
        f"{name} must be a number, a string, a bool or a short sequence of them, "
        f"but it is a {type(value).__name__}: {value!r}."
    )


def readable(value: object) -> str:
    """Write a measured value for readers, a number in at most four significant digits.

    Args:
        value: a number, a truth value, a text, or a list of such.
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    if isinstance(value, list):
        return ", ".join(readable(item) for item in value)
    return str(value)


def _label(name: str) -> str:
    return name.replace("_", " ")


def _card(statement: str, holds: bool, values: dict[str, object]) -> str:
    kind, verdict = ("holds", "✓ Claim holds") if holds else ("fails", "✗ Claim fails")
    rows = "".join(
        f"<li>{html.escape(_label(name))}: <strong>{html.escape(readable(value))}</strong></li>"
        for name, value in values.items()
    )
    measured = f'<ul class="claim-measured">{rows}</ul>' if rows else ""
    return (
        f'<div class="claim claim-{kind}" id="claim-{slug(statement)}" style="{_CARD}">'
        f'<p class="claim-statement"><strong class="claim-verdict">{verdict}:</strong> '
        f"{html.escape(statement)}</p>{measured}</div>"
    )
