"""How does one learn a class from five examples, or a function from ten points?

Prototypes, and learning a start from which a few steps suffice. Serves
``course_lib.label_efficiency``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from keras import ops, tree

from course_lib import gradients
from course_lib._checks import (
    array,
    fits_shape,
    flag,
    floats,
    indices,
    sequence,
    shape_of,
    takes,
    whole,
)

__all__ = [
    "adapt",
    "episode",
    "forward_tasks",
    "maml_loss",
    "prototype_logits",
    "prototypes",
    "prototypes_as_linear",
    "sinusoid_tasks",
    "task_loss",
]

Parameters = list[tuple[Any, Any]]
TASK_LAYERS = sequence(sequence(floats(), 2, 2), 1)


@takes(embeddings=floats(), labels=array(), num_classes=whole(1))
def prototypes(embeddings: Any, labels: Any, num_classes: int) -> Any:
    """Average the examples of each class (Snell, Swersky and Zemel 2017, equation 1).

    Chapter equation ``eq-labels-prototype``.

    Args:
        embeddings: features of the examples with labels, floating point, ``(batch, features)``.
        labels: class indices from 0 to ``num_classes - 1``, whole numbers, shape ``(batch,)``.
        num_classes: number of classes; each needs an example.

    Returns:
        Prototypes, tensor of shape ``(num_classes, features)``.

    Raises:
        ValueError: the shapes do not fit, or a class has no example.
    """
    embeddings, labels = ops.convert_to_tensor(embeddings), ops.convert_to_numpy(labels)
    if len(embeddings.shape) != 2 or labels.shape != (embeddings.shape[0],):
        raise ValueError(
            "embeddings and labels must have shapes (batch, features) and (batch,), but they have "
            f"{tuple(embeddings.shape)} and {labels.shape}."
        )
    if labels.dtype.kind not in "iu" or set(np.unique(labels)) != set(range(num_classes)):
        raise ValueError(
            f"labels must hold every class from 0 to {num_classes - 1} and no other, but they hold "
            f"{np.unique(labels)[:12]} ({labels.dtype}). Number the classes of an episode anew."
        )
    members = ops.one_hot(labels, num_classes, dtype=embeddings.dtype)  # (batch, classes)
    sums = ops.matmul(ops.transpose(members), embeddings)
    return sums / ops.sum(members, axis=0)[:, None]


@takes(queries=floats(), centers=floats(filled=True))
def prototype_logits(queries: Any, centers: Any) -> Any:
    """Compute minus the squared distance to each prototype (Snell and others 2017, equation 2).

    Args:
        queries: features, floating point, shape ``(batch, features)``.
        centers: prototypes, shape ``(classes, features)``.

    Returns:
        Logits, tensor of shape ``(batch, classes)``.

    Raises:
        ValueError: the numbers of features differ.
    """
    queries, centers = ops.convert_to_tensor(queries), ops.convert_to_tensor(centers)
    if len(queries.shape) != 2 or len(centers.shape) != 2 or queries.shape[1] != centers.shape[1]:
        raise ValueError(
            "queries and centers must have shapes (batch, features) and (classes, features), but "
            f"they have {tuple(queries.shape)} and {tuple(centers.shape)}."
        )
    middle = ops.mean(centers, axis=0, keepdims=True)  # distances do not change, digits are saved
    queries, centers = queries - middle, centers - middle
    kernel, bias = prototypes_as_linear(centers)
    return ops.matmul(queries, kernel) + bias - ops.sum(ops.square(queries), axis=1, keepdims=True)


@takes(centers=floats("classes", "features"))
def prototypes_as_linear(centers: Any) -> tuple[Any, Any]:
    """Write the nearest prototype as a linear classifier (Snell and others 2017, equation 8).

    Chapter equation ``eq-labels-linear``. Its logits differ from :func:`prototype_logits` by the
    squared length of the query, which is the same for all classes.

    Args:
        centers: prototypes, floating point, shape ``(classes, features)``.

    Returns:
        A kernel ``2 c``, shape ``(features, classes)``, and a bias ``-|c|^2``, ``(classes,)``.
    """
    centers = ops.convert_to_tensor(centers)
    return 2 * ops.transpose(centers), -ops.sum(ops.square(centers), axis=1)


@takes(
    labels=indices("examples"),
    classes=sequence(whole(), 1),
    shots=whole(),
    queries=whole(),
    seed=whole(),
)
def episode(
    labels: np.ndarray, classes: Sequence[int], shots: int, queries: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw a small problem: some examples of each class to learn from, others to be asked.

    Args:
        labels: class indices of all examples, shape ``(examples,)``.
        classes: the classes of the problem.
        shots: examples of each class to learn from.
        queries: examples of each class to be asked.
        seed: a whole number from 0 on.

    Returns:
        Positions to learn from, shape ``(classes, shots)``, and to be asked, ``(classes,
        queries)``, all different. Row ``k`` belongs to ``classes[k]``.

    Raises:
        ValueError: a class has too few examples.
    """
    random, labels = np.random.default_rng(seed), np.asarray(labels)
    drawn = []
    for number in classes:
        places = np.flatnonzero(labels == number)
        if len(places) < shots + queries:
            raise ValueError(
                f"classes must have {shots + queries} examples each, but class {number} has "
                f"{len(places)}. Ask for fewer shots or queries."
            )
        drawn.append(random.permutation(places)[: shots + queries])
    drawn = np.stack(drawn)
    return drawn[:, :shots], drawn[:, shots:]


