"""How is a talkative tool run without its notes on the page? For export and its runtimes."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator

__all__ = ["streams_aside"]


@contextlib.contextmanager
def streams_aside() -> Iterator[None]:
    """Set aside what converters and runtimes write; write it out only if the block fails.

    Their Python parts write to Python's streams, their C++ parts to file descriptors 1 and 2.
    """
    level = logging.root.manager.disable
    said = io.StringIO()
    with tempfile.TemporaryFile() as aside, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            with (
                _descriptors_to(aside.fileno()),
                contextlib.redirect_stdout(said),
                contextlib.redirect_stderr(said),
            ):
                yield
        except BaseException:
            aside.seek(0)
            sys.stderr.write(said.getvalue() + aside.read().decode(errors="replace"))
            raise
        finally:
            logging.disable(level)


@contextlib.contextmanager
def _descriptors_to(target: int) -> Iterator[None]:
    """Let file descriptors 1 and 2 lead elsewhere while the block runs."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    kept = {number: os.dup(number) for number in (1, 2)}
    for number in kept:
        os.dup2(target, number)
    try:
        yield
    finally:
        for number, copy in kept.items():
            os.dup2(copy, number)
            os.close(copy)
