"""Write `data/checksums.sha256`, the list that `course_lib.datasets` checks each shipped file
against.

Usage (from the top folder of the repository), after any data file was made anew:

    python data/scripts/write_checksums.py

The list has the form of the `sha256sum` tool, so `cd data && sha256sum --check checksums.sha256`
verifies it too.
"""

import hashlib
from pathlib import Path

DATA = Path(__file__).resolve().parents[1]
SUFFIXES = {".webp", ".npz", ".txt"}


def checksum_lines(folder: Path) -> list[str]:
    """Return one `<sha256>  <path>` line for every data file under the folder, sorted by path."""
    paths = (path for path in folder.rglob("*") if path.suffix in SUFFIXES)
    files = sorted((path.relative_to(folder).as_posix(), path) for path in paths)
    return [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {name}" for name, path in files]


def main() -> None:
    """Write the list."""
    lines = checksum_lines(DATA)
    text = "\n".join(lines) + "\n"
    (DATA / "checksums.sha256").write_text(text, encoding="utf-8", newline="\n")
    print(f"{len(lines)} files listed in data/checksums.sha256")


if __name__ == "__main__":
    main()
