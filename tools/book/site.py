"""How does the staged book become a site? Jupyter Book builds it, and every warning is an error."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

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


def build(project: Project, fresh: bool = False) -> bool:
    """Build the site from the stage.

    Args:
        project: The checkout and the size.
        fresh: Forget what earlier builds remembered.

    Returns:
        Whether the build went without an error and without a warning.
    """
    import yaml
    from jupyter_book.sphinx import build_sphinx

    if fresh:
        shutil.rmtree(project.doctrees, ignore_errors=True)
        shutil.rmtree(project.html, ignore_errors=True)
    # The reference pages import course_lib: this checkout's, whatever else is installed.
    sys.path.insert(0, str(project.root))
    result = build_sphinx(
        project.stage,
        project.html,
        path_config=project.stage / "_config.yml",
        noconfig=True,
        confoverrides={
            "external_toc_path": (project.stage / "_toc.yml").as_posix(),
            "latex_individualpages": False,
            "nitpicky": True,
        },
        doctreedir=project.doctrees,
        # Read what changed, but write every page: each shows the titles of all others.
        force_all=True,
        warningiserror=True,
        keep_going=True,
    )
    if result:
        # A page that was read with a warning is not read again, so that the next build would not
        # show the warning and would pass. Forget everything instead.
        shutil.rmtree(project.doctrees, ignore_errors=True)
        return False
    config = yaml.safe_load((project.root / "_config.yml").read_text(encoding="utf-8"))
    page = f"{project.pages()[0]}.html"
    text = _REDIRECT.format(title=config["title"], page=page)
    Path(project.html / "index.html").write_text(text, encoding="utf-8")
    return True
