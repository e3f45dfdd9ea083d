"""Can a function use what it is given? The checks of arguments, for every room.

The policy: a public function refuses what it cannot use with a ``ValueError`` or ``TypeError`` that
names the argument, and says what it must be and what it is. Types, shapes and ranges of one
argument are declared above the function, :func:`takes`; what two arguments must have in common is
checked in its body. Nothing is converted and nothing is returned here, so a valid call computes
what it would without the check.

NaN and infinities are looked for in NumPy arrays, lists and plain numbers. Of a tensor only the
type and the shape are checked: to look into it would wait for the device, and cannot be done while
a backend records a function. A function that means something by NaN says so: ``finite=False``.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

__all__ = [
    "Kind",
    "array",
    "broadcastable",
    "check_between",
    "check_input",
    "check_whole",
    "choice",
    "either",
    "fits_shape",
    "flag",
    "floats",
    "function",
    "indices",
    "input_of",
    "instance",
    "location",
    "mapping",
    "may_be_none",
    "model",
    "model_shape",
    "real",
    "same_length",
    "same_shape",
    "sequence",
    "shape_of",
    "string",
    "takes",
    "truths",
    "whole",
]

Called = TypeVar("Called", bound=Callable[..., Any])
Check = Callable[[Mapping[str, Any]], None]


@dataclasses.dataclass(frozen=True)
class Kind:
    """What an argument may be: a phrase for the message, and the test."""

    what: str
    fits: Callable[[Any], bool]

    def check(self, name: str, value: Any) -> None:
        """Raise unless a value is of this kind."""
        if not self.fits(value):
            raise ValueError(f"{name} must be {self.what}, but it is {described(value)}.")


def takes(*together: Check, **kinds: Kind) -> Callable[[Called], Called]:
    """Declare what a function's arguments may be; it then refuses others by their names.

    An argument may be None where its annotation or its default says so. Each of several arguments
    ``*others`` must be of the kind of ``others``.

    Args:
        *together: functions of all arguments by name that raise where some do not fit each other,
            such as :func:`same_shape`.
        **kinds: the kind of each argument.
    """

    def decorate(called: Called) -> Called:
        signature = inspect.signature(called)
        parameters = signature.parameters
        places = [name for name, one in parameters.items() if one.kind < one.VAR_POSITIONAL]
        rest = next((name for name, one in parameters.items() if one.kind == 2), None)
        defaults = {n: p.default for n, p in parameters.items() if p.default is not p.empty}
        optional = {n for n, p in parameters.items() if may_be_none(p)}
        assert set(kinds) <= set(parameters), f"{called.__name__} takes no {set(kinds)}"

        @functools.wraps(called)
        def checked(*args: Any, **options: Any) -> Any:
            given = dict(zip(places, args, strict=False)) | options
            for name, kind in kinds.items():
                if name == rest:
                    for place, value in enumerate(args[len(places) :]):
                        kind.check(f"{name}[{place}]", value)
                elif name in given and (given[name] is not None or name not in optional):
                    kind.check(name, given[name])
            for check in together:
                check(defaults | given)
            return called(*args, **options)

        checked.__signature__ = signature  # Keras reads it off a layer's __init__
        return checked

    return decorate


def may_be_none(parameter: inspect.Parameter) -> bool:
    """Say whether a parameter's default or its annotation allows None."""
    return parameter.default is None or "None" in str(parameter.annotation)


def whole(least: float = 0, most: float | None = None) -> Kind:
    """A whole number in a range, its ends included; truth values are none."""
    end = " on" if most is None else f" to {most}"
    start = "" if least == -math.inf else f" from {least}{end}"

    def fits(value: Any) -> bool:
        number = isinstance(value, int | np.integer) and not isinstance(value, bool)
        return number and least <= value and (most is None or value <= most)

    return Kind(f"a whole number{start}", fits)


