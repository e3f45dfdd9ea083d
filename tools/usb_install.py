"""Install the course from this stick, without a network: python3 install.py [FOLDER]

It copies the course to a folder (deep-learning-hard-parts in your home, unless you name another),
makes `.venv` in it and installs what the course needs from the stick's wheels. It needs Python
3.11, 3.12 or 3.13, nothing else. Run again, it brings what is missing and leaves what you changed.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

STICK = Path(__file__).resolve().parent
NEEDED_GB = 5


def check_machine(target: Path) -> str:
    """Return what stands in the way of an installation, or an empty text."""
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        version = ".".join(map(str, sys.version_info[:2]))
        return f"This is Python {version}; the course needs 3.11, 3.12 or 3.13. Run this with it."
    here = f"cp{sys.version_info[0]}{sys.version_info[1]}-"
    if not any(here in path.name for path in (STICK / "wheels").glob("numpy-*.whl")):
        found = sorted(path.name for path in (STICK / "wheels").glob("numpy-*.whl"))
        return f"The stick has no wheels for this Python. It has: {', '.join(found) or 'none'}."
    place = next(folder for folder in (target, *target.parents) if folder.exists())
    if not os.access(place, os.W_OK):
        return f"{place} cannot be written. Name another folder: python3 install.py FOLDER"
    free = shutil.disk_usage(place).free / 1e9
    if free < NEEDED_GB and not (target / ".venv").exists():
        return f"{place} has {free:.1f} GB free; the course needs {NEEDED_GB} GB."
    return ""


def copy_missing(source: Path, target: Path) -> None:
    """Copy the files that the target does not have; those it has may hold a learner's work."""
    for path in sorted(source.rglob("*")):
        copy = target / path.relative_to(source)
        if path.is_file() and not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)


def install(target: Path) -> None:
    """Copy the course and set up its environment."""
    copy_missing(STICK / "course", target)
    scripts = target / ".venv" / ("Scripts" if os.name == "nt" else "bin")
    if not any(scripts.glob("python*")):
        print("Making .venv", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(target / ".venv")], check=True)
    python = str(next(iter(sorted(scripts.glob("python*")))))
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"]
    wheels = ["--find-links", str(STICK / "wheels")]
    print("Installing from the stick (some minutes)", flush=True)
    subprocess.run([*pip, *wheels, "-r", str(target / "requirements.lock")], check=True)
    own = ["--no-deps", "--no-build-isolation", "-e", str(target)]
    subprocess.run([*pip, *own], check=True)
    (target / ".venv" / ".installed").touch()  # `make` sees that nothing is missing.
    start = scripts.relative_to(target) / "jupyter"
    print(f'Done. Start with:\n  cd "{target}"\n  {start} lab --notebook-dir=.')
    if (STICK / "site").is_dir():
        copy_missing(STICK / "site", target / "site")
        print(f"The book, to read: {target / 'site' / 'index.html'}")


def main() -> int:
    """Install, or say what stands in the way."""
    named = sys.argv[1] if len(sys.argv) > 1 else Path.home() / "deep-learning-hard-parts"
    target = Path(named).expanduser().resolve()
    problem = check_machine(target)
    if problem:
        print(problem, file=sys.stderr)
        return 1
    try:
        install(target)
    except subprocess.CalledProcessError:
        print("That did not work; pip says why above. Is the stick whole?", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
