"""What did nbval run? The build need not run it again.

nbval runs each notebook in a fresh kernel to compare its outputs with the stored ones. This plugin
of pytest hands the outputs of a whole run that passed to the cache of the build, under the key
that the build will look for. A notebook of which a cell failed or was skipped is not kept.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tools.book import cache, keys
from tools.book.project import Project


@dataclass
class _Running:
    notebook: str
    sources: str
    start: float
    cells: list[dict] = field(default_factory=list)


class Keeper:
    """The plugin: it follows the cells of nbval's notebooks as they pass."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._names = {project.source(name): name for name in project.notebooks()}
        self._running: dict[Path, _Running] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Put the notebooks that take longest first, as the build does."""
        minutes = {path: self._project.minutes(name) for path, name in self._names.items()}
        items.sort(key=lambda item: minutes.get(item.path, 0), reverse=True)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Before the kernel of a notebook starts, note the time and what the run depends on."""
        if _is_cell(item) and item.path in self._names and item.path not in self._running:
            name = self._names[item.path]
            sources = keys.sources_digest(self._project, name)
            self._running[item.path] = _Running(name, sources, time.monotonic())

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo) -> Iterator[None]:
        """After a cell that passed, take its outputs; after the last one, keep the run."""
        report = yield
        run = self._running.get(item.path)
        if run is not None and _is_cell(item) and report.when == "call" and report.passed:
            outputs = json.loads(json.dumps(item.test_outputs))
            run.cells.append({"execution_count": len(run.cells) + 1, "outputs": outputs})
            if len(run.cells) == sum(c.cell_type == "code" for c in item.parent.nb.cells):
                self._keep(run, item.parent.kernel.km.provisioner.pid)
        return report

    def _keep(self, run: _Running, kernel: int) -> None:
        key = keys.combine(run.sources, keys.recorded_digest(self._project, run.notebook))
        seconds = round(time.monotonic() - run.start, 1)
        today = datetime.now(UTC).date().isoformat()
        processor_seconds, peak_mib = _use(kernel)
        found = cache.Run(run.cells, seconds, processor_seconds, peak_mib, finished=today)
        cache.store(self._project, run.notebook, key, found)


def _is_cell(item: pytest.Item) -> bool:
    return type(item).__name__ == "IPyNbCell"


def _use(process: int) -> tuple[float | None, int | None]:
    """Processor seconds and peak MiB of a process that runs, where the system tells (Linux)."""
    proc = Path("/proc", str(process))
    try:
        status = (proc / "status").read_text(encoding="ascii")
        # After the name, which ends in ")": user and system time, its own and its children's.
        ticks = (proc / "stat").read_text(encoding="ascii").rpartition(")")[2].split()[11:15]
    except OSError:
        return None, None
    peak = re.search(r"^VmHWM:\s*(\d+) kB$", status, re.MULTILINE)
    seconds = sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
    return round(seconds, 1), round(int(peak[1]) / 2**10) if peak else None
