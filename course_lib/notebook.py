"""How does a chapter show the code it uses, and never a copy of it?

``show_source`` prints the source of a function or class as it stands in the installed package, but
for the ``@takes(...)`` above it, which refuses what the function cannot use, and for Sphinx's roles
in its docstring, of which only the names are left.
"""

import ast
import inspect
import re
import textwrap

from course_lib._display import publish

__all__ = ["show_source"]

_ROLE = re.compile(r":(?:func|class|meth|attr|mod|data|exc):`[~.]*([^`]+)`")


def show_source(*objects: object) -> None:
    """Show the source code of functions, classes or modules, highlighted where the page can.

    Args:
        *objects: what to show, in this order. A decorated function is shown with its decorators,
            except ``@takes(...)``: what its arguments must be, the docstring says in words.

    Raises:
        ValueError: nothing is given, or the source of one of them cannot be found.
    """
    if not objects:
        raise ValueError("show_source needs at least one function, class or module.")
    code = "\n\n\n".join(_source(item) for item in objects)
    fence = "`" * max([3, *(len(ticks) + 1 for ticks in re.findall(r"`{3,}", code))])
    publish(code, **{"text/markdown": f"{fence}python\n{code}\n{fence}"})


def _source(item: object) -> str:
    try:
        code = textwrap.dedent(inspect.getsource(inspect.unwrap(item))).strip("\n")
    except (TypeError, OSError) as error:
        raise ValueError(
            f"The source of {item!r} cannot be found ({error}). "
            "Give a function, class or module that is written in Python."
        ) from error
    return _ROLE.sub(r"``\1``", _without_checks(code))


def _without_checks(code: str) -> str:
    """Leave out the decorators that declare what arguments must be."""
    lines = code.split("\n")
    for node in ast.walk(ast.parse(code)):
        for decorator in getattr(node, "decorator_list", ()):
            if ast.unparse(decorator).startswith("takes("):
                places = range(decorator.lineno - 1, decorator.end_lineno)
                lines[places.start : places.stop] = [None] * len(places)
    return "\n".join(line for line in lines if line is not None)
