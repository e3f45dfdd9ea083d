"""How does a gradient become a step? Optimizers as pairs of pure functions.

An optimizer is a pair ``(init, update)``, a form made popular by Optax: once
``state = init(parameters)``, then ``parameters, state = update(gradients, state, parameters)`` at
every step. Nothing is changed in place, so a step can be compiled, repeated or taken back. The
arithmetic is that of ``keras.optimizers``, step for step.

Main references: Polyak (1964) and Sutskever, Martens, Dahl and Hinton (2013) for momentum; Kingma
and Ba (2015) for Adam; Loshchilov and Hutter (2019) for decoupled weight decay.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
from keras import ops

from course_lib._checks import either, flag, function, real, takes

__all__ = ["Optimizer", "adam", "adamw", "sgd"]

Tree = Any  # tensors in nested lists, tuples and dictionaries
Rate = float | Callable[[Any], Any]
RATE = either(real(0, open_start=True), function())
SHARE = real(0, 1, open_end=True)


class Optimizer(NamedTuple):
    """A rule that turns gradients into steps, as two pure functions.

    Attributes:
        init: ``init(parameters)`` returns the state to start from, a dictionary of tensors. Its
            entry ``"step"`` counts the steps taken; its entry ``"learning_rate"`` may be replaced
            between two steps.
        update: ``update(gradients, state, parameters)`` returns the new parameters and the new
            state. Gradients have the structure and the shapes of the parameters.
    """

    init: Callable[[Tree], dict]
    update: Callable[[Tree, dict, Tree], tuple[Tree, dict]]


@takes(learning_rate=RATE, momentum=SHARE, nesterov=flag())
def sgd(learning_rate: Rate = 0.01, momentum: float = 0.0, nesterov: bool = False) -> Optimizer:
    """Return stochastic gradient descent (chapter equation ``eq-neural-networks-momentum``).

    With momentum ``m`` the step is a velocity ``v = m v - rate g``: a running sum of past gradients
    that fades by ``m`` at every step (Polyak 1964). With ``nesterov`` the step looks ahead,
    ``m v - rate g`` with the new ``v`` (Sutskever and others 2013).

    Args:
        learning_rate: the factor of the gradient, or a schedule: a function from the number of
            steps taken to the factor.
        momentum: share of the velocity kept, from 0 to below 1.
        nesterov: whether to look ahead.

    Raises:
        ValueError: an argument is outside its range.
    """
    if nesterov and momentum == 0:
        raise ValueError("nesterov needs a momentum above 0: it looks ahead along the velocity.")
    slots = ("velocity",) if momentum else ()
    schedule = learning_rate if callable(learning_rate) else None
    update = _sgd_update(float(momentum), bool(nesterov), schedule)
    return Optimizer(_init(learning_rate, slots), update)


@takes(
    learning_rate=RATE,
    beta_1=SHARE,
    beta_2=SHARE,
    epsilon=real(0, open_start=True),
)
def adam(
    learning_rate: Rate = 0.001,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
) -> Optimizer:
    """Return Adam (Kingma and Ba 2015, algorithm 1; chapter equation ``eq-neural-networks-adam``).

    As in Keras, ``epsilon`` stands where the paper's section 2 puts its ``epsilon-hat``: beside the
    root of the uncorrected mean of squares.

    Args:
        learning_rate: the size of a step, or a schedule as for ``sgd``.
        beta_1: share of the running mean of gradients kept at each step, from 0 to below 1.
        beta_2: share of the running mean of their squares kept, from 0 to below 1.
        epsilon: added to the root, so that it cannot be 0; above 0.

    Raises:
        ValueError: an argument is outside its range.
    """
    return _adam(learning_rate, beta_1, beta_2, epsilon, 0.0)


@takes(
    learning_rate=RATE,
    weight_decay=real(0),
    beta_1=SHARE,
    beta_2=SHARE,
    epsilon=real(0, open_start=True),
)
def adamw(
    learning_rate: Rate = 0.001,
    weight_decay: float = 0.004,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
) -> Optimizer:
    """Return Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2).

    Every parameter first shrinks by ``learning_rate * weight_decay`` of itself, then takes Adam's
    step. (A penalty in the loss would go through Adam's division, and so hardly shrink the
    parameters with large gradients.)

    Args:
        learning_rate: the size of a step, or a schedule as for ``sgd``.
        weight_decay: the rate of shrinking, at least 0.
        beta_1: as for ``adam``.
        beta_2: as for ``adam``.
        epsilon: as for ``adam``.

    Raises:
        ValueError: an argument is outside its range.
    """
    return _adam(learning_rate, beta_1, beta_2, epsilon, weight_decay)


def _adam(
    learning_rate: Rate, beta_1: float, beta_2: float, epsilon: float, weight_decay: float
) -> Optimizer:
    schedule = learning_rate if callable(learning_rate) else None
    numbers = map(float, (beta_1, beta_2, epsilon, weight_decay))
    return Optimizer(_init(learning_rate, ("mean", "square")), _adam_update(*numbers, schedule))


def _init(learning_rate: Rate, slots: tuple[str, ...]) -> Callable[[Tree], dict]:
    """Return the function that makes a first state: no steps, and zeros in every slot."""

    def init(parameters: Tree) -> dict:
        first = learning_rate(0) if callable(learning_rate) else learning_rate
        state = {
            "step": ops.zeros((), "int32"),
            "learning_rate": ops.convert_to_tensor(first, "float32"),
        }
        zeros = [keras.tree.map_structure(ops.zeros_like, parameters) for _ in slots]
        return state | dict(zip(slots, zeros, strict=True))

    return init


# One update function for each choice of the constants, whatever the learning rate: a compiled step
# can then be used again at another rate.
@functools.lru_cache(maxsize=64)
def _sgd_update(momentum: float, nesterov: bool, schedule: Callable | None) -> Callable:
    def update(gradients: Tree, state: dict, parameters: Tree) -> tuple[Tree, dict]:
        rate, new_state = _advance(state, schedule)
        move = _map(lambda p, g: -ops.cast(rate, p.dtype) * g, parameters, gradients)
        if momentum:
            velocity = _map(lambda v, d: momentum * v + d, state["velocity"], move)
            new_state["velocity"] = velocity
            move = _map(lambda v, d: momentum * v + d, velocity, move) if nesterov else velocity
        return _map(ops.add, parameters, move), new_state

    return update


@functools.lru_cache(maxsize=64)
def _adam_update(
    beta_1: float, beta_2: float, epsilon: float, weight_decay: float, schedule: Callable | None
) -> Callable:
    def update(gradients: Tree, state: dict, parameters: Tree) -> tuple[Tree, dict]:
        rate, new_state = _advance(state, schedule)
        step = ops.cast(new_state["step"], "float32")
        mean = _map(lambda m, g: m + (1 - beta_1) * (g - m), state["mean"], gradients)
        square = _map(lambda s, g: s + (1 - beta_2) * (g * g - s), state["square"], gradients)
        # Both means start at zero and are too small by these factors.
        size = rate * ops.sqrt(1 - ops.power(beta_2, step)) / (1 - ops.power(beta_1, step))

        def move(p: Any, m: Any, s: Any) -> Any:
            kept = p - p * ops.cast(weight_decay * rate, p.dtype) if weight_decay else p
            return kept - ops.cast(size, p.dtype) * m / (ops.sqrt(s) + epsilon)

        new_state |= {"mean": mean, "square": square}
        return _map(move, parameters, mean, square), new_state

    return update


def _advance(state: dict, schedule: Callable | None) -> tuple[Any, dict]:
    """Return the rate of this step, and the state's counter and rate after it."""
    rate = state["learning_rate"] if schedule is None else schedule(state["step"])
    rate = ops.cast(ops.convert_to_tensor(rate), "float32")
    return rate, {"step": state["step"] + 1, "learning_rate": rate}


def _map(function: Callable, *trees: Tree) -> Tree:
    return keras.tree.map_structure(function, *trees)
