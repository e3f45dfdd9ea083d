"""Does the build run what changed, all of it, and nothing else? Tried on a book of two chapters."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pypdf
import pytest

from tools import lint_notebooks, refresh
from tools.book import cache, keys
from tools.book.project import Project
from tools.lint import form

ROOT = Path(__file__).parents[1]
ALPHA, BETA = "book/part/alpha", "book/part/beta"


# A heading that no sheet takes on one line.
LONG = "A heading of so many words that it goes on where the first of its lines is at its end"

# A chapter for paper: its name, its file's; another chapter's name, its file's.
PAPER = """# {0}

$$ x $$ (eq-{1}-first)

$$ x^2 $$ (eq-{1}-second)

From {{eq}}`eq-{1}-first` follows {{eq}}`eq-{1}-second`.

## Why $x^2$, measured

## LONG

## Exercises

[Mine](#exercises), [{2}]({3}.ipynb#exercises).
""".replace("LONG", LONG)

# A cell that shows source code as course_lib.notebook does, and prints a line wider than a sheet.
SHOWN = """
from course_lib._display import publish
says = "Two times: equation ``eq-alpha-second``."
code = f"def twelve():\\n    '{says}'"
publish(code, **{"text/markdown": f"```python\\n{code}\\n```"})
print("first", "column " * 16, "last")
"""

# A cell that shows two cards as course_lib.scorecard does, of two networks on four images.
SCORES = """
from course_lib._display import publish
areas = {"integrated gradients": [0.2], "brightest first": [0.3], "at random": [0.4]}
rows = ("plain", None, "2220", 4096), ("shrunk", "plain", "2111", 1024)
for step, against, right, size in rows:
    card = {"step": step, "slug": step, "against": against, "networks": 2, "labels": 7}
    card |= {"right": right, "accuracy": [0.5, 0.75], "other_seeds": [0.25], "note": f"Of {step}."}
    card |= {"calibration_error": [0.25], "calibration_by_chance": [0.125], "deletion": dict(areas)}
    card |= {"bytes": size, "file": "LiteRT", "multiply_adds": 3000, "microseconds": 5.0}
    card |= {"joules": 0.5}
    form = "application/vnd.course-lib.scorecard+json"
    page = {"text/html": f'<p id="scorecard-{step}">{step}</p>', form: card}
    areas["by lot"] = [0.5]
    publish(f"Scorecard: {step}", **page)
"""


def build(root: Path, *options: str) -> subprocess.CompletedProcess:
    """Build a book as `make book` does, and return how it went."""
    return subprocess.run(
        [sys.executable, "-m", "tools.book", "--root", str(root), *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )


def edit_cell(
    root: Path, notebook: str, number: int, source: str, tags: Sequence[str] = ()
) -> None:
    """Replace the source of one cell, counted from 0, and tag it."""
    path = root / f"{notebook}.ipynb"
    content = json.loads(path.read_text())
    content["cells"][number]["source"] = source
    if tags:
        content["cells"][number]["metadata"]["tags"] = list(tags)
    path.write_text(json.dumps(content, indent=1))


def outline(reader: pypdf.PdfReader) -> Iterator[pypdf.generic.Destination]:
    """The entries of a PDF's outline, in reading order."""

    def flat(entries):
        for entry in entries:
            yield from flat(entry) if isinstance(entry, list) else [entry]

    yield from flat(reader.outline)


def both_keys(root: Path, size: str = "small") -> tuple[str, str]:
    """The keys of the two chapters as the files are now."""
    keys._data_digest.cache_clear()
    project = Project(root, size)
    return keys.notebook_key(project, ALPHA), keys.notebook_key(project, BETA)


def append(path: Path, text: str) -> None:
    """Add a line to a file."""
    path.write_text(path.read_text() + text + "\n")


class TestKeys:
    """What must run again, and what must not."""

    @pytest.mark.parametrize(
        ("file", "text", "changed"),
        [
            ("course_lib/alpha.py", "# changed", (True, False)),
            ("course_lib/gamma.py", "# reached through alpha", (True, False)),
            ("course_lib/beta.py", "# changed", (False, True)),
            ("course_lib/claims.py", "# changed", (True, True)),
            ("course_lib/__init__.py", "# changed", (True, True)),
            ("data/numbers.csv", "4,5,6", (True, True)),
            ("requirements.lock", "scipy==1.0.0", (True, True)),
            ("data/README.md", "About the data", (False, False)),
            ("book/index.md", "More prose", (False, False)),
            ("_config.yml", "# changed", (False, False)),
        ],
    )
    def test_a_changed_file_changes_the_keys_of_those_who_use_it(self, book, file, text, changed):
        (book / "data" / "README.md").write_text("# Data\n")
        before = both_keys(book)
        append(book / file, text)
        assert tuple(a != b for a, b in zip(before, both_keys(book), strict=True)) == changed

    def test_an_unrelated_module_changes_nothing(self, book):
        before = both_keys(book)
        (book / "course_lib" / "delta.py").write_text('"""Nobody imports this."""\n')
        assert both_keys(book) == before

    def test_markdown_changes_nothing(self, book):
        before = both_keys(book)
        edit_cell(book, ALPHA, 0, "# Another title\n\nWith prose.")
        assert both_keys(book) == before

    def test_code_changes_its_own_notebook(self, book):
        before = both_keys(book)
        edit_cell(book, ALPHA, 2, "print(alpha.six() + 1)")
        after = both_keys(book)
        assert (after[0] != before[0], after[1] != before[1]) == (True, False)

    def test_a_tag_changes_its_notebook(self, book):
        before = both_keys(book)
        path = book / f"{ALPHA}.ipynb"
        content = json.loads(path.read_text())
        content["cells"][2]["metadata"]["tags"] = ["raises-exception"]
        path.write_text(json.dumps(content))
        assert both_keys(book)[0] != before[0]

    def test_the_sizes_have_different_keys(self, book):
        assert not set(both_keys(book, "small")) & set(both_keys(book, "full"))

    def test_the_backends_have_different_keys(self, book, monkeypatch):
        monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
        before = both_keys(book)
        monkeypatch.setenv("KERAS_BACKEND", "jax")
        assert not set(before) & set(both_keys(book))

    def test_a_record_counts_for_the_notebook_that_names_it(self, book):
        (book / "course_lib" / "recorded.py").write_text('"""Shows records."""\n')
        edit_cell(book, ALPHA, 2, "from course_lib import recorded\nrecorded.show('speed')")
        for experiment in ("speed", "other"):
            (book / "book" / "recorded" / experiment).mkdir(parents=True)
        before = both_keys(book)
        (book / "book" / "recorded" / "other" / "cpu.json").write_text("{}")
        assert both_keys(book) == before
        (book / "book" / "recorded" / "speed" / "cpu.json").write_text('{"seconds": 1}')
        after = both_keys(book)
        assert (after[0] != before[0], after[1] != before[1]) == (True, False)


class TestReach:
    """Every way to import a module of the package is seen."""

    @pytest.fixture(autouse=True)
    def package_that_imports_nothing(self, book):
        (book / "course_lib" / "__init__.py").write_text('"""A small package."""\n')

    @pytest.mark.parametrize(
        "source",
        [
            "import course_lib.alpha",
            "import course_lib.alpha as a",
            "import course_lib\ncourse_lib.alpha.six()",
            "import course_lib as lib\nprint(lib.alpha.six())",
            "from course_lib import alpha",
            "from course_lib import alpha as a",
            "from course_lib.alpha import six",
            "%matplotlib inline\nfrom course_lib import alpha",
            "import importlib\nimportlib.import_module('course_lib.alpha')",
            "def late():\n    from course_lib import alpha\n    return alpha",
        ],
    )
    def test_each_form_reaches_the_module_and_what_it_imports(self, book, source):
        reached = keys.reached_modules(book, [source])
        assert set(reached) == {"course_lib", "course_lib.alpha", "course_lib.gamma"}

    def test_names_are_shared_between_cells(self, book):
        reached = keys.reached_modules(book, ["import course_lib as lib", "lib.beta.two()"])
        assert set(reached) == {"course_lib", "course_lib.beta"}

    def test_code_that_cannot_be_parsed_reaches_everything(self, book):
        reached = keys.reached_modules(book, ["from course_lib import ("])
        assert "course_lib.beta" in reached
        assert "course_lib.gamma" in reached

    def test_code_without_the_package_reaches_nothing(self, book):
        assert keys.reached_modules(book, ["import math\nalpha = math.pi"]) == {}

    def test_modules_fetched_by_name_are_reached_when_the_name_is_mentioned(self, book):
        folder = book / "course_lib" / "exercises"
        folder.mkdir()
        (folder / "__init__.py").write_text("import importlib\n")
        (folder / "adding.py").write_text("")
        (folder / "dividing.py").write_text("")
        source = "from course_lib import exercises\nexercises.check('adding.sum', f)"
        reached = set(keys.reached_modules(book, [source]))
        assert reached == {"course_lib", "course_lib.exercises", "course_lib.exercises.adding"}

    def test_relative_imports_inside_a_package_are_followed(self, book):
        folder = book / "course_lib" / "tools"
        folder.mkdir()
        (folder / "__init__.py").write_text("from .inner import value\n")
        (folder / "inner.py").write_text("from ..gamma import three\nvalue = three()\n")
        reached = set(keys.reached_modules(book, ["import course_lib.tools"]))
        wanted = {"course_lib", "course_lib.tools", "course_lib.tools.inner", "course_lib.gamma"}
        assert reached == wanted


class TestBuild:
    """Whole builds, as a reader of the terminal sees them."""

    def test_site_ledger_and_second_build(self, book):
        first = build(book)
        assert first.returncode == 0, first.stdout + first.stderr
        html = book / "_build" / "small" / "html"
        ledger = (html / "book" / "ledger.html").read_text()
        assert "2 claims checked" in ledger
        assert 'href="part/alpha.html#claim-six-is-more-than-five"' in ledger
        assert 'href="part/beta.html#claim-two-is-even"' in ledger
        assert 'id="claim-six-is-more-than-five"' in (html / "book/part/alpha.html").read_text()
        assert "holds" in ledger
        assert "MiB" in ledger
        index = (html / "book" / "index.html").read_text()
        assert index.count('href="part/alpha.html#claim-six-is-more-than-five"') == 2
        assert 'title="Six is more than five"' in index
        assert ">Six is more than five</a>" in index
        ran = r'Alpha runs in <span class="run-time">\d+.s of processor time</span>'
        assert re.search(ran, ledger)
        assert "url=book/index.html" in (html / "index.html").read_text()
        mathjax = [path for path in (html / "_static" / "mathjax").rglob("*") if path.is_file()]
        assert {path.suffix for path in mathjax} == {".js", ".woff"}
        assert sum(path.stat().st_size for path in mathjax) < 3e6
        for page in html.rglob("*.html"):
            assert "unpkg.com" not in page.read_text()

        start = time.monotonic()
        second = build(book)
        assert second.returncode == 0
        assert "0 to run, 2 unchanged" in second.stdout
        assert "Nothing changed since the last build" in second.stdout
        assert time.monotonic() - start < 10

        edit_cell(book, ALPHA, 0, "# A better title\n\nMore prose.")
        third = build(book)
        assert third.returncode == 0
        assert "0 to run, 2 unchanged" in third.stdout
        assert "A better title" in (html / "book" / "part" / "alpha.html").read_text()
        assert "A better title" in (html / "book" / "ledger.html").read_text()
        assert "A better title" in (html / "book" / "part" / "beta.html").read_text()

    def test_a_failing_notebook_stops_the_site_and_not_the_others(self, book):
        edit_cell(book, ALPHA, 2, "1 / 0")
        first = build(book)
        assert first.returncode == 1
        assert "ZeroDivisionError" in first.stdout
        assert f"FAILED    {ALPHA}" in first.stdout
        assert "in code cell 2 of 3" in first.stdout
        assert f"done      {BETA}" in first.stdout
        assert not (book / "_build" / "small" / "html").exists()
        edit_cell(book, ALPHA, 2, "print(6)")
        second = build(book, "--execute-only")
        assert second.returncode == 0
        assert "1 to run, 1 unchanged" in second.stdout

    def test_a_false_claim_fails_the_build_and_is_named(self, book):
        edit_cell(book, BETA, 2, 'check("Two is more than three", second.two() > 3, value=2)')
        result = build(book)
        assert result.returncode == 1
        assert "ClaimError" in result.stdout
        assert "Two is more than three" in result.stdout
        assert not (book / "_build" / "small" / "html").exists()

    def test_a_claim_that_becomes_false_unmakes_a_good_build(self, book):
        assert build(book, "--execute-only").returncode == 0
        path = book / "course_lib" / "gamma.py"
        path.write_text(path.read_text().replace("return 3", "return 2"))
        result = build(book, "--execute-only")
        assert result.returncode == 1
        assert "Six is more than five" in result.stdout

    def test_a_stopped_build_goes_on_where_it_was(self, book):
        edit_cell(book, ALPHA, 2, "import time\ntime.sleep(120)")
        process = subprocess.Popen(
            [sys.executable, "-m", "tools.book", "--root", str(book)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        for line in process.stdout:
            if f"done      {BETA}" in line:
                break
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=60)
        assert process.returncode != 0
        edit_cell(book, ALPHA, 2, "print(6)")
        result = build(book, "--execute-only")
        assert result.returncode == 0
        assert "1 to run, 1 unchanged" in result.stdout

    def test_a_warning_fails_every_build_until_it_is_mended(self, book):
        assert build(book).returncode == 0
        index = book / "book" / "index.md"
        good = index.read_text()
        append(index, "\nSee [a page](missing.md).")
        for _ in range(2):
            result = build(book)
            assert result.returncode == 1
            assert "missing.md" in result.stdout
        index.write_text(good)
        assert build(book).returncode == 0

    def test_two_claims_with_one_anchor_are_refused(self, book):
        append_cell = 'check("Two is even", True)\ncheck("Two is even", True)'
        edit_cell(book, BETA, 2, append_cell)
        result = build(book)
        assert result.returncode == 1
        assert "2 claims share the anchor claim-two-is-even" in result.stdout

    @pytest.mark.parametrize(
        ("target", "problem"),
        [
            ("alpha#six-is-less", "is the beginning of 0 claims, not of one"),
            ("alpha#", "Choose from: six-is-more-than-five"),
            ("gamma#six", "0 chapters are called 'gamma'"),
        ],
    )
    def test_a_link_to_a_claim_that_is_not_there_fails_the_build(self, book, target, problem):
        append(book / "book" / "index.md", f"\n{{claim}}`{target}`")
        result = build(book)
        assert result.returncode == 1
        assert problem in result.stdout

    def test_a_reworded_claim_fails_the_pages_that_link_to_it(self, book):
        assert build(book).returncode == 0
        edit_cell(book, ALPHA, 3, 'claims.check("Six is larger than five", alpha.six() > 5)')
        result = build(book)
        assert result.returncode == 1
        assert "is the beginning of 0 claims, not of one" in result.stdout

    def test_the_scorecard_collects_what_was_recorded_and_nothing_else(self, book):
        edit_cell(book, ALPHA, 2, SCORES)
        page = book / "book" / "score.md"
        page.write_text("# Score\n\n```{scorecard}\nplain\nshrunk\n```\n")
        append(book / "_toc.yml", "  - file: book/score")
        result = build(book)
        assert result.returncode == 0, result.stdout + result.stderr
        shown = (book / "_build" / "small" / "html" / "book" / "score.html").read_text()
        assert 'href="part/alpha.html#scorecard-shrunk"' in shown
        text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", shown)).replace("\xa0", " ")
        assert "7 labeled images 62.5 50.0 to 75.0 2 networks recorded, 1 seeds: 25.0" in text
        # Image by image the shares of right networks differ by 0, -1/2, -1/2 and +1/2.
        assert "−12.5 ± 23.9" in text
        assert "25.0 chance 12.5 0.20, 0.30, 0.40" in text
        assert "shrunk against plain 1 3 5 0.5" in text
        assert "more than two: none" in text
        assert "shrunk (4.0 times smaller)" in text
        assert re.search(r"by lot\s+0.500", text)
        assert "shrunk: Of shrunk." in text
        assert 'aria-label="Test accuracy against the size of the file' in shown

        page.write_text("# Score\n\n```{scorecard}\nplain\nmissing\n```\n")
        result = build(book)
        assert result.returncode == 1
        assert "step 'missing' is recorded 0 and listed 1 times" in result.stdout
        assert "step 'shrunk' is recorded 1 and listed 0 times" in result.stdout

    def test_the_site_holds_each_figure_once(self, book):
        assert build(book).returncode == 0
        html = book / "_build" / "small" / "html"
        download = html / "_sources" / f"{ALPHA}.ipynb"
        assert download.read_bytes() == (book / f"{ALPHA}.ipynb").read_bytes()
        assert not list(html.rglob("*.map"))

    def test_a_page_that_goes_away_leaves_the_site(self, book):
        assert build(book).returncode == 0
        page = book / "_build" / "small" / "html" / "book" / "part" / "beta.html"
        assert page.is_file()
        toc = book / "_toc.yml"
        toc.write_text(toc.read_text().replace("  - file: book/part/beta\n", ""))
        result = build(book)
        assert result.returncode == 0, result.stdout + result.stderr
        assert not page.exists()
        assert "book/part/beta.ipynb is not listed in _toc.yml" in result.stdout
        assert "1 claim checked" in (page.parents[1] / "ledger.html").read_text()


class TestStoredOutputs:
    """A refreshed notebook holds text alone and still passes nbval, strictly compared."""

    @pytest.fixture
    def refreshed(self, book) -> Path:
        shutil.copy(ROOT / "conftest.py", book / "conftest.py")
        path = book / f"{ALPHA}.ipynb"
        assert refresh.refresh(path, Project(book))
        return path

    def nbval(self, path: Path) -> subprocess.CompletedProcess:
        root = path.parents[2]
        command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", str(path)]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(root), str(ROOT)])}
        return subprocess.run(
            [*command, "-p", "no:cacheprovider"],
            cwd=root,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )

    def kept(self, path: Path) -> cache.Run | None:
        keys._data_digest.cache_clear()
        project = Project(path.parents[2])
        return cache.load(project, ALPHA, keys.notebook_key(project, ALPHA))

    def test_what_nbval_ran_is_not_run_again(self, refreshed):
        root = refreshed.parents[2]
        by_a_build = self.kept(refreshed)
        shutil.rmtree(root / "_build")
        assert self.nbval(refreshed).returncode == 0
        by_nbval = self.kept(refreshed)
        assert by_nbval.cells == by_a_build.cells
        assert by_nbval.seconds > 0
        for run in (by_a_build, by_nbval):
            assert run.processor_seconds is None or 0.1 < run.processor_seconds < 300
        assert by_nbval.peak_mib is None or 20 < by_nbval.peak_mib < 2000
        result = build(root)
        assert result.returncode == 0, result.stdout + result.stderr
        assert "1 to run, 1 unchanged" in result.stdout

    def test_the_claim_card_is_compared_by_its_text(self, refreshed):
        assert "text/html" not in refreshed.read_text()
        assert "Claim holds: Six is more than five" in refreshed.read_text()
        assert list(form.outputs_are_text(lint_notebooks.read(refreshed))) == []
        result = self.nbval(refreshed)
        assert result.returncode == 0, result.stdout

    def test_another_output_fails(self, refreshed):
        refreshed.write_text(refreshed.read_text().replace('"6\\n"', '"7\\n"'))
        shutil.rmtree(refreshed.parents[2] / "_build")
        result = self.nbval(refreshed)
        assert result.returncode == 1
        assert "1 failed" in result.stdout
        assert self.kept(refreshed) is None

    def test_a_claim_that_became_false_fails(self, refreshed):
        module = refreshed.parents[2] / "course_lib" / "alpha.py"
        module.write_text(module.read_text().replace("2 * three()", "1 * three()"))
        result = self.nbval(refreshed)
        assert result.returncode == 1
        assert "This claim does not hold: Six is more than five" in result.stdout

    def test_a_notebook_that_fails_keeps_its_outputs(self, refreshed):
        edit_cell(refreshed.parents[2], ALPHA, 2, "1 / 0")
        before = refreshed.read_text()
        assert not refresh.refresh(refreshed, Project(refreshed.parents[2]))
        assert refreshed.read_text() == before


@pytest.fixture(scope="module")
def printed(tmp_path_factory, copy_book, chromium) -> Path:
    """A book whose two chapters have sections of the same name, which each links to."""
    book = copy_book(tmp_path_factory.mktemp("paper"))
    edit_cell(book, ALPHA, 0, PAPER.format("Alpha", "alpha", "Beta's", "beta"))
    edit_cell(book, BETA, 0, PAPER.format("Beta", "beta", "Alpha's", "alpha"))
    edit_cell(book, ALPHA, 2, SHOWN, tags=["hide-output"])
    made = subprocess.run(
        [sys.executable, "-m", "tools.pdf", "--root", str(book)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    return book / "_build" / "small" / "paper"


@pytest.fixture(scope="module")
def page(printed) -> str:
    """The book on one page."""
    return (printed / "index.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def reader(printed) -> pypdf.PdfReader:
    """The book as a PDF."""
    return pypdf.PdfReader(printed / "deep-learnings-hard-parts.pdf")


@pytest.mark.browser
class TestPaper:
    """The book as one page and as a PDF."""

    def test_links_lead_to_their_places(self, page, reader):
        anchors = re.findall(r'\sid="([^"]+)"', page)
        assert len(anchors) == len(set(anchors))
        targets = set(re.findall(r'href="#([^"]+)"', page))
        assert targets <= set(anchors)
        sections = {f"book-part-{name}--exercises" for name in ("alpha", "beta")}
        assert sections <= targets
        assert "claim-six-is-more-than-five" in targets
        assert sections <= {name.lstrip("/") for name in reader.named_destinations}

    def test_the_site_that_is_built_afterwards_has_its_own_links(self, printed):
        made = build(printed.parents[2])
        assert made.returncode == 0, made.stdout + made.stderr
        ledger = printed.parent / "html" / "book" / "ledger.html"
        text = ledger.read_text(encoding="utf-8")
        assert 'href="part/alpha.html#claim-six-is-more-than-five"' in text
        assert "#document-" not in text

    def test_the_text_is_there(self, reader):
        text = "\n".join(sheet.extract_text() for sheet in reader.pages)
        assert "Six is more than five" in text
        assert "claims checked" in text

    def test_equations_have_on_each_page_the_numbers_that_links_say(self, page):
        for name in ("alpha", "beta"):
            place = f"book-part-{name}--equation-eq-{name}"
            for number, end in enumerate(("first", "second"), start=1):
                shown = rf'id="{place}-{end}">\s*<span class="eqno">\({number}\)<'
                assert re.search(shown, page), (name, end)
                assert f'href="#{place}-{end}">({number})</a>' in page

    def test_the_outline_has_the_headings_as_they_are_written(self, reader):
        titles = [entry["/Title"] for entry in outline(reader)]
        assert titles.count("Exercises") == 2
        assert titles.count("Why x^2, measured") == 2
        assert titles.count(LONG) == 2
        assert {"Alpha", "Beta", "Ledger"} <= set(titles)

    def test_the_contents_tell_the_page_on_which_a_chapter_begins(self, reader):
        lines = reader.pages[0].extract_text().split("\n")
        begins = {}
        for entry in outline(reader):
            if entry["/Title"] in ("Alpha", "Beta", "Ledger"):
                sheet = reader.get_destination_page_number(entry)
                begins[entry["/Title"]] = sheet + 1
                text = reader.pages[sheet].extract_text()
                assert text.count(entry["/Title"]) >= 2, "no running head"
        assert len(begins) == len(set(begins.values())) == 3
        assert 1 not in begins.values()
        assert [line for line in lines if line.isdigit()][-3:] == [str(n) for n in begins.values()]

    def test_what_a_line_of_output_holds_stays_on_a_line(self, reader):
        text = "\n".join(sheet.extract_text() for sheet in reader.pages)
        assert re.search(r"^first .* last$", text, re.MULTILINE)

    def test_a_fold_says_what_it_holds_and_is_not_printed(self, page, reader):
        assert "Show the output" in page
        assert "Show the solution" not in page
        assert not any("the output" in sheet.extract_text() for sheet in reader.pages)

    def test_shown_source_names_an_equation_by_its_number(self, page):
        assert "equation (2)" in page


class TestCache:
    """The store of past runs."""

    RUN = cache.Run([], seconds=1.0, processor_seconds=0.8, peak_mib=100, finished="2026-11-22")

    def test_what_is_stored_is_loaded(self, book):
        project = Project(book)
        cache.store(project, ALPHA, "a" * 64, self.RUN)
        assert cache.load(project, ALPHA, "a" * 64) == self.RUN
        assert cache.load(project, ALPHA, "b" * 64) is None

    def test_a_damaged_entry_counts_as_none(self, book):
        project = Project(book)
        cache.store(project, ALPHA, "a" * 64, self.RUN)
        cache.entry_path(project, ALPHA, "a" * 64).write_text('{"cells": [')
        assert cache.load(project, ALPHA, "a" * 64) is None

    def test_only_the_latest_runs_of_a_notebook_are_kept(self, book):
        project = Project(book)
        cache.store(project, BETA, "b" * 64, self.RUN)
        for number in range(5):
            cache.store(project, ALPHA, str(number) * 64, self.RUN)
            path = cache.entry_path(project, ALPHA, str(number) * 64)
            os.utime(path, (number, number))
        kept = [cache.load(project, ALPHA, str(number) * 64) is not None for number in range(5)]
        assert sum(kept) == cache.KEPT_PER_NOTEBOOK
        assert cache.load(project, BETA, "b" * 64) == self.RUN


def test_a_folder_without_a_book_is_refused(tmp_path):
    with pytest.raises(ValueError, match="_config.yml"):
        Project(tmp_path)


def test_an_unknown_size_is_refused(book):
    with pytest.raises(ValueError, match="small, full"):
        Project(book, "medium")
