"""How does every chapter fit a model: repeatably, quietly, and so that it can be timed?

``fit`` is Keras's own ``model.fit`` with a seed, one progress line that stays out of stored
outputs, and a checkpoint to go on from. ``one_cycle`` is the learning-rate schedule of Smith and
Topin.
"""

import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from course_lib._checks import (
    array,
    check_input,
    flag,
    input_of,
    location,
    model,
    model_shape,
    real,
    sequence,
    takes,
    whole,
)

__all__ = ["OneCycle", "Stopwatch", "fit", "one_cycle", "restart", "scale_images", "set_seed"]


def set_seed(seed: int) -> None:
    """Make what follows repeatable: seed Python's, NumPy's and the backend's generators.

    The same seed gives the same numbers on the same machine; another machine may round otherwise.

    Args:
        seed: a whole number from 0 to 2**32 - 1.

    Raises:
        ValueError: ``seed`` is not such a number.
    """
    whole = isinstance(seed, int | np.integer) and not isinstance(seed, bool)
    if not whole or not 0 <= seed < 2**32:
        raise ValueError(f"seed must be a whole number from 0 to 2**32 - 1, but it is {seed!r}.")
    keras.utils.set_random_seed(int(seed))


def _labels_and_validation_fit(given: Mapping[str, Any]) -> None:
    """Refuse class indices that the model has no output for: on a GPU they would become NaN."""
    if given.get("validation_data") is not None:
        check_input(given["model"], "validation_data[0]", given["validation_data"][0])
    shape, loss = model_shape(given["model"], "output_shape"), getattr(given["model"], "loss", None)
    sparse = "sparse_categorical_crossentropy"
    if shape is None or not any(sparse == one for one in (loss, getattr(loss, "name", None))):
        return
    y = np.asarray(given["y"])
    if y.size and not 0 <= y.min() <= y.max() < shape[-1]:
        raise ValueError(
            f"y must hold class indices from 0 to {shape[-1] - 1}, as the model has {shape[-1]} "
            f"outputs, but they go from {y.min()} to {y.max()}."
        )


def _weights_fit(given: Mapping[str, Any]) -> None:
    shapes = [tuple(np.shape(one)) for one in given["weights"]]
    own = [tuple(one.shape) for one in getattr(given["model"], "weights", [])]
    if own and shapes != own:
        raise ValueError(f"weights must have the model's shapes, {own}, but have {shapes}.")


def scale_images(images: np.ndarray) -> np.ndarray:
    """Return images with brightness from 0 to 1 instead of 0 to 255.

    Args:
        images: uint8 array of any shape.

    Returns:
        A new float32 array of the same shape.

    Raises:
        ValueError: ``images`` is not uint8: scaling twice is a common slip.
    """
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8:
        kind = getattr(images, "dtype", type(images).__name__)
        raise ValueError(
            f"images must be a uint8 array with brightness 0..255, but it is {kind}. "
            "Are the images scaled already?"
        )
    return images.astype(np.float32) / np.float32(255)


@takes(
    input_of("model", "x"),
    _labels_and_validation_fit,
    model=model(),
    x=array(finite=False),
    y=array("examples", "..."),
    epochs=whole(1),
    batch_size=whole(1),
    validation_data=sequence(array("examples", "...", finite=False), 2, 2),
    callbacks=sequence(),
    progress=flag(),
    checkpoint=location(),
)
def fit(
    model: keras.Model,
    x: np.ndarray,
    y: np.ndarray,
    *,
    epochs: int,
    batch_size: int = 128,
    validation_data: tuple[np.ndarray, np.ndarray] | None = None,
    seed: int | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    progress: bool = True,
    checkpoint: str | Path | None = None,
) -> keras.callbacks.History:
    """Train a compiled model and show one line of progress.

    The line goes to the error stream, is rewritten in place and is cleared at the end, so a
    notebook's stored outputs stay empty. ``COURSE_PROGRESS=0`` in the environment turns it off.

    Args:
        model: a compiled model.
        x: inputs, shape (examples, ...), finite.
        y: targets, shape (examples, ...).
        epochs: how often to go through the examples.
        batch_size: examples a step.
        validation_data: inputs and targets to measure after each epoch.
        seed: passed to ``set_seed`` first, so that shuffling repeats. Initial weights and the
            stream of dropout are fixed when the model is built: call ``set_seed`` before that too.
            (On JAX the first ``fit`` of a model shuffles otherwise than its later ones.)
        callbacks: further Keras callbacks.
        progress: whether to show the line.
        checkpoint: a folder. The run is saved there after each epoch; a later call with the same
            folder goes on after the last epoch saved. It is emptied when the run is complete.

    Returns:
        Keras's history: ``history.history`` maps each metric to its values by epoch. After going
        on from a checkpoint it holds the epochs since then.

    Raises:
        ValueError: ``x`` and ``y`` differ in length, are empty, or ``x`` holds NaN or infinities.
    """
    _check_examples(x, y, "x", "y")
    if validation_data is not None:
        _check_examples(*validation_data, "validation_data[0]", "validation_data[1]")
    if epochs < 1 or batch_size < 1:
        raise ValueError(
            f"epochs and batch_size must be at least 1, but they are {epochs} and {batch_size}."
        )
    if seed is not None:
        set_seed(seed)
    further = list(callbacks)
    if checkpoint is not None:
        further.append(keras.callbacks.BackupAndRestore(str(checkpoint)))
    if progress and os.environ.get("COURSE_PROGRESS", "1") != "0":
        further.append(_ProgressLine())
    return model.fit(
        x,
        y,
        epochs=epochs,
        batch_size=batch_size,
        validation_data=validation_data,
        callbacks=further,
        verbose=0,
    )


