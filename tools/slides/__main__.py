"""Write the slides of all chapters, or of those that are named."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import yaml

from tools.book import cache, execute, keys
from tools.book.project import SIZES, Project, write_atomically
from tools.markdown import read, title_of
from tools.slides.export import contents, copy_shared, to_html
from tools.slides.talk import talk


def write(project: Project, folder: Path, chapters: list[str]) -> None:
    """Write the decks of some chapters, what they load, and a page that lists all that are there.

    Args:
        project: The checkout and the size; the run of each chapter must be in the cache.
        folder: Where to write.
        chapters: The names of their pages.

    Raises:
        ValueError: A chapter cannot become a deck.
    """
    copy_shared(folder / "shared")
    for name in chapters:
        shared = "/".join([".."] * (len(_place(name).parts) - 1) + ["shared"])
        page = to_html(talk(project, name, with_outputs(project, name)), shared)
        write_atomically(folder / _place(name), page)
    decks = {
        _place(name).as_posix(): title_of(read(project.source(name)))
        for name in project.chapters()
        if (folder / _place(name)).is_file()
    }
    config = yaml.safe_load((project.root / "_config.yml").read_text(encoding="utf-8"))
    write_atomically(folder / "index.html", contents(config["title"], decks))


def _place(name: str) -> Path:
    """Where the deck of a page lies, relative to the folder of the decks."""
    return Path(name).relative_to("book").with_suffix(".html")


def with_outputs(project: Project, name: str) -> dict:
    """A chapter's notebook with the outputs of its last run in place of the stored ones."""
    run = cache.load(project, name, keys.notebook_key(project, name))
    if run is None:
        raise ValueError(f"{name} was changed while it ran. Run the same command again.")
    content = read(project.source(name))
    code = (cell for cell in content["cells"] if cell["cell_type"] == "code")
    for cell, result in zip(code, run.cells, strict=True):
        cell.update(result)
    return content


def main(arguments: list[str] | None = None) -> int:
    """Run what is missing, write the decks, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.slides", description=__doc__)
    parser.add_argument("chapters", nargs="*", help="such as book/foundations/convolution")
    parser.add_argument("--size", choices=SIZES, default=os.environ.get("COURSE_SIZE", "small"))
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[2])
    options = parser.parse_args(arguments)
    try:
        project = Project(options.root.resolve(), options.size)
        named = [name.removesuffix(".ipynb") for name in options.chapters]
        unknown = sorted(set(named) - set(project.chapters()))
        if unknown:
            raise ValueError(f"chapters: expected pages of _toc.yml, got {', '.join(unknown)}.")
        chapters = [name for name in project.chapters() if not named or name in named]
        failed = execute.run_missing(project, chapters)
        if failed:
            print(f"{len(failed)} notebook(s) failed: {', '.join(failed)}. No slides were made.")
            return 1
        folder = project.root / "_build" / "slides"
        write(project, folder, chapters)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{len(chapters)} deck(s). Open {folder / 'index.html'}")
    print("For the speaker's view (S), serve them: python -m http.server -d _build/slides")
    return 0


if __name__ == "__main__":
    sys.exit(main())
