"""Which public functions are there, and how is each called rightly?"""

from __future__ import annotations

import collections.abc
import dataclasses
import functools
import importlib
import inspect
import pkgutil
import types
from collections.abc import Callable, Mapping
from typing import Any

import course_lib

__all__ = ["EXAMPLES", "LEFT_OUT", "Example", "covers", "example", "public_callables"]


@dataclasses.dataclass(frozen=True)
class Example:
    """One valid call of a public function, and what is known of its arguments.

    Attributes:
        function: what is called.
        arguments: makes fresh arguments by name; what it makes is small, so that a call is fast.
        spare: arguments that are not spoiled, with the reason.
        missing: arguments in which NaN is meant to stand, with what it means there.
        other_names: what else a message may call an argument.
        makes_nan: why there is NaN in what the function returns, if it is meant to be there.
        slow: whether a call takes long, so that fewer ways are tried.
        fine: what may be done to an argument without spoiling it, by the mutations' labels.
    """

    function: Callable[..., Any]
    arguments: Callable[[], dict[str, Any]]
    spare: Mapping[str, str] = dataclasses.field(default_factory=dict)
    missing: Mapping[str, str] = dataclasses.field(default_factory=dict)
    other_names: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    fine: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    makes_nan: str = ""
    slow: bool = False

    def call(self, arguments: Mapping[str, Any]) -> Any:
        """Call the function with arguments by name, ``*others`` and ``**options`` among them."""
        positional, named = [], dict(arguments)
        for name, parameter in self.parameters.items():
            if parameter.kind is parameter.VAR_POSITIONAL and name in named:
                positional = [named.pop(first) for first in self.parameters if first in named]
                break
        for name, parameter in self.parameters.items():
            if parameter.kind is parameter.VAR_POSITIONAL and name in arguments:
                before = list(self.parameters)[: list(self.parameters).index(name)]
                named = {k: v for k, v in arguments.items() if k not in (*before, name)}
                positional = [arguments[first] for first in before] + list(arguments[name])
        result = self.function(*positional, **named)
        # What a generator would refuse, it refuses at its first step.
        return list(result) if isinstance(result, collections.abc.Iterator) else result

    @functools.cached_property
    def parameters(self) -> Mapping[str, inspect.Parameter]:
        """The function's parameters by name."""
        return inspect.signature(self.function).parameters


EXAMPLES: dict[str, Example] = {}
LEFT_OUT: dict[str, str] = {}  # name: why no example is needed


def example(name: str, function: Callable[..., Any] | None = None, **known: Any) -> Callable:
    """Register the decorated function as what makes the arguments of a public function.

    Args:
        name: ``module.function``, ``module.Class`` or ``module.Class.method``.
        function: what to call in its stead, such as a method of an object made for it.
        **known: the other attributes of :class:`Example`.
    """

    def register(arguments: Callable[[], dict[str, Any]]) -> Callable:
        module, *path = name.split(".")
        room = importlib.import_module(f"course_lib.{module}")
        called = function or functools.reduce(getattr, path, room)
        assert name not in EXAMPLES, f"{name} has two examples"
        EXAMPLES[name] = Example(called, arguments, **known)
        return arguments

    return register


def public_callables() -> dict[str, Any]:
    """Return each public function, class and method of the package once, by its name."""
    found: dict[str, Any] = {}
    known: set[int] = set()
    for each in pkgutil.walk_packages(course_lib.__path__, "course_lib."):
        module = importlib.import_module(each.name)
        short = each.name.removeprefix("course_lib.")
        for name in () if short.startswith("_") else module.__all__:
            thing = getattr(module, name)
            if not callable(thing) or id(thing) in known or isinstance(thing, types.GenericAlias):
                continue
            known.add(id(thing))
            found[f"{short}.{name}"] = thing
            if inspect.isclass(thing):
                found |= {f"{short}.{name}.{n}": m for n, m in _methods(thing).items()}
    return found


def covers(name: str, thing: Any) -> str | None:
    """Say why a public callable needs no example of its own, or None where it needs one."""
    if name in LEFT_OUT:
        return LEFT_OUT[name]
    if inspect.isclass(thing) and issubclass(thing, BaseException):
        return "an exception"
    if inspect.isclass(thing) and issubclass(thing, tuple):
        return "a record, which functions return"
    if not set(inspect.signature(thing).parameters) - {"self"}:
        return "takes no argument"
    return None


def _methods(cls: type) -> dict[str, Any]:
    """Return a class's own public methods but for those that Keras, not a reader, calls."""
    keras_calls = {"build", "call", "compute_mask", "compute_output_shape", "get_config"}
    for base in cls.__mro__:
        if base.__module__.startswith("keras."):
            keras_calls |= set(vars(base))
    return {
        name: getattr(cls, name)
        for name, method in vars(cls).items()
        if isinstance(method, types.FunctionType | classmethod)
        and not name.startswith("_")
        and name not in keras_calls
    }