@takes(_weights_fit, weights=sequence(array()))
def restart(model: keras.Model, weights: Sequence[np.ndarray]) -> None:
    """Put a compiled model back to the start of its training, without compiling it again.

    Use it to train one network from several seeds: a backend traces a training step once per
    compiled model, and for small networks that takes longer than the training.

    Args:
        model: a compiled model. Its optimizer is emptied: step count and running averages are zero
            again.
        weights: the weights to start from, in the order of ``model.get_weights()``; for fresh ones
            build the network anew after ``set_seed`` and take its weights.
            (``keras.models.clone_model`` will not do: it copies the seeds of the initializers, and
            so draws the same weights each time.)

    Raises:
        ValueError: the model is not compiled, or its optimizer does not start from zeros.
    """
    optimizer = getattr(model, "optimizer", None)
    if optimizer is None:
        raise ValueError("model must be compiled before it can be restarted: call model.compile.")
    from_zero = (keras.optimizers.SGD, keras.optimizers.Adam, keras.optimizers.RMSprop)
    if not isinstance(optimizer, from_zero):
        raise ValueError(
            "restart knows SGD, RMSprop, Adam and AdamW, whose averages start at zero, but the "
            f"optimizer is {type(optimizer).__name__}. Compile the model again instead."
        )
    model.set_weights(weights)
    for variable in optimizer.variables:
        if variable is not optimizer.learning_rate:
            variable.assign(keras.ops.zeros(variable.shape, variable.dtype))


def _check_examples(x: np.ndarray, y: np.ndarray, x_name: str, y_name: str) -> None:
    if len(x) != len(y) or len(x) == 0:
        raise ValueError(
            f"{x_name} and {y_name} must hold equally many examples and at least one, "
            f"but they hold {len(x)} and {len(y)}."
        )
    if np.issubdtype(np.asarray(x).dtype, np.floating) and not np.isfinite(np.sum(x)):
        raise ValueError(f"{x_name} must be finite, but it holds NaN or infinite values.")


def one_cycle(
    peak: float, steps: int, *, warmup: float = 0.3, start: float = 0.04, end: float = 1e-4
) -> "OneCycle":
    """Return a learning rate that rises to ``peak`` and falls to almost nothing, once.

    After Smith and Topin, "Super-Convergence: Very Fast Training of Neural Networks Using Large
    Learning Rates" (arXiv 1708.07120). Their rate goes up and down in straight lines of equal
    length and then falls further; here it rises in a straight line and falls along half a cosine.

    Args:
        peak: the largest learning rate.
        steps: number of optimizer steps in the whole run: epochs times batches an epoch.
        warmup: share of the steps spent rising, above 0 and below 1.
        start: learning rate of the first step, as a share of ``peak``.
        end: learning rate after the last step, as a share of ``peak``.

    Returns:
        A schedule to hand to a Keras optimizer as ``learning_rate``.

    Raises:
        ValueError: an argument is outside its range.
    """
    return OneCycle(peak, steps, warmup, start, end)


