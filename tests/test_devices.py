"""The report on the machine agrees with what other tools say."""

import os
import platform
import re
import subprocess

import keras
import pytest

from course_lib import devices


def report(**changes) -> devices.DeviceReport:
    facts = {
        "backend": "tensorflow",
        "backend_version": "2.21.0",
        "keras_version": "3.15.1",
        "python_version": "3.11.7",
        "processor": "A CPU",
        "cpu_cores": 2,
        "memory_gib": 7.75,
        "accelerators": (),
    }
    return devices.DeviceReport(**(facts | changes))


def test_it_describes_this_machine():
    found = devices.describe()
    backend = __import__(keras.backend.backend())
    assert (found.backend, found.backend_version) == (backend.__name__, backend.__version__)
    assert found.keras_version == keras.__version__
    assert found.python_version == platform.python_version()
    assert 1 <= found.cpu_cores <= os.cpu_count()
    assert found.processor
    assert "(R)" not in found.processor


@pytest.mark.skipif(not os.path.exists("/proc/meminfo"), reason="the oracle is Linux's own table")
def test_memory_is_what_the_system_says():
    with open("/proc/meminfo", encoding="utf-8") as file:
        kib = int(re.search(r"MemTotal:\s+(\d+) kB", file.read())[1])
    assert devices.describe().memory_gib == pytest.approx(kib / 2**20, rel=0.02)


def test_a_report_cannot_be_changed():
    with pytest.raises(AttributeError):
        devices.describe().cpu_cores = 99


def test_it_reads_well_without_a_gpu():
    assert str(report()) == (
        "Keras 3.15.1 on tensorflow 2.21.0, Python 3.11.7\n"
        "CPU: A CPU, 2 cores, 7.8 GiB of memory\n"
        "Accelerators: none\n"
        "This runs on: A CPU, 2 cores"
    )


def test_it_reads_well_with_gpus():
    cards = (devices.Accelerator("NVIDIA H100", 79.6), devices.Accelerator("gpu:1"))
    text = str(report(accelerators=cards, cpu_cores=1, memory_gib=None))
    assert "CPU: A CPU, 1 core\n" in text
    assert "Accelerators: NVIDIA H100 (80 GiB), gpu:1\n" in text
    assert text.endswith("This runs on: NVIDIA H100")


def fake(monkeypatch, visible: list[str], table: str | Exception) -> None:
    def list_devices(kind):
        return visible if kind == "gpu" else []

    def run(*_, **__):
        if isinstance(table, Exception):
            raise table
        return subprocess.CompletedProcess([], 0, table)

    monkeypatch.setattr(keras.distribution, "list_devices", list_devices)
    monkeypatch.setattr(devices.subprocess, "run", run)


def test_cards_get_the_driver_s_names(monkeypatch):
    fake(monkeypatch, ["gpu:0", "gpu:1"], "NVIDIA A, 81559\nNVIDIA B, [N/A]\n")
    first, second = devices.describe().accelerators
    assert first.name == "NVIDIA A"
    assert first.memory_gib == pytest.approx(79.6, abs=0.1)
    assert second == devices.Accelerator("NVIDIA B", None)


def test_a_card_the_backend_does_not_see_is_not_reported(monkeypatch):
    fake(monkeypatch, [], "NVIDIA A, 81559\n")
    assert devices.describe().accelerators == ()


@pytest.mark.parametrize(
    "table",
    ["", "NVIDIA A, 1\nNVIDIA B, 2\n", FileNotFoundError(), subprocess.TimeoutExpired("x", 10)],
)
def test_without_the_driver_s_tool_the_backend_s_names_do(monkeypatch, table):
    fake(monkeypatch, ["gpu:0"], table)
    assert devices.describe().accelerators == (devices.Accelerator("gpu:0"),)


def test_a_backend_that_cannot_list_devices(monkeypatch):
    def fail(kind):
        raise RuntimeError("no such platform")

    monkeypatch.setattr(keras.distribution, "list_devices", fail)
    assert devices.describe().accelerators == ()


@pytest.mark.gpu
def test_a_gpu_is_reported():
    found = devices.describe()
    assert found.accelerators
    assert found.device == found.accelerators[0].name
