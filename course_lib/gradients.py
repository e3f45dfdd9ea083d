"""How does one get gradients on whichever backend Keras runs on?

The mathematics of the course is written on ``keras.ops``. TensorFlow records it on a tape; JAX and
PyTorch transform functions. Here the three have one form, after JAX's (Bradbury et al. 2018): a
function goes in, a function that also returns gradients comes out. This is the only module of the
course that asks which backend is active.
"""

import functools
import shutil
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from course_lib._checks import function, takes

__all__ = [
    "active_backend",
    "compile",
    "per_example_gradients",
    "value_and_grad",
    "visible_gpus",
    "without_slow_start",
]


def active_backend() -> str:
    """Return the name of Keras's backend: ``"tensorflow"``, ``"jax"`` or ``"torch"``."""
    return keras.backend.backend()


def without_slow_start() -> bool | str:
    """What to give Keras's ``compile`` as ``jit_compile``, so that a short training starts soon.

    Returns:
        False on TensorFlow, where XLA takes seconds for a small network and makes its steps no
        faster; elsewhere ``"auto"``, Keras's own choice.
    """
    return False if active_backend() == "tensorflow" else "auto"


def visible_gpus() -> list[str]:
    """Return the backend's own names of the GPUs it sees; an empty list where there are none."""
    if active_backend() == "torch":  # Keras lists no devices for PyTorch
        import torch

        return [f"cuda:{place}" for place in range(torch.cuda.device_count())]
    try:
        return [str(name) for name in keras.distribution.list_devices("gpu")]
    except RuntimeError:
        return []  # JAX raises where there are none


@takes(function=function())
def value_and_grad(
    function: Callable[..., Any], argnums: int | Sequence[int] = 0
) -> Callable[..., tuple[Any, Any]]:
    """Return a function that computes a scalar function's value and its gradient.

    Args:
        function: takes tensors, or nested lists, tuples and dictionaries of them, and returns one
            number (a tensor of shape ``()``). It must be made of ``keras.ops``.
        argnums: the position of the argument to differentiate by, or several positions.

    Returns:
        A function of the same arguments that returns ``(value, gradients)``. The gradients have
        the structure and the shapes of the argument; for several positions they are a tuple. What
        the value does not depend on has gradient zero.

    Raises:
        ValueError: on call, where the value is not a single number, a position does not exist, or
            an argument to differentiate by is not made of floating point numbers.

    Example::

        value, slope = value_and_grad(lambda x: keras.ops.sum(x**2))(np.array([1.0, 3.0]))
        # 10.0, [2.0, 6.0]
    """
    positions = _positions(argnums)
    scalar = _scalar_valued(function)

    @functools.wraps(function)
    def value_and_gradients(*args: Any) -> tuple[Any, Any]:
        args = _as_tensors(args, positions)
        value, gradients = _BACKENDS[active_backend()].value_and_grad(scalar, positions, args)
        return value, gradients[0] if isinstance(argnums, int) else tuple(gradients)

    return value_and_gradients


@takes(function=function())
def per_example_gradients(
    function: Callable[..., Any], argnums: int | Sequence[int] = 0
) -> Callable[..., Any]:
    """Return a function that computes one gradient for each example of a batch, all at once.

    Args:
        function: the loss of **one** example, a single number. Arguments at ``argnums`` are
            parameters; every other argument is one example's array, **without** the batch axis. A
            Keras model wants that axis back: ``model.stateless_call(weights, [], x[None])``.
        argnums: the position of the parameters, or several positions.

    Returns:
        A function of the same arguments, where every argument that is not at ``argnums`` has a
        first axis of ``batch`` examples. It returns the gradients in the structure of the
        parameters, each with a first axis of ``batch``. Their mean is the gradient of the mean
        loss.

    Raises:
        ValueError: on call, where the loss is not a single number, a position does not exist, the
            parameters are not floating point numbers, or the batches differ in length.

    Example::

        def loss(weights, x, y):  # x: (features,), y: ()
            return (keras.ops.sum(weights * x) - y) ** 2

        per_example_gradients(loss)(weights, x_batch, y_batch)  # (batch, features)
    """
    positions = _positions(argnums)
    scalar = _scalar_valued(function)

    @functools.wraps(function)
    def gradients_by_example(*args: Any) -> Any:
        args = _as_tensors(args, positions)
        _check_batches(args, positions)
        gradients = _BACKENDS[active_backend()].per_example(scalar, positions, args)
        return gradients[0] if isinstance(argnums, int) else tuple(gradients)

    return gradients_by_example