@keras.saving.register_keras_serializable(package="course_lib")
class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
    """The schedule that ``one_cycle`` returns; saved and loaded together with its model."""

    @takes(peak=real(), steps=whole(), warmup=real(), start=real(), end=real())
    def __init__(
        self,
        peak: float,
        steps: int,
        warmup: float = 0.3,
        start: float = 0.04,
        end: float = 1e-4,
    ) -> None:
        """Take the same arguments as ``one_cycle``."""
        super().__init__()
        if not peak > 0:
            raise ValueError(f"peak must be a learning rate above 0, but it is {peak!r}.")
        if steps < 2:
            raise ValueError(f"steps must be at least 2, but it is {steps!r}.")
        if not 0 < warmup < 1:
            raise ValueError(f"warmup must lie between 0 and 1, but it is {warmup!r}.")
        if not (0 <= start <= 1 and 0 <= end <= 1):
            raise ValueError(f"start and end must lie in 0..1, but they are {start!r} and {end!r}.")
        self.peak, self.steps, self.warmup = float(peak), int(steps), float(warmup)
        self.start, self.end = float(start), float(end)

    def __call__(self, step):
        """Return the learning rate of a step, counted from 0."""
        ops = keras.ops
        done = ops.minimum(ops.cast(step, "float32") / self.steps, 1.0)
        rising = self.start + (1 - self.start) * done / self.warmup
        fallen = (done - self.warmup) / (1 - self.warmup)
        falling = self.end + (1 - self.end) * 0.5 * (1 + ops.cos(np.pi * fallen))
        return self.peak * ops.where(done < self.warmup, rising, falling)

    def get_config(self) -> dict[str, float]:
        """Return the arguments to build the schedule anew."""
        return {
            "peak": self.peak,
            "steps": self.steps,
            "warmup": self.warmup,
            "start": self.start,
            "end": self.end,
        }


class Stopwatch:
    """Measure the wall time of a block.

    Example::

        with Stopwatch() as watch:
            model.predict(images)
        print(watch)  # 1.3 s

    Attributes:
        seconds: wall time in seconds, up to now inside the block, and of the whole block after it.
    """

    def __init__(self) -> None:
        """Make a stopwatch that starts when its block is entered."""
        self._start: float | None = None
        self._seconds: float | None = None

    def __enter__(self) -> "Stopwatch":
        """Start."""
        self._start, self._seconds = time.perf_counter(), None
        return self

    def __exit__(self, *exception: object) -> None:
        """Stop."""
        self._seconds = time.perf_counter() - self._start

    @property
    def seconds(self) -> float:
        """Wall time in seconds."""
        if self._start is None:
            raise ValueError(
                "The stopwatch was not started: use it as `with Stopwatch() as watch:`."
            )
        return time.perf_counter() - self._start if self._seconds is None else self._seconds

    def __str__(self) -> str:
        """Write the time as a reader wants it: milliseconds, seconds or minutes."""
        seconds = self.seconds
        if seconds < 1:
            return f"{1000 * seconds:.0f} ms"
        if seconds < 120:
            return f"{seconds:.1f} s"
        minutes, seconds = divmod(round(seconds), 60)
        return f"{minutes} min {seconds} s"


class _ProgressLine(keras.callbacks.Callback):
    """One line on the error stream: epoch, share done, loss, accuracy, time left."""

    def __init__(self, interval: float = 0.5) -> None:
        super().__init__()
        self._interval = interval  # seconds between two rewritings, at least
        self._width = 0

    def on_train_begin(self, logs: dict | None = None) -> None:
        self._began = self._shown = time.perf_counter()
        self._first_epoch = None

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._epoch = epoch
        if self._first_epoch is None:
            self._first_epoch = epoch  # above 0 when the run goes on from a checkpoint

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        now = time.perf_counter()
        if now - self._shown < self._interval:
            return
        self._shown = now
        steps = self.params.get("steps") or batch + 1
        within = (batch + 1) / steps
        done = self._epoch - self._first_epoch + within
        left = (now - self._began) / done * (self.params["epochs"] - self._epoch - within)
        values = ", ".join(f"{name} {float(value):.4g}" for name, value in (logs or {}).items())
        self._write(
            f"epoch {self._epoch + 1}/{self.params['epochs']} {within:4.0%}  {values}  "
            f"about {left:.0f} s left"
        )

    def on_train_end(self, logs: dict | None = None) -> None:
        if self._width:
            self._write("")

    def _write(self, line: str) -> None:
        sys.stderr.write("\r" + line.ljust(self._width) + ("\r" if not line else ""))
        sys.stderr.flush()
        self._width = len(line)
