"""Write the checksums of the shipped data, which `course_lib.datasets` compares on every load.

Usage (from the top folder of the repository), after any data file was made anew:

    python data/scripts/write_checksums.py

`data/checksums.sha256` has the form of the `sha256sum` tool, so that
`cd data && sha256sum --check checksums.sha256` works too. The same list goes into the table at the
end of `data/README.md`.
"""

import hashlib
import re
from pathlib import Path

DATA = Path(__file__).resolve().parents[1]
SUFFIXES = {".webp", ".npz", ".txt", ".xz"}


def checksum_lines(folder: Path) -> list[str]:
    """Return one `<sha256>  <path>` line for every data file under the folder, sorted by path."""
    paths = (path for path in folder.rglob("*") if path.suffix in SUFFIXES)
    files = sorted((path.relative_to(folder).as_posix(), path) for path in paths)
    return [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {name}" for name, path in files]


def with_table(readme: str, lines: list[str]) -> str:
    """Return the text of the README with its table of checksums made anew."""
    rows = ["", "| file | size in bytes | SHA-256 |", "| --- | ---: | --- |"]
    for checksum, name in (line.split(maxsplit=1) for line in lines):
        rows.append(f"| `{name}` | {(DATA / name).stat().st_size:,} | `{checksum}` |")
    table = "\n".join([*rows, "", ""])
    begin, end = "<!-- checksums begin -->\n", "<!-- checksums end -->"
    return re.sub(f"{begin}.*{end}", begin + table + end, readme, flags=re.DOTALL)


def main() -> None:
    """Write the list and the table."""
    lines = checksum_lines(DATA)
    text = "\n".join(lines) + "\n"
    (DATA / "checksums.sha256").write_text(text, encoding="utf-8", newline="\n")
    readme = DATA / "README.md"
    text = with_table(readme.read_text(encoding="utf-8"), lines)
    readme.write_text(text, encoding="utf-8", newline="\n")
    print(f"{len(lines)} files listed in data/checksums.sha256 and data/README.md")


if __name__ == "__main__":
    main()
