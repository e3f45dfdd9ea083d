"""Write the hand-outs of all chapters: students' and teacher's editions."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path

from tools.book.project import Project, write_atomically
from tools.handouts.editions import students, teachers
from tools.markdown import Book, Page, read


def write(project: Project, folder: Path) -> list[str]:
    """Write both editions of every chapter, in the folders that the chapters have in the book.

    Args:
        project: The checkout.
        folder: Where to write; what lies in its folders `students` and `teachers` is replaced.

    Returns:
        The names of the chapters.
    """
    book = Book(project)
    for edition in ("students", "teachers"):
        shutil.rmtree(folder / edition, ignore_errors=True)
    for name in project.chapters():
        content = read(project.source(name))
        for edition in ("students", "teachers"):
            page = Page(book, name, content)
            if edition == "students":
                made = students(content, page)
            else:
                made = teachers(content, page, teaching_page(project, name))
            place = folder / edition / Path(name).relative_to("book").with_suffix(".ipynb")
            write_atomically(place, json.dumps(made, indent=1, ensure_ascii=False) + "\n")
            for image in page.images:
                copy = folder / edition / Path(image).relative_to("book")
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(project.root / image, copy)
    return project.chapters()


def teaching_page(project: Project, chapter: str) -> str | None:
    """The page on how to teach a chapter, or the one on teaching at all, if the book has one."""
    own = f"book/teaching/{chapter.split('/')[-1]}"
    pages = project.pages()
    return next((page for page in (own, "book/teaching/index") if page in pages), None)


def main(arguments: list[str] | None = None) -> int:
    """Write the hand-outs and say where they are; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.handouts", description=__doc__)
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[2])
    options = parser.parse_args(arguments)
    try:
        project = Project(options.root.resolve())
        folder = project.root / "_build" / "handouts"
        chapters = write(project, folder)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{len(chapters)} chapters: for students in {folder / 'students'},")
    print(f"with solutions and notes in {folder / 'teachers'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
