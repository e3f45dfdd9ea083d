"""How does a class install the course without a network? From a stick that this fills.

    python -m tools.usb FOLDER [--for linux macos windows] [--python 3.11 3.12 3.13]

The folder gets `course/` (the files of the last commit), `wheels/` (what `requirements.lock`
names, for each system and Python asked for), `site/` (the built book, where there is one) and
`install.py`, which sets all up on a laptop: ``python3 install.py``. Only what is missing is
downloaded, so the same command fills a stick further.
"""

from __future__ import annotations

import argparse
import io
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from packaging import tags
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PYTHONS = ("3.11", "3.12", "3.13")
# Some packages have a version for early releases of a Python (Debian 12 has 3.11.2) and another for
# later ones; the stick holds both.
EARLY, LATE = 0, 99
MACOS = (14, 0)


@dataclass(frozen=True)
class System:
    """A kind of laptop: how wheels for it are named, and what the lock file's marks say of it."""

    platforms: tuple[str, ...]
    marks: dict[str, str]


SYSTEMS = {
    "linux": System(
        (
            *(f"manylinux_2_{minor}_x86_64" for minor in range(34, 4, -1)),
            "manylinux2014_x86_64",
            "manylinux2010_x86_64",
            "manylinux1_x86_64",
        ),
        {
            "sys_platform": "linux",
            "platform_system": "Linux",
            "platform_machine": "x86_64",
            "os_name": "posix",
        },
    ),
    "macos": System(
        tuple(tags.mac_platforms(MACOS, "arm64")),
        {
            "sys_platform": "darwin",
            "platform_system": "Darwin",
            "platform_machine": "arm64",
            "os_name": "posix",
        },
    ),
    "windows": System(
        ("win_amd64",),
        {
            "sys_platform": "win32",
            "platform_system": "Windows",
            "platform_machine": "AMD64",
            "os_name": "nt",
        },
    ),
}


def pins(lock: str, system: str, python: str, patch: int) -> list[str]:
    """Return the pins of a lock file that count for one system and one Python, without marks.

    pip reads the marks of a lock file for the machine it runs on, even where it downloads for
    another one; so they are read here.

    Args:
        lock: the text of the lock file.
        system: one of `SYSTEMS`.
        python: such as "3.12".
        patch: the third number of its version.

    Raises:
        ValueError: the system or the Python is not known.
    """
    if system not in SYSTEMS:
        raise ValueError(f"system: expected one of {', '.join(SYSTEMS)}, got {system!r}.")
    if python not in PYTHONS:
        raise ValueError(f"python: expected one of {', '.join(PYTHONS)}, got {python!r}.")
    marks = {
        **SYSTEMS[system].marks,
        "python_version": python,
        "python_full_version": f"{python}.{patch}",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    lines = (line.strip() for line in lock.splitlines())
    named = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return [
        f"{one.name}{one.specifier}"
        for one in named
        if one.marker is None or one.marker.evaluate(marks)
    ]


def fill(lock: str, system: str, python: str, wheels: Path) -> None:
    """Download what a lock file names for one system and all releases of one Python.

    Args:
        lock: the text of the lock file.
        system: one of `SYSTEMS`.
        python: such as "3.12".
        wheels: the folder for them.

    Raises:
        ValueError: a package cannot be had for this system.
    """
    early, late = (pins(lock, system, python, patch) for patch in (EARLY, LATE))
    download(early, system, f"{python}.{EARLY}", wheels)
    download([pin for pin in late if pin not in early], system, f"{python}.{LATE}", wheels)


def download(wanted: list[str], system: str, python: str, wheels: Path) -> None:
    """Download the wheels of some pins, and make those that their authors publish as source alone.

    Args:
        wanted: pins, as `pins` returns them.
        system: one of `SYSTEMS`.
        python: a whole version, such as "3.12.0".
        wheels: the folder for them; what it holds already is not downloaded again.

    Raises:
        ValueError: a package has no wheel for this system, and none for all can be made of it.
    """
    target = ["--only-binary=:all:", "--implementation", "cp", "--python-version", python]
    target += [part for name in SYSTEMS[system].platforms for part in ("--platform", name)]
    made: set[str] = set()
    if not wanted:
        return
    while problem := pip("download", "--find-links", wheels, "--dest", wheels, *target, *wanted):
        missing = re.search(r"No matching distribution found for (\S+)", problem)
        if not missing or missing[1] in made:
            raise ValueError(f"{system}, Python {python}: pip says\n{problem}")
        made.add(missing[1])
        make_for_all(missing[1], wheels, f"{system} and Python {python}")


def make_for_all(pin: str, wheels: Path, target: str) -> None:
    """Make a wheel from a package's source, where it is one for every system."""
    with tempfile.TemporaryDirectory() as folder:
        problem = pip("wheel", "--wheel-dir", folder, pin)
        made = list(Path(folder).glob("*-none-any.whl"))
        if not made:
            raise ValueError(
                f"{pin} has no wheel for {target}, and none for all systems can be made from its "
                f"source. Leave that system or that Python out. {problem}"
            )
        shutil.copy(made[0], wheels)


def pip(*arguments: str | Path) -> str:
    """Run pip without what packages depend on, for the lock file names all of it.

    Returns:
        What pip calls an error; an empty text where it succeeded.
    """
    line = [sys.executable, "-m", "pip", *map(str, arguments), "--no-deps", "--quiet"]
    answer = subprocess.run(line, capture_output=True, encoding="utf-8", errors="replace")
    if answer.returncode == 0:
        return ""
    errors = [line for line in answer.stderr.splitlines() if line.startswith("ERROR")]
    return "\n".join(errors) or answer.stderr or "pip failed"


def copy_course(stick: Path) -> None:
    """Put the files of the last commit, the built site and the installer on the stick."""
    archive = subprocess.run(
        ["git", "archive", "--format=tar", "HEAD"], cwd=ROOT, check=True, capture_output=True
    )
    shutil.rmtree(stick / "course", ignore_errors=True)
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(stick / "course", filter="data")
    site = ROOT / "_build" / "small" / "html"
    if site.is_dir():
        shutil.copytree(site, stick / "site", dirs_exist_ok=True)
    shutil.copy(Path(__file__).with_name("usb_install.py"), stick / "install.py")


def main(arguments: list[str] | None = None) -> int:
    """Fill the folder; return 1 where a package cannot be had for one of the systems."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.usb", description=__doc__.splitlines()[0]
    )
    parser.add_argument("stick", type=Path, help="a folder, such as the stick's own")
    parser.add_argument("--for", dest="systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument("--python", nargs="+", choices=PYTHONS, default=list(PYTHONS))
    given = parser.parse_args(arguments)
    wheels = given.stick / "wheels"
    wheels.mkdir(parents=True, exist_ok=True)
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    failed = 0
    for system in given.systems:
        for python in given.python:
            print(f"Wheels for {system}, Python {python}", flush=True)
            try:
                fill(lock, system, python, wheels)
            except ValueError as error:
                print(error, file=sys.stderr)
                failed = 1
    copy_course(given.stick)
    size = sum(path.stat().st_size for path in given.stick.rglob("*") if path.is_file())
    print(f"{given.stick} holds {size / 1e9:.1f} GB. On a laptop: python3 install.py")
    return failed


if __name__ == "__main__":
    sys.exit(main())
