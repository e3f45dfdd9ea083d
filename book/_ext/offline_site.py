"""How does a page show its formulas without asking another host? MathJax comes with the site.

The package sphinx-mathjax-offline carries the whole of MathJax, 24 MB. This extension copies what
a page can use, 1.8 MB: the one script that holds every TeX package, so that nothing is loaded
later, and the fonts. The menu of MathJax stays off, as its entries would load further files.

Jupyter Book always loads Thebe (live code on the page), whose scripts name another host. Nothing
here uses it, so it is taken out.
"""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError

_PACKAGE = "sphinx-mathjax-offline"
_SCRIPT = "tex-chtml-full.js"
_FONTS = "output/chtml/fonts/woff-v2"


def point_at_own_copy(app: Sphinx, config: Config) -> None:
    """Name the site's own MathJax, with the menu off and screen readers served."""
    settings = config.mathjax3_config or {}
    settings["options"] = {
        **settings.get("options", {}),
        "enableMenu": False,
        "enableAssistiveMml": True,
    }
    config.mathjax3_config = settings
    config.mathjax_path = f"mathjax/{_SCRIPT}"


def copy_mathjax(app: Sphinx) -> None:
    """Copy the script and the fonts into the site's `_static/mathjax`."""
    if app.builder.format != "html":
        return
    target = Path(app.outdir) / "_static" / "mathjax"
    if (target / _SCRIPT).is_file() and (target / _FONTS).is_dir():
        return
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or found.origin is None:
        raise ExtensionError(
            f"{_PACKAGE} is not installed: run `make book`, which installs it."
        )
    source = Path(found.origin).parent / "static" / "mathjax"
    target.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source / _SCRIPT, target / _SCRIPT)
    shutil.copytree(source / _FONTS, target / _FONTS, dirs_exist_ok=True)


def drop_thebe(app: Sphinx) -> None:
    """Keep Thebe from putting its scripts on the pages."""
    unwanted = {"init_thebe_core", "update_thebe_context"}
    for event, listeners in app.events.listeners.items():
        kept = [
            entry
            for entry in listeners
            if getattr(entry.handler, "__name__", "") not in unwanted
        ]
        app.events.listeners[event] = kept


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.connect("config-inited", point_at_own_copy, priority=900)
    app.connect("builder-inited", copy_mathjax)
    app.connect("builder-inited", drop_thebe)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
