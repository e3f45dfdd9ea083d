"""What the tests share: who may skip and why, where the browser is, and a book of two chapters."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tools.browser import find_browser

# On a GPU, JAX rounds the inputs of matrix products to 10 bits unless told otherwise; the tests
# compare to 5 digits. This must be set before JAX is imported.
os.environ.setdefault("JAX_DEFAULT_MATMUL_PRECISION", "highest")

ROOT = Path(__file__).parents[1]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what this machine cannot show, and say why."""
    if item.get_closest_marker("gpu"):
        from course_lib import gradients

        if not gradients.visible_gpus():
            pytest.skip(f"no GPU is visible to the {gradients.active_backend()} backend")
    if item.get_closest_marker("full") and os.environ.get("COURSE_SIZE") != "full":
        pytest.skip("needs the full data sets: set COURSE_SIZE=full")


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium or Chrome.

    Without one, a browser test skips on a developer's machine and fails in CI.
    """
    found = find_browser()
    if found:
        return found
    problem = "no Chromium or Chrome found; install one or set CHROMIUM to its path"
    if os.environ.get("CI", "").lower() in {"1", "true"}:
        pytest.fail(problem)
    pytest.skip(problem)


@pytest.fixture(scope="session")
def copy_book() -> Callable[[Path], Path]:
    """Lays a book of two chapters, on the real claims and the real extensions, into a folder."""

    def copy(folder: Path) -> Path:
        root = folder / "mini"
        shutil.copytree(ROOT / "tests" / "fixtures" / "mini", root)
        shutil.copytree(ROOT / "book" / "_ext", root / "book" / "_ext")
        style = root / "book" / "_static" / "course.css"
        style.parent.mkdir()
        shutil.copy(ROOT / "book" / "_static" / "course.css", style)
        for path in (*(ROOT / "course_lib").glob("_*.py"), ROOT / "course_lib" / "claims.py"):
            shutil.copy(path, root / "course_lib" / path.name)
        return root

    return copy


@pytest.fixture
def book(tmp_path: Path, copy_book: Callable[[Path], Path]) -> Path:
    """A book of two chapters, for one test."""
    return copy_book(tmp_path)


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator:
    """One browser for all tests of a process: Playwright starts but once in each."""
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=chromium, args=FLAGS)
        yield running
        running.close()
