"""What did a notebook put out when it last ran? The outputs of past runs, one file a run.

An entry is plain JSON: the outputs of the code cells in order, the times, the peak memory and the
date. It lies under `_build/cache/<size>/`, named after the page and its key.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from tools.book.project import Project, write_atomically

KEPT_PER_NOTEBOOK = 3


@dataclass(frozen=True)
class Run:
    """One finished run of a notebook.

    Attributes:
        cells: For each code cell, its `execution_count` and its list of `outputs`.
        seconds: Wall time from a fresh kernel to the last output.
        processor_seconds: Processor time of the kernel and of the processes it waited for, which
            other work on the machine hardly changes; None where it cannot be measured.
        peak_mib: The largest memory of the kernel, in MiB; None where it cannot be measured.
        finished: The day it ran, as YYYY-MM-DD.
    """

    cells: list[dict]
    seconds: float
    processor_seconds: float | None
    peak_mib: int | None
    finished: str


def entry_path(project: Project, notebook: str, key: str) -> Path:
    """The file that holds the run of a notebook with this key."""
    return project.cache / f"{notebook}.{key[:32]}.json"


def load(project: Project, notebook: str, key: str) -> Run | None:
    """The run with this key, or None if there is none that can be read."""
    path = entry_path(project, notebook, key)
    try:
        return Run(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def store(project: Project, notebook: str, key: str, run: Run) -> None:
    """Keep a run, and drop all but the latest few of the same notebook."""
    path = entry_path(project, notebook, key)
    write_atomically(path, json.dumps(asdict(run)))
    siblings = path.parent.glob(f"{path.name.split('.')[0]}.*.json")
    for old in sorted(siblings, key=lambda file: file.stat().st_mtime)[:-KEPT_PER_NOTEBOOK]:
        old.unlink(missing_ok=True)
