"""How do large batches, old gradients and thinned gradients change a training? Many runs at once.

Serves the chapter ``compute/distributed_training``. A comparison needs many trainings: several
batch sizes, learning rates, seeds. For a small network one step takes less time than starting it,
so all runs of one batch size are trained together, as one more axis of every tensor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from keras import ops

from course_lib import gradients
from course_lib._checks import (
    array,
    check_between,
    check_whole,
    either,
    flag,
    floats,
    indices,
    real,
    sequence,
    shape_of,
    takes,
    whole,
)
from course_lib._parallel_gradients import keep_largest

__all__ = ["ManyRuns", "first_below"]

HIDDEN = 32


def _weights_fit(given: Mapping[str, Any]) -> None:
    """Raise unless these are the arrays of a network, each with an axis of runs."""
    runs, shapes = given["self"], [shape_of(one) for one in given["weights"]]
    features, count = runs.x.shape[1], shapes[0][0]
    own = [(features, HIDDEN), (HIDDEN,), (HIDDEN, runs.classes), (runs.classes,)]
    if shapes != [(count, *shape) for shape in own]:
        raise ValueError(
            f"weights must have the shapes {own}, each with a first axis of runs, but they have "
            f"{shapes}."
        )


class ManyRuns:
    """Trainings of one small network by plain gradient steps, side by side.

    The network has one hidden layer of 32 units with ReLU. Runs differ in seed (first weights and
    order of the examples) and learning rate.

    Args:
        x: training inputs, float32, shape ``(examples, features)``.
        y: their class indices, shape ``(examples,)``.
        x_test: inputs to measure the loss on, shape ``(test examples, features)``.
        y_test: their class indices.

    Raises:
        ValueError: shapes do not fit, or labels are not whole numbers.
    """

    @takes(x=array(), y=array(), x_test=array(), y_test=array())
    def __init__(self, x: Any, y: Any, x_test: Any, y_test: Any) -> None:
        """Check and keep the data, and compile a step."""
        self.x, self.y = _examples(x, y, "x", "y")
        x_test, y_test = _examples(x_test, y_test, "x_test", "y_test")
        if self.x.shape[1] != x_test.shape[1]:
            raise ValueError(
                f"x and x_test must have the same features, but their shapes are {self.x.shape} "
                f"and {x_test.shape}."
            )
        self.classes = int(max(self.y.max(), y_test.max())) + 1
        self._gradient = gradients.compile(gradients.value_and_grad(_total_loss))
        self._test = gradients.compile(lambda weights: _losses(weights, x_test[None], y_test[None]))

    @takes(seeds=either(sequence(whole(), 1), indices("runs")))
    def start(self, seeds: Sequence[int]) -> list[np.ndarray]:
        """Return first weights, each with an axis of runs: He-normal kernels, zero biases."""
        shapes = [(self.x.shape[1], HIDDEN), (HIDDEN,), (HIDDEN, self.classes), (self.classes,)]
        runs = []
        for seed in seeds:
            random = np.random.default_rng([seed, 1])
            runs.append(
                [
                    random.normal(0, np.sqrt(2 / shape[0]), shape)
                    if len(shape) == 2
                    else np.zeros(shape)
                    for shape in shapes
                ]
            )
        return [np.stack(one).astype("float32") for one in zip(*runs, strict=True)]

    @takes(
        seeds=either(sequence(whole(), 1), indices("runs")),
        rates=array(),
        batch_size=whole(),
        steps=whole(),
        every=whole(),
        delay=whole(),
        workers=whole(),
        share=real(),
        feedback=flag(),
        target=real(),
    )
    def train(
        self,
        seeds: Sequence[int],
        rates: Sequence[float],
        *,
        batch_size: int,
        steps: int,
        every: int = 1,
        delay: int = 0,
        workers: int = 1,
        share: float = 1.0,
        feedback: bool = True,
        target: float | None = None,
    ) -> np.ndarray:
        """Train one run for each pair of seed and learning rate.

        Args:
            seeds: one for each run.
            rates: learning rate of each run.
            batch_size: examples a step, over all workers of a run.
            steps: how many.
            every: after how many steps the test loss is measured.
            delay: a gradient is computed at the weights of so many steps ago: what a worker does
                that does not wait for others.
            workers: into how many a batch is divided; matters only where ``share`` is below 1.
            share: of its gradient's entries, the largest, that each worker sends.
            feedback: whether a worker keeps what it did not send and adds it next time (Stich and
                others 2018, algorithm 1).
            target: stop as soon as in every seed some run has a test loss below it.

        Returns:
            Test losses, shape ``(1 + steps // every, runs)``, the first before any step; fewer rows
            where ``target`` stopped the training. A run that diverges has infinite losses.

        Raises:
            ValueError: an argument is out of range.
        """
        seeds, rates = np.asarray(seeds), np.asarray(rates, "float32")
        self._check(seeds, rates, batch_size, steps, every, delay, workers)
        check_between("share", share, 0, 1, open_start=True)
        weights = self.start(seeds)
        order = {int(seed): np.random.default_rng([seed, 2]) for seed in np.unique(seeds)}
        past = [weights] * (delay + 1)  # the oldest first
        memory: Any = 0.0
        losses = [self.measure(weights)]
        for step in range(1, steps + 1):
            rows = {k: one.integers(len(self.x), size=batch_size) for k, one in order.items()}
            rows = np.stack([rows[int(seed)] for seed in seeds])  # (runs, batch)
            if share < 1:
                update, memory = self._thinned(past[0], rows, workers, share, memory, feedback)
            else:
                update = self._mean_gradient(past[0], rows)
            weights = [
                weight - rates.reshape(-1, *[1] * (weight.ndim - 1)) * part
                for weight, part in zip(weights, update, strict=True)
            ]
            past = [*past[1:], weights]
            if step % every == 0:
                losses.append(self.measure(weights))
                if target is not None and all(
                    losses[-1][seeds == seed].min() < target for seed in order
                ):
                    break
        return np.array(losses)

    def _mean_gradient(self, weights: list[np.ndarray], rows: np.ndarray) -> list[np.ndarray]:
        _, found = self._gradient(weights, self.x[rows], self.y[rows])
        return [ops.convert_to_numpy(part) for part in found]

    def _thinned(
        self,
        weights: list[np.ndarray],
        rows: np.ndarray,
        workers: int,
        share: float,
        memory: Any,
        feedback: bool,
    ) -> tuple[list[np.ndarray], np.ndarray]:
        """Let each worker send its largest entries; return their mean, and what was kept back."""
        runs = len(rows)
        copies = [np.repeat(weight, workers, axis=0) for weight in weights]
        found = self._mean_gradient(copies, rows.reshape(runs * workers, -1))
        flat = np.concatenate([part.reshape(runs * workers, -1) for part in found], axis=1)
        wanted = flat + memory
        sent = keep_largest(wanted, share)
        mean = sent.reshape(runs, workers, -1).mean(axis=1)
        ends = np.cumsum([part[0].size for part in weights])[:-1]
        pieces = np.split(mean, ends, axis=1)
        update = [one.reshape(part.shape) for one, part in zip(pieces, weights, strict=True)]
        return update, wanted - sent if feedback else np.zeros_like(flat)

    @takes(_weights_fit, weights=sequence(floats(finite=False), 4, 4))
    def measure(self, weights: Sequence[np.ndarray]) -> np.ndarray:
        """Return the test loss of each run, infinite where it is no number.

        Args:
            weights: as :meth:`start` returns them, each with an axis of runs.
        """
        losses = ops.convert_to_numpy(self._test(list(weights)))
        return np.where(np.isfinite(losses), losses, np.inf)

    @staticmethod
    def _check(
        seeds: np.ndarray,
        rates: np.ndarray,
        batch_size: int,
        steps: int,
        every: int,
        delay: int,
        workers: int,
    ) -> None:
        whole = seeds.ndim == 1 and seeds.size and seeds.dtype.kind in "iu" and (seeds >= 0).all()
        if not whole or rates.shape != seeds.shape or not (rates > 0).all():
            raise ValueError(
                "seeds must be whole numbers from 0 on and rates as many numbers above 0, but they "
                f"are {seeds} and {rates}."
            )
        check_whole("workers", workers, 1)
        check_whole("batch_size", batch_size, workers)
        check_whole("every", every, 1)
        check_whole("steps", steps, every)
        check_whole("delay", delay, 0)
        if batch_size % workers:
            raise ValueError(
                f"batch_size must be a multiple of workers = {workers}, but it is {batch_size}."
            )


@takes(losses=array("measurements", "runs", finite=False), target=real(), every=whole(1))
def first_below(losses: Any, target: float, every: int) -> np.ndarray:
    """Return after how many steps each run's loss was first below a target.

    Args:
        losses: shape ``(measurements, runs)``, as :meth:`ManyRuns.train` returns them.
        target: the loss to reach.
        every: steps between two measurements.

    Returns:
        Steps, interpolated between the two measurements around the target; infinity where a run
        never got there. Shape ``(runs,)``.
    """
    losses = np.asarray(losses, float)
    if np.isnan(losses).any():
        raise ValueError("losses must not hold NaN. A run that diverges has infinite losses.")
    check_whole("every", every, 1)
    steps = np.full(losses.shape[1], np.inf)
    for run, track in enumerate(losses.T):
        below = np.flatnonzero(track < target)
        if below.size and below[0] == 0:
            steps[run] = 0
        elif below.size:
            after = below[0]
            before, now = track[after - 1], track[after]
            part = 1.0 if np.isinf(before) else (before - target) / (before - now)
            steps[run] = every * (after - 1 + part)
    return steps


def _losses(weights: list[Any], x: Any, y: Any) -> Any:
    """Return the mean cross-entropy of each run: x ``(runs or 1, batch, features)``."""
    first, first_bias, second, second_bias = weights
    hidden = ops.relu(ops.matmul(x, first) + first_bias[:, None])
    logits = ops.matmul(hidden, second) + second_bias[:, None]
    right = ops.one_hot(y, second_bias.shape[-1])
    return -ops.mean(ops.sum(ops.log_softmax(logits, axis=-1) * right, axis=-1), axis=-1)


def _total_loss(weights: list[Any], x: Any, y: Any) -> Any:
    return ops.sum(_losses(weights, x, y))  # no run depends on another: gradients stay apart


def _examples(x: Any, y: Any, x_name: str, y_name: str) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.asarray(x), np.asarray(y)
    if x.ndim != 2 or y.shape != x.shape[:1] or len(x) == 0 or y.dtype.kind not in "iu":
        raise ValueError(
            f"{x_name} must have shape (examples, features) and {y_name} hold as many class "
            f"indices, but their shapes are {x.shape} and {y.shape}, the labels {y.dtype}."
        )
    if not np.isfinite(x).all():
        raise ValueError(f"{x_name} must be finite, but it holds NaN or infinite values.")
    return x.astype("float32"), y.astype("int32")
