"""When must a notebook run again? When its key changes.

The key is a SHA-256 over all that the outputs depend on: the code cells and their tags, the
modules of `course_lib` that the notebook reaches, the data, the lock file, the recorded runs it
shows, the size, the backend and Python's minor version. Prose is not in it: editing Markdown runs
nothing.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from tools.book.project import Project, is_hidden

PACKAGE = "course_lib"
_MAGIC = re.compile(r"^(\s*)[%!].*$", re.MULTILINE)


def notebook_key(project: Project, notebook: str) -> str:
    """The key of a notebook as its files are now.

    Args:
        project: The checkout and the size.
        notebook: The page's name, such as "book/foundations/convolution".

    Returns:
        64 hexadecimal digits.
    """
    return combine(sources_digest(project, notebook), recorded_digest(project, notebook))


def combine(sources: str, recorded: str) -> str:
    """Join the two halves of a key."""
    return _digest([sources, recorded])


def sources_digest(project: Project, notebook: str) -> str:
    """The half of the key that a run only reads: code, modules, data, versions."""
    content = _read(project, notebook)
    code = [
        [_text(cell), sorted(cell.get("metadata", {}).get("tags", []))]
        for cell in content["cells"]
        if cell["cell_type"] == "code"
    ]
    modules = reached_modules(project.root, _code(content))
    lock = project.root / "requirements.lock"
    return _digest(
        [
            json.dumps(code),
            _files_digest(project.root, modules.values()),
            _files_digest(project.root, _package_data(project.root) if modules else ()),
            _data_digest(project.root),
            lock.read_text(encoding="utf-8") if lock.is_file() else "",
            project.size,
            os.environ.get("KERAS_BACKEND", "tensorflow"),
            f"{sys.version_info.major}.{sys.version_info.minor}",
        ]
    )


def recorded_digest(project: Project, notebook: str) -> str:
    """The half of the key that a run may also write: the recorded runs that the page shows.

    A record counts when the notebook reaches `course_lib.recorded` and names the experiment, which
    is the folder that the record lies in.
    """
    content = _read(project, notebook)
    code = _code(content)
    if f"{PACKAGE}.recorded" not in reached_modules(project.root, code):
        return _digest([])
    records = (project.root / "book" / "recorded").rglob("*.json")
    text = "\n".join(code)
    return _files_digest(project.root, (path for path in records if path.parent.name in text))


def reached_modules(root: Path, sources: Iterable[str]) -> dict[str, Path]:
    """The modules of `course_lib` that some code imports, directly or through each other.

    Args:
        root: The checkout.
        sources: Python sources, such as a notebook's code cells. IPython's magics are passed over.

    Returns:
        From dotted name to file. Where an import cannot be told from the text, all modules.
    """
    known = _modules(root)
    first = list(sources)
    words = set(re.findall(r"\w+", "\n".join(first)))
    reached: set[str] = set()
    waiting = [(source, "", False) for source in first]
    bound: dict[str, str] = {}
    while waiting:
        source, name, is_package = waiting.pop(0)
        # Cells share their names; a module has its own.
        found = _imports(source, name, is_package, known, {} if name else bound)
        if is_package and name != PACKAGE and "importlib" in source:
            found |= _asked_for(name, words, known)
        for new in sorted(found - reached):
            reached.add(new)
            path = known[new]
            waiting.append((path.read_text(encoding="utf-8"), new, path.name == "__init__.py"))
    return {name: known[name] for name in sorted(reached)}


def _imports(
    source: str, name: str, is_package: bool, known: dict[str, Path], bound: dict[str, str]
) -> set[str]:
    """The known modules that one source reaches directly, with their parent packages.

    `bound` maps names to the packages they stand for and is extended in place.
    """
    nodes = _nodes(source)
    if nodes is None:
        return set(known)
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == PACKAGE:
                    found.add(alias.name)
                    bound[alias.asname or PACKAGE] = alias.name if alias.asname else PACKAGE
        elif isinstance(node, ast.ImportFrom):
            base = _base(node, name, is_package)
            if base.split(".")[0] == PACKAGE:
                for alias in node.names:
                    child = f"{base}.{alias.name}"
                    found |= {child} if child in known else _members(base, known)
                    bound[alias.asname or alias.name] = child
        elif isinstance(node, ast.Constant) and str(node.value).startswith(f"{PACKAGE}."):
            found |= {node.value} & set(known)
    for node in nodes:
        if isinstance(node, ast.Attribute):
            found |= _attribute(node, bound, known)
    parents = {".".join(n.split(".")[:i]) for n in found for i in range(1, n.count(".") + 1)}
    return (found | parents) & set(known)


@cache
def _nodes(source: str) -> list[ast.AST] | None:
    """The parts of one source that may name a module; None where it is no Python.

    Most notebooks reach most modules, so each text is taken apart once.
    """
    try:
        tree = ast.parse(_MAGIC.sub(r"\1pass", source))
    except SyntaxError:
        return None
    kinds = (ast.Import, ast.ImportFrom, ast.Constant, ast.Attribute)
    return [node for node in ast.walk(tree) if isinstance(node, kinds)]


def _attribute(node: ast.Attribute, bound: dict[str, str], known: dict[str, Path]) -> set[str]:
    """The module that `package.module`, or `package.folder.module`, stands for."""
    parts: list[str] = []
    here: ast.expr = node
    while isinstance(here, ast.Attribute):
        parts.insert(0, here.attr)
        here = here.value
    if not isinstance(here, ast.Name) or here.id not in bound:
        return set()
    found = set()
    for count in range(1, len(parts) + 1):
        candidate = ".".join([bound[here.id], *parts[:count]])
        if candidate in known:
            found.add(candidate)
    return found


def _asked_for(package: str, words: set[str], known: dict[str, Path]) -> set[str]:
    """What a package that imports its modules by name at run time may fetch for a notebook.

    These are the modules whose name the notebook's code mentions, or all if it mentions none.
    """
    inside = {name for name in known if name.startswith(f"{package}.")}
    return {name for name in inside if name.split(".")[-1] in words} or inside


def _members(base: str, known: dict[str, Path]) -> set[str]:
    """What `from base import name` reaches when `name` is no module of its own.

    A package may fetch such a name from any of its modules on demand, so all of them count.
    """
    lazy = base in known and "__getattr__" in known[base].read_text(encoding="utf-8")
    inside = {name for name in known if name.startswith(f"{base}.")} if lazy else set()
    return inside | {base}


def _base(node: ast.ImportFrom, name: str, is_package: bool) -> str:
    """The absolute name behind the `from` of an import that may be relative."""
    if not node.level:
        return node.module or ""
    parents = name.split(".")
    drop = node.level - 1 if is_package else node.level
    parents = parents[: len(parents) - drop]
    return ".".join([*parents, node.module] if node.module else parents)


def _modules(root: Path) -> dict[str, Path]:
    """All modules of the package, from dotted name to file."""
    found = {}
    for path in sorted((root / PACKAGE).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def _package_data(root: Path) -> list[Path]:
    """Files in the package that are no modules."""
    paths = (path for path in (root / PACKAGE).rglob("*") if path.is_file())
    return [path for path in paths if path.suffix != ".py"]


@cache
def _data_digest(root: Path) -> str:
    """All shipped data; not the scripts that made it nor the page about it."""
    paths = (path for path in (root / "data").rglob("*") if path.is_file())
    return _files_digest(root, (path for path in paths if path.suffix not in {".md", ".py"}))


def _files_digest(root: Path, paths: Iterable[Path]) -> str:
    """Names and contents of files, in a fixed order."""
    whole = hashlib.sha256()
    for path in sorted(paths):
        relative = path.relative_to(root)
        if not is_hidden(relative.parts):
            whole.update(relative.as_posix().encode())
            whole.update(hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()


def _digest(parts: list[str]) -> str:
    """One digest of several texts; the list is written as JSON so that borders count."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _read(project: Project, notebook: str) -> dict:
    return json.loads(project.source(notebook).read_text(encoding="utf-8"))


def _code(content: dict) -> list[str]:
    return [_text(cell) for cell in content["cells"] if cell["cell_type"] == "code"]


def _text(cell: dict) -> str:
    """A cell's source as one string; files hold it as a string or as a list of lines."""
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)
