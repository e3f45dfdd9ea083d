"""What the benchmarks share: contenders timed in turn, in one process, after a warm-up.

Each round times every contender once, so that a machine that slows down slows all of them. The
figures are medians over the rounds, and the ratios are what to quote.
"""

import argparse
import functools
import time
from collections.abc import Callable, Sequence

import keras
import numpy as np
from keras import ops

from course_lib import gradients


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


def seconds(call: Callable[[], object], repeats: int) -> float:
    """Return the seconds of one call, the mean of several, waiting for the device at the end."""
    start = time.perf_counter()
    for _ in range(repeats):
        result = call()
    last = keras.tree.flatten(result)[-1]
    ops.convert_to_numpy(ops.reshape(last, (-1,))[0])  # one number: copying all would be timed too
    return (time.perf_counter() - start) / repeats


def race(
    contenders: dict[str, Callable[[], object]], rounds: int, repeats: int = 10
) -> dict[str, float]:
    """Return the median seconds of each contender, timed in turn."""
    for call in contenders.values():
        call(), call()  # compile and warm up
    times = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, call in contenders.items():
            times[name].append(seconds(call, repeats))
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