def real(
    low: float = -math.inf,
    high: float = math.inf,
    open_start: bool = False,
    open_end: bool = False,
) -> Kind:
    """A finite plain number in a range, its ends included unless they are open."""
    start = "a finite number"
    if low > -math.inf:
        start = f"a number {'above' if open_start else 'at least'} {low}"
    end = "" if high == math.inf else f" and {'below' if open_end else 'at most'} {high}"

    def fits(value: Any) -> bool:
        plain = isinstance(value, int | float | np.number) and not isinstance(value, bool)
        if not plain or not np.isfinite(value) or not low <= value <= high:
            return False
        return not (open_start and value == low) and not (open_end and value == high)

    return Kind(start + end, fits)


def choice(options: Iterable[Any]) -> Kind:
    """One of some names."""
    options = tuple(options)
    names = "one of " + ", ".join(map(repr, options))
    return Kind(names, lambda value: isinstance(value, str) and value in options)


def flag() -> Kind:
    """True or False, and nothing that only counts as one of them."""
    return Kind("True or False", lambda value: isinstance(value, bool | np.bool_))


def string(least: int = 0) -> Kind:
    """A string, perhaps of some length at least."""
    what = "a string" + (f" of at least {least} characters" if least > 1 else "")
    what = "a string that is not empty" if least == 1 else what
    return Kind(what, lambda value: isinstance(value, str) and len(value) >= least)


def location() -> Kind:
    """A path of a file or folder."""
    return Kind("a path", lambda value: isinstance(value, str | os.PathLike))


def function() -> Kind:
    """Anything that can be called."""
    return Kind("a function", callable)


def instance(kind: type | tuple[type, ...], what: str) -> Kind:
    """An object of a class."""
    return Kind(what, lambda value: isinstance(value, kind))


def model() -> Kind:
    """A Keras model."""

    def fits(value: Any) -> bool:
        import keras  # here, so that rooms without networks do not start it

        return isinstance(value, keras.Model)

    return Kind("a Keras model", fits)


def array(
    *axes: str,
    finite: bool = True,
    filled: bool = False,
    low: float = -math.inf,
    high: float = math.inf,
) -> Kind:
    """Numbers, in an array, a tensor, or nested lists.

    Args:
        *axes: a name for each axis; ``"..."`` first for any number of axes before the others.
            Without names any shape will do.
        finite: whether NaN and infinities are refused, where they can be seen.
        filled: whether there must be at least one number.
        low: the least that each number may be, where it can be seen.
        high: the most.
    """
    return _array("numbers", "fiub", axes, finite, filled, low, high)


def floats(
    *axes: str,
    finite: bool = True,
    filled: bool = False,
    low: float = -math.inf,
    high: float = math.inf,
) -> Kind:
    """Floating point numbers, otherwise as :func:`array`."""
    return _array("floating point numbers", "f", axes, finite, filled, low, high)


def indices(*axes: str, filled: bool = False, low: float = 0, high: float = math.inf) -> Kind:
    """Whole numbers from 0 on, otherwise as :func:`array`."""
    return _array("whole numbers", "iu", axes, False, filled, low, high)


def truths(*axes: str) -> Kind:
    """Truth values, otherwise as :func:`array`."""
    return _array("truth values", "b", axes, False, False)


def sequence(kind: Kind | None = None, least: int = 0, most: int | None = None) -> Kind:
    """A list, a tuple or an array, perhaps of things of one kind; a string is none."""
    each = "" if kind is None else f" whose items are each {kind.what}"
    count = f" of at least {least}" if least else ""
    count = count if most is None else f" of {least}" if least == most else f"{count} to {most}"

    def fits(value: Any) -> bool:
        several = isinstance(value, Sequence) and not isinstance(value, str | bytes)
        if not several and not (isinstance(value, np.ndarray) and value.ndim):
            return False
        if len(value) < least or (most is not None and len(value) > most):
            return False
        return kind is None or all(map(kind.fits, value))

    return Kind(f"a list{count}{each}", fits)


def mapping(kind: Kind | None = None, least: int = 0, keys: Kind | None = None) -> Kind:
    """A dictionary, perhaps from and to things of one kind."""
    each = "" if keys is None else f", each key {keys.what}"
    each += "" if kind is None else f", each value {kind.what}"

    def fits(value: Any) -> bool:
        if not isinstance(value, Mapping) or len(value) < least:
            return False
        if keys is not None and not all(map(keys.fits, value)):
            return False
        return kind is None or all(map(kind.fits, value.values()))

    return Kind(f"a dictionary{' with entries' if least else ''}{each}", fits)


