"""Where are the shipped data files, and is each one as it was published?

``data/checksums.sha256`` lists the SHA-256 of every file; ``verified`` returns a file's bytes only
when they agree.
"""

import hashlib
import os
from pathlib import Path

__all__ = ["DataError", "data_folder", "restore", "verified"]


class DataError(ValueError):
    """A data file is missing, damaged, of another form than expected, or cannot be had."""


def data_folder() -> Path:
    """Return the folder of the shipped data: ``$COURSE_LIB_DATA``, or ``data/`` beside the
    package."""
    chosen = os.environ.get("COURSE_LIB_DATA")
    return Path(chosen) if chosen else Path(__file__).resolve().parents[1] / "data"


def verified(file: str) -> bytes:
    """Return the bytes of a shipped file after comparing them with their listed SHA-256."""
    folder = data_folder()
    path = folder / file
    if not path.is_file():
        raise DataError(
            f"The data file {path} is missing. {restore(file)} If the package was installed "
            "without the repository, clone that and set the environment variable COURSE_LIB_DATA "
            "to its folder data/."
        )
    expected = _checksums(folder).get(file)
    if expected is None:
        raise DataError(
            f"{path} has no checksum in checksums.sha256. If you made the file, run: "
            "python data/scripts/write_checksums.py"
        )
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise DataError(
            f"The data file {path} is damaged: its SHA-256 is {found}, but {expected} was "
            f"expected. {restore(file)}"
        )
    return content


def _checksums(folder: Path) -> dict[str, str]:
    path = folder / "checksums.sha256"
    if not path.is_file():
        raise DataError(f"The list of checksums {path} is missing. {restore('checksums.sha256')}")
    pairs = (
        line.split(maxsplit=1)
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.strip()
    )
    return {name: checksum for checksum, name in pairs}


def restore(file: str) -> str:
    """Return the sentence that tells how to get a shipped file back."""
    return f"Restore it with: git checkout -- data/{file}"
