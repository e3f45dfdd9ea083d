"""Are the hand-outs what they promise: no solution for students, all of them for the teacher?"""

from __future__ import annotations

import ast
import json
import os
from pathlib import Path

import nbformat
import pytest

from course_lib import exercises
from tools.book.project import Project
from tools.handouts.__main__ import teaching_page, write
from tools.handouts.editions import students, teachers
from tools.handouts.stubs import checked_functions, stub
from tools.lint.notebook import joined, tags
from tools.markdown import Book, Page, read

ROOT = Path(__file__).parents[1]
PROJECT = Project(ROOT)
BOOK = Book(PROJECT)
CHAPTERS = PROJECT.chapters()


def solutions_of(chapter: str) -> list[str]:
    cells = read(PROJECT.source(chapter))["cells"]
    return [joined(cell["source"]) for cell in cells if "solution" in tags(cell)]


CHECKED = [
    pytest.param(chapter, found, id=found.exercise)
    for chapter in CHAPTERS
    for source in solutions_of(chapter)
    for found in checked_functions(source)
]


@pytest.fixture(scope="module")
def handouts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("handouts")
    assert write(PROJECT, folder) == CHAPTERS
    return folder


def edition(handouts: Path, which: str, chapter: str) -> dict:
    return read(handouts / which / Path(chapter).relative_to("book").with_suffix(".ipynb"))


# The coding exercises


def test_every_exercise_is_checked_by_one_solution():
    checked = sorted(parameter.values[1].exercise for parameter in CHECKED)
    assert checked == sorted(exercises.names())


@pytest.mark.parametrize(("chapter", "checked"), CHECKED)
def test_the_stub_fails_its_check_and_says_why(chapter, checked):
    code = stub(checked, number=3)
    with pytest.raises(exercises.WrongAnswer, match=f"Not answered yet: {checked.function.name} "):
        exec(code, {"exercises": exercises})


@pytest.mark.parametrize(("chapter", "checked"), CHECKED)
def test_the_solution_on_the_page_passes_its_check(chapter, checked, capsys):
    """With what the chapter imports, and what earlier solutions define."""
    names: dict = {}
    for source in (joined(cell["source"]) for cell in read(PROJECT.source(chapter))["cells"]):
        if source.startswith(("from ", "import ")):
            exec(_only(source, ast.Import | ast.ImportFrom), names)
    for source in solutions_of(chapter):
        exec(_only(source, ast.Import | ast.ImportFrom | ast.FunctionDef), names)
        if any(found.exercise == checked.exercise for found in checked_functions(source)):
            exec(checked.call, names)
            break
    assert f"Right: {checked.exercise} agrees" in capsys.readouterr().out


def _only(source: str, kinds: type) -> str:
    tree = ast.parse(source)
    tree.body = [node for node in tree.body if isinstance(node, kinds)]
    return ast.unparse(tree)


def test_an_error_inside_an_answer_is_not_taken_for_a_missing_answer():
    def unsupported():
        raise NotImplementedError("no kernel for this type")

    with pytest.raises(exercises.WrongAnswer, match="no kernel for this type"):
        exercises.check("convolution.move_right", lambda: unsupported())


@pytest.mark.parametrize(
    "source",
    ["exercises.check('a.b', lambda: 1)", "exercises.check('a.b', f)", "exercises.check(n, f)"],
)
def test_a_check_of_something_else_than_an_own_function_is_refused(source):
    with pytest.raises(ValueError, match="a function that the same cell defines"):
        checked_functions(source)


def test_a_stub_keeps_defaults_and_loses_the_body():
    source = 'def f(x, *, p=0.5):\n    """Right."""\n    return x * p\n\nexercises.check("a.b", f)'
    (found,) = checked_functions(source)
    code = stub(found, 2)
    assert code.startswith("def f(x, *, p=0.5):")
    assert "Right" not in code
    assert "return" not in code
    assert code.endswith('exercises.check("a.b", f)')


