"""Start a learner's server: copy the notebooks, set the memory guard, hand over.

JupyterHub runs this as the learner. The copy is made once; what a learner changed
is never written over. The next start brings a new chapter, or one that the
learner deleted.
"""

import os
import resource
import shutil
import sys
from pathlib import Path


def copy_notebooks(notebooks: Path, target: Path) -> list[Path]:
    """Copy each notebook that the learner does not have yet, and return those.

    Args:
        notebooks: the folder that holds them, in one folder a part.
        target: the learner's folder.
    """
    new = []
    for source in sorted(notebooks.glob("*/*.ipynb")):
        copy = target / source.relative_to(notebooks)
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy)
            new.append(copy)
    return new


def limit_memory(gib: float) -> None:
    """Refuse more memory than this to each process, before the machine has none.

    What counts is the memory that a process asked for and may write, which is
    more than it uses. A kernel over the limit gets an error or ends.
    """
    size = int(gib * 2**30)
    resource.setrlimit(resource.RLIMIT_DATA, (size, size))


def main() -> None:
    """Prepare the learner's folder and become the server."""
    course = Path(os.environ["COURSE_ROOT"])
    copy_notebooks(course / os.environ["CLASS_NOTEBOOKS"], Path.home() / "course")
    limit_memory(float(os.environ["CLASS_MEMORY_GIB"]))
    # Notebooks outside the checkout find `course_lib` here.
    os.environ["PYTHONPATH"] = str(course)
    server = Path(sys.executable).with_name("jupyterhub-singleuser")
    os.execv(server, [str(server), *sys.argv[1:]])


if __name__ == "__main__":
    main()
