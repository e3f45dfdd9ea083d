"""How does a page read outside the book? As plain Markdown, which every notebook reader shows.

A chapter's Markdown is MyST: it cites works, links words to the glossary, numbers equations, and
sets boxes. Colab, VS Code and JupyterLab show these as raw text, and the extension of JupyterLab
for MyST knows neither the bibliography nor the glossary, which are other files. So what leaves the
book is rewritten: works are named and listed, words link to the glossary on the site, equations
carry their numbers, boxes become quotations.
"""

from __future__ import annotations

import json
import os
import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from pybtex.database import BibliographyData, Entry, parse_file
from pybtex.plugin import find_plugin

from tools.book.project import Project
from tools.lint.notebook import joined

GLOSSARY = "book/reference/glossary"
ADMONITION = re.compile(
    r"^(?P<fence>:{3,}|`{3,})\{admonition\}[ ]*(?P<title>.*)\n"
    r"(?P<options>(?::[\w-]+:.*\n)*)\n?(?P<body>(?:.*\n)*?)(?P=fence)[ ]*$",
    re.MULTILINE,
)
EQUATION = re.compile(r"\$\$(?P<body>[^$]+)\$\$[ ]*\((?P<label>[\w-]+)\)")

_DIRECTIVE = re.compile(r"^(?::{3,}|`{3,})\{[\w-]+\}.*$", re.MULTILINE)
_TARGET = re.compile(r"^\((?P<label>[\w-]+)\)=[ ]*$\n?", re.MULTILINE)
# In this order: a fenced block, a role, code in a line, a link or an image.
_INLINE = re.compile(
    r"(?P<fenced>^(?P<ticks>`{3,}|~{3,})[^\n]*\n.*?^(?P=ticks)[ ]*$)"
    r"|\{(?P<role>[\w:-]+)\}`(?P<content>[^`]+)`"
    r"|(?P<code>(?P<tick>`+)[^`].*?(?P=tick))"
    r"|(?P<image>!?)\[(?P<text>[^\]]*)\]\((?P<link>[^)\s]*)\)",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Book:
    """What the pages of a book refer to: each other, the works, the labels.

    Attributes:
        project: The checkout.
    """

    project: Project

    @cached_property
    def works(self) -> BibliographyData:
        """All works of the bibliography."""
        return parse_file(self.project.root / "book" / "references.bib")

    @cached_property
    def labels(self) -> dict[str, str]:
        """From each label that a page sets, as in ``(erratum-001-1)=``, to the page's name."""
        found = {}
        for page in self.project.pages():
            for text in self._markdown(page):
                found |= {match["label"]: page for match in _TARGET.finditer(text)}
        return found

    @cached_property
    def terms(self) -> dict[str, str]:
        """From each word of the glossary in lower case to the word as it stands there."""
        text = (self.project.root / f"{GLOSSARY}.md").read_text(encoding="utf-8")
        inside = text.partition("{glossary}\n")[2].partition("\n:::")[0]
        words = [line.strip() for line in inside.splitlines() if line[:1].strip()]
        return {word.lower(): word for word in words}

    def address(self, page: str, anchor: str = "") -> str:
        """The address of a page on the site."""
        return f"{self.project.address}{page}.html" + (f"#{anchor}" if anchor else "")

    def _markdown(self, page: str) -> list[str]:
        path = self.project.source(page)
        if path.is_file():
            cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
            return [joined(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
        path = self.project.root / f"{page}.md"
        return [path.read_text(encoding="utf-8")] if path.is_file() else []


class Page:
    """One chapter's Markdown, rewritten for readers outside the book.

    Attributes:
        book: The book it belongs to.
        name: The page's name, such as "book/foundations/convolution".
        linked: Whether links to other pages stay links; without them their text is left.
        equations: From the label of each equation to its number and its TeX.
        cited: The keys of the works cited so far, in order.
        images: The files that images refer to, relative to the root of the checkout.
    """

    def __init__(self, book: Book, name: str, content: dict, linked: bool = True) -> None:
        self.book = book
        self.name = name
        self.linked = linked
        sources = (joined(c["source"]) for c in content["cells"] if c["cell_type"] == "markdown")
        found = [match for source in sources for match in EQUATION.finditer(source)]
        self.equations = {
            match["label"]: (number, match["body"].strip())
            for number, match in enumerate(found, start=1)
        }
        self.cited: list[str] = []
        self.images: list[PurePosixPath] = []

    def plain(self, source: str) -> str:
        """Rewrite one cell's Markdown.

        Args:
            source: The cell's MyST.

        Returns:
            Markdown without roles, directives and labels.

        Raises:
            ValueError: It holds a role, a directive or a link of a kind that is not known here.
        """
        text = _TARGET.sub("", source)
        text = EQUATION.sub(self._numbered, text)
        text = ADMONITION.sub(lambda found: quoted(found["title"], found["body"]), text)
        unknown = _DIRECTIVE.search(text)
        if unknown:
            raise ValueError(f"{self.name}: expected admonitions only, got {unknown[0]!r}.")
        return _INLINE.sub(self._inline, text)

    def works_cited(self) -> str:
        """The list of the works cited so far, as Markdown; empty if there are none."""
        style = find_plugin("pybtex.style.formatting", "plain")()
        backend = find_plugin("pybtex.backends", "markdown")()
        lines = []
        for key in sorted(set(self.cited)):
            entry = style.format_entry(key, self._work(key))
            text = " ".join(entry.text.render(backend).split())
            lines.append("- " + re.sub(r"\\([.+()-])", r"\1", text))  # no need to escape these here
        return "\n".join(lines)

    def _numbered(self, found: re.Match) -> str:
        number, body = self.equations[found["label"]]
        return f"$$\n{body} \\tag{{{number}}}\n$$"

    def _inline(self, found: re.Match) -> str:
        if found["fenced"] or found["code"]:
            return found[0]
        if found["role"]:
            text = self._role(found["role"], " ".join(found["content"].split()))
        else:
            text = self._link(found["image"], found["text"], found["link"])
        return text if self.linked else re.sub(r"^\[(.*)\]\(.*\)$", r"\1", text, flags=re.DOTALL)

    def _role(self, role: str, content: str) -> str:
        named_target = re.fullmatch(r"(.+?) *<(.+)>", content)
        text, target = named_target.groups() if named_target else (content, content)
        if role == "cite":
            return self._citation([key.strip() for key in content.split(",")])
        if role == "term" and target.lower() in self.book.terms:
            anchor = term_anchor(self.book.terms[target.lower()])
            return f"[{text}]({self.book.address(GLOSSARY, anchor)})"
        if role == "eq" and target in self.equations:
            return f"({self.equations[target][0]})"
        if role == "ref" and target in self.book.labels:
            return f"[{text}]({self.book.address(self.book.labels[target], target)})"
        raise ValueError(
            f"{self.name}: expected cite, term, eq or ref, with a name that exists, "
            f"got {{{role}}}`{content}`."
        )

    def _citation(self, keys: list[str]) -> str:
        self.cited += keys
        return "(" + "; ".join(named(self._work(key)) for key in keys) + ")"

    def _work(self, key: str) -> Entry:
        if key not in self.book.works.entries:
            raise ValueError(f"{self.name}: expected a work of references.bib, got {key!r}.")
        return self.book.works.entries[key]

    def _link(self, image: str, text: str, link: str) -> str:
        path, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", link):
            return f"{image}[{text}]({link})"
        label = path or anchor
        if not image and label in self.book.labels:
            return f"[{text}]({self.book.address(self.book.labels[label], label)})"
        if not path:
            return f"[{text}]({link})"
        target = PurePosixPath(os.path.normpath(PurePosixPath(self.name).parent / path))
        page = target.with_suffix("").as_posix()
        is_file = (self.book.project.root / target).is_file()
        if image and is_file:
            self.images.append(target)
            return f"![{text}]({link})"
        if page in self.book.project.chapters():
            return f"[{text}]({link})"
        if page in self.book.project.pages() and is_file:
            return f"[{text}]({self.book.address(page, anchor)})"
        raise ValueError(f"{self.name}: expected a link to a page or an image, got {link!r}.")


def quoted(title: str, body: str) -> str:
    """A box as a quotation: its title in bold, then its text."""
    lines = [f"**{title.strip()}**", "", *body.strip().splitlines()]
    return "\n".join(f"> {line}".rstrip() for line in lines)


def term_anchor(term: str) -> str:
    """The anchor that Sphinx gives an entry of the glossary: its letters without their accents."""
    letters = unicodedata.normalize("NFKD", term).encode("ascii", "ignore").decode()
    return "term-" + re.sub(r"[^a-zA-Z0-9._]+", "-", letters).strip("-")


def named(work: Entry) -> str:
    """A work as it is cited: the family names of its authors and the year."""
    people = work.persons.get("author") or work.persons.get("editor") or []
    names = [
        " ".join(str(part) for part in (*who.rich_prelast_names, *who.rich_last_names))
        for who in people
    ]
    if len(names) > 2:
        names = [f"{names[0]} et al."]
    who = " and ".join(names) or work.fields.get("title", work.key)
    return f"{who}, {work.fields.get('year', 'no year')}"


def sections(content: dict) -> dict[str, str]:
    """The Markdown under each heading of the second level, without the heading."""
    found: dict[str, list[str]] = {}
    title = ""
    for cell in content["cells"]:
        if cell["cell_type"] != "markdown":
            continue
        for piece in re.split(r"^(?=## )", joined(cell["source"]), flags=re.MULTILINE):
            heading = re.match(r"## (.*)\n?", piece)
            if heading:
                title, piece = heading[1].strip(), piece[heading.end() :]
            found.setdefault(title, []).append(piece.strip())
    return {heading: "\n\n".join(texts).strip() for heading, texts in found.items()}


def title_of(content: dict) -> str:
    """The title of a page: the first heading of its first cell."""
    found = re.match(r"# (.+)", joined(content["cells"][0]["source"]))
    if found is None:
        raise ValueError("The first cell must begin with the page's title, as '# Title'.")
    return found[1].strip()


def read(path: Path) -> dict:
    """A notebook as parsed from its file."""
    return json.loads(path.read_text(encoding="utf-8"))
