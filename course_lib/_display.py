"""How do the rooms put something on the page, inside a notebook and outside one?

A notebook gets a bundle of MIME types and shows the richest it knows; a plain Python session gets
the plain text.
"""

import sys

__all__ = ["publish"]


def publish(plain: str, **bundle: object) -> None:
    """Show one result.

    Args:
        plain: what a plain terminal prints and what a notebook stores; the same on every machine.
        **bundle: further forms of the same result by MIME type, for example ``**{"text/html":
            ...}``.
    """
    if not _in_notebook():
        print(plain)
        return
    from IPython.display import display

    display({"text/plain": plain, **bundle}, raw=True)


def _in_notebook() -> bool:
    """Say whether a running IPython (Jupyter, Colab, IPython's terminal) can take a bundle."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and ipython.get_ipython() is not None
