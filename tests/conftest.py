"""What the tests share: who may skip and why, and where the browser is."""

from __future__ import annotations

import os
import shutil
from functools import cache

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


@cache
def _gpu_is_visible() -> bool:
    """Whether the backend that Keras uses sees a GPU."""
    import keras

    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow

        return bool(tensorflow.config.list_physical_devices("GPU"))
    if backend == "jax":
        import jax

        return any(device.platform == "gpu" for device in jax.devices())
    if backend == "torch":
        import torch

        return torch.cuda.is_available()
    return False


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what this machine cannot show, and say why."""
    if item.get_closest_marker("gpu") and not _gpu_is_visible():
        import keras

        pytest.skip(f"no GPU is visible to the {keras.backend.backend()} backend")
    if item.get_closest_marker("full") and os.environ.get("COURSE_SIZE") != "full":
        pytest.skip("needs the full data sets: set COURSE_SIZE=full")


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium or Chrome.

    Without one, a browser test skips on a developer's machine and fails in CI.
    """
    named = os.environ.get("CHROMIUM", "")
    found = next((path for path in map(shutil.which, (named, *BROWSERS)) if path), None)
    if found:
        return found
    problem = "no Chromium or Chrome found; install one or set CHROMIUM to its path"
    if os.environ.get("CI", "").lower() in {"1", "true"}:
        pytest.fail(problem)
    pytest.skip(problem)
