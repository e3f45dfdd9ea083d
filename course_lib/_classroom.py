"""How does one train fifty students in the time of a few, and compare them fairly?

Serves the chapter ``compute/distillation``. A class has a start for each seed and a place for each
setting of the dials. All students of one seed start from the same weights and see the same examples
in the same order, so that they differ by their dials alone. They sit side by side in one model: a
batch is a table of row numbers, one column for each seed, and inputs, labels and teachers' logits
are looked up inside the compiled step.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from course_lib import gradients, training
from course_lib._checks import (
    array,
    check_between,
    check_whole,
    either,
    instance,
    model,
    real,
    sequence,
    shape_of,
    takes,
    whole,
)
from course_lib._distillation_loss import blended_loss

__all__ = ["Classroom", "teach"]


@takes(
    starts=sequence(model(), 1),
    x=array("examples", "...", finite=False),
    labels=array(),
    teacher_logits=array(finite=False),
    temperature=array(),
    alpha=array(),
    epochs=whole(1),
    batch_size=whole(1),
    learning_rate=real(0, open_start=True),
    seed=whole(),
)
def teach(
    starts: Sequence[keras.Sequential],
    x: np.ndarray,
    labels: np.ndarray,
    teacher_logits: np.ndarray | None = None,
    *,
    temperature: float | Sequence[float] = 4.0,
    alpha: float | Sequence[float] = 0.5,
    epochs: int = 10,
    batch_size: int = 100,
    learning_rate: float = 3e-3,
    seed: int = 0,
) -> Classroom:
    """Train students of one architecture side by side, one for each start and each dial setting.

    Each minimizes its own :func:`distillation_loss` with Adam and a one-cycle learning rate, as if
    it were alone.

    Args:
        starts: built ``keras.Sequential`` networks of ``Flatten`` and ``Dense`` layers, alike but
            for their weights, one for each seed. They are copied, not changed.
        x: inputs, shape ``(examples, ...)``.
        labels: class indices, shape ``(examples,)``, ``(starts, examples)`` or
            ``(starts, dials, examples)``; below 0 where there is no label.
        teacher_logits: of the shape of ``labels`` (one of the three) and a last axis of classes.
            None where every ``alpha`` is 0.
        temperature: one number, or one for each of ``dials`` settings.
        alpha: the teacher's share of the loss, likewise.
        epochs: how often to go through the examples; what does not fill a batch is left out.
        batch_size: examples a step, for each student.
        learning_rate: the peak of the one-cycle schedule.
        seed: for the orders of the examples.

    Returns:
        The trained students.

    Raises:
        ValueError: shapes do not fit, a network is of another kind, or a dial is out of range.
    """
    check_whole("epochs", epochs, 1)
    check_whole("batch_size", batch_size, 1, len(x))
    check_whole("seed", seed, 0)
    dials = _dials(temperature, alpha)
    room = Classroom(starts, dials)
    room.open_books(x, labels, teacher_logits)
    batches = len(x) // batch_size
    room.compile(
        keras.optimizers.Adam(training.one_cycle(learning_rate, max(2, epochs * batches))),
        jit_compile=gradients.without_slow_start(),
    )
    random = np.random.default_rng(seed)
    every = np.tile(np.arange(len(x), dtype="int32")[:, None], len(starts))
    orders = (random.permuted(every, axis=0)[: batches * batch_size] for _ in range(epochs))
    rows = np.concatenate(list(orders))
    room.fit(rows, batch_size=batch_size, epochs=1, shuffle=False, verbose=0)
    return room


def _features_fit(given: Mapping[str, Any]) -> None:
    shape, features = shape_of(given["x"]), given["self"].stack[0].kernel.shape[1]
    if None not in shape[1:] and math.prod(shape[1:]) != features:
        raise ValueError(
            f"x must hold {features} numbers for each example, as the students were built for, but "
            f"its shape is {shape}."
        )


def _two_dials(given: Mapping[str, Any]) -> None:
    shape = shape_of(given["dials"])
    if shape[1] != 2:
        raise ValueError(
            f"dials must hold a temperature and an alpha in each row, but its shape is {shape}."
        )


class Classroom(keras.Model):
    """Students side by side; :func:`teach` makes one and trains it.

    Args:
        starts: the networks to copy, one for each seed.
        dials: temperature and alpha of each setting, shape ``(dials, 2)``.
    """

    @takes(_two_dials, starts=sequence(model(), 1), dials=array("dials", "settings"))
    def __init__(self, starts: Sequence[keras.Sequential], dials: np.ndarray) -> None:
        """Copy each start once for each setting."""
        super().__init__(name="classroom")
        dense = _dense_layers(starts)
        self.shape = (len(starts), len(dials))
        self.temperature, self.alpha = dials.T
        self.stack = []
        for place, layer in enumerate(dense):
            several = layers.EinsumDense(
                "bgi,gico->bgco" if place == 0 else "bgci,gcio->bgco",
                (*self.shape, layer.units),
                bias_axes="gco",
                activation=layer.activation,
            )
            inputs = (layer.kernel.shape[0],) if place == 0 else (len(dials), layer.kernel.shape[0])
            several.build((None, len(starts), *inputs))
            self.stack.append(several)
        weights = [np.stack(w) for w in zip(*(s.get_weights() for s in starts), strict=True)]
        for several, kernel, bias in zip(self.stack, weights[::2], weights[1::2], strict=True):
            axis = 2 if several is self.stack[0] else 1
            kernels = np.repeat(np.expand_dims(kernel, axis), len(dials), axis)
            several.set_weights([kernels, np.repeat(bias[:, None], len(dials), 1)])
        self.built = True

    @takes(
        x=array("examples", "...", finite=False),
        labels=array(),
        teacher_logits=either(array(finite=False), instance(type(None), "None")),
    )
    def open_books(self, x: Any, labels: Any, teacher_logits: Any) -> None:
        """Lay out what the students learn from, as tables that the compiled step reads."""
        x, labels = np.asarray(x), np.asarray(labels)
        classes = self.stack[-1].bias.shape[-1]
        if teacher_logits is None:
            if self.alpha.any():
                raise ValueError("teacher_logits must be given unless alpha is 0.")
            teacher_logits = np.zeros((len(x), classes), "float32")
        said = np.asarray(teacher_logits)
        fitting = [(*self.shape[:axes], len(x)) for axes in (0, 1, 2)]
        if (
            labels.shape not in fitting
            or labels.dtype.kind not in "iu"
            or labels.max() >= classes
            or said.shape not in [(*shape, classes) for shape in fitting]
            or not np.isfinite(said).all()
        ):
            raise ValueError(
                f"labels must be class indices below {classes} of shape ({len(x)},) and "
                f"teacher_logits finite, of shape ({len(x)}, {classes}), each perhaps with first "
                f"axes of {self.shape} starts and dials, but labels are {labels.dtype} of shape "
                f"{labels.shape} and the logits have shape {said.shape}."
            )
        flat = x.reshape(len(x), -1)
        if flat.shape[1] != self.stack[0].kernel.shape[1] or not np.isfinite(flat).all():
            raise ValueError(
                f"x must fit the students' input and be finite, but its shape is {x.shape} and "
                f"{np.isnan(flat).sum()} of its values are NaN."
            )
        labels = np.broadcast_to(_axes(labels, 3), (*self.shape, len(x)))
        said = np.broadcast_to(_axes(said, 4), (*self.shape, len(x), classes))
        # Rows of examples first, so that a step takes whole rows.
        tables = [flat, labels.transpose(0, 2, 1), said.transpose(0, 2, 1, 3)]
        tables = [tables[0], *(table.reshape(-1, *table.shape[2:]) for table in tables[1:])]
        kinds = ("float32", "int32", "float32")
        self.books = [
            keras.Variable(table.astype(kind), dtype=kind, trainable=False)
            for table, kind in zip(tables, kinds, strict=True)
        ]
        self.offsets = len(x) * np.arange(self.shape[0], dtype="int32")

    def call(self, rows: Any) -> Any:
        """Answer rows of the books, ``(batch, starts)``: ``(batch, starts, dials, classes)``."""
        return self._answer(ops.take(self.books[0], rows, axis=0))

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, *unused: Any, **options: Any
    ) -> Any:
        """Return the mean over a batch of the summed losses: each student has its own gradient."""
        labels, said = (ops.take(book, x + self.offsets, axis=0) for book in self.books[1:])
        each = blended_loss(y_pred, said, labels, self.temperature, self.alpha)
        return ops.mean(ops.sum(each, axis=(1, 2)))

    @takes(_features_fit, x=array("examples", "...", filled=True), batch_size=whole(1))
    def logits(self, x: np.ndarray, batch_size: int = 500) -> np.ndarray:
        """Show the same examples to all students.

        Args:
            x: inputs, shape ``(examples, ...)``.
            batch_size: examples at a time.

        Returns:
            Logits, shape ``(starts, dials, examples, classes)``.
        """
        flat = np.asarray(x, "float32").reshape(len(x), -1)
        parts = []
        for start in range(0, len(x), batch_size):
            part = flat[start : start + batch_size, None]
            part = np.broadcast_to(part, (len(part), self.shape[0], part.shape[-1]))
            parts.append(ops.convert_to_numpy(self._answer(ops.convert_to_tensor(part))))
        return np.concatenate(parts).transpose(1, 2, 0, 3)

    @takes(start=whole(), dial=whole())
    def student_weights(self, start: int, dial: int) -> list[np.ndarray]:
        """Return one student's weights, in the order of its start's ``get_weights()``."""
        weights = [ops.convert_to_numpy(weight) for layer in self.stack for weight in layer.weights]
        weights[0] = weights[0].swapaxes(1, 2)
        return [weight[start, dial] for weight in weights]

    def _answer(self, values: Any) -> Any:
        for layer in self.stack:
            values = layer(values)
        return values


def _axes(table: np.ndarray, count: int) -> np.ndarray:
    """Insert axes of one where a table has none for starts or dials."""
    lead = table.ndim - (count - 2)  # axes before the examples: none, starts, or both
    shape = (*table.shape[:lead], *(1,) * (2 - lead), *table.shape[lead:])
    return table.reshape(shape)


def _dials(temperature: Any, alpha: Any) -> np.ndarray:
    try:
        pairs = np.broadcast_arrays(
            *(np.atleast_1d(np.asarray(v, "float32")) for v in (temperature, alpha))
        )
    except ValueError:
        pairs = [np.zeros((0, 0))]
    if pairs[0].ndim != 1 or len(pairs[0]) == 0:
        raise ValueError(
            "temperature and alpha must each be one number or as many as there are dial settings, "
            f"but they are {temperature!r} and {alpha!r}."
        )
    for heat, share in zip(*pairs, strict=True):
        check_between("temperature", float(heat), 0, np.inf, open_start=True)
        check_between("alpha", float(share), 0, 1)
    return np.stack(pairs, axis=1)


def _dense_layers(starts: Sequence[keras.Sequential]) -> list[layers.Dense]:
    shapes = {tuple(tuple(w.shape) for w in start.weights) for start in starts}
    kinds = {type(layer) for start in starts for layer in start.layers}
    dense = [x for x in starts[0].layers if isinstance(x, layers.Dense)] if starts else []
    if len(shapes) != 1 or not kinds <= {layers.Flatten, layers.Dense} or not dense:
        raise ValueError(
            "starts must be at least one built keras.Sequential of Flatten and Dense layers, all "
            f"of the same sizes, but there are {len(starts)} of {len(shapes)} kinds with layers "
            f"{sorted(kind.__name__ for kind in kinds)}."
        )
    if not all(layer.use_bias for layer in dense):
        raise ValueError("starts must have dense layers with a bias.")
    return dense
