"""How can a valid argument be spoiled? One strategy for each kind of value."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from hypothesis import strategies as st

__all__ = ["Mutation", "mutations"]


@dataclasses.dataclass(frozen=True)
class Mutation:
    """A spoiled value, what was done to it, and whether it may pass.

    Attributes:
        label: what was done.
        value: the spoiled value.
        kind: ``"wrong"``: nothing but an error will do; ``"odd"``: the function may take it, if
            what it returns is finite; ``"nan"``: wrong, unless NaN means something there.
    """

    label: str
    value: Any
    kind: str = "wrong"


class Stranger:
    """Something that no function of the course can use."""

    def __repr__(self) -> str:
        return "Stranger()"


def mutations(value: Any, optional: bool = False) -> st.SearchStrategy[Mutation]:
    """Return the ways to spoil a value.

    Args:
        value: what a valid call has there.
        optional: whether None is allowed there.
    """
    common = [Mutation("a stranger", Stranger())]
    if not optional and value is not None:
        common.append(Mutation("None", None))
    if value is None or isinstance(value, bool):
        return st.sampled_from([*common, Mutation("text", "no such thing")])
    for kind, spoil in _KINDS:
        if isinstance(value, kind):
            return st.one_of(st.sampled_from(common), spoil(value))
    if keras.ops.is_tensor(value):
        return st.one_of(st.sampled_from(common), _arrays(np.array(value)))
    if callable(value):
        return st.sampled_from([*common, Mutation("text", "f"), Mutation("a number", 3)])
    return st.sampled_from([*common, Mutation("text", "no such thing"), Mutation("a number", 3)])


def several(values: Sequence) -> st.SearchStrategy[Mutation]:
    """Return the ways to spoil one of several arguments ``*others``."""

    def member(place: int) -> st.SearchStrategy[Mutation]:
        def put(mutation: Mutation) -> Mutation:
            spoiled = (*values[:place], mutation.value, *values[place + 1 :])
            return Mutation(f"[{place}] is {mutation.label}", spoiled, mutation.kind)

        return mutations(values[place]).map(put)

    return st.integers(0, len(values) - 1).flatmap(member)


def _whole(value: int) -> st.SearchStrategy[Mutation]:
    return st.one_of(
        st.sampled_from(
            [
                Mutation("a fraction", value + 0.5),
                Mutation("text", str(value)),
                Mutation("a list", [value]),
                Mutation("NaN", math.nan),
                Mutation("infinity", math.inf),
                Mutation("zero", 0, "odd"),
                Mutation("minus one", -1, "odd"),
                Mutation("as a float", float(value), "odd"),
                Mutation("an array", np.array([value, value]), "odd"),
            ]
        ),
        st.integers(-(10**6), -1).map(lambda n: Mutation(f"negative: {n}", n, "odd")),
        st.floats(0.01, 0.99).map(lambda f: Mutation("a fraction", value + f)),
    )


def _real(value: float) -> st.SearchStrategy[Mutation]:
    return st.one_of(
        st.sampled_from(
            [
                Mutation("NaN", math.nan, "nan"),
                Mutation("text", str(value)),
                Mutation("a list", [value, "x"]),
                Mutation("infinity", math.inf, "odd"),
                Mutation("minus infinity", -math.inf, "odd"),
                Mutation("zero", 0.0, "odd"),
                Mutation("true", True, "odd"),
            ]
        ),
        st.floats(-1e6, 1e6).map(lambda f: Mutation(f"another number: {f}", f, "odd")),
    )


def _text(value: str) -> st.SearchStrategy[Mutation]:
    return st.one_of(
        st.sampled_from(
            [
                Mutation("a number", 3),
                Mutation("a list", [value]),
                Mutation("bytes", value.encode()),
                Mutation("an array", np.zeros(3)),
                Mutation("empty", "", "odd"),
            ]
        ),
        st.text("abc_Ωß\n", min_size=1, max_size=9).map(lambda t: Mutation(f"{t!r}", t, "odd")),
    )


def _arrays(value: np.ndarray) -> st.SearchStrategy[Mutation]:
    """Return the ways to spoil an array: its shape, its type, its values."""
    ways = [
        st.sampled_from(
            [
                Mutation("text", "no such thing"),
                Mutation("a dictionary", {"values": value}),
                Mutation("words", np.full(value.shape, "word")),
                Mutation("objects", np.full(value.shape, None, object)),
                Mutation("ragged", [[1.0, 2.0], [3.0]]),
                Mutation("one number", np.asarray(1, value.dtype), "odd"),
                Mutation("an axis more", value[None], "odd"),
                Mutation("an axis more at the end", value[..., None], "odd"),
                Mutation("flat", value.reshape(-1), "odd"),
                Mutation("doubled", np.concatenate([value, value]) if value.ndim else value, "odd"),
                Mutation("complex", value.astype(complex), "odd")
                if value.dtype.kind in "fiu"
                else Mutation("zeros", np.zeros(value.shape), "odd"),
            ]
        )
    ]
    if value.ndim:
        axes = st.integers(0, value.ndim - 1)
        ways.append(axes.map(lambda a: Mutation(f"axis {a} empty", value.take([], a), "odd")))
        ways.append(axes.map(lambda a: Mutation(f"axis {a} gone", value.take(0, a), "odd")))
        ways.append(axes.map(lambda a: Mutation(f"axis {a} one longer", _longer(value, a), "odd")))
        ways.append(axes.map(lambda a: Mutation(f"axis {a} shorter", _shorter(value, a), "odd")))
    if value.size and value.dtype.kind == "f":
        ways.append(_places(value, math.nan, "NaN", "nan"))
        ways.append(_places(value, math.inf, "infinity", "odd"))
        ways.append(_places(value, -math.inf, "minus infinity", "odd"))
        ways.append(_places(value, -3.5, "minus 3.5", "odd"))
        whole = np.nan_to_num(value).astype("int64")
        ways.append(st.just(Mutation("whole numbers", whole, "odd")))
    if value.size and value.dtype.kind in "iu":
        ways.append(_places(value.astype("int64"), -1, "minus one", "odd"))
        ways.append(_places(value.astype("int64"), 10**6, "a million", "odd"))
        ways.append(_places(value.astype("float64"), 0.5, "a half", "odd"))
        ways.append(_places(value.astype("float64"), math.nan, "NaN", "nan"))
    return st.one_of(ways)


def _longer(value: np.ndarray, axis: int) -> np.ndarray:
    return np.concatenate([value, value.take([0], axis)], axis) if value.shape[axis] else value


def _shorter(value: np.ndarray, axis: int) -> np.ndarray:
    return value.take(range(max(value.shape[axis] - 1, 1)), axis)


def _places(value: np.ndarray, new: float, label: str, kind: str) -> st.SearchStrategy[Mutation]:
    """Put a value into one place of an array."""

    def put(place: int) -> Mutation:
        spoiled = value.copy()
        spoiled.reshape(-1)[place] = new
        return Mutation(f"{label} at {place}", spoiled, kind)

    return st.integers(0, value.size - 1).map(put)


def _sequences(value: Sequence) -> st.SearchStrategy[Mutation]:
    """Return the ways to spoil a list or tuple: its length, or one of its members."""
    make = type(value) if type(value) in (list, tuple) else tuple
    ways = [
        st.sampled_from(
            [
                Mutation("a number", 3),
                Mutation("text", "no such thing", "odd"),
                Mutation("empty", make(()), "odd"),
                Mutation("doubled", make((*value, *value)), "odd"),
                Mutation("shorter", make(value[:-1]), "odd"),
            ]
        )
    ]

    def member(place: int) -> st.SearchStrategy[Mutation]:
        def put(mutation: Mutation) -> Mutation:
            spoiled = make((*value[:place], mutation.value, *value[place + 1 :]))
            return Mutation(f"[{place}] is {mutation.label}", spoiled, mutation.kind)

        return mutations(value[place]).map(put)

    if value:
        ways.append(st.integers(0, len(value) - 1).flatmap(member))
    return st.one_of(ways)


def _mappings(value: Mapping) -> st.SearchStrategy[Mutation]:
    """Return the ways to spoil a dictionary: its keys, or one of its values."""
    fixed = [
        Mutation("a number", 3),
        Mutation("text", "no such thing"),
        Mutation("a list", [1, 2]),
        Mutation("empty", {}, "odd"),
        Mutation("a strange key", {**value, ("strange",): next(iter(value.values()))}, "odd"),
    ]

    def member(key: Any) -> st.SearchStrategy[Mutation]:
        def put(mutation: Mutation) -> Mutation:
            spoiled = {**value, key: mutation.value}
            return Mutation(f"[{key!r}] is {mutation.label}", spoiled, mutation.kind)

        return mutations(value[key]).map(put)

    return st.one_of(st.sampled_from(fixed), st.sampled_from(list(value)).flatmap(member))


def _paths(value: Path) -> st.SearchStrategy[Mutation]:
    return st.sampled_from([Mutation("a number", 3), Mutation("a list", [value])])


def _records(value: Any) -> st.SearchStrategy[Mutation]:
    return st.sampled_from([Mutation("a number", 3), Mutation("text", "no such thing")])


# The order matters: what fits first is taken.
_KINDS = (
    (int | np.integer, _whole),
    (float | np.floating, _real),
    (str, _text),
    (bytes, _records),
    (np.ndarray, _arrays),
    (Path, _paths),
    (Mapping, _mappings),
    (list | tuple, lambda v: _records(v) if hasattr(v, "_fields") else _sequences(v)),
)
