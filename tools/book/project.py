"""Where is everything? The paths of one checkout built at one size, and the pages it lists."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

SIZES = ("small", "full")
NO_CHAPTERS = ("reference", "teaching")
_MINUTES_TO_RUN = re.compile(r"(\d+) to run\b")


@dataclass(frozen=True)
class Project:
    """One checkout of the book, to be built at one size.

    Attributes:
        root: The folder that holds `_config.yml` and `_toc.yml`.
        size: "small" (shipped data) or "full" (the full data sets).
    """

    root: Path
    size: str = "small"

    def __post_init__(self) -> None:
        if self.size not in SIZES:
            raise ValueError(f"size: expected one of {', '.join(SIZES)}, got {self.size!r}.")
        for name in ("_config.yml", "_toc.yml"):
            if not (self.root / name).is_file():
                raise ValueError(
                    f"root: expected a folder with {name} in it, got {self.root}. "
                    "Run this from the top level of the repository."
                )

    @property
    def cache(self) -> Path:
        """The outputs of every notebook that ran."""
        return self.root / "_build" / "cache" / self.size

    @property
    def stage(self) -> Path:
        """The source tree that Sphinx reads."""
        return self.root / "_build" / self.size / "stage"

    @property
    def doctrees(self) -> Path:
        """What Sphinx remembers between builds."""
        return self.root / "_build" / self.size / "doctrees"

    @property
    def html(self) -> Path:
        """The finished site."""
        return self.root / "_build" / self.size / "html"

    @property
    def paper(self) -> Path:
        """The whole book on one page, and the PDF made from it."""
        return self.root / "_build" / self.size / "paper"

    @property
    def stamp(self) -> Path:
        """The digest of all that went into the last good build."""
        return self.root / "_build" / self.size / "built.json"

    @property
    def address(self) -> str:
        """Where the site is published, with a slash at its end.

        This is `html.baseurl` of `_config.yml` or, without one, the GitHub Pages of the repository.

        Raises:
            ValueError: `_config.yml` names neither.
        """
        config = yaml.safe_load((self.root / "_config.yml").read_text(encoding="utf-8"))
        named = config.get("html", {}).get("baseurl")
        if named:
            return named.rstrip("/") + "/"
        repository = config.get("repository", {}).get("url", "")
        found = re.fullmatch(r"https://github\.com/([\w.-]+)/([\w.-]+?)/?", repository)
        if not found:
            raise ValueError(
                "_config.yml: expected html.baseurl, or a repository.url on github.com from which "
                f"the address of the site follows, got {repository!r}."
            )
        return f"https://{found[1]}.github.io/{found[2]}/"

    def pages(self) -> list[str]:
        """The names of all pages in `_toc.yml`, in reading order, without their suffix."""
        toc = yaml.safe_load((self.root / "_toc.yml").read_text(encoding="utf-8"))
        return [toc["root"], *_files(toc)]

    def notebooks(self) -> list[str]:
        """The pages that are notebooks, in reading order."""
        return [page for page in self.pages() if self.source(page).is_file()]

    def chapters(self) -> list[str]:
        """The notebooks that are chapters, in reading order."""
        return [name for name in self.notebooks() if Path(name).parent.name not in NO_CHAPTERS]

    def source(self, notebook: str) -> Path:
        """The file that holds a notebook's source."""
        return self.root / f"{notebook}.ipynb"

    def minutes(self, notebook: str) -> int:
        """The minutes that a notebook says it runs, at most; 0 where it does not say.

        The longest are started first, so that no long one is left alone at the end.
        """
        found = _MINUTES_TO_RUN.search(self.source(notebook).read_text(encoding="utf-8"))
        return int(found[1]) if found else 0

    def unlisted(self) -> list[str]:
        """Notebooks under `book/` that `_toc.yml` does not list."""
        listed = set(self.notebooks())
        found = (path.relative_to(self.root) for path in (self.root / "book").rglob("*.ipynb"))
        names = sorted(
            path.with_suffix("").as_posix() for path in found if not is_hidden(path.parts)
        )
        return [name for name in names if name not in listed]


def is_hidden(parts: tuple[str, ...]) -> bool:
    """Whether a path lies in a folder that editors and Python write, such as `__pycache__`."""
    return any(part.startswith(".") or part == "__pycache__" for part in parts)


def write_atomically(path: Path, text: str) -> None:
    """Write `text` to `path` so that a reader sees the old file or the new one, never half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def _files(node: object) -> Iterator[str]:
    """All `file:` entries below a node of the table of contents, depth first."""
    if isinstance(node, dict):
        if "file" in node:
            yield node["file"]
        for child in node.values():
            yield from _files(child)
    elif isinstance(node, list):
        for child in node:
            yield from _files(child)
