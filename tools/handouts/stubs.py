"""What is left of a solution when the answer is taken out? The name, the arguments, the check."""

from __future__ import annotations

import ast
from dataclasses import dataclass

NOT_ANSWERED = "Exercise {number} is not answered yet: write {name} in place of this line."

_STUB = '''{head}
    """Your answer."""
    raise NotImplementedError(
        "{reason}"
    )


{check}
'''


@dataclass(frozen=True)
class Checked:
    """A function that a solution defines and checks.

    Attributes:
        exercise: The name of the exercise, such as "convolution.parameters".
        function: The function's definition.
        call: The call that checks it, as Python.
    """

    exercise: str
    function: ast.FunctionDef
    call: str


def checked_functions(source: str) -> list[Checked]:
    """Find the functions that a solution checks.

    Args:
        source: The code of one solution cell.

    Raises:
        ValueError: It checks something else than a function that it defines itself, so that no
            stub can be made of it.
    """
    tree = ast.parse(source)
    defined = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or ast.unparse(node.func) != "exercises.check":
            continue
        call = ast.unparse(node)
        match node.args:
            case [ast.Constant(value=str(exercise)), ast.Name(id=name)] if name in defined:
                found.append(Checked(exercise, defined[name], call.replace("'", '"')))
            case _:
                raise ValueError(
                    'expected exercises.check("chapter.exercise", function) with a function '
                    f"that the same cell defines, got {call}."
                )
    return found


def stub(checked: Checked, number: int) -> str:
    """The code that students get: the function without its body, and the check.

    Args:
        checked: What the solution checks.
        number: The number of the exercise.
    """
    name = checked.function.name
    head = f"def {name}({ast.unparse(checked.function.args)}):"
    reason = NOT_ANSWERED.format(number=number, name=name)
    return _STUB.format(head=head, reason=reason, check=checked.call).strip()