@takes(shape=sequence(whole()), points=whole(), seed=whole())
def sinusoid_tasks(shape: Sequence[int], points: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw the regression problems of Finn, Abbeel and Levine (2017, section 5.1).

    Each is a sine with an amplitude from 0.1 to 5 and a phase from 0 to pi, seen at points from -5
    to 5.

    Args:
        shape: how many problems along each axis, such as ``(runs, tasks)``.
        points: points of each problem.
        seed: a whole number from 0 on.

    Returns:
        Inputs and targets, float32 arrays of shape ``(*shape, points, 1)``.
    """
    random, one = np.random.default_rng(seed), (*shape, 1, 1)
    x = random.uniform(-5, 5, size=(*shape, points, 1))
    amplitude, phase = random.uniform(0.1, 5, one), random.uniform(0, np.pi, one)
    return x.astype("float32"), (amplitude * np.sin(x - phase)).astype("float32")


def _tasks_fit(given: Mapping[str, Any]) -> None:
    """Raise unless each layer takes what the one before it returns, for as many runs and tasks."""
    *leading, points, width = shape_of(given["x"])
    for place, (kernel, bias) in enumerate(given["parameters"]):
        kernel, bias = shape_of(kernel), shape_of(bias)
        units = kernel[-1:]
        shapes = fits_shape(kernel, (*leading, width, *units)) and fits_shape(
            bias, (*leading, 1, *units)
        )
        if not shapes:
            raise ValueError(
                f"parameters[{place}] must have a kernel {(*leading, width, 'units')} and a bias "
                f"{(*leading, 1, 'units')}, to fit x and the layer before, but their shapes are "
                f"{kernel} and {bias}."
            )
        width = units[0]
    if "y" in given and not fits_shape(shape_of(given["y"]), (*leading, points, width)):
        raise ValueError(
            f"y must have the shape of the network's outputs, {(*leading, points, width)}, but its "
            f"shape is {shape_of(given['y'])}."
        )


@takes(_tasks_fit, parameters=TASK_LAYERS, x=floats("runs", "tasks", "points", "inputs"))
def forward_tasks(parameters: Parameters, x: Any) -> Any:
    """Run a ReLU network for many tasks at once, each with its own weights.

    Args:
        parameters: kernels ``(runs, tasks, inputs, units)`` and biases ``(runs, tasks, 1, units)``.
        x: inputs, shape ``(runs, tasks, points, inputs)``.

    Returns:
        Outputs, shape ``(runs, tasks, points, outputs)``.
    """
    for kernel, bias in parameters[:-1]:
        x = ops.relu(ops.matmul(x, kernel) + bias)
    kernel, bias = parameters[-1]
    return ops.matmul(x, kernel) + bias


@takes(
    _tasks_fit,
    parameters=TASK_LAYERS,
    x=floats("runs", "tasks", "points", "inputs"),
    y=floats("runs", "tasks", "points", "outputs"),
)
def task_loss(parameters: Parameters, x: Any, y: Any) -> Any:
    """Compute the mean squared error of each task, shape ``(runs, tasks)``."""
    return ops.mean(ops.square(forward_tasks(parameters, x) - y), axis=(2, 3))


@takes(
    _tasks_fit,
    parameters=TASK_LAYERS,
    x=floats("runs", "tasks", "points", "inputs"),
    y=floats("runs", "tasks", "points", "outputs"),
    rate=array(),
    steps=whole(),
    first_order=flag(),
)
def adapt(
    parameters: Parameters, x: Any, y: Any, rate: float, steps: int, first_order: bool = False
) -> Parameters:
    """Take a few steps of gradient descent on each task (Finn and others 2017, equation 1).

    Chapter equation ``eq-labels-inner``. The sum over tasks gives each task its own gradient, since
    no weight serves two of them.

    Args:
        parameters: one set of weights for each task, as for :func:`forward_tasks`.
        x: inputs to learn from, shape ``(runs, tasks, points, inputs)``.
        y: their targets, shape ``(runs, tasks, points, outputs)``.
        rate: the learning rate of these steps.
        steps: number of steps, from 0 on.
        first_order: treat the gradients of these steps as constants when the result is
            differentiated.

    Returns:
        The adapted parameters, of the same structure and shapes.
    """
    slope = gradients.value_and_grad(lambda weights: ops.sum(task_loss(weights, x, y)))
    for _ in range(steps):
        gradient = slope(parameters)[1]
        if first_order:
            gradient = tree.map_structure(ops.stop_gradient, gradient)
        parameters = tree.map_structure(lambda w, g: w - rate * g, parameters, gradient)
    return parameters


@takes(
    start=TASK_LAYERS,
    support=sequence(floats("runs", "tasks", "points", "numbers"), 2, 2),
    query=sequence(floats("runs", "tasks", "points", "numbers"), 2, 2),
    rate=array(),
    steps=whole(),
    first_order=flag(),
)
def maml_loss(
    start: Parameters,
    support: tuple[Any, Any],
    query: tuple[Any, Any],
    rate: float,
    steps: int = 1,
    first_order: bool = False,
) -> Any:
    """Compute how well a start does *after* a few steps on each task (Finn and others 2017).

    Chapter equation ``eq-labels-maml``. Differentiate it by ``start``. With no steps it is the loss
    of plain training on all tasks together.

    Args:
        start: weights shared by all tasks of a run: kernels ``(runs, inputs, units)`` and biases
            ``(runs, 1, units)``.
        support: inputs and targets to adapt to, shapes ``(runs, tasks, points, ...)``.
        query: other points of the same tasks.
        rate: the learning rate of the inner steps.
        steps: number of inner steps.
        first_order: leave out the derivative of the inner gradients.

    Returns:
        The sum over runs of the mean loss over tasks, tensor of shape ``()``.

    Raises:
        ValueError: ``steps`` is negative.
    """
    if steps < 0:
        raise ValueError(f"steps must be a whole number from 0 on, but it is {steps!r}.")
    tasks = support[0].shape[1]
    own = tree.map_structure(lambda w: ops.repeat(ops.expand_dims(w, 1), tasks, axis=1), start)
    own = adapt(own, *support, rate, steps, first_order)
    return ops.sum(ops.mean(task_loss(own, *query), axis=1))