def either(*kinds: Kind) -> Kind:
    """Something of one of several kinds."""
    what = " or ".join(kind.what for kind in kinds)
    return Kind(what, lambda value: any(kind.fits(value) for kind in kinds))


def same_shape(*names: str) -> Check:
    """Refuse arrays of different shapes; None, and a length that is not known yet, fits any."""

    def check(given: Mapping[str, Any]) -> None:
        shapes = {name: shape_of(given[name]) for name in names if given.get(name) is not None}
        known = [shape for shape in shapes.values() if shape is not None]
        if known and not all(fits_shape(shape, known[0]) for shape in known[1:]):
            raise ValueError(
                f"{' and '.join(shapes)} must have the same shape, but theirs are "
                f"{' and '.join(map(str, shapes.values()))}."
            )

    return check


def broadcastable(*names: str) -> Check:
    """Refuse arrays whose shapes cannot be stretched to one; a length not known yet fits any."""

    def check(given: Mapping[str, Any]) -> None:
        shapes = {name: shape_of(given[name]) for name in names if given.get(name) is not None}
        known = [
            tuple(n or 1 for n in shape) if None in shape else shape for shape in shapes.values()
        ]
        try:
            np.broadcast_shapes(*known)
        except ValueError:
            raise ValueError(
                f"{' and '.join(shapes)} must have shapes that fit each other, but theirs are "
                f"{' and '.join(map(str, shapes.values()))}."
            ) from None

    return check


def same_length(*names: str) -> Check:
    """Refuse arrays whose first axes differ; None, and a length not known yet, fits any."""

    def check(given: Mapping[str, Any]) -> None:
        shapes = {name: shape_of(given[name]) for name in names if given.get(name) is not None}
        lengths = {shape[0] for shape in shapes.values() if shape}
        if len(lengths - {None}) > 1:
            raise ValueError(
                f"{' and '.join(shapes)} must hold equally many examples, but their shapes are "
                f"{' and '.join(map(str, shapes.values()))}."
            )

    return check


def input_of(network: str, name: str = "x", exact: bool = False) -> Check:
    """Refuse an input whose shape is not what a Keras model takes.

    Args:
        network: the argument that is the model, perhaps with a dot before one of its attributes.
        name: the argument that is its input.
        exact: whether a last axis of length 1, which Keras adds or takes away by itself, must be
            as the model has it.
    """

    def check(given: Mapping[str, Any]) -> None:
        holder, *attributes = network.split(".")
        model = functools.reduce(getattr, attributes, given[holder])
        check_input(model, name, given[name], exact)

    return check


def check_input(network: Any, name: str, value: Any, exact: bool = False) -> None:
    """Raise if an input's shape is not what a Keras model takes, where that is known."""
    taken, shape = model_shape(network, "input_shape"), shape_of(value)
    if taken is None or shape is None:
        return
    forms = [shape] if exact else [shape, (*shape, 1), shape[: -1 if shape[-1:] == (1,) else None]]
    if not any(fits_shape(form, taken) for form in forms):
        raise ValueError(
            f"{name} must have shape {('batch', *taken[1:])}, as the model takes it, but its shape "
            f"is {shape}."
        )


def model_shape(network: Any, which: str) -> tuple[int | None, ...] | None:
    """Return a Keras model's input or output shape, or None where it has no single one."""
    try:
        shape = getattr(network, which)
    except (AttributeError, ValueError):  # it was never called, or it is no model of layers
        return None
    return shape if isinstance(shape, tuple) else None


def fits_shape(shape: Sequence[int | None], other: Sequence[int | None]) -> bool:
    """Say whether two shapes agree; a length that is not known, None, agrees with any."""
    pairs = zip(shape, other, strict=False)
    return len(shape) == len(other) and all(None in pair or pair[0] == pair[1] for pair in pairs)


