"""How are notebooks run? Each in a process of its own, at most three at a time.

A run starts a fresh kernel of this very interpreter in the notebook's folder, whichever kernels
are installed, and writes its outputs to the cache the moment it ends. So an interrupted build goes
on where it stopped, and one failing notebook does not stop the others.

Environment variables:
    COURSE_JOBS: notebooks run at once (default 3: two cores are never idle while one of them
        waits, and each takes up to 2 GiB).
    COURSE_CELL_TIMEOUT: seconds one cell may take (default 900 for small, 14400 for full).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from tools.book import cache, keys
from tools.book.project import Project

ANSI = re.compile(r"\x1b\[[0-9;]*m")
_CELL = re.compile(r"^::cell (\d+) of (\d+)$")
_HEARTBEAT_SECONDS = 20


def quiet_environment(project: Project) -> dict[str, str]:
    """The environment of a kernel: this checkout's `course_lib`, its size, a quiet TensorFlow."""
    environment = dict(os.environ)
    environment["COURSE_SIZE"] = project.size
    paths = [str(project.root), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    # A page says the same in every locale: files are read, and text is printed, as UTF-8.
    environment["PYTHONUTF8"] = "1"
    # The notebook's figures are drawn by the kernel's own backend, not by a window.
    environment.pop("MPLBACKEND", None)
    environment.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    environment.setdefault("KERAS_BACKEND", "tensorflow")
    return environment


def run_missing(project: Project, notebooks: list[str]) -> list[str]:
    """Run the notebooks that the cache does not hold, and report as they go.

    Args:
        project: The checkout and the size.
        notebooks: Names of pages.

    Returns:
        The names of those that failed; their tracebacks were printed.
    """
    missing = [
        name
        for name in sorted(notebooks, key=project.minutes, reverse=True)
        if cache.load(project, name, keys.notebook_key(project, name)) is None
    ]
    cached = len(notebooks) - len(missing)
    print(f"Notebooks: {len(missing)} to run, {cached} unchanged since their last run.", flush=True)
    if not missing:
        return []
    pool = _Pool(project)
    with ThreadPoolExecutor(max_workers=_jobs()) as threads:
        try:
            succeeded = list(threads.map(pool.run, missing))
        except BaseException:
            pool.stop()
            threads.shutdown(cancel_futures=True)
            raise
    return [name for name, good in zip(missing, succeeded, strict=True) if not good]


def _jobs() -> int:
    return max(1, int(os.environ.get("COURSE_JOBS", "3")))


class _Pool:
    """The running notebook processes of one build, and their progress lines."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._running: list[subprocess.Popen] = []
        self._lock = threading.Lock()
        self._stopped = False

    def run(self, notebook: str) -> bool:
        """Run one notebook in a process of its own; print how it went."""
        if self._stopped:
            return False
        command = [sys.executable, "-m", "tools.book.execute", self._project.size, notebook]
        command.append(str(self._project.root))
        start = time.monotonic()
        self._say(f"  running   {notebook}")
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
            process = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=errors,
                encoding="utf-8",
                errors="replace",
                cwd=Path(__file__).parents[2],
                env=quiet_environment(self._project),
            )
            self._running.append(process)
            place = self._follow(process, notebook, start)
            code = process.wait()
            self._running.remove(process)
            seconds = time.monotonic() - start
            if code == 0:
                self._say(f"  done      {notebook} ({seconds:.0f} s)")
            elif not self._stopped:
                errors.seek(0)
                report = errors.read()
                if not sys.stdout.isatty():
                    report = ANSI.sub("", report)
                self._say(f"  FAILED    {notebook} ({seconds:.0f} s, {place})\n{report}")
        return code == 0

    def stop(self) -> None:
        """End the notebooks that still run; those that finished are in the cache."""
        self._stopped = True
        for process in list(self._running):
            process.terminate()

    def _follow(self, process: subprocess.Popen, notebook: str, start: float) -> str:
        """Read a process's progress, say now and then how far it is, and return where it ended."""
        spoken = start
        place = "before its first cell"
        for line in process.stdout:
            now = time.monotonic()
            cell = _CELL.match(line.strip())
            if not cell:
                continue
            place = f"in code cell {cell[1]} of {cell[2]}"
            if now - spoken > _HEARTBEAT_SECONDS:
                self._say(f"  running   {notebook}: {place}, {now - start:.0f} s")
                spoken = now
        return place

    def _say(self, text: str) -> None:
        with self._lock:
            print(text, flush=True)


def run_one(project: Project, notebook: str) -> None:
    """Run one notebook in a fresh kernel and put its outputs in the cache.

    Raises:
        nbclient.exceptions.CellExecutionError: A cell raised; the outputs are not kept.
    """
    # A run may write its own record, so that half of the key is taken afterwards; whoever edits
    # code while it runs gets the outputs of the code as it was.
    sources = keys.sources_digest(project, notebook)
    run = execute(project, notebook)
    recorded = keys.recorded_digest(project, notebook)
    cache.store(project, notebook, keys.combine(sources, recorded), run)


def execute(project: Project, notebook: str) -> cache.Run:
    """Run one notebook in a fresh kernel of this interpreter and return its outputs."""
    import nbformat
    from ipykernel.kernelspec import write_kernel_spec
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient

    path = project.source(notebook)
    content = nbformat.read(path, as_version=4)
    order = [i for i, cell in enumerate(content.cells) if cell.cell_type == "code"]

    def announce(cell: object, cell_index: int) -> None:
        if cell_index in order:
            print(f"::cell {order.index(cell_index) + 1} of {len(order)}", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        quiet = ["--log-level=ERROR"]
        write_kernel_spec(os.path.join(folder, "this_interpreter"), extra_arguments=quiet)
        specs = KernelSpecManager(kernel_dirs=[folder], ensure_native_kernel=False)
        manager = AsyncKernelManager(kernel_name="this_interpreter", kernel_spec_manager=specs)
        client = NotebookClient(
            content,
            km=manager,
            timeout=_cell_timeout(project),
            startup_timeout=180,
            record_timing=False,
            resources={"metadata": {"path": str(path.parent)}},
            on_cell_start=announce,
        )
        client.owns_km = True  # So that it waits for the kernel's end, which counts its use.
        start = time.monotonic()
        client.execute()
        seconds = time.monotonic() - start
    cells = [content.cells[i] for i in order]
    processor_seconds, peak_mib = _use_of_the_kernel()
    return cache.Run(
        cells=[json.loads(json.dumps({k: c[k] for k in _KEPT_FIELDS})) for c in cells],
        seconds=round(seconds, 1),
        processor_seconds=processor_seconds,
        peak_mib=peak_mib,
        finished=datetime.now(UTC).date().isoformat(),
    )


_KEPT_FIELDS = ("execution_count", "outputs")


def _cell_timeout(project: Project) -> int:
    default = {"small": 900, "full": 14_400}[project.size]
    return int(os.environ.get("COURSE_CELL_TIMEOUT", default))


def _use_of_the_kernel() -> tuple[float | None, int | None]:
    """Processor seconds, and the peak MiB of the largest, of the processes this one waited for."""
    with suppress(ImportError):  # Windows has no such count.
        import resource

        use = resource.getrusage(resource.RUSAGE_CHILDREN)
        peak = use.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
        return round(use.ru_utime + use.ru_stime, 1), round(peak)
    return None, None


def main() -> int:
    """Run the one notebook named on the command line: size, page, root."""
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    size, notebook, root = sys.argv[1:]
    project = Project(Path(root), size)
    try:
        run_one(project, notebook)
    except CellExecutionError as error:
        print(error, file=sys.stderr)
    except CellTimeoutError as error:
        print(f"{error}\nRaise the limit with COURSE_CELL_TIMEOUT=<seconds>.", file=sys.stderr)
    except DeadKernelError as error:
        print(f"{error}\nThe kernel died, most often for want of memory.", file=sys.stderr)
    else:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
