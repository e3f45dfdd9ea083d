"""Can the ways to install the course drift apart? These tests say no."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text())
LOCK_LINES = [
    line.strip()
    for line in (ROOT / "requirements.lock").read_text().splitlines()
    if line.strip() and not line.lstrip().startswith("#")
]
DECLARED = [
    Requirement(text)
    for group in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    for text in group
]
PYTHONS = ("3.11", "3.12", "3.13")


def locked(python: str) -> dict[str, str]:
    """The version of each package that the lock file gives to Linux with one Python."""
    marks = {
        "python_version": python,
        "python_full_version": f"{python}.9",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": "x86_64",
        "os_name": "posix",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    found = {}
    for requirement in map(Requirement, LOCK_LINES):
        if requirement.marker is None or requirement.marker.evaluate(marks):
            name = canonicalize_name(requirement.name)
            assert name not in found, f"{name} is locked twice for Python {python}"
            found[name] = str(requirement.specifier).removeprefix("==")
    return found


def test_conda_brings_python_and_pip_and_nothing_else():
    plain = [entry for entry in ENVIRONMENT["dependencies"] if isinstance(entry, str)]
    names = {re.split(r"[<>=!~ ]", entry)[0] for entry in plain}
    assert names == {"python", "pip"}


def test_conda_takes_the_pythons_of_the_project():
    entry = next(e for e in ENVIRONMENT["dependencies"] if str(e).startswith("python"))
    assert SpecifierSet(entry.removeprefix("python")) == SpecifierSet(PROJECT["requires-python"])


def test_pip_reads_the_lock_file_and_the_project():
    (pip,) = (entry["pip"] for entry in ENVIRONMENT["dependencies"] if isinstance(entry, dict))
    assert pip == ["-r requirements.lock", "-e ."]


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("requirement", DECLARED, ids=str)
def test_the_lock_satisfies_what_is_declared(requirement, python):
    if requirement.marker and not requirement.marker.evaluate({"python_version": python}):
        return  # not wanted there
    version = locked(python).get(canonicalize_name(requirement.name))
    assert version is not None, f"{requirement.name} is not locked: compile the lock file again"
    assert requirement.specifier.contains(version, prereleases=True)


@pytest.mark.parametrize("python", PYTHONS)
def test_the_project_allows_every_tested_python(python):
    assert SpecifierSet(PROJECT["requires-python"]).contains(f"{python}.0")


@pytest.mark.parametrize("requirement", DECLARED, ids=str)
def test_every_range_has_a_lower_and_an_upper_bound(requirement):
    operators = {specifier.operator for specifier in requirement.specifier}
    assert operators == {">=", "<"}


def test_nothing_is_declared_twice():
    names = [canonicalize_name(requirement.name) for requirement in DECLARED]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("line", LOCK_LINES)
def test_the_lock_pins_versions_and_holds_no_address(line):
    assert re.fullmatch(r"[\w.-]+==[\w.+!]+( ; [^;]+)?", line)
    assert "://" not in line
    assert "@" not in line


def test_the_extension_that_renders_the_chapters_fits_jupyterlab():
    """Where it does not fit, JupyterLab warns on the console and renders plain Markdown."""
    listed = subprocess.run(
        [sys.executable, "-m", "jupyter", "labextension", "list"],
        capture_output=True,
        text=True,
        check=True,
    )
    report = listed.stdout + listed.stderr
    assert "jupyterlab-myst" in report
    assert "not compatible" not in report