# The students' edition


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_students_get_a_valid_notebook_without_outputs(handouts, chapter):
    made = edition(handouts, "students", chapter)
    nbformat.validate(nbformat.from_dict(made))
    code = [cell for cell in made["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    assert not any("slide" in cell["metadata"] or "solution" in tags(cell) for cell in code)
    plain = [joined(cell["source"]) for cell in made["cells"] if cell["cell_type"] == "code"]
    for source in plain:
        ast.parse(source)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_no_line_of_a_solution_is_in_the_students_edition(handouts, chapter):
    original = read(PROJECT.source(chapter))["cells"]
    shown = {
        line.strip()
        for cell in original
        if "solution" not in tags(cell)
        for line in joined(cell["source"]).splitlines()
    }
    secret = {line.strip() for text in solutions_of(chapter) for line in text.splitlines()}
    secret = {line for line in secret - shown if len(line) > 12}
    secret -= {line for line in secret if line.startswith(("def ", "exercises.check("))}
    assert len(secret) > 10, "a test that looks for nothing"
    given = {
        line.strip()
        for cell in edition(handouts, "students", chapter)["cells"]
        for line in joined(cell["source"]).splitlines()
    }
    assert not secret & given


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_exercise_has_one_place_for_words_and_one_for_code(handouts, chapter):
    cells = edition(handouts, "students", chapter)["cells"]
    text = "\n".join(joined(cell["source"]) for cell in cells)
    original = "\n".join(joined(c["source"]) for c in read(PROJECT.source(chapter))["cells"])
    count = original.count("### Exercise ")
    assert text.count("### Exercise ") == count
    ids = [cell["id"] for cell in cells]
    assert len(set(ids)) == len(ids)
    for number in range(1, count + 1):
        assert f"answer-{number}-words" in ids
    checks = sum(len(checked_functions(source)) for source in solutions_of(chapter))
    stubs = [cell for cell in cells if "raise NotImplementedError" in joined(cell["source"])]
    assert len(stubs) == checks
    assert all("raises-exception" in tags(cell) for cell in stubs)


# Prose outside the book


@pytest.mark.parametrize("which", ["students", "teachers"])
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_prose_is_plain_markdown_whose_links_lead_somewhere(handouts, which, chapter):
    place = (handouts / which / Path(chapter).relative_to("book")).parent
    for cell in edition(handouts, which, chapter)["cells"]:
        text = joined(cell["source"])
        if cell["cell_type"] == "code":
            continue
        for raw in (":::", "```{", "{cite}", "{term}", "{eq}", "{ref}", "$$ ("):
            assert raw not in text, f"{raw} in {text[:200]}"
        for link in _relative_links(text):
            assert (place / link).is_file(), link


def _relative_links(text: str) -> list[str]:
    links = [piece.partition(")")[0].partition("#")[0] for piece in text.split("](")[1:]]
    return [link for link in links if link and ":" not in link and link.endswith(".ipynb")]


def rewritten(source: str, name: str = "book/foundations/convolution") -> str:
    content = {"cells": [{"cell_type": "markdown", "source": source, "metadata": {}}]}
    return Page(BOOK, name, content).plain(source)


SITE = "https://deep-learning-hard-parts.github.io/deep-learning-hard-parts/book"
REWRITTEN = [
    ("{cite}`xiao2017`", "(Xiao et al., 2017)"),
    ("{cite}`abnar2020,xiao2017`", "(Abnar and Zuidema, 2020; Xiao et al., 2017)"),
    ("{term}`Kernels <kernel>`", f"[Kernels]({SITE}/reference/glossary.html#term-kernel)"),
    ("{term}`feature map`", f"[feature map]({SITE}/reference/glossary.html#term-feature-map)"),
    ("$$\nx\n$$ (eq-a)\n\nby {eq}`eq-a`", "$$\nx \\tag{1}\n$$\n\nby (1)"),
    ("`{cite}` stays", "`{cite}` stays"),
    ("```python\n{cite}`x`\n```", "```python\n{cite}`x`\n```"),
    ("[all](../reference/claims.md#a)", f"[all]({SITE}/reference/claims.html#a)"),
    ("[next](../compute/distillation.ipynb)", "[next](../compute/distillation.ipynb)"),
    ("[001-6](erratum-001-6)", f"[001-6]({SITE}/reference/errata.html#erratum-001-6)"),
    ("[here](https://example.org/a.md)", "[here](https://example.org/a.md)"),
    (
        ":::{admonition} Predict first\n:class: tip\n\nHow many?\n:::",
        "> **Predict first**\n>\n> How many?",
    ),
]


@pytest.mark.parametrize(("source", "expected"), REWRITTEN, ids=[row[0][:20] for row in REWRITTEN])
def test_what_only_the_book_knows_is_rewritten(source, expected):
    assert rewritten(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        "{doc}`x`",
        "{term}`no such word`",
        "{eq}`eq-nowhere`",
        "{cite}`nobody1900`",
        "[a](missing.md)",
        "![a](missing.svg)",
        "```{note}\nA\n```",
    ],
)
def test_what_cannot_be_rewritten_is_refused(source):
    with pytest.raises(ValueError, match="book/foundations/convolution: expected"):
        rewritten(source)


@pytest.mark.parametrize(
    ("config", "address"),
    [
        ("html: {baseurl: https://example.org/course}", "https://example.org/course/"),
        ("repository: {url: https://github.com/ada/course/}", "https://ada.github.io/course/"),
        ("repository: {url: https://github.com/ada/course.v2}", "https://ada.github.io/course.v2/"),
    ],
)
def test_the_address_of_the_site_follows_from_the_configuration(tmp_path, config, address):
    (tmp_path / "_config.yml").write_text(config)
    (tmp_path / "_toc.yml").write_text("root: index")
    assert Project(tmp_path).address == address


@pytest.mark.parametrize("config", ["title: A", "repository: {url: https://example.org/a/b}"])
def test_a_site_without_an_address_is_refused(tmp_path, config):
    (tmp_path / "_config.yml").write_text(config)
    (tmp_path / "_toc.yml").write_text("root: index")
    with pytest.raises(ValueError, match=r"expected html\.baseurl, or a repository\.url"):
        _ = Project(tmp_path).address


def test_an_image_that_a_page_shows_is_noted_so_that_it_can_be_copied():
    page = Page(BOOK, "book/foundations/convolution", {"cells": []})
    assert page.plain("![Mark](../_static/logo.svg)") == "![Mark](../_static/logo.svg)"
    assert [image.as_posix() for image in page.images] == ["book/_static/logo.svg"]


def test_anchors_of_the_glossary_are_those_that_sphinx_gives():
    from sphinx.util.nodes import _make_id

    from tools.markdown import term_anchor

    for term in BOOK.terms.values():
        assert term_anchor(term) == f"term-{_make_id(term)}", term


def test_works_cited_are_listed_once():
    page = Page(BOOK, "book/foundations/convolution", {"cells": []})
    page.plain("{cite}`xiao2017` and {cite}`abnar2020` and {cite}`xiao2017`")
    lines = page.works_cited().splitlines()
    assert [line.split(",")[0] for line in lines] == [
        "- Samira Abnar and Willem Zuidema. Quantifying attention flow in transformers. In "
        "*Proceedings of the 58th Annual Meeting of the Association for Computational Linguistics*",
        "- Han Xiao",
    ]


# The teacher's edition, and running them


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_teacher_gets_every_solution_and_every_note(handouts, chapter):
    made = edition(handouts, "teachers", chapter)
    nbformat.validate(nbformat.from_dict(made))
    text = "\n".join(joined(cell["source"]) for cell in made["cells"])
    for solution in solutions_of(chapter):
        assert solution in text
    marks = [
        c["metadata"]["slide"]
        for c in read(PROJECT.source(chapter))["cells"]
        if c["metadata"].get("slide", {}).get("notes")
    ]
    assert text.count("> **Slide: ") == len(marks)
    code = [cell for cell in made["cells"] if cell["cell_type"] == "code"]
    assert any(cell["outputs"] for cell in code)


def test_the_teachers_edition_links_to_the_teaching_page_if_there_is_one(tmp_path):
    content = {"cells": [{"cell_type": "markdown", "source": "# A", "metadata": {}, "id": "a"}]}
    page = Page(BOOK, "book/foundations/convolution", content)
    made = teachers(content, page, "book/teaching/convolution")
    assert f"[How to teach it]({SITE}/teaching/convolution.html)" in made["cells"][1]["source"]
    (tmp_path / "_config.yml").write_text("title: A\n")
    for listed, expected in [
        ("book/teaching/index", "book/teaching/index"),
        ("book/teaching/b", "book/teaching/b"),
        ("book/a/b", None),
    ]:
        (tmp_path / "_toc.yml").write_text(f"root: book/index\nchapters: [{{file: {listed}}}]\n")
        assert teaching_page(Project(tmp_path), "book/a/b") == expected


def test_a_students_notebook_runs_from_top_to_bottom_with_stubs(tmp_path, monkeypatch):
    """A chapter in small: its stub raises, is allowed to, and what follows still runs."""
    solution = (
        "def parameters(kernel, channels, filters):\n"
        "    return (kernel * kernel * channels + 1) * filters\n\n\n"
        'exercises.check("convolution.parameters", parameters)'
    )
    sources = [
        ("markdown", "# Small\n", []),
        ("code", "from course_lib import datasets, exercises", []),
        ("markdown", "## Exercises\n\n### Exercise 1: count\n\nHow many?", []),
        ("code", solution, ["solution", "hide-cell"]),
        ("markdown", "As it should be.\n\n## Take-aways\n\n- Count.", []),
        ("code", "datasets.load('fashion_mnist').x_test.shape", []),
    ]
    cells = [
        {"cell_type": kind, "id": f"c{i}", "metadata": {"tags": given}, "source": source}
        | ({"outputs": [], "execution_count": None} if kind == "code" else {})
        for i, (kind, source, given) in enumerate(sources)
    ]
    content = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    made = students(content, Page(BOOK, "book/foundations/convolution", content))
    assert "As it should be." not in json.dumps(made)
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
    ran = _run(nbformat.from_dict(made), tmp_path)
    outputs = [output for cell in ran.cells if cell.cell_type == "code" for output in cell.outputs]
    errors = [output for output in outputs if output.output_type == "error"]
    assert [error.ename for error in errors] == ["WrongAnswer"]
    assert "Not answered yet: parameters" in errors[0].evalue
    assert "(2000, 28, 28, 1)" in str(outputs[-1])


def _run(notebook: nbformat.NotebookNode, folder: Path) -> nbformat.NotebookNode:
    from nbclient import NotebookClient

    client = NotebookClient(notebook, resources={"metadata": {"path": str(folder)}}, timeout=300)
    return client.execute()
