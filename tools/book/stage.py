"""What does Sphinx read? A copy of the book whose notebooks carry the outputs of their last run.

The copy lies under `_build/<size>/stage` and has the checkout's layout, so that every path in
`_config.yml` holds in both. Only files that differ are written: Sphinx then reads those pages
again and no others.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from tools.book import cache, keys
from tools.book.project import Project, is_hidden

# Pages may include these with `{include}`; `_config.yml` keeps them from being pages themselves.
_EXTRAS = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "data/README.md")
_LEFT_OUT = ("recorded",)
CLAIM_MIME = "application/vnd.course-lib.claim+json"
# What moves from a notebook's outputs to its metadata, by the name that it gets there.
_COLLECTED = {
    CLAIM_MIME: "claims",
    "application/vnd.course-lib.scorecard+json": "scorecard",
}


def lay_out(project: Project) -> str:
    """Bring the stage up to date.

    Args:
        project: The checkout and the size; every notebook's run must be in the cache.

    Returns:
        A digest of the whole stage: equal digests, equal site.
    """
    wanted = _sources(project)
    for notebook in project.notebooks():
        wanted[f"{notebook}.ipynb"] = _with_outputs(project, notebook)
    for path in sorted(project.stage.rglob("*")):
        relative = path.relative_to(project.stage)
        if path.is_file() and not is_hidden(relative.parts) and relative.as_posix() not in wanted:
            path.unlink()
    whole = hashlib.sha256()
    for name, content in sorted(wanted.items()):
        whole.update(json.dumps([name, hashlib.sha256(content).hexdigest()]).encode())
        target = project.stage / name
        if not target.is_file() or target.read_bytes() != content:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    return whole.hexdigest()


def _sources(project: Project) -> dict[str, bytes]:
    """All that is copied as it is, from path to content."""
    paths = [project.root / name for name in ("_config.yml", "_toc.yml", *_EXTRAS)]
    for path in (project.root / "book").rglob("*"):
        relative = path.relative_to(project.root / "book")
        left_out = is_hidden(relative.parts) or relative.parts[0] in _LEFT_OUT
        if path.suffix != ".ipynb" and not left_out:
            paths.append(path)
    files = (path for path in paths if path.is_file())
    return {path.relative_to(project.root).as_posix(): path.read_bytes() for path in files}


def _with_outputs(project: Project, notebook: str) -> bytes:
    """A notebook's source with the outputs of its last run in place of the stored ones.

    Claims and rows of the scorecard move from the outputs, where Sphinx would warn of an unknown
    type, to the notebook's metadata, where the reference pages find them.
    """
    run = cache.load(project, notebook, keys.notebook_key(project, notebook))
    if run is None:
        raise RuntimeError(f"{notebook} was changed while the book was built. Build it again.")
    content = json.loads(Path(project.source(notebook)).read_text(encoding="utf-8"))
    code = (cell for cell in content["cells"] if cell["cell_type"] == "code")
    collected: dict[str, list] = {name: [] for name in _COLLECTED.values()}
    for cell, result in zip(code, run.cells, strict=True):
        cell.update(result)
        for output in cell["outputs"]:
            for mime in _COLLECTED.keys() & output.get("data", {}).keys():
                collected[_COLLECTED[mime]].append(output["data"].pop(mime))
    content["metadata"]["course"] = {
        "size": project.size,
        "seconds": run.seconds,
        "processor_seconds": run.processor_seconds,
        "peak_mib": run.peak_mib,
        "finished": run.finished,
        **collected,
    }
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()
