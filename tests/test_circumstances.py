"""Does the course take a machine as it is: its letters, its folders, its sudden ends?"""

from __future__ import annotations

import ast
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PRODUCT = sorted(
    path
    for folder in ("course_lib", "tools", "benchmarks", "data/scripts", "book")
    for path in (ROOT / folder).rglob("*.py")
)
# Python's own ways out of ASCII are off: this is a machine that knows no letter beyond it.
ASCII_ONLY = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}


def start(root: Path, *options: str, **environment: str) -> subprocess.Popen:
    """Start a build of a book as `make book` does, with other settings."""
    return subprocess.Popen(
        [sys.executable, "-m", "tools.book", "--root", str(root), *options],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )


def run(root: Path, *options: str, **environment: str) -> tuple[int, str]:
    """Build a book to its end; return the exit status and what was printed."""
    process = start(root, *options, **environment)
    said, _ = process.communicate(timeout=300)
    return process.returncode, said


def put_into_cell(root: Path, chapter: str, source: str) -> None:
    """Put code into the chapter's cell that computes."""
    path = root / "book" / "part" / f"{chapter}.ipynb"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["cells"][2]["source"] = source
    path.write_text(json.dumps(content), encoding="utf-8")


class TestLetters:
    """Files and programs speak UTF-8 to each other, whatever the locale."""

    @pytest.mark.parametrize("path", PRODUCT, ids=lambda path: str(path.relative_to(ROOT)))
    def test_text_is_never_read_or_written_in_the_machine_s_encoding(self, path):
        assert not list(calls_without_encoding(path.read_text(encoding="utf-8")))

    @pytest.mark.parametrize(
        ("source", "found"),
        [
            ("path.read_text()", True),
            ("path.write_text(text)", True),
            ("open(name)", True),
            ("open(name, 'w')", True),
            ("path.open('a')", True),
            ("subprocess.run(command, text=True)", True),
            ("path.read_text(encoding='ascii')", False),
            ("open(name, 'rb')", False),
            ("path.open(mode='wb')", False),
            ("subprocess.run(command)", False),
            ("os.open(name, os.O_RDONLY)", False),
            ("Slide(text='A title')", False),
        ],
    )
    def test_such_calls_are_seen(self, source, found):
        assert bool(list(calls_without_encoding(source))) == found

    def test_a_build_where_only_ascii_is_known(self, book):
        put_into_cell(book, "alpha", 'print("naïve → Σ")')
        put_into_cell(book, "beta", 'check("Zwei ist größer als √2", 2 > 2**0.5, value=2)')
        code, said = run(book, **ASCII_ONLY)
        assert code == 0, said
        page = book / "_build" / "small" / "html" / "book" / "part"
        assert "naïve → Σ" in (page / "alpha.html").read_text(encoding="utf-8")
        assert "Zwei ist größer als √2" in (page / "beta.html").read_text(encoding="utf-8")

    def test_a_traceback_with_other_letters_does_not_end_the_build(self, book):
        put_into_cell(book, "alpha", 'raise ValueError("größer → kleiner")')
        code, said = run(book, "--execute-only", **ASCII_ONLY)
        assert code == 1
        assert "ValueError: gr" in said
        assert "UnicodeEncodeError" not in said
        assert "done      book/part/beta" in said


