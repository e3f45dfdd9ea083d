"""What will the computation run on: which backend, which devices, how much memory?

Figures of speed mean nothing without the machine they were taken on, so chapters print a report of
it and recorded runs keep one.
"""

import csv
import os
import platform
import re
import subprocess
import sys
from dataclasses import dataclass

import keras

from course_lib.gradients import active_backend, visible_gpus

__all__ = ["Accelerator", "DeviceReport", "describe"]


@dataclass(frozen=True)
class Accelerator:
    """A GPU that the backend can use.

    Attributes:
        name: its product name where known, else what the backend calls it.
        memory_gib: its memory in GiB, or None where unknown.
    """

    name: str
    memory_gib: float | None = None

    def __str__(self) -> str:
        """Write the name with the memory."""
        return self.name + (f" ({self.memory_gib:.0f} GiB)" if self.memory_gib else "")


@dataclass(frozen=True)
class DeviceReport:
    """What there is to compute with.

    Attributes:
        backend: Keras's backend.
        backend_version: its version.
        keras_version: Keras's version.
        python_version: Python's version.
        processor: the name of the CPU, as far as the system tells it.
        cpu_cores: CPU cores this process may use.
        memory_gib: main memory in GiB, or None where the system does not tell it.
        accelerators: the GPUs that the backend sees.
    """

    backend: str
    backend_version: str
    keras_version: str
    python_version: str
    processor: str
    cpu_cores: int
    memory_gib: float | None
    accelerators: tuple[Accelerator, ...]

    @property
    def device(self) -> str:
        """The device that Keras computes on: the first accelerator, else the CPU."""
        return self.accelerators[0].name if self.accelerators else self._cpu

    @property
    def _cpu(self) -> str:
        cores = "1 core" if self.cpu_cores == 1 else f"{self.cpu_cores} cores"
        return f"{self.processor}, {cores}"

    def __str__(self) -> str:
        """Write the report in four lines."""
        memory = f", {self.memory_gib:.1f} GiB of memory" if self.memory_gib else ""
        found = ", ".join(str(accelerator) for accelerator in self.accelerators) or "none"
        return (
            f"Keras {self.keras_version} on {self.backend} {self.backend_version}, "
            f"Python {self.python_version}\n"
            f"CPU: {self._cpu}{memory}\n"
            f"Accelerators: {found}\n"
            f"This runs on: {self.device}"
        )


def describe() -> DeviceReport:
    """Return a report of the backend and the devices that it can use.

    Accelerators are those that Keras's backend sees; their product names and memory come from the
    driver's own tool, where it is installed.
    """
    backend = active_backend()
    return DeviceReport(
        backend=backend,
        backend_version=str(getattr(sys.modules.get(backend), "__version__", "unknown")),
        keras_version=keras.__version__,
        python_version=platform.python_version(),
        processor=_processor(),
        cpu_cores=_cpu_cores(),
        memory_gib=_memory_gib(),
        accelerators=_accelerators(),
    )


def _accelerators() -> tuple[Accelerator, ...]:
    seen = visible_gpus()
    cards = _graphics_cards() if seen else []
    # The driver lists every card; only where the backend sees as many do the two lists pair up.
    return tuple(cards) if len(cards) == len(seen) else tuple(Accelerator(name) for name in seen)


def _graphics_cards() -> list[Accelerator]:
    """Ask NVIDIA's driver for its cards; an empty list where there is no such driver."""
    query = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(
            query, capture_output=True, encoding="utf-8", timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return _parse_cards(answer.stdout)


def _parse_cards(table: str) -> list[Accelerator]:
    """Read the driver's table: a line ``name, memory in MiB`` for each card."""
    rows = [row for row in csv.reader(table.splitlines(), skipinitialspace=True) if len(row) == 2]
    return [
        Accelerator(name, float(mib) / 1024 if mib.strip().isdigit() else None)
        for name, mib in rows
    ]


def _cpu_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory_gib() -> float | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (AttributeError, ValueError, OSError):
        return None


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            found = re.search(r"^model name\s*:\s*(.+)$", file.read(), re.MULTILINE)
    except OSError:
        found = None
    name = found[1] if found else platform.processor() or platform.machine() or "unknown"
    return re.sub(r"\((R|TM)\)", "", name).strip()
