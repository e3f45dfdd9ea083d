"""Can the solutions be taken out of a chapter? The hand-outs for students are made that way."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tools.handouts.stubs import checked_functions
from tools.lint.notebook import Notebook, Problem, tags, trees


def solutions_become_stubs(notebook: Notebook) -> Iterator[Problem]:
    """What a solution checks is a function that it defines, so that a stub can be made of it."""
    for number, source, cell in notebook.code:
        if "solution" in tags(cell):
            try:
                checked_functions(source)
            except SyntaxError:
                yield Problem("the solution is no plain Python, so no stub can be made", number)
            except ValueError as error:
                yield Problem(f"no stub can be made of the solution: {error}", number)


def solutions_are_not_needed(notebook: Notebook) -> Iterator[Problem]:
    """No cell outside the solutions uses a name whose value comes from one of them."""
    cells = {number: cell for number, _, cell in notebook.code}
    from_solution: dict[str, int] = {}
    for number, tree in trees(notebook):
        bound = set(_bound(tree))
        if "solution" in tags(cells[number]):
            from_solution |= dict.fromkeys(bound, number)
            continue
        for name in sorted(_used(tree) & set(from_solution)):
            yield Problem(
                f"the cell uses {name}, which the solution in cell {from_solution[name]} makes; "
                "students get the notebook without it",
                number,
            )
        for name in bound:
            from_solution.pop(name, None)


def _bound(node: ast.AST) -> Iterator[str]:
    """The names that a cell leaves behind; not those inside its functions."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield child.name
        elif isinstance(child, ast.Import | ast.ImportFrom):
            yield from ((alias.asname or alias.name).split(".")[0] for alias in child.names)
        elif isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
            yield child.id
        elif not isinstance(child, ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp):
            yield from _bound(child)


def _used(tree: ast.Module) -> set[str]:
    """The names whose values a cell asks for before it gives them one."""
    given: set[str] = set()
    asked: set[str] = set()
    for statement in tree.body:
        nodes = list(ast.walk(statement))
        names = [node for node in nodes if isinstance(node, ast.Name)]
        left_behind = set(_bound(ast.Module([statement], [])))
        local = {node.id for node in names if not isinstance(node.ctx, ast.Load)}
        local |= {node.arg for node in nodes if isinstance(node, ast.arg)}
        loaded = {node.id for node in names if isinstance(node.ctx, ast.Load)}
        asked |= loaded - given - (local - left_behind)
        given |= left_behind
    return asked
