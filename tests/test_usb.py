"""Does the stick hold what a laptop needs, and does its installer say what is wrong?"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tools import usb

ROOT = Path(__file__).parents[1]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
INSTALLER = ROOT / "tools" / "usb_install.py"


def run_installer(stick: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Run the installer as it lies on a stick."""
    copy = stick / "install.py"
    copy.write_bytes(INSTALLER.read_bytes())
    command = [sys.executable, str(copy), *arguments]
    return subprocess.run(command, capture_output=True, encoding="utf-8")


@pytest.mark.parametrize("patch", [usb.EARLY, usb.LATE])
@pytest.mark.parametrize("python", usb.PYTHONS)
@pytest.mark.parametrize("system", usb.SYSTEMS)
def test_each_system_gets_each_package_once(system, python, patch):
    named = [Requirement(pin).name for pin in usb.pins(LOCK, system, python, patch)]
    assert len(named) == len(set(named))
    assert {"tensorflow", "keras", "jupyterlab", "numpy", "setuptools"} <= set(named)


def test_marks_are_read_for_the_laptop_and_not_for_this_machine():
    lock = "\n".join(
        [
            "# made by hand",
            "winpty==1.0 ; sys_platform == 'win32'",
            "appnope==1.0 ; platform_system == 'Darwin'",
            "old==1.0 ; python_full_version < '3.12'",
            "old==2.0 ; python_full_version >= '3.12'",
        ]
    )
    assert usb.pins(lock, "windows", "3.11", 9) == ["winpty==1.0", "old==1.0"]
    assert usb.pins(lock, "macos", "3.13", 0) == ["appnope==1.0", "old==2.0"]
    assert usb.pins(lock, "linux", "3.12", 1) == ["old==2.0"]


@pytest.mark.parametrize(
    ("system", "python", "problem"),
    [("amiga", "3.12", "system: expected one of linux"), ("linux", "3.9", "python: expected one")],
)
def test_an_unknown_laptop_is_refused(system, python, problem):
    with pytest.raises(ValueError, match=problem):
        usb.pins(LOCK, system, python, 0)


def test_a_package_without_a_wheel_is_made_where_it_can_be(tmp_path, monkeypatch):
    calls = []

    def pip(*arguments):
        calls.append(arguments[0])
        if arguments[0] == "wheel":
            Path(arguments[2], "lime-0.2-py3-none-any.whl").touch()
            return ""
        made = (tmp_path / "lime-0.2-py3-none-any.whl").exists()
        return "" if made else "ERROR: No matching distribution found for lime==0.2"

    monkeypatch.setattr(usb, "pip", pip)
    usb.download(["lime==0.2"], "windows", "3.12", tmp_path)
    assert calls == ["download", "wheel", "download"]


def test_a_package_that_fits_no_other_system_is_named(tmp_path, monkeypatch):
    def pip(*arguments):
        if arguments[0] == "wheel":
            Path(arguments[2], "fast-1.0-cp311-cp311-linux_x86_64.whl").touch()
            return ""
        return "ERROR: No matching distribution found for fast==1.0"

    monkeypatch.setattr(usb, "pip", pip)
    with pytest.raises(ValueError, match=r"fast==1\.0 has no wheel for macos and Python 3\.13"):
        usb.download(["fast==1.0"], "macos", "3.13", tmp_path)


def test_early_and_late_releases_of_a_python_both_find_their_version(tmp_path, monkeypatch):
    lock = """
    both==1.0
    sieve==2.0 ; python_full_version < '3.11.5'
    sieve==4.0 ; python_full_version >= '3.11.5'
    """
    calls = []
    monkeypatch.setattr(usb, "pip", lambda *arguments: calls.append(arguments) or "")
    usb.fill(lock, "linux", "3.11", tmp_path)
    usb.fill(lock, "linux", "3.12", tmp_path)
    asked = [(call[call.index("--python-version") + 1], call[-2:]) for call in calls]
    assert [version for version, _ in asked] == ["3.11.0", "3.11.99", "3.12.0"]
    assert asked[0][1] == ("both==1.0", "sieve==2.0")
    assert asked[1][1][-1] == "sieve==4.0"
    assert asked[2][1] == ("both==1.0", "sieve==4.0")


def test_what_pip_says_is_passed_on(tmp_path, monkeypatch):
    monkeypatch.setattr(usb, "pip", lambda *_: "ERROR: no network")
    with pytest.raises(ValueError, match="linux, Python 3.11: pip says\nERROR: no network"):
        usb.download(["lime==0.2"], "linux", "3.11", tmp_path)


def test_the_stick_gets_the_course_as_it_was_committed(tmp_path):
    usb.copy_course(tmp_path)
    assert (tmp_path / "course" / "requirements.lock").is_file()
    assert (tmp_path / "course" / "data" / "checksums.sha256").is_file()
    assert not (tmp_path / "course" / ".git").exists()
    assert (tmp_path / "install.py").read_bytes() == INSTALLER.read_bytes()


def test_the_installer_says_that_the_wheels_are_of_another_python(tmp_path):
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / "numpy-2.0-cp39-cp39-win_amd64.whl").touch()
    answer = run_installer(tmp_path, str(tmp_path / "target"))
    assert answer.returncode == 1
    assert "no wheels for this Python. It has: numpy-2.0-cp39" in answer.stderr


def test_the_installer_says_that_a_folder_cannot_be_written(tmp_path, monkeypatch):
    module = load_installer()
    (tmp_path / "wheels").mkdir()
    version = f"cp{sys.version_info[0]}{sys.version_info[1]}"
    (tmp_path / "wheels" / f"numpy-2.0-{version}-{version}-linux_x86_64.whl").touch()
    monkeypatch.setattr(module, "STICK", tmp_path)
    monkeypatch.setattr(module.os, "access", lambda *_: False)
    assert "cannot be written. Name another folder" in module.check_machine(tmp_path / "new")


def test_the_installer_leaves_a_learner_s_work(tmp_path):
    module = load_installer()
    for name in ("stick", "laptop"):
        (tmp_path / name / "book").mkdir(parents=True)
    (tmp_path / "stick" / "book" / "one.ipynb").write_text("published", encoding="utf-8")
    (tmp_path / "stick" / "book" / "two.ipynb").write_text("published", encoding="utf-8")
    (tmp_path / "laptop" / "book" / "one.ipynb").write_text("my own", encoding="utf-8")
    module.copy_missing(tmp_path / "stick", tmp_path / "laptop")
    texts = [
        (tmp_path / "laptop" / "book" / f"{name}.ipynb").read_text() for name in ("one", "two")
    ]
    assert texts == ["my own", "published"]


def load_installer():
    """The installer as a module; on the stick it is a script that stands alone."""
    spec = importlib.util.spec_from_file_location("usb_install", INSTALLER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