class TestFolders:
    """Only `_build/` of the checkout is written, and it may lie anywhere."""

    def test_a_home_that_cannot_be_written_and_a_path_with_spaces(self, book):
        book = book.rename(book.with_name("my own course"))
        (book.parent / "file").write_text("", encoding="utf-8")
        code, said = run(book, HOME=str(book.parent / "file" / "home"))
        assert code == 0, said

    def test_keras_and_figures_without_a_home(self, tmp_path):
        """Root may write everywhere, but nobody makes a folder below a file."""
        (tmp_path / "file").write_text("", encoding="utf-8")
        code = """
from course_lib import datasets, gradients, plots
from keras import ops
images = datasets.load("fashion_mnist", size="small").x_train[:4]
plots.image_grid(images, description="Four clothes")
print(gradients.compile(ops.sum)(ops.ones(3)))
"""
        answer = subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**os.environ, "HOME": str(tmp_path / "file" / "home"), "TMPDIR": str(tmp_path)},
            capture_output=True,
            encoding="utf-8",
        )
        assert answer.returncode == 0, answer.stderr
        assert "3.0" in answer.stdout

    def test_a_checkout_that_cannot_be_written_says_what_to_do(self, book):
        (book / "_build").write_text("no folder", encoding="utf-8")
        code, said = run(book)
        assert code == 2
        assert f"{book / '_build'} cannot" in said
        assert "Copy the checkout to a folder of your own" in said
        assert "Traceback" not in said

    @pytest.mark.skipif(
        not shutil.which("setpriv"), reason="needs setpriv to give up root's rights"
    )
    def test_data_that_cannot_be_written_are_only_read(self, book):
        put_into_cell(book, "alpha", "print(open('../../data/numbers.csv').read().count(','))")
        for path in (book / "data", *(book / "data").rglob("*")):
            path.chmod(path.stat().st_mode & ~0o222)
        command = [sys.executable, "-m", "tools.book", "--execute-only", "--root", str(book)]
        if os.geteuid() == 0:
            command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *command]
        answer = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8")
        (book / "data").chmod(0o755)
        assert answer.returncode == 0, answer.stdout + answer.stderr


class TestSuddenEnds:
    """A build that is killed leaves nothing that the next one trips over."""

    def test_killed_while_notebooks_run(self, book):
        put_into_cell(book, "alpha", "import time\ntime.sleep(100)")
        process = start(book)
        for line in process.stdout:
            if "done      book/part/beta" in line:
                break
        kill(process)
        put_into_cell(book, "alpha", "print(6)")
        code, said = run(book, "--execute-only")
        assert code == 0, said
        assert "1 to run, 1 unchanged" in said

    def test_killed_while_the_site_is_written(self, book):
        process = start(book)
        for line in process.stdout:
            if "reading sources" in line:
                break
        kill(process)
        assert not (book / "_build" / "small" / "built.json").exists()
        code, said = run(book)
        assert code == 0, said
        assert "0 to run, 2 unchanged" in said
        ledger = book / "_build" / "small" / "html" / "book" / "ledger.html"
        assert "2 claims checked" in ledger.read_text(encoding="utf-8")

    def test_a_run_that_was_half_written_is_run_again(self, book):
        assert run(book, "--execute-only")[0] == 0
        entry = next((book / "_build" / "cache").rglob("alpha.*.json"))
        entry.write_bytes(entry.read_bytes()[:40])
        code, said = run(book, "--execute-only")
        assert code == 0
        assert "1 to run, 1 unchanged" in said


def kill(process: subprocess.Popen) -> None:
    """End a build as a power cut does, and wait until what it had started has noticed."""
    os.kill(process.pid, signal.SIGKILL)
    process.wait(timeout=10)
    time.sleep(2)


def calls_without_encoding(source: str) -> Iterator[str]:
    """Calls that read or write text and leave its encoding to the machine."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            given = {keyword.arg: keyword.value for keyword in node.keywords}
            if "encoding" not in given and handles_text(node, given):
                yield f"line {node.lineno}: {ast.unparse(node)}"


def handles_text(call: ast.Call, given: dict[str | None, ast.expr]) -> bool:
    """Whether a call is one of those that choose an encoding."""
    method = isinstance(call.func, ast.Attribute)
    name = call.func.attr if method else getattr(call.func, "id", "")
    if name != "open":
        text = given.get("text")
        piped = isinstance(text, ast.Constant) and text.value is True
        return name in {"read_text", "write_text"} or piped
    binary = {"os", "Image", "tarfile", "zipfile"}
    if method and isinstance(call.func.value, ast.Name) and call.func.value.id in binary:
        return False
    mode = given.get("mode", next(iter(call.args[0 if method else 1 :]), None))
    return not (isinstance(mode, ast.Constant) and "b" in str(mode.value))
