"""What the benchmarks share: contenders timed in turn, in one process, after a warm-up.

Each round times every contender once, so that a machine that slows down slows all of them. The
figures are medians over the rounds, and the ratios are what to quote.
"""

import argparse
import functools
from collections.abc import Callable, Sequence

import numpy as np

from course_lib import acceleration, gradients


def options(
    description: str, rounds: int | None = None, seeds: Sequence[int] | None = None
) -> argparse.ArgumentParser:
    """Return a parser of ``--record``, and of ``--rounds`` or ``--seeds`` where a default is given.

    Args:
        description: the docstring of the script; its first line goes into the help.
        rounds: how many rounds to time by default.
        seeds: the seeds to run by default.
    """
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    if rounds is not None:
        parser.add_argument("--rounds", type=int, default=rounds)
    if seeds is not None:
        parser.add_argument("--seeds", type=int, nargs="+", default=list(seeds))
    parser.add_argument("--record", action="store_true", help="keep the figures in book/recorded/")
    return parser


def race(
    contenders: dict[str, Callable[[], object]], rounds: int, repeats: int = 10
) -> dict[str, float]:
    """Return the median seconds of each contender, timed in turn."""
    for call in contenders.values():
        call()  # compile; acceleration.race warms up
    times = acceleration.race(contenders, rounds, repeats)
    return {name: float(np.median(values)) for name, values in times.items()}


def bind(function: Callable, *arguments: object) -> Callable[[], object]:
    """Return a compiled call of a function with these arguments."""
    return functools.partial(gradients.compile(function), *arguments)


def line(case: str, what: str, ours: float, reference: float) -> float:
    """Print one line of a table, in milliseconds, and return the ratio of the times."""
    ratio = ours / reference
    print(f"{case:<24}{what:<26}{1e3 * ours:>10.3f}{1e3 * reference:>14.3f}{ratio:>9.2f}")
    return ratio


def heading(reference: str = "reference") -> None:
    """Print the heading of the table whose lines ``line`` prints."""
    print(f"{'case':<24}{'what':<26}{'ours ms':>10}{reference + ' ms':>14}{'ratio':>9}")
