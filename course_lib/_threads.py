"""How many threads does a small network need? One.

Two threads share the work of a small convolution no faster than one does it, and cost a third more
processor time; a table of a few hundred rows is slower by far. One thread also rounds alike on
every machine, however many cores it has, so that a notebook's figures do not hang on them.
"""

import os

__all__ = ["one_thread"]

_TABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_NETWORKS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


def one_thread() -> None:
    """Let NumPy, scikit-learn and TensorFlow compute with one thread each.

    They read these settings from the environment when they start, so this comes before they are
    imported. What is set there already stays, and at full size networks keep all cores.
    """
    networks = () if os.environ.get("COURSE_SIZE") == "full" else _NETWORKS
    for name in (*_TABLES, *networks):
        os.environ.setdefault(name, "1")
