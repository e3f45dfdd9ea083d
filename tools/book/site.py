"""How does the staged book become a site? Jupyter Book builds it, and every warning is an error.

Sphinx runs in a process of its own, so that what it prints can be sifted: its progress and its
warnings are shown, and the notes of the parts it is made of are not.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from tools.book.execute import ANSI, quiet_environment
from tools.book.project import Project

_REDIRECT = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="0; url={page}">
<link rel="icon" href="data:,">
</head>
<body><main><h1>{title}</h1><p><a href="{page}">Start reading</a></p></main></body>
</html>
"""
_TOGGLE = '<summary><span class="toctree-toggle"'
_NAMED_TOGGLE = _TOGGLE.replace("<summary>", '<summary aria-label="Pages below this one">')
_NOISE = re.compile(
    r"^(?:\s*$|[IW]0000 |WARNING: All log messages before absl|myst|Using jupyter-cache|\[etoc\]"
    r"|sphinx-multitoc|Running Sphinx|loading |making output|checking |parsing |building \["
    r"|looking for|pickling|preparing|copying |generating|writing additional|dumping|The HTML pages"
    r"|highlighting |writing output\.\.\. *$)"
)


def build(project: Project, fresh: bool = False) -> bool:
    """Build the site from the stage.

    Args:
        project: The checkout and the size.
        fresh: Forget what earlier builds remembered.

    Returns:
        Whether the build went without an error and without a warning.
    """
    if fresh:
        shutil.rmtree(project.doctrees, ignore_errors=True)
        shutil.rmtree(project.html, ignore_errors=True)
    if not sift(project, "html"):
        # A page that was read with a warning is not read again, so that the next build would not
        # show the warning and would pass. Forget everything instead.
        shutil.rmtree(project.doctrees, ignore_errors=True)
        return False
    config = yaml.safe_load((project.root / "_config.yml").read_text(encoding="utf-8"))
    page = f"{project.pages()[0]}.html"
    text = _REDIRECT.format(title=config["title"], page=page)
    (project.html / "index.html").write_text(text, encoding="utf-8")
    _name_toggles(project)
    _lighten(project)
    return True


def sift(project: Project, builder: str) -> bool:
    """Run Sphinx in a process of its own and print of its output what a person needs.

    Args:
        project: The checkout and the size; its stage is laid out.
        builder: "html" for the site, "singlehtml" for the whole book on one page.

    Returns:
        Whether it went without an error and without a warning.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "tools.book.site", builder, project.size, str(project.root)],
        cwd=Path(__file__).parents[2],
        # The reference pages import course_lib (this checkout's) and with it TensorFlow.
        env=quiet_environment(project),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    for line in process.stdout:
        plain = ANSI.sub("", line)
        if not _NOISE.match(plain):
            print(line if sys.stdout.isatty() else plain, end="", flush=True)
    return process.wait() == 0


def _name_toggles(project: Project) -> None:
    """Give the outline's unfolding arrows a name: the theme draws them without a word."""
    for path in project.html.rglob("*.html"):
        page = path.read_text(encoding="utf-8")
        if _TOGGLE in page:
            path.write_text(page.replace(_TOGGLE, _NAMED_TOGGLE), encoding="utf-8")


def _lighten(project: Project) -> None:
    """Take out what no reader needs: maps for debuggers, and each figure a second time.

    A notebook that is downloaded is the one of the repository, whose outputs are text; its figures
    are drawn when it runs.
    """
    for path in project.html.rglob("*.map"):
        path.unlink()
    for notebook in project.notebooks():
        download = project.html / "_sources" / f"{notebook}.ipynb"
        if download.is_file():
            shutil.copyfile(project.source(notebook), download)


def run_sphinx(builder: str, project: Project) -> int:
    """Let Jupyter Book build the stage, as ``jupyter-book build -n -W --keep-going`` does."""
    from jupyter_book.sphinx import build_sphinx

    result = build_sphinx(
        project.stage,
        project.html if builder == "html" else project.paper,
        path_config=project.stage / "_config.yml",
        noconfig=True,
        confoverrides={
            "external_toc_path": (project.stage / "_toc.yml").as_posix(),
            "latex_individualpages": False,
            "nitpicky": True,
        },
        doctreedir=project.doctrees,
        builder=builder,
        # Read what changed, but write every page: each shows the titles of all others.
        force_all=True,
        warningiserror=True,
        keep_going=True,
    )
    return 1 if result else 0


if __name__ == "__main__":
    sys.exit(run_sphinx(sys.argv[1], Project(Path(sys.argv[3]), sys.argv[2])))
