"""Was a spoiled call answered kindly? An error that explains itself, or a finite result."""

from __future__ import annotations

import dataclasses
import linecache
import re
import traceback
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

import course_lib

__all__ = ["complaint_about_error", "complaint_about_result", "holds_nan"]

_PACKAGE = Path(course_lib.__file__).parent


def complaint_about_error(error: BaseException, names: Iterable[str]) -> str | None:
    """Say what is wrong with an error, or None if it is kind.

    A kind error is a ValueError or a TypeError that a line of ``course_lib`` raised on purpose, and
    that names the argument.

    Args:
        error: what was raised.
        names: what the argument may be called.
    """
    brief = f"{type(error).__name__}: {str(error)[:200]!r}"
    if not isinstance(error, ValueError | TypeError):
        return f"raised {brief} at {_origin(error)}"
    if not any(_raised_here(each) for each in _chain(error)):
        return f"left it to {_origin(error)} to raise {brief}"
    if not any(_names(str(error), name) for name in names):
        return f"raised an error that does not name the argument: {brief}"
    return None


def complaint_about_result(result: Any) -> str | None:
    """Say what is wrong with a result, or None if there is no NaN in it."""
    return "returned NaN without a word" if holds_nan(result) else None


def holds_nan(result: Any) -> bool:
    """Say whether there is NaN anywhere in a result."""
    return any(np.isnan(array).any() for array in _float_arrays(result))


def _float_arrays(result: Any) -> Iterator[np.ndarray]:
    if isinstance(result, Mapping):
        result = list(result.values())
    if dataclasses.is_dataclass(result) and not isinstance(result, type):
        result = [getattr(result, field.name) for field in dataclasses.fields(result)]
    if isinstance(result, list | tuple):
        for each in result:
            yield from _float_arrays(each)
    elif isinstance(result, float | np.ndarray | np.floating) or keras.ops.is_tensor(result):
        array = np.asarray(
            result if isinstance(result, float) else keras.ops.convert_to_numpy(result)
        )
        if array.dtype.kind in "fc":
            yield array


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what it came from: Keras wraps errors of the layers it calls."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _last_frame(error: BaseException) -> traceback.FrameSummary | None:
    frames = traceback.extract_tb(error.__traceback__)
    return frames[-1] if frames else None


def _raised_here(error: BaseException) -> bool:
    """Say whether a ``raise`` statement of the package raised an error."""
    frame = _last_frame(error)
    if frame is None or not Path(frame.filename).is_relative_to(_PACKAGE):
        return False
    return linecache.getline(frame.filename, frame.lineno).strip().startswith("raise")


def _origin(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if Path(f.filename).is_relative_to(_PACKAGE)]
    place = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "?"
    last = frames[-1] if frames else None
    outside = f" > {Path(last.filename).name}:{last.lineno}" if last not in ours else ""
    return place + outside


def _names(message: str, name: str) -> bool:
    """Say whether a message names an argument; "a" must not be an article."""
    if name == "a":
        return re.search(r"\ba (and|must|holds|has)\b", message) is not None
    return re.search(rf"(?<![\w]){re.escape(name)}(?![\w])", message) is not None
