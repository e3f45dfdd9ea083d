"""How is a notebook edited without breaking its stored outputs? Edit it anywhere, then refresh it.

``python -m tools.refresh [NOTEBOOK ...]`` formats the code, runs the notebook in a fresh kernel,
and writes it back with its text outputs alone: no images, no HTML, nothing on stderr, no trace of
the editor or the machine. Without an argument it does so for every notebook of the book.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

from tools.book import cache, execute, keys
from tools.book.project import Project, write_atomically
from tools.lint.form import CELL_METADATA, KERNEL, STORED_TYPES
from tools.lint_notebooks import ROOT, all_notebooks


def strip(content: dict, cells: list[dict]) -> dict:
    """Put the outputs of a run into a notebook in the form in which they are stored.

    Args:
        content: The notebook as parsed from its file; it is not changed.
        cells: For each code cell, its `execution_count` and `outputs`.

    Returns:
        The notebook to store, in the order of keys that nbformat writes.

    Raises:
        ValueError: The number of runs is not that of the code cells.
    """
    code = sum(cell["cell_type"] == "code" for cell in content["cells"])
    if code != len(cells):
        raise ValueError(f"cells: expected the runs of {code} code cells, got {len(cells)}.")
    results = iter(cells)
    stored = []
    for cell in content["cells"]:
        metadata = {k: cell["metadata"][k] for k in CELL_METADATA if cell["metadata"].get(k)}
        kept = cell | {"metadata": metadata, "source": _lines(cell["source"])}
        kept["id"] = cell.get("id") or uuid4().hex[:8]
        if cell["cell_type"] == "code":
            kept["outputs"] = _text_only(next(results)["outputs"])
            kept["execution_count"] = sum(c["cell_type"] == "code" for c in stored) + 1
        stored.append(dict(sorted(kept.items())))
    metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    return {"cells": stored, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _text_only(outputs: list[dict]) -> list[dict]:
    """The outputs that are stored: printed text, and the text forms of what was displayed."""
    kept: list[dict] = []
    for output in outputs:
        if output["output_type"] == "stream" and output["name"] == "stdout":
            if kept and kept[-1]["output_type"] == "stream":
                kept[-1]["text"] = _lines([*kept[-1]["text"], *_lines(output["text"])])
            else:
                text = _lines(output["text"])
                kept.append({"name": "stdout", "output_type": "stream", "text": text})
        elif "data" in output:
            data = {k: _lines(v) for k, v in output["data"].items() if k in STORED_TYPES}
            entry = {"data": data, "metadata": {}, "output_type": output["output_type"]}
            if output["output_type"] == "execute_result":
                entry["execution_count"] = output["execution_count"]
            if data:
                kept.append(dict(sorted(entry.items())))
    return kept


def _lines(text: str | list[str]) -> list[str]:
    """Text as notebooks store it: a list of lines with their ends."""
    whole = text if isinstance(text, str) else "".join(text)
    return re.findall(r"[^\n]*\n|[^\n]+", whole)


def refresh(path: Path, project: Project) -> bool:
    """Format, run and strip one notebook in place.

    The run goes into the cache of the book, so that the next build does not repeat it.

    Returns:
        Whether it ran without an error; if not, the file keeps its old outputs.
    """
    subprocess.run([sys.executable, "-m", "ruff", "format", "--quiet", str(path)], check=True)
    name = path.resolve().relative_to(project.root).with_suffix("").as_posix()
    if execute.run_missing(project, [name]):
        return False
    run = cache.load(project, name, keys.notebook_key(project, name))
    if run is None:
        print(f"{path} was changed while it ran. Refresh it again.")
        return False
    content = json.loads(path.read_text(encoding="utf-8"))
    text = json.dumps(strip(content, run.cells), indent=1, ensure_ascii=False)
    write_atomically(path, text + "\n")
    return True


def main(arguments: list[str]) -> int:
    """Refresh the named notebooks, or all, and return 1 if any failed."""
    project = Project(ROOT, "small")
    paths = [Path(name) for name in arguments] or all_notebooks()
    results = [refresh(path, project) for path in paths]
    print(f"{sum(results)} of {len(paths)} notebook(s) refreshed.")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
