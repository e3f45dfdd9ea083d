"""How long does it take, on a machine that also does other things?

Serves the chapter ``compute/acceleration``. A call is timed to its end: accelerators, and JAX on a
CPU, return before they have computed, so one number of the result is fetched. Contenders are timed
in turn, so that a machine that slows down slows all of them. ``step_seconds`` times the steps of
Keras's ``fit``, without the first, which compile.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from course_lib._checks import (
    array,
    check_whole,
    either,
    function,
    indices,
    input_of,
    mapping,
    model,
    sequence,
    takes,
    whole,
)
from course_lib.training import _labels_and_validation_fit

__all__ = ["BatchCost", "StepTimer", "fit_batch_cost", "race", "seconds", "step_seconds"]


@takes(call=function())
def seconds(call: Callable[[], Any], repeats: int = 1) -> float:
    """Return the wall time of one call in seconds, the mean of several, to the end of the work.

    Args:
        call: takes nothing and returns a tensor, or a nested structure with one in it.
        repeats: calls to average over.

    Raises:
        ValueError: ``repeats`` is not a whole number from 1 on.
    """
    check_whole("repeats", repeats, 1)
    start = time.perf_counter()
    for _ in range(repeats):
        result = call()
    _wait(result)
    return (time.perf_counter() - start) / repeats


@takes(contenders=mapping(function()))
def race(
    contenders: Mapping[str, Callable[[], Any]], rounds: int = 5, repeats: int = 1
) -> dict[str, np.ndarray]:
    """Time calls in turn, several times, after one call of each that is not timed.

    Args:
        contenders: the calls by name, as :func:`seconds` takes them.
        rounds: how often each is timed.
        repeats: calls in each timing.

    Returns:
        By name the seconds of one call in each round, shape ``(rounds,)``. Their median says what
        to expect, their minimum what the machine can do.

    Raises:
        ValueError: there is no contender, or a number is not a whole one from 1 on.
    """
    if not contenders:
        raise ValueError("contenders must hold at least one call, but it is empty.")
    check_whole("rounds", rounds, 1)
    check_whole("repeats", repeats, 1)
    for call in contenders.values():
        _wait(call())
    found = [[seconds(call, repeats) for call in contenders.values()] for _ in range(rounds)]
    return dict(zip(contenders, np.array(found).T, strict=True))


class StepTimer(keras.callbacks.Callback):
    """Time the training steps of ``fit`` in blocks, after some that only warm up.

    At the end of each block the loss is fetched, so that all steps of the block are done.

    Args:
        warm_up: steps to leave out, at least 1.
        block: steps to a block.

    Attributes:
        seconds: the mean seconds of a step in each full block.
    """

    @takes(warm_up=whole(), block=whole(1))
    def __init__(self, warm_up: int = 3, block: int = 5) -> None:
        """Start with nothing timed."""
        super().__init__()
        check_whole("warm_up", warm_up, 1)
        check_whole("block", block, 1)
        self.warm_up, self.block = warm_up, block
        self.seconds: list[float] = []
        self._done, self._since = 0, 0.0

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Count a step; at the end of a block, wait for it and read the clock."""
        self._done += 1
        if self._done < self.warm_up or (self._done - self.warm_up) % self.block:
            return
        _wait((logs or {}).get("loss", 0.0))
        now = time.perf_counter()
        if self._done > self.warm_up:
            self.seconds.append((now - self._since) / self.block)
        self._since = now


@takes(
    input_of("model"),
    _labels_and_validation_fit,
    model=model(),
    x=array("examples", "...", filled=True),
    y=array("examples", "..."),
    batch_size=whole(1),
    blocks=whole(1),
    block=whole(1),
    warm_up=whole(),
)
def step_seconds(
    model: keras.Model,
    x: np.ndarray,
    y: np.ndarray,
    *,
    batch_size: int,
    blocks: int = 4,
    block: int = 5,
    warm_up: int = 3,
) -> np.ndarray:
    """Return what a step of ``fit`` takes once everything is compiled.

    The model is trained: hand over one that may be. Examples are taken again from the start where
    there are too few.

    Args:
        model: a compiled model.
        x: inputs, shape ``(examples, ...)``.
        y: targets, shape ``(examples, ...)``.
        batch_size: examples a step.
        blocks: how many timings to take.
        block: steps to each timing.
        warm_up: steps before the first.

    Returns:
        Seconds of one step, the mean of each block, shape ``(blocks,)``.

    Raises:
        ValueError: ``x`` and ``y`` differ in length or are empty, or a number is not a whole one
            from 1 on.
    """
    for name, value in (("batch_size", batch_size), ("blocks", blocks)):
        check_whole(name, value, 1)
    if len(x) != len(y) or len(x) == 0:
        raise ValueError(
            "x and y must hold equally many examples and at least one, "
            f"but they hold {len(x)} and {len(y)}."
        )
    timer = StepTimer(warm_up, block)
    rows = np.arange((warm_up + blocks * block) * batch_size) % len(x)
    model.fit(x[rows], y[rows], batch_size=batch_size, shuffle=False, callbacks=[timer], verbose=0)
    return np.array(timer.seconds)


class BatchCost(NamedTuple):
    """What a step costs: ``fixed + each * batch_size``.

    Attributes:
        fixed: seconds that a step takes however many examples it has.
        each: seconds that each example adds.
    """

    fixed: float
    each: float

    @property
    def half_batch(self) -> float:
        """The batch size at which half of a step's time is fixed cost."""
        return self.fixed / self.each if self.each else np.inf


@takes(batch_sizes=either(sequence(whole(1)), indices("sizes")), step_times=array())
def fit_batch_cost(batch_sizes: Sequence[int], step_times: Sequence[float]) -> BatchCost:
    """Fit a fixed cost and a cost for each example to measured times (``eq-acceleration-batch``).

    Minimizes the squared *relative* errors, so that short steps count as much as long ones, and
    keeps both costs at zero or above.

    Args:
        batch_sizes: examples a step, at least two different sizes.
        step_times: seconds of a step, one for each size, above 0.

    Raises:
        ValueError: the lengths differ, there are fewer than two sizes, or a value is not above 0.
    """
    from scipy.optimize import nnls

    sizes, times = np.asarray(batch_sizes, "float64"), np.asarray(step_times, "float64")
    fits = sizes.ndim == 1 and sizes.shape == times.shape
    if not fits or len(np.unique(sizes)) < 2 or not (sizes > 0).all() or not (times > 0).all():
        raise ValueError(
            "batch_sizes and step_times must be equally long, above 0, and of at least two sizes, "
            f"but they are {batch_sizes!r} and {step_times!r}."
        )
    rows = np.stack([1 / times, sizes / times], axis=1)
    (fixed, each), _ = nnls(rows, np.ones(len(times)))
    return BatchCost(float(fixed), float(each))


def _wait(result: Any) -> None:
    """Return when a result is there: fetch one number of its last tensor, not all of it."""
    last = keras.tree.flatten(result)[-1]
    ops.convert_to_numpy(ops.reshape(last, (-1,))[:1])
