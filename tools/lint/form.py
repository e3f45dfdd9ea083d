"""Is a notebook stored in the agreed form, and does it run anywhere? Rules for all notebooks."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tools.lint.notebook import Notebook, Problem, output_text, tags, trees

CELL_METADATA = ("slide", "tags")
TAGS = {
    *(f"{verb}-{part}" for verb in ("hide", "remove") for part in ("cell", "input", "output")),
    *("nbval-ignore-output", "nbval-skip", "nbval-raises-exception", "raises-exception"),
    *("solution", "scroll-output", "full-width"),
}
STORED_TYPES = ("text/plain", "text/markdown")
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
MOST_LINES = 25

_ABSOLUTE = re.compile(
    r"(?<![\w.:/])(?:file:/|~/|/(?:home|Users|root|tmp|workspace|content|mnt|opt|usr|var|etc|kaggle)/"
    r"|[A-Za-z]:\\\w)"
)
_ADDRESS = re.compile(r"\b(?:https?|ftp)://")
_NETWORK_MODULES = {"requests", "urllib", "urllib3", "http", "httpx", "aiohttp", "socket", "ftplib"}
_NETWORK_MODULES |= {"wget", "gdown", "kagglehub", "tensorflow_datasets", "tensorflow_hub"}
_NETWORK_CALLS = re.compile(r"\bget_file\(|\bload_data\(|\bfetch_\w+\(|[!%]\s*(?:wget|curl|git)\b")
_INSTALL = re.compile(r"\b(?:pip3?|conda|mamba|apt|apt-get|uv)\b[^\n]*\binstall\b")


def outputs_are_text(notebook: Notebook) -> Iterator[Problem]:
    """Stored outputs are plain text or Markdown: no image, no HTML, no error, nothing on stderr."""
    for number, _, cell in notebook.code:
        for output in cell["outputs"]:
            kind = output["output_type"]
            if kind == "error":
                yield Problem(f"the stored output is an error, {output['ename']}", number)
            elif kind == "stream" and output["name"] != "stdout":
                yield Problem(f"the stored output holds {output['name']}", number)
            for mime in sorted(set(output.get("data", {})) - set(STORED_TYPES)):
                yield Problem(f"the stored output holds {mime}; only text is stored", number)
            if output.get("metadata"):
                yield Problem("a stored output carries metadata", number)


def cells_ran_in_order(notebook: Notebook) -> Iterator[Problem]:
    """The code cells were run once each, from top to bottom, in a fresh kernel."""
    for expected, (number, source, cell) in enumerate(notebook.code, start=1):
        if not source.strip():
            yield Problem("the code cell is empty: delete it", number)
        elif cell["execution_count"] != expected:
            count = cell["execution_count"]
            yield Problem(f"expected execution count {expected}, found {count}", number)


def cells_have_ids(notebook: Notebook) -> Iterator[Problem]:
    """Every cell has an id of its own, so that changes can be followed."""
    seen: set[str] = set()
    for number, _, _, cell in notebook.cells:
        if not cell.get("id"):
            yield Problem("the cell has no id", number)
        elif cell["id"] in seen:
            yield Problem(f"the id {cell['id']} is used twice", number)
        seen.add(cell.get("id", ""))


def metadata_is_clean(notebook: Notebook) -> Iterator[Problem]:
    """Metadata says nothing of the machine or the editor that wrote the file."""
    metadata = notebook.content["metadata"]
    if metadata.get("kernelspec") != KERNEL:
        yield Problem(f"expected the kernelspec {KERNEL}, found {metadata.get('kernelspec')}")
    if metadata.get("language_info") != {"name": "python"}:
        yield Problem("expected language_info to hold the name python and nothing else")
    for key in sorted(set(metadata) - {"kernelspec", "language_info"}):
        yield Problem(f"the notebook's metadata holds {key}")
    for number, _, _, cell in notebook.cells:
        for key in sorted(set(cell["metadata"]) - set(CELL_METADATA)):
            yield Problem(f"the cell's metadata holds {key}", number)
        for tag in sorted(tags(cell) - TAGS):
            yield Problem(f"the tag {tag} is unknown; known are {', '.join(sorted(TAGS))}", number)


def paths_are_relative(notebook: Notebook) -> Iterator[Problem]:
    """No path holds on one machine only, in code or in what it printed."""
    for number, source, cell in notebook.code:
        for where, text in (("code", source), ("output", output_text(cell))):
            match = _ABSOLUTE.search(text)
            if match:
                found = text[match.start() : match.start() + 30].splitlines()[0]
                yield Problem(f"the {where} holds an absolute path: {found}", number)


def nothing_is_fetched(notebook: Notebook) -> Iterator[Problem]:
    """No cell asks the network for anything; `datasets.load` reads what ships."""
    for number, source, _ in notebook.code:
        match = _ADDRESS.search(source) or _NETWORK_CALLS.search(source)
        if match:
            yield Problem(f"the code reaches for the network: {match[0].strip()}", number)
    for number, tree in trees(notebook):
        for module in sorted(_imported(tree) & _NETWORK_MODULES):
            yield Problem(f"the code imports {module}, which reaches for the network", number)


def nothing_is_installed(notebook: Notebook) -> Iterator[Problem]:
    """No cell installs a package; requirements.lock names them all."""
    for number, source, _ in notebook.code:
        if _INSTALL.search(source):
            yield Problem("the code installs a package; add it to pyproject.toml instead", number)


def cells_are_short(notebook: Notebook) -> Iterator[Problem]:
    """A code cell holds one thought; what is longer belongs in `course_lib`."""
    for number, source, _ in notebook.code:
        lines = sum(bool(line.strip()) for line in source.splitlines())
        if lines > MOST_LINES:
            yield Problem(f"the cell has {lines} lines; at most {MOST_LINES}: split it", number)


def _imported(tree: ast.Module) -> set[str]:
    """The top-level packages a tree imports."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").split(".")[0])
    return found
