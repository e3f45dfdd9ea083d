"""Does the linter find every fault it speaks of, and do the real notebooks have none?"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tools import lint_notebooks, refresh
from tools.book.project import Project
from tools.lint import chapter, form, slides, solutions
from tools.lint.notebook import Notebook

ROOT = Path(__file__).parents[1]
FOLDED = "{admonition} Solution\n:class: tip, dropdown"
NOTEBOOKS = lint_notebooks.all_notebooks()
# The cells of the good chapter that become slides, beside its figures.
MARKED = {
    "## The idea": {"text": "How many?", "question": True},
    "## From scratch": {"text": "How warm?", "question": True},
    "## Against the reference": {"text": "As warm as a coat."},
    "## When it fails": {"text": "In summer."},
    "claims.check('All are shirts', True)": {},
}


def markdown(source: str) -> dict:
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def code(source: str, *tags: str, shows: str = "", prints: str = "") -> dict:
    outputs = []
    if prints:
        outputs.append({"output_type": "stream", "name": "stdout", "text": prints})
    if shows:
        data = {"text/plain": shows}
        outputs.append({"output_type": "display_data", "data": data, "metadata": {}})
    metadata = {"tags": list(tags)} if tags else {}
    return {"cell_type": "code", "metadata": metadata, "source": source, "outputs": outputs}


def good_chapter() -> dict:
    """A whole chapter in its shortest form."""
    draw = "plots.image_grid(images, description='Eight shirts')"
    cells = [
        markdown("# Shirts"),
        code("from course_lib import claims, plots, datasets"),
        *(markdown(f"## {heading}") for heading in chapter.HEADINGS[:4]),
        code("images = datasets.load('fashion_mnist').x_train[:8]"),
        code(draw, shows="Figure: Eight shirts"),
        code(draw, shows="Figure: Eight more shirts"),
        markdown(f"## {chapter.HEADINGS[4]}\n\n![A shirt](shirt.svg)"),
        code("claims.check('All are shirts', True)", shows="Claim holds: All are shirts"),
        code("print(sum(range(4)) / 2)", prints="3.0\n"),
        code(draw, shows="Figure: The last shirts"),
        *(markdown(f"## {heading}") for heading in chapter.HEADINGS[5:8]),
        markdown("## Exercises\n\n### Exercise 1: Warm up"),
        code("1 + 1", "solution", "hide-cell"),
        markdown(
            "### Exercise 2: Predict\n\n:::{admonition} Solution\n:class: dropdown\nSix.\n:::"
        ),
        markdown("### Exercise 3: Change"),
        code("# Your answer here"),
        code("2 + 2", "solution", "hide-cell"),
        markdown(f"### Exercise 4: Explore\n\n```{FOLDED}\nTry.\n```"),
        *(markdown(f"## {heading}") for heading in chapter.HEADINGS[9:]),
    ]
    count = 0
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
        if cell["cell_type"] == "code":
            count += 1
            cell["execution_count"] = count
    for cell in cells:
        if cell["source"] in MARKED or (cell.get("outputs") and "plots." in cell["source"]):
            cell["metadata"]["slide"] = {"title": "Shirts"} | MARKED.get(cell["source"], {})
    metadata = {"kernelspec": dict(form.KERNEL), "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def cell_with(content: dict, text: str) -> dict:
    """The first cell whose source holds a text."""
    return next(cell for cell in content["cells"] if text in cell["source"])


def replace_in(text: str, old: str, new: str) -> Callable[[dict], None]:
    """A fault: in the cell that holds `text`, put `new` in place of `old`."""

    def plant(content: dict) -> None:
        cell = cell_with(content, text)
        assert old in cell["source"]
        cell["source"] = cell["source"].replace(old, new)

    return plant


def code_is(source: str) -> Callable[[dict], None]:
    """A fault: one code cell has this source instead of its own."""
    return replace_in("print(sum", "print(sum(range(4)) / 2)", source)


def output_is(output: dict) -> Callable[[dict], None]:
    """A fault: one code cell stores this output."""
    return lambda content: cell_with(content, "print(sum").update(outputs=[output])


def prints(text: str) -> Callable[[dict], None]:
    return output_is({"output_type": "stream", "name": "stdout", "text": text})


def shows(data: dict) -> Callable[[dict], None]:
    return output_is({"output_type": "display_data", "data": data, "metadata": {}})


def cell_metadata_is(metadata: dict) -> Callable[[dict], None]:
    return lambda content: cell_with(content, "print(sum").update(metadata=metadata)


def drop(text: str) -> Callable[[dict], None]:
    """A fault: the cell that holds a text is missing, and the counts close up."""

    def plant(content: dict) -> None:
        content["cells"].remove(cell_with(content, text))
        counted = (cell for cell in content["cells"] if cell["cell_type"] == "code")
        for number, cell in enumerate(counted, start=1):
            cell["execution_count"] = number

    return plant


def swap_headings(content: dict) -> None:
    first, second = (cell_with(content, f"## {name}") for name in ("The idea", "From scratch"))
    first["source"], second["source"] = second["source"], first["source"]


def use_a_solution(source: str) -> Callable[[dict], None]:
    """A fault: a cell after the first solution, which makes `area`, has this source."""

    def plant(content: dict) -> None:
        replace_in("1 + 1", "1 + 1", "def area():\n    return 4")(content)
        replace_in("# Your answer here", "# Your answer here", source)(content)

    return plant


def marks_are(change: Callable[[dict], None], text: str = "") -> Callable[[dict], None]:
    """A fault: the marks of the cells that hold a text are changed."""

    def plant(content: dict) -> None:
        for cell in content["cells"]:
            if "slide" in cell["metadata"] and text in cell["source"]:
                change(cell["metadata"]["slide"])

    return plant


def draw_once(content: dict) -> None:
    for cell in content["cells"]:
        if "plots." in cell["source"] and "more shirts" not in str(cell["outputs"]):
            cell["outputs"] = []


def unmark(content: dict) -> None:
    cell_with(content, "## When it fails")["metadata"].pop("slide")


STDERR = {"output_type": "stream", "name": "stderr", "text": "noise"}
ERROR = {"output_type": "error", "ename": "KeyError", "evalue": "'x'", "traceback": []}
TIMED = {"output_type": "display_data", "data": {"text/plain": "1"}, "metadata": {"t": 1}}

FAULTS = [
    (form.outputs_are_text, "stderr", output_is(STDERR)),
    (form.outputs_are_text, "KeyError", output_is(ERROR)),
    (form.outputs_are_text, "image/png", shows({"text/plain": "a", "image/png": "iVBOR"})),
    (form.outputs_are_text, "text/html", shows({"text/html": "<b>a</b>"})),
    (form.outputs_are_text, "carries metadata", output_is(TIMED)),
    (
        form.cells_ran_in_order,
        "expected execution count 6, found 12",
        lambda content: cell_with(content, "print(sum").update(execution_count=12),
    ),
    (
        form.cells_ran_in_order,
        "found None",
        lambda content: cell_with(content, "print(sum").update(execution_count=None),
    ),
    (form.cells_ran_in_order, "empty", code_is("")),
    (form.cells_have_ids, "no id", lambda content: content["cells"][3].pop("id")),
    (
        form.cells_have_ids,
        "used twice",
        lambda content: content["cells"][3].update(id="cell-1"),
    ),
    (
        form.metadata_is_clean,
        "kernelspec",
        lambda content: content["metadata"]["kernelspec"].update(name="my-venv"),
    ),
    (
        form.metadata_is_clean,
        "language_info",
        lambda content: content["metadata"]["language_info"].update(version="3.11.2"),
    ),
    (
        form.metadata_is_clean,
        "widgets",
        lambda content: content["metadata"].update(widgets={}),
    ),
    (form.metadata_is_clean, "executionInfo", cell_metadata_is({"executionInfo": {}})),
    (form.metadata_is_clean, "hide_cell", cell_metadata_is({"tags": ["hide_cell"]})),
    (form.paths_are_relative, "/home/ada", code_is("open('/home/ada/x.csv')")),
    (form.paths_are_relative, "C:\\Users", code_is("open(r'C:\\Users\\ada\\x.csv')")),
    (form.paths_are_relative, "~/x.csv", code_is("open('~/x.csv')")),
    (form.paths_are_relative, "output holds", prints("saved to /tmp/x.csv\n")),
    (form.nothing_is_fetched, "https://", code_is("url = 'https://example.org/x.csv'")),
    (form.nothing_is_fetched, "requests", code_is("import requests")),
    (form.nothing_is_fetched, "urllib", code_is("from urllib.request import urlopen")),
    (form.nothing_is_fetched, "!wget", code_is("!wget example.org/x.csv")),
    (form.nothing_is_fetched, "load_data", code_is("keras.datasets.mnist.load_data()")),
    (form.nothing_is_fetched, "get_file", code_is("keras.utils.get_file('x', origin=o)")),
    (form.nothing_is_installed, "installs", code_is("!pip install lime")),
    (form.nothing_is_installed, "installs", code_is("%pip install -q lime")),
    (form.nothing_is_installed, "installs", code_is("!conda install -y lime")),
    (form.cells_are_short, "has 26 lines", code_is("\n\n".join(["x = 1"] * 26))),
    (chapter.headings_nest, "one title", replace_in("# Shirts", "# Shirts", "Shirts")),
    (chapter.headings_nest, "one title", replace_in("## The idea", "## The idea", "# The idea")),
    (
        chapter.headings_nest,
        "level 4 right below level 2",
        replace_in("## The idea", "## The idea", "## The idea\n\n#### Far down"),
    ),
    *(
        (chapter.chapter_is_complete, heading, replace_in(f"## {heading}", heading, "Other"))
        for heading in chapter.HEADINGS
    ),
    (chapter.chapter_is_complete, "out of order", swap_headings),
    (
        chapter.chapter_is_complete,
        "found 2",
        replace_in("## The idea", "## The idea", "## The idea\n\n## The idea"),
    ),
    (chapter.exercises_are_solved, "4 exercises or more, found 3", drop("### Exercise 4")),
    (
        chapter.exercises_are_solved,
        "### Exercise 3: ...",
        replace_in("### Exercise 3", "Exercise 3", "Exercise 5"),
    ),
    (chapter.exercises_are_solved, "no folded solution", drop("2 + 2")),
    (
        chapter.exercises_are_solved,
        "no folded solution",
        replace_in("### Exercise 2", "dropdown", "note"),
    ),
    (
        chapter.exercises_are_solved,
        "no folded solution",
        replace_in("### Exercise 2", "Solution", "Hint"),
    ),
    (
        chapter.solutions_are_folded,
        "hide-cell",
        lambda content: cell_with(content, "2 + 2").update(metadata={"tags": ["solution"]}),
    ),
    (
        solutions.solutions_become_stubs,
        "no stub",
        replace_in("2 + 2", "2 + 2", "exercises.check('shirts.area', lambda: 4)"),
    ),
    (
        solutions.solutions_become_stubs,
        "that the same cell defines",
        replace_in("2 + 2", "2 + 2", "exercises.check('shirts.area', area)"),
    ),
    (solutions.solutions_become_stubs, "plain Python", replace_in("2 + 2", "2 + 2", "%time f(x)")),
    (solutions.solutions_are_not_needed, "uses area", use_a_solution("print(area)")),
    (solutions.solutions_are_not_needed, "uses area", use_a_solution("area = area + 1")),
    (chapter.something_is_claimed, "claims.check", drop("claims.check")),
    (chapter.something_is_drawn, "2 described figures or more, found 1", draw_once),
    (slides.marks_become_slides, "needs a title", marks_are(lambda mark: mark.pop("title"))),
    (slides.marks_become_slides, "draws no figure", draw_once),
    (slides.slides_are_whole, "8 cells marked as slides or more, found 7", unmark),
    (slides.slides_are_whole, "3 slides with figures or more, found 1", draw_once),
    (
        slides.slides_are_whole,
        "2 equations on slides or more, found 0",
        replace_in("## The idea", "## The idea", "## The idea\n\n$$a$$ (eq-a)\n\n$$b$$ (eq-b)"),
    ),
    (
        slides.slides_are_whole,
        "2 slides that ask the room, found 0",
        marks_are(lambda mark: mark.pop("question", None)),
    ),
    (chapter.figures_are_described, "plots.show", code_is("plt.show()")),
    (chapter.figures_are_described, "plots.show", code_is("figure.savefig('x.png')")),
    (chapter.figures_are_described, "the cell draws", code_is("plt.plot([1, 2])")),
    (
        chapter.figures_are_described,
        "without a description",
        shows({"text/plain": "<Figure size 640x480 with 1 Axes>"}),
    ),
    (chapter.figures_are_described, "description is empty", shows({"text/plain": "Figure: "})),
    (chapter.figures_are_described, "no alt text", replace_in("![", "![A shirt]", "![]")),
    (
        chapter.figures_are_described,
        "no alt text",
        replace_in("![", "![A shirt](shirt.svg)", '<img src="shirt.svg">'),
    ),
]


def test_a_good_chapter_has_no_problem():
    assert lint_notebooks.lint(Notebook(good_chapter())) == []


@pytest.mark.parametrize(
    ("rule", "message", "plant"), FAULTS, ids=[f"{r.__name__}-{m}" for r, m, _ in FAULTS]
)
def test_each_planted_fault_is_found_by_its_rule(rule, message, plant):
    content = good_chapter()
    plant(content)
    found = [problem.message for problem in rule(Notebook(content))]
    assert any(message in text for text in found), found


def test_every_rule_has_a_planted_fault():
    assert {rule for rule, _, _ in FAULTS} == set(lint_notebooks.RULES)


@pytest.mark.parametrize(
    "source",
    [
        "ratio = total / count / 2",
        "print(f'{height}/{width}')",
        "import numpy as np\nx = np.load(folder / 'x.npz')",
        "html = '<b>bold</b>'",
        "figure, axes = plots.figure()\naxes[0, 0].plot([1, 2])\nplots.show(figure, 'A line')",
        "%matplotlib inline",
    ],
)
def test_harmless_code_is_let_through(source):
    content = good_chapter()
    code_is(source)(content)
    assert lint_notebooks.lint(Notebook(content)) == []


@pytest.mark.parametrize("source", ["area = 4\narea + 1", "[area for area in (1, 2)]"])
def test_a_name_of_a_solution_may_be_used_anew(source):
    content = good_chapter()
    use_a_solution(source)(content)
    assert lint_notebooks.lint(Notebook(content)) == []


def test_a_problem_names_its_cell():
    content = good_chapter()
    code_is("!pip install lime")(content)
    number = content["cells"].index(cell_with(content, "!pip")) + 1
    assert [problem.cell for problem in lint_notebooks.lint(Notebook(content))] == [number]


def test_a_heading_inside_a_fence_is_none():
    content = good_chapter()
    replace_in("## The idea", "## The idea", "## The idea\n\n```\n# a comment\n```")(content)
    assert lint_notebooks.lint(Notebook(content)) == []


def test_a_reference_notebook_needs_no_chapter_parts(tmp_path):
    path = tmp_path / "reference" / "scorecard.ipynb"
    path.parent.mkdir()
    content = good_chapter()
    content["cells"] = content["cells"][:2]
    path.write_text(json.dumps(content))
    assert lint_notebooks.lint(lint_notebooks.read(path)) == []


def test_the_command_names_file_cell_and_fault_and_fails(tmp_path, capsys):
    content = good_chapter()
    code_is("!pip install lime")(content)
    path = tmp_path / "shirts.ipynb"
    path.write_text(json.dumps(content))
    assert lint_notebooks.main([str(path)]) == 1
    assert f"{path}, cell 12: the code installs a package" in capsys.readouterr().out


class TestStrip:
    """What `make refresh` writes back."""

    RICH = {
        "output_type": "execute_result",
        "execution_count": 3,
        "metadata": {"height": 4},
        "data": {"text/plain": "Figure: A", "text/html": "<b>A</b>", "image/png": "iVBOR"},
    }

    def runs(self, content: dict) -> list[dict]:
        counted = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
        return [{"execution_count": n, "outputs": []} for n, _ in enumerate(counted, start=1)]

    def outputs_of(self, *outputs: dict) -> list[dict]:
        content = {"cells": [markdown("# A") | {"id": "a"}, code("1") | {"id": "b"}]}
        content["metadata"] = {}
        stored = refresh.strip(content, [{"execution_count": 1, "outputs": list(outputs)}])
        return stored["cells"][1]["outputs"]

    def test_only_text_is_kept_of_what_is_displayed(self):
        (kept,) = self.outputs_of(self.RICH)
        assert kept["data"] == {"text/plain": ["Figure: A"]}
        assert kept["metadata"] == {}

    def test_stderr_and_outputs_without_text_go(self):
        picture = {"output_type": "display_data", "metadata": {}, "data": {"image/png": "iVBOR"}}
        assert self.outputs_of(STDERR, picture) == []

    def test_printed_text_becomes_one_stream_of_lines(self):
        parts = [{"output_type": "stream", "name": "stdout", "text": t} for t in ("a\nb", "c\n")]
        (kept,) = self.outputs_of(*parts)
        assert kept["text"] == ["a\n", "bc\n"]

    def test_what_is_stripped_passes_the_linter(self):
        content = good_chapter()
        content["metadata"]["widgets"] = {}
        for cell in content["cells"]:
            cell["metadata"]["collapsed"] = True
            cell.pop("id")
        runs = [
            {"execution_count": 7, "outputs": [*cell["outputs"], STDERR]}
            for cell in content["cells"]
            if cell["cell_type"] == "code"
        ]
        before = copy.deepcopy(content)
        assert lint_notebooks.lint(Notebook(refresh.strip(content, runs))) == []
        assert content == before

    def test_stripping_twice_changes_nothing(self):
        content = good_chapter()
        once = refresh.strip(content, self.runs(content))
        assert refresh.strip(once, self.runs(once)) == once

    def test_a_notebook_with_fewer_runs_than_cells_is_refused(self):
        content = good_chapter()
        with pytest.raises(ValueError, match="runs"):
            refresh.strip(content, self.runs(content)[:-1])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_notebook_has_no_problem(path):
    problems = lint_notebooks.lint(lint_notebooks.read(path))
    assert not problems, "\n".join(f"cell {found.cell}: {found.message}" for found in problems)


def test_every_notebook_is_listed_in_the_table_of_contents():
    assert Project(ROOT).unlisted() == []


def test_every_page_of_the_table_of_contents_exists():
    for page in Project(ROOT).pages():
        assert any((ROOT / f"{page}{suffix}").is_file() for suffix in (".md", ".ipynb")), page
