"""How can a program differentiate itself? Reverse-mode automatic differentiation over arrays.

A ``Variable`` remembers which variables it was made from, and how a small change of each of them
would change it. ``backward`` walks this record from the end to the beginning, applies the chain
rule at every step and adds up what arrives on different paths. The values are NumPy arrays, of
``float64`` where the caller's are, so this engine also serves as an exact witness for code that
computes in ``float32``.

Main references: Griewank and Walther (2008); Baydin, Pearlmutter, Radul and Siskind (2018).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from course_lib._checks import array, either, flag, instance, string, takes, whole

__all__ = ["Graph", "Variable", "computation_graph"]

Share = Callable[[np.ndarray], np.ndarray]  # from a result's gradient to an operand's part of it


class Variable:
    """An array that knows how it was computed.

    Use it like an array: ``+ - * / @ **``, indexing, and the methods below. Plain arrays and
    numbers may stand on either side of an operator; they are constants and get no gradient.

    Example::

        w = Variable([1.0, 2.0])
        loss = (w * w).sum()
        loss.backward()
        w.gradient  # [2.0, 4.0]

    Attributes:
        value: the array.
        gradient: after ``backward``, the derivative of the result with respect to this variable, of
            the shape of ``value``; None before, and where the result does not depend on it.
        operation: what made it, such as ``"+"``; empty for a variable that was given.
        name: a label for drawings.
        parents: the variables it was made from, each with the function that passes its gradient on.
    """

    __array_ufunc__ = None  # so that array + variable is left to the variable

    @takes(value=array(), name=string())
    def __init__(self, value: Any, name: str = "") -> None:
        """Take a finite number or array; whole numbers become ``float64``."""
        array = np.asarray(value)
        if array.dtype.kind in "iub":
            array = array.astype("float64")
        if array.dtype.kind != "f":
            raise ValueError(f"value must hold real numbers, but it is of type {array.dtype}.")
        if not np.isfinite(array).all():
            raise ValueError("value must be finite, but it holds NaN or infinite values.")
        self.value, self.name, self.operation = array, name, ""
        self.parents: tuple[tuple[Variable, Share], ...] = ()
        self.gradient: np.ndarray | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the value."""
        return self.value.shape

    def __repr__(self) -> str:
        label = self.name or self.operation or "given"
        return f"Variable({label}, shape {self.shape})"

    def __add__(self, other: Any) -> Variable:
        b = _value(other, self)
        return _made("+", self.value + b, (self, lambda g: g), (other, lambda g: g))

    def __mul__(self, other: Any) -> Variable:
        a, b = self.value, _value(other, self)
        return _made("*", a * b, (self, lambda g: g * b), (other, lambda g: g * a))

    def __matmul__(self, other: Any) -> Variable:
        return _product(self, other, self.value, _value(other, self))

    def __rmatmul__(self, other: Any) -> Variable:
        return _product(other, self, _value(other, self), self.value)

    def __pow__(self, exponent: float) -> Variable:
        if not isinstance(exponent, int | float | np.number):
            raise ValueError(f"exponent must be a plain number, but it is {exponent!r}.")
        a = self.value
        slope = exponent * a ** (exponent - 1)
        return _made(f"**{exponent:g}", a**exponent, (self, lambda g: g * slope))

    def __neg__(self) -> Variable:
        return self * -1

    def __sub__(self, other: Any) -> Variable:
        b = _value(other, self)
        return _made("-", self.value - b, (self, lambda g: g), (other, lambda g: -g))

    def __rsub__(self, other: Any) -> Variable:
        return -self + other

    def __truediv__(self, other: Any) -> Variable:
        a, b = self.value, _value(other, self)
        return _made("/", a / b, (self, lambda g: g / b), (other, lambda g: -g * a / b**2))

    def __rtruediv__(self, other: Any) -> Variable:
        return self**-1 * other

    __radd__, __rmul__ = __add__, __mul__

    def __getitem__(self, index: Any) -> Variable:
        def scatter(g: np.ndarray) -> np.ndarray:
            whole = np.zeros_like(self.value)
            np.add.at(whole, index, g)  # an element taken twice gets both gradients
            return whole

        return _made("[]", self.value[index], (self, scatter))

    def exp(self) -> Variable:
        """Return e to the power of each element."""
        y = np.exp(self.value)
        return _made("exp", y, (self, lambda g: g * y))

    def log(self) -> Variable:
        """Return the natural logarithm of each element; all must be above 0."""
        if not (self.value > 0).all():
            raise ValueError(f"log needs values above 0, but the smallest is {self.value.min()}.")
        return _made("log", np.log(self.value), (self, lambda g: g / self.value))

    def tanh(self) -> Variable:
        """Return the hyperbolic tangent of each element."""
        y = np.tanh(self.value)
        return _made("tanh", y, (self, lambda g: g * (1 - y**2)))

    def sigmoid(self) -> Variable:
        """Return 1 / (1 + exp(-x)) of each element."""
        y = 0.5 * (1 + np.tanh(0.5 * self.value))  # never overflows
        return _made("sigmoid", y, (self, lambda g: g * y * (1 - y)))

    def relu(self) -> Variable:
        """Return max(0, x) of each element; its derivative at 0 is taken as 0."""
        positive = self.value > 0
        return _made("relu", self.value * positive, (self, lambda g: g * positive))

    @takes(axis=either(whole(-9), instance(tuple, "a tuple of axes")), keepdims=flag())
    def sum(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Variable:
        """Add up the elements along one axis, several, or all."""

        def spread(g: np.ndarray) -> np.ndarray:
            lost = axis is not None and not keepdims
            return np.broadcast_to(np.expand_dims(g, axis) if lost else g, self.shape)

        return _made("sum", self.value.sum(axis=axis, keepdims=keepdims), (self, spread))

    @takes(axis=either(whole(-9), instance(tuple, "a tuple of axes")), keepdims=flag())
    def mean(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Variable:
        """Average the elements along one axis, several, or all."""
        total = self.sum(axis, keepdims)
        return total * (total.value.size / self.value.size)

    def reshape(self, *shape: int) -> Variable:
        """Return the same elements in another shape."""
        try:
            reshaped = self.value.reshape(*shape)
        except (TypeError, ValueError):
            raise ValueError(
                f"shape must be whole numbers whose product is {self.value.size}, the number of "
                f"elements, but it is {shape!r}."
            ) from None
        return _made("reshape", reshaped, (self, lambda g: g.reshape(self.shape)))

    @property
    def T(self) -> Variable:  # noqa: N802 - as NumPy calls it
        """The matrix with its last two axes swapped."""
        return _made("T", self.value.swapaxes(-1, -2), (self, lambda g: g.swapaxes(-1, -2)))

    def backward(self) -> None:
        """Compute the derivative of this number with respect to all that it was made from.

        The derivatives stand in ``gradient`` of each of these variables afterwards, whatever stood
        there before.

        Raises:
            ValueError: this variable holds more than one number.
        """
        if self.value.size != 1:
            raise ValueError(
                f"backward starts from a single number, but this variable has shape {self.shape}. "
                "Take its sum or mean first."
            )
        order = _in_order(self)
        for variable in order:
            variable.gradient = None
        self.gradient = np.ones_like(self.value)
        for variable in reversed(order):  # each one after all that was made from it
            for parent, share in variable.parents:
                part = _unbroadcast(share(variable.gradient), parent.shape)
                parent.gradient = part if parent.gradient is None else parent.gradient + part


class Graph(NamedTuple):
    """A computation as nodes and edges.

    Attributes:
        nodes: the variables, each one after those it was made from.
        edges: pairs of positions in ``nodes``, from an operand to a result. An operand that was
            used twice by one operation has two edges to it.
    """

    nodes: list[Variable]
    edges: list[tuple[int, int]]


@takes(result=instance(Variable, "a Variable"))
def computation_graph(result: Variable) -> Graph:
    """Return the record behind a variable: everything it was computed from.

    Args:
        result: the end of a computation.
    """
    nodes = _in_order(result)
    place = {id(node): i for i, node in enumerate(nodes)}
    edges = [(place[id(p)], i) for i, node in enumerate(nodes) for p, _ in node.parents]
    return Graph(nodes, edges)


def _made(operation: str, value: np.ndarray, *parents: tuple[Any, Share]) -> Variable:
    """Return the result of an operation; operands that are no variables are constants."""
    result = Variable.__new__(Variable)
    result.value, result.operation, result.name = np.asarray(value), operation, ""
    result.parents = tuple(pair for pair in parents if isinstance(pair[0], Variable))
    result.gradient = None
    return result


def _value(operand: Any, partner: Variable) -> np.ndarray:
    """Return an operand's array; a plain number takes the type of the variable it meets."""
    if isinstance(operand, Variable):
        return operand.value
    plain = isinstance(operand, int | float)
    return np.asarray(operand, dtype=partner.value.dtype if plain else None)


def _product(left: Any, right: Any, a: np.ndarray, b: np.ndarray) -> Variable:
    if a.ndim < 2 or b.ndim < 2:
        raise ValueError(
            f"@ needs matrices, but the shapes are {a.shape} and {b.shape}. "
            "Make a vector a matrix with one row or column: x.reshape(1, -1)."
        )
    return _made(
        "@",
        a @ b,
        (left, lambda g: g @ b.swapaxes(-1, -2)),
        (right, lambda g: a.swapaxes(-1, -2) @ g),
    )


def _unbroadcast(gradient: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Sum a gradient over the axes along which an operand of this shape was repeated."""
    added = gradient.ndim - len(shape)
    stretched = [i + added for i, n in enumerate(shape) if n == 1 and gradient.shape[i + added] > 1]
    axes = (*range(added), *stretched)
    return gradient.sum(axis=axes, keepdims=True).reshape(shape) if axes else gradient


def _in_order(result: Variable) -> list[Variable]:
    """List all variables behind a result, each one after those it was made from."""
    order, placed, waiting = [], set(), [(result, False)]
    while waiting:  # a loop, not recursion: long computations would exceed Python's limit
        variable, parents_done = waiting.pop()
        if parents_done:
            order.append(variable)
        elif id(variable) not in placed:
            placed.add(id(variable))
            waiting.append((variable, True))
            waiting.extend((parent, False) for parent, _ in reversed(variable.parents))
    return order