def shape_of(value: Any) -> tuple[int | None, ...] | None:
    """Return the shape of an array, a tensor or nested lists; None if it is not known."""
    values = value if _is_tensor(value) else _as_array(value)
    return None if values is None else _shape(values)


def check_between(
    name: str,
    value: float,
    low: float,
    high: float,
    open_start: bool = False,
    open_end: bool = False,
) -> None:
    """Raise if a plain number lies outside its range; NaN and infinity always do."""
    real(low, high, open_start, open_end).check(name, value)


def check_whole(name: str, value: object, least: int = 0, most: int | None = None) -> None:
    """Raise unless a value is a whole number in a range, its ends included."""
    whole(least, most).check(name, value)


def described(value: Any) -> str:
    """Say what came in place of what was expected, on one line."""
    if not _is_tensor(value):
        written = " ".join(repr(value).split())
        return written if len(written) < 80 else f"{type(value).__name__} {written[:60]}..."
    kind = f"{_type_name(value)} of shape {_shape(value)}"
    return kind if _is_finite(value) else f"{kind} and holds NaN or infinite values: repair them"


def _array(
    what: str,
    types: str,
    axes: tuple[str, ...],
    finite: bool,
    filled: bool,
    low: float = -math.inf,
    high: float = math.inf,
) -> Kind:
    what = f"an array of finite {what}" if finite else f"an array of {what}"
    what += f" of shape ({', '.join(axes)}{',' if len(axes) == 1 else ''})" if axes else ""
    what += ", at least one" if filled else ""
    what += f", none below {low}" if low > -math.inf else ""
    what += f", none above {high}" if high < math.inf else ""
    least = len(axes) - ("..." in axes)

    def fits(value: Any) -> bool:
        values = value if _is_tensor(value) else _as_array(value)
        if values is None or _type_letter(values) not in types:
            return False
        shape = _shape(values)
        if shape is not None:
            if axes and (len(shape) < least or ("..." not in axes and len(shape) != least)):
                return False
            if filled and 0 in shape:
                return False
        if finite and not _is_finite(values):
            return False
        return not isinstance(values, np.ndarray | np.generic) or _between(values, low, high)

    return Kind(what, fits)


def _between(values: np.ndarray, low: float, high: float) -> bool:
    """Say whether all numbers of an array are in a range; NaN is, and so is what is empty."""
    above = low == -math.inf or not (values < low).any()
    return bool(above and (high == math.inf or not (values > high).any()))


def _as_array(value: Any) -> np.ndarray | None:
    """Return nested lists or a number as an array; None if they are none."""
    if isinstance(value, str | bytes | Mapping) or value is None or callable(value):
        return None
    try:
        return np.asarray(value)
    except Exception:  # what a ragged list raises depends on what is in it
        return None


def _is_tensor(value: Any) -> bool:
    """Say whether a value is an array or a tensor of some backend, known or still recorded."""
    return hasattr(value, "shape") and hasattr(value, "dtype")


def _type_name(values: Any) -> str:
    return str(getattr(values.dtype, "name", values.dtype)).split(".")[-1]


def _type_letter(values: Any) -> str:
    """Return NumPy's letter for a kind of type: f, i, u, b or another."""
    name = _type_name(values)
    starts = {"float": "f", "bfloat": "f", "int": "i", "uint": "u", "bool": "b"}
    return next((letter for start, letter in starts.items() if name.startswith(start)), "?")


def _shape(values: Any) -> tuple[int | None, ...] | None:
    """Return a shape; a length that is not known yet is None, and so is a whole unknown shape."""
    try:
        return tuple(values.shape)
    except ValueError:  # TensorFlow knows not even the number of axes
        return None


def _is_finite(values: Any) -> bool:
    """Say whether an array holds neither NaN nor infinities; of tensors that is not asked."""
    if not isinstance(values, np.ndarray | np.generic) or values.dtype.kind != "f":
        return True
    with np.errstate(all="ignore"):  # one pass; a sum that overflows is looked into
        return bool(np.isfinite(np.sum(values)) or np.isfinite(values).all())
