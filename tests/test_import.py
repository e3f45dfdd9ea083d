"""Importing the package is cheap and quiet, and its rooms speak to notebooks."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import course_lib

ROOT = Path(course_lib.__file__).resolve().parents[1]
HEAVY = ("keras", "tensorflow", "jax", "torch", "numpy", "matplotlib", "IPython", "sklearn", "PIL")
BACKENDS = re.compile(r"^\s*(import|from) (tensorflow|jax|torch)\b", re.MULTILINE)


def python(code: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, **environment},
        timeout=300,
    )


def test_importing_the_package_imports_nothing_heavy():
    answer = python(f"import sys, course_lib; print([m for m in {HEAVY} if m in sys.modules])")
    assert answer.stdout == "[]\n", answer.stderr


@pytest.mark.parametrize("room", ["datasets", "claims", "plots", "notebook"])
def test_these_rooms_do_not_start_keras(room):
    answer = python(f"import sys, course_lib; course_lib.{room}; print('keras' in sys.modules)")
    assert answer.stdout == "False\n", answer.stderr


def test_drawing_does_not_start_pyplot():
    answer = python("import sys, course_lib.plots; print('matplotlib.pyplot' in sys.modules)")
    assert answer.stdout == "False\n", answer.stderr


def test_every_module_is_an_attribute():
    assert {"datasets", "claims", "plots", "training", "gradients"} <= set(dir(course_lib))
    for name in course_lib.__all__:
        assert getattr(course_lib, name).__name__ == f"course_lib.{name}"
        assert hasattr(getattr(course_lib, name), "__all__"), name


def test_an_unknown_module_lists_the_known_ones():
    with pytest.raises(AttributeError, match=r"no module 'dataset'; it has: .*datasets"):
        _ = course_lib.dataset


def test_only_gradients_asks_for_the_backend():
    # And rooms that teach TensorFlow's own tools.
    allowed = {"gradients.py", "_edge.py", "_training_processes.py", "_two_devices.py"}
    for path in Path(course_lib.__file__).parent.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if path.name not in allowed:
            assert not BACKENDS.search(text), path
            assert "backend.backend()" not in text, path


@pytest.mark.parametrize("order", ["import course_lib, keras", "import course_lib.training"])
def test_tensorflow_starts_quietly(order):
    code = f"{order}; import tensorflow as tf; tf.constant(1) + 1; print(tf.__name__)"
    answer = python(code, KERAS_BACKEND="tensorflow", TF_CPP_MIN_LOG_LEVEL="3")
    assert (answer.stdout, answer.stderr) == ("tensorflow\n", "")


def test_who_wants_tensorflow_s_notes_gets_them():
    code = "import os, course_lib; print(os.environ['TF_CPP_MIN_LOG_LEVEL'])"
    assert python(code, TF_CPP_MIN_LOG_LEVEL="0").stdout == "0\n"


THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, ["1", "1", "1"]),
        ({"OMP_NUM_THREADS": "2", "TF_NUM_INTRAOP_THREADS": "4"}, ["2", "1", "4"]),
        ({"COURSE_SIZE": "full"}, ["1", "1", None]),
    ],
)
def test_small_networks_get_one_thread_unless_told_otherwise(monkeypatch, before, after):
    for name in THREADS:
        monkeypatch.delenv(name, raising=False)
    code = f"import os, course_lib; print([os.environ.get(name) for name in {THREADS}])"
    assert python(code, **{"COURSE_SIZE": "small", **before}).stdout == f"{after}\n"


def test_tensorflow_starts_as_many_threads_as_it_is_told(monkeypatch):
    if not Path("/proc/self/task").is_dir():
        pytest.skip("this system does not list a process's threads")
    for name in THREADS:
        monkeypatch.delenv(name, raising=False)
    code = "import os, course_lib, tensorflow as tf; (tf.ones((9, 9)) @ tf.ones((9, 9))).numpy(); "
    code += "print(len(os.listdir('/proc/self/task')))"
    ours = int(python(code, COURSE_SIZE="small").stdout)
    eight = int(python(code, COURSE_SIZE="small", TF_NUM_INTRAOP_THREADS="8").stdout)
    assert eight - ours == 7


def test_an_import_that_fails_says_what_it_wrote(tmp_path):
    (tmp_path / "tensorflow.py").write_text(
        "import os\nos.write(2, b'a note from the library')\nraise ImportError('broken')\n"
    )
    code = "import course_lib\ntry:\n    import tensorflow\nexcept ImportError as e: print(e)"
    paths = os.pathsep.join([str(tmp_path), str(ROOT)])
    answer = python(code, PYTHONPATH=paths, TF_CPP_MIN_LOG_LEVEL="3")
    assert answer.stdout == "broken\n"
    assert "a note from the library" in answer.stderr


def test_a_notebook_gets_every_form_of_a_result():
    code = """
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

shell = InteractiveShell.instance()
shell.run_cell("from course_lib import claims, notebook, plots")
with capture_output() as captured:
    shell.run_cell("claims.check('It holds.', True, value=1)")
    shell.run_cell("notebook.show_source(claims.slug)")
    shell.run_cell("plots.bars({'a': 1.0}, xlabel='x', description='Bars')")
print([captured.stdout, *(sorted(output.data) for output in captured.outputs)])
"""
    answer = python(code)
    claim = ["application/vnd.course-lib.claim+json", "text/html", "text/plain"]
    assert answer.stdout.strip().endswith(
        str(["", claim, ["text/markdown", "text/plain"], ["text/html", "text/plain"]])
    ), answer.stderr