@takes(function=function())
def compile(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a faster form of a function: the backend records it once and then runs the record.

    The first call with arguments of new shapes is slow; later ones are fast. What the function
    does besides computing on tensors (printing, counting) happens on the first call alone. PyTorch
    compiles with a C++ compiler; where the machine has none, the function is returned as it is.

    Args:
        function: takes and returns tensors or nested structures of them.

    Returns:
        A function of the same arguments.
    """
    return _BACKENDS[active_backend()].compile(function)


class _TensorFlow:
    """Gradients on a tape."""

    @staticmethod
    def value_and_grad(function: Callable, positions: tuple[int, ...], args: list) -> tuple:
        import tensorflow as tf

        sources = [args[position] for position in positions]
        flat = keras.tree.flatten(sources)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(flat)
            value = function(*args)
        zero = tf.UnconnectedGradients.ZERO
        gradients = tape.gradient(value, flat, unconnected_gradients=zero)
        return value, keras.tree.pack_sequence_as(sources, gradients)

    @classmethod
    def per_example(cls, function: Callable, positions: tuple[int, ...], args: list) -> list:
        import tensorflow as tf

        data = [arg for place, arg in enumerate(args) if place not in positions]

        def gradients_of_one(example: list) -> list:
            rest = iter(example)
            one = [arg if i in positions else next(rest) for i, arg in enumerate(args)]
            return cls.value_and_grad(function, positions, one)[1]

        return tf.vectorized_map(gradients_of_one, data)

    @staticmethod
    def compile(function: Callable) -> Callable:
        import tensorflow as tf

        return tf.function(function, reduce_retracing=True)


class _Jax:
    """Gradients by transforming the function."""

    @staticmethod
    def value_and_grad(function: Callable, positions: tuple[int, ...], args: list) -> tuple:
        import jax

        return jax.value_and_grad(function, positions)(*args)

    @staticmethod
    def per_example(function: Callable, positions: tuple[int, ...], args: list) -> tuple:
        import jax

        axes = [None if place in positions else 0 for place in range(len(args))]
        return jax.vmap(jax.grad(function, positions), axes)(*args)

    @staticmethod
    def compile(function: Callable) -> Callable:
        import jax

        return jax.jit(function)


class _Torch:
    """Gradients by transforming the function, with ``torch.func``."""

    @staticmethod
    def value_and_grad(function: Callable, positions: tuple[int, ...], args: list) -> tuple:
        import torch

        gradients, value = torch.func.grad_and_value(function, positions)(*args)
        return value, gradients

    @staticmethod
    def per_example(function: Callable, positions: tuple[int, ...], args: list) -> tuple:
        import torch

        axes = tuple(None if place in positions else 0 for place in range(len(args)))
        by_example = torch.func.grad(function, positions)
        return torch.func.vmap(by_example, axes, randomness="different")(*args)

    @staticmethod
    def compile(function: Callable) -> Callable:
        import torch

        compilers = ("cl", "g++", "clang++", "c++")
        return torch.compile(function) if any(map(shutil.which, compilers)) else function


_BACKENDS = {"tensorflow": _TensorFlow, "jax": _Jax, "torch": _Torch}


def _positions(argnums: int | Sequence[int]) -> tuple[int, ...]:
    positions = tuple(argnums) if isinstance(argnums, list | tuple) else (argnums,)
    whole = all(isinstance(place, int) and place >= 0 for place in positions)
    if not whole or not positions or len(set(positions)) != len(positions):
        raise ValueError(
            f"argnums must be a position from 0 on, or several different ones, but is {argnums!r}."
        )
    return positions


def _scalar_valued(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a function so that a value that is not one number is refused with a clear message."""

    def scalar(*args: Any) -> Any:
        value = function(*args)
        shape = tuple(getattr(value, "shape", np.shape(value)))
        if shape != ():
            raise ValueError(
                "The function to differentiate must return a single number, but it returned shape "
                f"{shape}. Take a sum or a mean at its end."
            )
        return value

    return scalar


def _as_tensors(args: tuple[Any, ...], positions: tuple[int, ...]) -> list[Any]:
    """Return the arguments with arrays as tensors, after checking those to differentiate by."""
    if max(positions) >= len(args):
        raise ValueError(f"argnums asks for argument {max(positions)}, but {len(args)} were given.")
    tensors = [keras.tree.map_structure(_as_tensor, arg) for arg in args]
    for position in positions:
        tensors[position] = keras.tree.map_structure(keras.ops.convert_to_tensor, args[position])
        leaves = keras.tree.flatten(tensors[position])
        kinds = {keras.backend.standardize_dtype(leaf.dtype) for leaf in leaves}
        wrong = sorted(kind for kind in kinds if not keras.backend.is_float_dtype(kind))
        if wrong or not leaves:
            raise ValueError(
                f"Argument {position} must hold floating point numbers to be differentiated by, "
                f"but it holds {', '.join(wrong) or 'nothing'}. Cast it first."
            )
    return tensors


def _as_tensor(leaf: Any) -> Any:
    """Return arrays and variables as tensors; a plain number takes the type it meets."""
    if isinstance(leaf, np.ndarray | np.generic | keras.Variable):
        return keras.ops.convert_to_tensor(leaf)
    return leaf


def _check_batches(args: list[Any], positions: tuple[int, ...]) -> None:
    data = [arg for place, arg in enumerate(args) if place not in positions]
    shapes = [tuple(getattr(leaf, "shape", ())) for leaf in keras.tree.flatten(data)]
    # While TensorFlow records a function, a length may be unknown: None.
    lengths = {shape[0] for shape in shapes if shape and shape[0] is not None}
    if not shapes or () in shapes or len(lengths) > 1:
        raise ValueError(
            "Every argument that is not differentiated by must have a first axis of as many "
            f"examples, but the shapes are {shapes}."
        )
