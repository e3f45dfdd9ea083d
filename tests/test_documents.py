"""Do the documents say what is so? Commands exist, links lead somewhere, numbers are true."""

import json
import re
import tomllib
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pybtex.database
import pytest
import yaml
from pybtex.database import Entry

from course_lib import claims, datasets

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (*ROOT.glob("*.md"), *ROOT.glob("data/*.md"), *ROOT.glob("book/**/*.md"))
)
BIBLIOGRAPHY = "book/references.bib"


def prose_of(path: Path) -> str:
    """What a page says: a document as it is, a notebook's Markdown cells."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return text
    cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "markdown"]
    return "\n\n".join("".join(cell["source"]) for cell in cells)


PAGES = {
    path.relative_to(ROOT).as_posix(): prose_of(path)
    for path in sorted((*ROOT.glob("book/**/*.md"), *ROOT.glob("book/**/*.ipynb")))
}


def citations(text: str) -> Iterator[str]:
    """The keys of all works that a text cites."""
    for keys in re.findall(r"\{cite(?::\w+)?\}`([^`]+)`", text):
        yield from (key.strip() for key in keys.split(","))


def plain(text: str) -> str:
    """A text without accents, braces and spaces, to compare names and titles by."""
    text = re.sub(r"\\[a-zA-Z]+(?![a-zA-Z])|\\.", "", text)
    text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]", "", text.lower())


def claimed(chapter: str) -> set[str]:
    """The slugs of the claims that a notebook's stored outputs show."""
    (path,) = ROOT.glob(f"book/*/{chapter}.ipynb")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    shown = [
        "".join(output.get("data", {}).get("text/plain", ""))
        for cell in cells
        for output in cell.get("outputs", [])
    ]
    start = "Claim holds: "
    return {claims.slug(text.removeprefix(start)) for text in shown if text.startswith(start)}


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


@pytest.fixture(scope="module")
def works() -> dict[str, Entry]:
    """The entries of the bibliography by key, read as BibTeX reads them."""
    return dict(pybtex.database.parse_file(ROOT / BIBLIOGRAPHY).entries)  # refuses a doubled key


def test_every_work_in_the_bibliography_is_complete_and_in_order(works):
    places = {
        "article": ["journal"],
        "book": ["publisher"],
        "incollection": ["booktitle", "publisher"],
        "inproceedings": ["booktitle"],
        "misc": ["url"],
        "techreport": ["institution"],
    }
    assert len(works) > 200
    assert list(works) == sorted(works)
    for key, work in works.items():
        assert re.fullmatch(r"[a-z]+\d{4}", key), key
        assert work.fields["year"] == key[-4:], f"{key}: the year differs"
        assert work.persons["author"], f"{key}: no author"
        for field in ("title", *places[work.type]):
            assert work.fields.get(field, "").strip(), f"{key}: no {field}"


def test_every_key_begins_with_the_first_author(works):
    for key, work in works.items():
        first = work.persons["author"][0]
        family = plain("".join(first.prelast_names + first.last_names))
        assert key.startswith(family), f"{key}: {family} comes first"


@pytest.mark.parametrize("field", ["title", "url", "doi"])
def test_no_work_is_in_the_bibliography_twice(works, field):
    seen = [  # an article and a book may share a title
        f"{plain(work.fields[field])} {work.type}"
        for work in works.values()
        if field in work.fields
    ]
    assert len(seen) > 20
    assert len(set(seen)) == len(seen), {value for value in seen if seen.count(value) > 1}


def test_every_citation_has_its_work_and_every_work_its_citation(works):
    cited = {key for text in PAGES.values() for key in citations(text)}
    assert cited - works.keys() == set()
    assert works.keys() - cited == set()


def test_where_prose_names_authors_the_work_is_by_them(works):
    name = r"([A-Z][\w'-]+)"
    checked = 0
    for page, text in PAGES.items():
        for first, second, key in re.findall(
            rf"{name} and (?:others|{name}) {{cite}}`(\w+)`", text
        ):
            checked += 1
            authors = " ".join(plain(str(person)) for person in works[key].persons["author"])
            for author in filter(None, (first, second)):
                assert plain(author) in authors, f"{page}: {author} did not write {key}"
    assert checked > 20


@pytest.mark.parametrize("page", [page for page in PAGES if "{claim}`" in PAGES[page]])
def test_every_linked_claim_is_made_in_its_chapter(page):
    links = re.findall(r"\{claim\}`(?:[^`]*<)?(\w+)#([a-z0-9-]+)>?`", PAGES[page])
    assert len(links) == PAGES[page].count("{claim}`")
    for chapter, start in links:
        slugs = claimed(chapter)
        matches = [slug for slug in slugs if slug.startswith(start)]
        assert start in slugs or len(matches) == 1, f"{chapter}#{start}: {matches or sorted(slugs)}"


def test_the_licence_of_the_prose_is_the_whole_text():
    text = " ".join(text_of("LICENSE-CONTENT").split())
    assert "Creative Commons Attribution 4.0 International Public License" in text
    for section in range(1, 9):
        assert f"Section {section} – " in text
