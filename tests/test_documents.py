"""Do the documents say what is so? Commands exist, links lead somewhere, numbers are true."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from course_lib import datasets

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (*ROOT.glob("*.md"), *ROOT.glob("data/*.md"), *ROOT.glob("book/**/*.md"))
)
BIBLIOGRAPHY = "book/references.bib"


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def project() -> dict:
    return tomllib.loads(text_of("pyproject.toml"))["project"]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_command_a_document_names_exists(name):
    targets = set(re.findall(r"^([a-z-]+):", text_of("Makefile"), flags=re.MULTILINE))
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)", text_of(name), flags=re.MULTILINE))
    assert named <= targets


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_local_link_of_a_document_leads_to_a_file(name):
    links = re.findall(r"\]\(([^)#\s]+)", re.sub(r"`[^`\n]*`", "", text_of(name)))
    local = [link for link in links if "://" not in link and not link.startswith("mailto:")]
    missing = [link for link in local if not (ROOT / name).parent.joinpath(link).exists()]
    assert not missing


def test_the_readme_names_the_versions_that_the_project_declares(project):
    declared = next(
        requirement
        for requirement in project["optional-dependencies"]["book"]
        if requirement.startswith("jupyter-book")
    )
    lower, upper = re.fullmatch(r"jupyter-book>=([\w.]+),<(\d+)", declared).groups()
    assert f"from {lower} and below {upper}" in text_of("README.md")
    oldest, newest = re.fullmatch(r">=(3\.\d+),<3\.(\d+)", project["requires-python"]).groups()
    for name in ("README.md", "book/index.md"):
        assert f"Python {oldest} to 3.{int(newest) - 1}" in text_of(name)


def test_the_version_is_one(project):
    citation = yaml.safe_load(text_of("CITATION.cff"))
    assert citation["version"] == project["version"]
    newest = re.search(r"^## \[([^]]+)\]", text_of("CHANGELOG.md"), flags=re.MULTILINE)[1]
    assert newest == project["version"]


def test_the_citation_file_has_what_its_format_requires(project):
    citation = yaml.safe_load(text_of("CITATION.cff"))
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()
    assert [author["name"] for author in citation["authors"]] == [
        author["name"] for author in project["authors"]
    ]


@pytest.mark.parametrize("name", datasets.names())
def test_the_page_on_data_sets_has_the_true_sizes(name):
    row = next(
        line
        for line in text_of("book/reference/datasets.md").splitlines()
        if line.startswith(f"| `{name}` |") and line.endswith(" MB |")
    )
    place = datasets.data_folder() / name
    files = [file for file in place.glob("*") if file.suffix in {".webp", ".npz"}]
    size = sum(file.stat().st_size for file in files or place.parent.glob(f"{name}.txt*"))
    data = datasets.load(name, size="small")
    if isinstance(data, datasets.TextDataset):
        counts = f"{len(data.text) / 1e6:.2f} million characters |"
    else:
        counts = f"{len(data.x_train):,} | {len(data.x_test):,}"
    assert f"| {counts} |" in row
    assert row.endswith(f"| {size / 1e6:.1f} MB |")


def test_every_work_in_the_bibliography_is_complete_and_in_order():
    entries = re.findall(r"^@(\w+)\{(\w+),\n(.*?)^\}", text_of(BIBLIOGRAPHY), flags=re.M | re.S)
    keys = [key for _, key, _ in entries]
    assert len(keys) > 30
    assert keys == sorted(set(keys))
    for kind, key, fields in entries:
        assert re.fullmatch(r"[a-z]+\d{4}", key), key
        assert f"= {{{key[-4:]}}}" in fields, f"{key}: the year differs"
        place = {"article": "journal", "inproceedings": "booktitle", "book": "publisher"}.get(kind)
        for field in filter(None, ("author", "title", "year", place)):
            assert re.search(rf"^  {field}\s*= ", fields, flags=re.MULTILINE), f"{key}: no {field}"


def test_the_licence_of_the_prose_is_the_whole_text():
    text = " ".join(text_of("LICENSE-CONTENT").split())
    assert "Creative Commons Attribution 4.0 International Public License" in text
    for section in range(1, 9):
        assert f"Section {section} – " in text
