"""What does a training run cost in energy, and what does a point of accuracy cost?

Serves the chapter ``compute/acceleration``. ``EnergyMeter`` reads what the machine can tell: the
processor's energy counters (RAPL) where Linux lets it, the power of an NVIDIA card where its
driver's tool is there. What cannot be read is estimated from processor time and an assumed power,
and the report says so. Henderson and others (2020) argue for reporting energy and how it was found.
"""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from course_lib import gradients
from course_lib._checks import array, check_between, real, takes

__all__ = ["EnergyMeter", "EnergyReport", "price_of_accuracy"]

_RAPL = Path("/sys/class/powercap")
_CARD = ["nvidia-smi", "-i", "0", "--query-gpu=power.draw"]
_CARD += ["--format=csv,noheader,nounits", "-lms", "100"]


@dataclass(frozen=True)
class EnergyReport:
    """What a stretch of computing cost.

    Attributes:
        seconds: wall time.
        processor_seconds: time that the processor's cores spent on this process, added up.
        joules: energy of processor and accelerator.
        measured: the share of ``joules`` that was read from a counter or sensor; the rest is
            assumed.
        card_watts: the mean power of the first accelerator where it was read, else None.
        assumptions: in words, how the number came about.
    """

    seconds: float
    processor_seconds: float
    joules: float
    measured: float
    card_watts: float | None
    assumptions: str

    @property
    def watts(self) -> float:
        """The mean power."""
        return self.joules / self.seconds

    @property
    def watt_hours(self) -> float:
        """The energy in watt-hours: 3,600 joules each."""
        return self.joules / 3600


class EnergyMeter:
    """Estimate the energy of what a block computes.

    Example::

        with EnergyMeter(watts_per_core=10) as meter:
            model.fit(images, labels)
        print(meter.report.watt_hours)

    Args:
        watts_per_core: power of one busy core, with its share of the rest of the machine, assumed
            where no counter can be read. Around 4 to 15 for laptops and servers: the processor's
            rated power by its number of cores. The result is proportional to it.
        overhead: what the building takes on top, as a factor at or above 1: power supply and
            cooling.

    Attributes:
        report: what was found; there after the block.

    Raises:
        ValueError: an argument is out of range.
    """

    report: EnergyReport

    @takes(watts_per_core=real(), overhead=real())
    def __init__(self, watts_per_core: float = 10.0, overhead: float = 1.0) -> None:
        """Make a meter that starts when its block is entered."""
        check_between("watts_per_core", watts_per_core, 0, 1000, open_start=True)
        check_between("overhead", overhead, 1, 10)
        self.watts_per_core, self.overhead = float(watts_per_core), float(overhead)

    def __enter__(self) -> EnergyMeter:
        """Start."""
        self._cards = _CardPower() if gradients.visible_gpus() else None
        self._counters = _read_counters()
        self._processor, self._start = time.process_time(), time.perf_counter()
        return self

    def __exit__(self, *exception: object) -> None:
        """Stop, and write the report."""
        seconds = time.perf_counter() - self._start
        busy = time.process_time() - self._processor
        counted = _difference(self._counters, _read_counters())
        watts = self._cards.stop() if self._cards else None
        card = seconds * watts if watts is not None else 0.0
        processor = counted if counted is not None else busy * self.watts_per_core
        total = processor + card
        known = card + (counted or 0.0)
        parts = [
            "processor read from RAPL"
            if counted is not None
            else f"processor time at {self.watts_per_core:g} W a core (assumed)"
        ]
        if self._cards:
            parts.append("accelerator read every 0.1 s" if watts is not None else "no accelerator")
        if self.overhead > 1:
            parts.append(f"times {self.overhead:g} for the building (assumed)")
        self.report = EnergyReport(
            seconds=seconds,
            processor_seconds=busy,
            joules=total * self.overhead,
            measured=known / total if total else 0.0,
            card_watts=watts,
            assumptions=", ".join(parts),
        )


@takes(joules=array(), accuracy=array())
def price_of_accuracy(joules: Sequence[float], accuracy: Sequence[float]) -> np.ndarray:
    """Return what each further point of accuracy cost, between one measurement and the next.

    Implements ``eq-acceleration-price``.

    Args:
        joules: energy spent up to each measurement, rising.
        accuracy: accuracy at each, from 0 to 1.

    Returns:
        Joules for each percentage point, shape ``(measurements - 1,)``; infinite where accuracy did
        not rise.

    Raises:
        ValueError: the lengths differ, there are fewer than two measurements, energy does not
            rise, or an accuracy lies outside 0 to 1.
    """
    spent, reached = np.asarray(joules, "float64"), np.asarray(accuracy, "float64")
    if spent.ndim != 1 or spent.shape != reached.shape or len(spent) < 2:
        raise ValueError(
            "joules and accuracy must be equally long, with at least two measurements, but their "
            f"shapes are {spent.shape} and {reached.shape}."
        )
    if not (np.diff(spent) > 0).all():
        raise ValueError(f"joules must rise from each measurement to the next, but are {spent}.")
    if not ((reached >= 0) & (reached <= 1)).all():
        raise ValueError(f"accuracy must lie between 0 and 1, but it is {reached}.")
    points = 100 * np.diff(reached)
    rises = points > 0
    return np.where(rises, np.diff(spent) / np.where(rises, points, 1.0), np.inf)


class _CardPower:
    """Read the power of the first NVIDIA card every tenth of a second, in a thread."""

    def __init__(self) -> None:
        self._watts: list[float] = []
        try:
            self._tool = subprocess.Popen(
                _CARD,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                encoding="utf-8",
            )
        except OSError:
            self._tool = None
            return
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        for line in self._tool.stdout:
            try:
                self._watts.append(float(line))
            except ValueError:  # a card that does not tell, such as "[N/A]"
                continue

    def stop(self) -> float | None:
        """Return the mean power since the start, or None where nothing could be read."""
        if self._tool is None:
            return None
        self._tool.terminate()
        self._tool.wait()
        self._thread.join(timeout=1)
        return float(np.mean(self._watts)) if self._watts else None


def _read_counters(folder: Path = _RAPL) -> dict[str, tuple[int, int]] | None:
    """Return the microjoules that each processor package counted so far, and where it wraps."""
    found = {}
    try:
        for package in sorted(folder.glob("intel-rapl:[0-9]")):  # AMD's counters have the same name
            used, most = ((package / name).read_text(encoding="ascii") for name in _FILES)
            found[package.name] = int(used), int(most)
    except (OSError, ValueError):
        return None
    return found or None


_FILES = ("energy_uj", "max_energy_range_uj")


def _difference(before: dict | None, after: dict | None) -> float | None:
    """Return the joules between two readings; a counter that ran over starts again at zero."""
    if before is None or after is None or before.keys() != after.keys():
        return None
    micro = 0
    for name, (used, most) in after.items():
        gone = used - before[name][0]
        micro += gone if gone >= 0 else gone + most
    return micro / 1e6
