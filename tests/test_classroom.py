"""Do the settings of a classroom hold together, and with what a class was measured to take?"""

from __future__ import annotations

import importlib.util
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from traitlets.config import Config

from course_lib import recorded

ROOT = Path(__file__).parents[1]
CLASSROOM = ROOT / "book" / "teaching" / "classroom"
# What version 4 of the chart knows, as far as the file uses it: it refuses any other name.
CHART = {
    "hub": {"config", "activeServerLimit", "concurrentSpawnLimit"},
    "singleuser": {
        *("image", "memory", "cpu", "storage", "defaultUrl", "startTimeout", "extraEnv"),
        *("lifecycleHooks", "networkPolicy"),
    },
    "prePuller": {"hook", "continuous"},
    "scheduling": {"userScheduler", "podPriority", "userPlaceholder"},
    "cull": {"enabled", "timeout", "every", "users"},
}


@pytest.fixture(scope="module")
def start_server():
    """The script that starts a learner's server, as a module."""
    spec = importlib.util.spec_from_file_location("start_server", CLASSROOM / "start_server.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """The hub's settings, read as JupyterHub reads them, with some variables set."""

    def read(**environment: str) -> Config:
        for name, value in {"CLASS_STATE": str(tmp_path / "state"), **environment}.items():
            monkeypatch.setenv(name, value)
        config = Config()
        runpy.run_path(
            str(CLASSROOM / "jupyterhub_config.py"), init_globals={"get_config": lambda: config}
        )
        return config

    return read


@pytest.fixture(scope="module")
def values() -> dict:
    """What the file for the Kubernetes chart sets."""
    return yaml.safe_load((CLASSROOM / "kubernetes.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def measured() -> dict:
    """The newest recorded lesson."""
    return recorded.load("classroom")[0]["values"]


class TestStart:
    """What happens before a learner's server runs."""

    def test_a_learner_gets_every_notebook_and_keeps_what_they_wrote(self, start_server, tmp_path):
        new = start_server.copy_notebooks(ROOT / "book", tmp_path)
        chapters = [path for path in new if "interpretability" in path.parts]
        assert len(chapters) == len(list((ROOT / "book" / "interpretability").glob("*.ipynb")))
        chapters[0].write_text("my answer", encoding="utf-8")
        chapters[1].unlink()
        assert start_server.copy_notebooks(ROOT / "book", tmp_path) == [chapters[1]]
        assert chapters[0].read_text(encoding="utf-8") == "my answer"

    @pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
    @pytest.mark.parametrize(("mib", "answer"), [(200, "had it"), (1500, "refused")])
    def test_the_memory_guard_refuses_what_is_too_much(self, mib, answer):
        code = f"""
import sys
sys.path.insert(0, {str(CLASSROOM)!r})
import start_server
start_server.limit_memory(1)
try:
    bytearray({mib} * 2**20)
    print("had it")
except MemoryError:
    print("refused")
"""
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8")
        assert run.stdout.strip() == answer, run.stderr


class TestSettings:
    """What the hub is told."""

    def test_the_places_follow_from_the_memory(self, settings):
        gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
        found = settings(CLASS_PLACE_GIB="2").JupyterHub.active_server_limit
        assert found == max(1, int((gib - 2) / 2))
        assert settings(CLASS_PLACES="7").JupyterHub.active_server_limit == 7

    def test_only_the_two_groups_come_in_and_the_hub_is_not_in_the_open(self, settings):
        config = settings()
        assert config.LocalAuthenticator.allowed_groups == {"learners", "teachers"}
        assert config.JupyterHub.bind_url.startswith("http://127.0.0.1:")
        assert "allow_all" not in config.Authenticator

    def test_the_culler_may_end_servers_and_no_more(self, settings):
        role = settings().JupyterHub.load_roles[0]
        wanted = {"list:users", "read:users:activity", "read:servers", "delete:servers"}
        assert (set(role["scopes"]), role["services"]) == (wanted, ["idle"])

    def test_the_state_is_kept_from_other_users(self, settings, tmp_path):
        settings()
        assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700

    def test_a_place_holds_what_a_learner_took(self, settings, measured):
        settings()
        text = (CLASSROOM / "jupyterhub_config.py").read_text(encoding="utf-8")
        assert 'os.environ.get("CLASS_PLACE_GIB", "2.5")' in text
        assert all(size < 2.5 * 1024 for size in learners(measured).values())


class TestKubernetes:
    """The values file for the chart."""

    def test_it_sets_only_what_the_chart_knows(self, values):
        assert {part: set(content) for part, content in values.items()} == CHART

    def test_the_memory_is_enough_for_what_was_measured(self, values, measured):
        memory = values["singleuser"]["memory"]
        guarantee, limit = (float(memory[name].removesuffix("G")) for name in memory)
        most = max(learners(measured).values()) * 2**20 / 1e9
        assert most < guarantee < limit

    def test_the_disk_does_not_hide_the_course(self, values):
        assert values["singleuser"]["storage"]["homeMountPath"] == "/home/jovyan/work"

    def test_what_a_teacher_must_fill_in_is_marked(self):
        text = (CLASSROOM / "kubernetes.yaml").read_text(encoding="utf-8")
        lines = [line for line in text.splitlines() if "<" in line and "#" not in line]
        assert [line.split(":")[0].strip() for line in lines] == ["user_password", "name", "tag"]


def learners(measured: dict) -> dict[str, float]:
    """The MiB that a learner took in each size of class: kernel and server at their peaks."""
    sizes = {name.split(":")[0] for name in measured if name.endswith("MiB of a kernel")}
    assert sizes
    return {
        size: measured[f"{size}: MiB of a kernel"] + measured[f"{size}: MiB of a server"]
        for size in sizes
    }
