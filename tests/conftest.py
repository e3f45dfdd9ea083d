"""What the tests share: who may skip and why, and where the browser is."""

from __future__ import annotations

import os

import pytest

from tools.browser import find_browser

# On a GPU, JAX rounds the inputs of matrix products to 10 bits unless told otherwise; the tests
# compare to 5 digits. This must be set before JAX is imported.
os.environ.setdefault("JAX_DEFAULT_MATMUL_PRECISION", "highest")


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
