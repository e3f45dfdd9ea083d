"""Build the book: run what changed, lay out the pages, make the site."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from tools.book import execute, site, stage
from tools.book.project import SIZES, Project, write_atomically


def main(arguments: list[str] | None = None) -> int:
    """Build the book and return the exit status: 0 for a good site, 1 for none, 130 if stopped."""
    parser = argparse.ArgumentParser(prog="python -m tools.book", description=__doc__)
    parser.add_argument("--size", choices=SIZES, default=os.environ.get("COURSE_SIZE", "small"))
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[2])
    parser.add_argument("--fresh", action="store_true", help="build all pages anew")
    parser.add_argument("--execute-only", action="store_true", help="run notebooks, build no site")
    options = parser.parse_args(arguments)
    # A traceback may hold letters that the terminal's encoding lacks; they must not end the build.
    sys.stdout.reconfigure(errors="backslashreplace")
    try:
        project = Project(options.root.resolve(), options.size)
        _check_writable(project)
        return build(project, fresh=options.fresh, execute_only=options.execute_only)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped. What finished is kept; the same command goes on from there.")
        return 130


def build(project: Project, fresh: bool = False, execute_only: bool = False) -> int:
    """Build the book of one checkout at one size; see `main`."""
    start = time.monotonic()
    for name in project.unlisted():
        print(f"Note: {name}.ipynb is not listed in _toc.yml and is left out.")
    failed = execute.run_missing(project, project.notebooks())
    if failed:
        print(f"{len(failed)} notebook(s) failed: {', '.join(failed)}. No site was built.")
        return 1
    if execute_only:
        return 0
    machinery, digest = _machinery_digest(project), stage.lay_out(project)
    built = {"machinery": machinery, "digest": _join(digest, _package_digest(project))}
    before = _last_build(project)
    page = project.html / "index.html"
    if not fresh and page.is_file() and before == built:
        print(f"Nothing changed since the last build. The site is at {page}")
        return 0
    project.stamp.unlink(missing_ok=True)
    if not site.build(project, fresh=fresh or before.get("machinery") != machinery):
        print("The site has errors or warnings, listed above; each must go.")
        return 1
    write_atomically(project.stamp, json.dumps(built))
    minutes, seconds = divmod(round(time.monotonic() - start), 60)
    print(f"\nBuilt in {minutes} min {seconds} s. Open the site at {page}")
    return 0


def _check_writable(project: Project) -> None:
    """Say at once, and not after minutes of running, that nothing can be kept."""
    folder = project.root / "_build"
    try:
        folder.mkdir(exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError(
            f"root: expected a checkout in which _build/ can be written, but {folder} cannot "
            f"({error.strerror}). Copy the checkout to a folder of your own and build there."
        ) from error


def _machinery_digest(project: Project) -> str:
    """What touches every page: configuration, contents, extensions, versions and these tools."""
    paths = [project.root / name for name in ("_config.yml", "_toc.yml", "requirements.lock")]
    paths += [*(project.root / "book" / "_ext").glob("*.py"), *Path(__file__).parent.glob("*.py")]
    return _contents_digest(paths)


def _package_digest(project: Project) -> str:
    """What pages without outputs are made from; Sphinx finds out which of them to read again."""
    sources = (project.root / "course_lib").rglob("*.py")
    records = (project.root / "book" / "recorded").rglob("*.json")
    return _contents_digest([*sources, *records])


def _contents_digest(paths: Iterable[Path]) -> str:
    contents = (path.read_bytes() for path in sorted(paths) if path.is_file())
    return _join(*(hashlib.sha256(content).hexdigest() for content in contents))


def _join(*digests: str) -> str:
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def _last_build(project: Project) -> dict[str, str]:
    """What went into the last good build; nothing if there was none."""
    try:
        return json.loads(project.stamp.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


if __name__ == "__main__":
    sys.exit(main())
