"""How does a network learn? Forward pass, loss, backward pass and step, each written out.

Serves the chapter ``foundations/neural_networks``. A multilayer perceptron is a list of pairs
``(kernel, bias)``, one for each layer; :func:`forward` computes its logits and :func:`backward` its
loss and gradients by the chain rule, without any automatic differentiation. :class:`Variable` is
the other way to a gradient: a small engine that differentiates whatever is computed with it.
:func:`sgd`, :func:`adam` and :func:`adamw` turn gradients into steps, and :func:`train` puts all
together.

Main references: Rumelhart, Hinton and Williams (1986) for back-propagation; Goodfellow, Bengio and
Courville (2016), chapters 6 and 8; Glorot and Bengio (2010) and He and others (2015) for the scale
of initial weights.

Shapes: inputs ``(batch, features)``, kernels ``(features, units)``, biases ``(units,)``, labels
``(batch,)``, logits ``(batch, classes)``.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from keras import ops

from course_lib import gradients as backend_gradients
from course_lib._autodiff import Graph, Variable, computation_graph
from course_lib._checks import (
    array,
    choice,
    either,
    floats,
    function,
    indices,
    instance,
    real,
    sequence,
    takes,
    whole,
)
from course_lib._graph_drawing import draw_graph
from course_lib._layers import (
    ACTIVATIONS,
    as_floats,
    check_labels,
    cross_entropy,
    dense,
    mean_squared_error,
    one_hot,
    relu,
    sigmoid,
    softmax,
    tanh,
)
from course_lib._optimizers import Optimizer, adam, adamw, sgd

__all__ = [
    "Graph",
    "Optimizer",
    "Variable",
    "adam",
    "adamw",
    "backward",
    "central_differences",
    "computation_graph",
    "cross_entropy",
    "dense",
    "draw_graph",
    "forward",
    "init_parameters",
    "mean_squared_error",
    "relu",
    "sgd",
    "sigmoid",
    "softmax",
    "tanh",
    "train",
]

Parameters = list[tuple[Any, Any]]  # (kernel, bias) of each layer
LAYERS = sequence(sequence(floats(), 2, 2), 1)


@takes(
    sizes=sequence(whole(1), 2),
    seed=whole(),
    scheme=either(choice(("glorot", "he")), real(0)),
    dtype=choice(("float32", "float64")),
)
def init_parameters(
    sizes: Sequence[int], seed: int, scheme: str | float = "glorot", dtype: str = "float32"
) -> Parameters:
    """Draw the first parameters of a multilayer perceptron. Biases start at 0.

    Args:
        sizes: numbers of features, of hidden units layer by layer, and of classes: ``(784, 64,
            10)`` for the network of document 002.
        seed: seed of the random numbers, which are NumPy's and so the same on every backend.
        scheme: ``"glorot"``, uniform with variance ``2 / (features + units)``, Keras's default
            (Glorot and Bengio 2010, equation 16); ``"he"``, normal with variance ``2 / features``
            (He and others 2015, equation 10); or a number, the ``gain`` of a normal distribution
            with standard deviation ``gain / sqrt(features)``.
        dtype: ``"float32"`` or ``"float64"``.

    Returns:
        A list of pairs ``(kernel, bias)`` of NumPy arrays, one for each layer.

    Raises:
        ValueError: there are fewer than two sizes, or the scheme is not known.
    """
    if len(sizes) < 2 or any(int(n) != n or n < 1 for n in sizes):
        raise ValueError(
            "sizes must be at least two whole numbers from 1, such as (784, 64, 10), got "
            f"{sizes!r}."
        )
    random = np.random.default_rng(seed)
    parameters = []
    for features, units in zip(sizes[:-1], sizes[1:], strict=True):
        if scheme == "glorot":
            limit = math.sqrt(6 / (features + units))  # variance limit**2 / 3
            kernel = random.uniform(-limit, limit, (features, units))
        elif scheme == "he" or (isinstance(scheme, int | float) and scheme >= 0):
            gain = math.sqrt(2) if scheme == "he" else scheme
            kernel = random.normal(0, gain / math.sqrt(features), (features, units))
        else:
            raise ValueError(f'scheme must be "glorot", "he" or a gain from 0, got {scheme!r}.')
        parameters.append((kernel.astype(dtype), np.zeros(units, dtype)))
    return parameters


@takes(parameters=LAYERS, x=floats("...", "features"), activation=choice(ACTIVATIONS))
def forward(parameters: Parameters, x: Any, activation: str = "relu") -> Any:
    """Compute the logits of a multilayer perceptron (``eq-neural-networks-forward``).

    Args:
        parameters: pairs ``(kernel, bias)``, one for each layer.
        x: inputs, shape ``(batch, features)``.
        activation: ``"relu"``, ``"sigmoid"``, ``"tanh"`` or ``"linear"``, after every layer but the
            last.

    Returns:
        Logits, shape ``(batch, classes)``.

    Raises:
        ValueError: shapes do not fit, or the activation is not known.
    """
    function, _ = _activation(activation)
    for kernel, bias in parameters[:-1]:
        x = function(dense(x, kernel, bias))
    return dense(x, *parameters[-1])


@takes(
    parameters=LAYERS,
    x=floats("batch", "features", filled=True),
    labels=indices("batch"),
    activation=choice(ACTIVATIONS),
    weight_penalty=real(0),
)
def backward(
    parameters: Parameters,
    x: Any,
    labels: Any,
    activation: str = "relu",
    weight_penalty: float = 0.0,
) -> tuple[Any, Parameters]:
    """Compute the loss of a multilayer perceptron and its gradient, by the chain rule.

    Chapter equations ``eq-neural-networks-delta-last`` to ``eq-neural-networks-kernel-gradient``;
    Rumelhart, Hinton and Williams (1986).

    Args:
        parameters: pairs ``(kernel, bias)``, one for each layer.
        x: inputs, shape ``(batch, features)``.
        labels: class indices, shape ``(batch,)``.
        activation: as for :func:`forward`.
        weight_penalty: adds this times the sum of all squared kernel entries to the loss (biases
            are left out).

    Returns:
        The mean cross-entropy plus the penalty, one number; and its gradient, in the structure of
        ``parameters``.

    Raises:
        ValueError: shapes do not fit, labels are no class indices, or the activation is not known.
    """
    function, derivative = _activation(activation)
    inputs = [as_floats(x, "x")]  # of each layer
    for kernel, bias in parameters[:-1]:
        inputs.append(function(dense(inputs[-1], kernel, bias)))
    logits = dense(inputs[-1], *parameters[-1])
    loss = cross_entropy(labels, logits)

    examples = ops.cast(ops.shape(logits)[0], logits.dtype)
    delta = (softmax(logits) - one_hot(labels, logits)) / examples  # loss by logits
    found = []
    for layer in reversed(range(len(parameters))):
        kernel, h = parameters[layer][0], inputs[layer]
        found.append((ops.matmul(ops.transpose(h), delta), ops.sum(delta, axis=0)))
        if layer > 0:  # on through the kernel, then through the activation
            delta = ops.matmul(delta, ops.transpose(kernel)) * derivative(h)
    found.reverse()
    if weight_penalty:
        loss = loss + weight_penalty * sum(ops.sum(ops.square(k)) for k, _ in parameters)
        pairs = zip(found, parameters, strict=True)
        found = [(slope + 2 * weight_penalty * k, rest) for (slope, rest), (k, _) in pairs]
    return loss, found


@takes(function=function(), x=array(), step=real(0, open_start=True))
def central_differences(
    function: Callable[[np.ndarray], float], x: np.ndarray, step: float = 1e-5
) -> np.ndarray:
    """Estimate a gradient from values alone: ``(f(x + h) - f(x - h)) / 2h`` for each element.

    Two evaluations for each element, so it serves to check a gradient, not to train with one.

    Args:
        function: takes an array like ``x`` and returns one number; computed in ``float64``, or
            rounding errors will drown the difference.
        x: where to differentiate, any shape.
        step: ``h``. Its square is the order of the error of the formula; rounding adds about
            ``1e-16 / h``.

    Returns:
        Estimated derivatives, ``float64``, in the shape of ``x``.
    """
    x = np.array(x, "float64")  # a copy: the caller's stays as it is
    slopes = np.empty_like(x)
    for index in np.ndindex(x.shape):
        here = x[index]
        x[index] = here + step
        above = float(function(x))
        x[index] = here - step
        below = float(function(x))
        x[index] = here
        slopes[index] = (above - below) / (2 * step)
    return slopes


@takes(
    parameters=LAYERS,
    optimizer=instance(Optimizer, "an Optimizer"),
    x=floats("examples", "features"),
    labels=array("examples"),
    epochs=whole(),
    batch_size=whole(),
    seed=whole(),
    activation=choice(ACTIVATIONS),
)
def train(
    parameters: Parameters,
    optimizer: Optimizer,
    x: np.ndarray,
    labels: np.ndarray,
    *,
    epochs: int,
    batch_size: int,
    seed: int,
    activation: str = "relu",
) -> tuple[Parameters, np.ndarray]:
    """Train a multilayer perceptron with :func:`backward` and an optimizer.

    Every epoch goes through the examples in a new random order, as one compiled loop. Examples
    that do not fill a last batch are left out of that epoch.

    Args:
        parameters: to start from; they are not changed.
        optimizer: such as ``adam(1e-3)``.
        x: inputs, shape ``(examples, features)``.
        labels: class indices, shape ``(examples,)``.
        epochs: how often to go through the examples.
        batch_size: examples in a step.
        seed: seed of the orders.
        activation: as for :func:`forward`.

    Returns:
        The new parameters, as tensors, and the loss of each step (before it was taken), shape
        ``(steps,)``.

    Raises:
        ValueError: lengths differ, or there are fewer examples than a batch holds.
    """
    if len(x) != len(labels) or not 1 <= batch_size <= len(x):
        raise ValueError(
            "x and labels must hold equally many examples, and at least one batch, but they hold "
            f"{len(x)} and {len(labels)}, and batch_size is {batch_size}."
        )
    x = as_floats(x, "x")
    check_labels(labels, forward(parameters, x[:1], activation), examples=len(x))
    labels = ops.convert_to_tensor(labels, "int32")
    parameters = [tuple(map(ops.convert_to_tensor, layer)) for layer in parameters]
    state, losses = optimizer.init(parameters), []
    random, steps = np.random.default_rng(seed), len(x) // batch_size
    shapes = (len(x), batch_size, *(tuple(kernel.shape) for kernel, _ in parameters))
    epoch = _compiled_epoch(optimizer.update, activation, shapes)
    for _ in range(epochs):
        order = random.permutation(len(x))[: steps * batch_size].reshape(steps, batch_size)
        order = ops.convert_to_tensor(order, "int32")
        parameters, state, of_epoch = epoch(parameters, state, x, labels, order)
        losses.append(ops.convert_to_numpy(of_epoch))
    return parameters, np.concatenate(losses) if losses else np.zeros(0)


@functools.lru_cache(maxsize=32)
def _compiled_epoch(update: Callable, activation: str, shapes: tuple) -> Callable:
    """Return a compiled function that takes one step for each row of ``order``.

    There is one for each choice of ``shapes``: a function recorded for several would be slower.
    """

    def epoch(parameters: Any, state: dict, x: Any, labels: Any, order: Any) -> tuple:
        steps = order.shape[0]

        def step(number: Any, carry: tuple) -> tuple:
            parameters, state, losses = carry
            batch, classes = (ops.take(a, order[number], axis=0) for a in (x, labels))
            loss, slopes = backward(parameters, batch, classes, activation)
            parameters, state = update(slopes, state, parameters)
            return parameters, state, ops.where(ops.arange(steps) == number, loss, losses)

        return ops.fori_loop(0, steps, step, (parameters, state, ops.zeros(steps, x.dtype)))

    return backend_gradients.compile(epoch)


def _activation(name: str) -> tuple[Callable, Callable]:
    if name not in ACTIVATIONS:
        raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}, got {name!r}.")
    return ACTIVATIONS[name]
