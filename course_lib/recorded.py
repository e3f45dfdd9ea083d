"""What came out when an experiment ran at full size or on a GPU, which this machine may not do?

Such runs write their own figures as small JSON files into ``book/recorded/<experiment>/``, with
the date, the device, the versions and the seeds; nobody writes them by hand. A chapter shows them
beside what it just computed.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from course_lib._checks import location, mapping, sequence, string, takes, whole
from course_lib._display import publish
from course_lib.claims import readable
from course_lib.datasets import SIZES, course_size
from course_lib.devices import describe

__all__ = ["load", "save", "show", "table"]

_KEYS = {
    "experiment": str,
    "date": str,
    "size": str,
    "device": str,
    "versions": dict,
    "seeds": list,
    "values": dict,
}


@takes(values=mapping(keys=string()), seeds=sequence(whole()), folder=location())
def save(
    experiment: str,
    values: Mapping[str, float | int | str],
    seeds: Sequence[int] = (),
    folder: Path | str | None = None,
) -> Path:
    """Record the figures of a run that just took place on this machine.

    Args:
        experiment: a short name, lower-case words joined by hyphens or underscores.
        values: what was measured, each a finite number or a short text, by its name. ``show`` puts
            a value named ``"row: column"`` into that row and column of its table.
        seeds: the seeds that were used.
        folder: where the records are; ``book/recorded/`` by default.

    Returns:
        The file written. A second run of the same day, device, backend and size replaces the
        first.

    Raises:
        ValueError: a name or a value is of another kind.
    """
    _check_name(experiment)
    report = describe()
    record = {
        "experiment": experiment,
        "date": datetime.now(UTC).date().isoformat(),
        "size": course_size(),
        "device": report.device,
        "versions": {
            "python": report.python_version,
            "keras": report.keras_version,
            report.backend: report.backend_version,
        },
        "seeds": [int(seed) for seed in seeds],
        "values": {name: _plain(name, value) for name, value in values.items()},
    }
    _check(record, "this record")
    parts = (report.device, report.backend, record["size"], record["date"])
    stem = "-".join(re.sub(r"[^a-z0-9]+", "-", part.lower()).strip("-") for part in parts)
    path = _folder(folder) / experiment / f"{stem}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8", newline="\n")
    return path


@takes(folder=location())
def load(experiment: str, folder: Path | str | None = None) -> list[dict]:
    """Return the recorded runs of an experiment, the newest first.

    Args:
        experiment: the name that ``save`` was given.
        folder: where the records are; ``book/recorded/`` by default.

    Raises:
        ValueError: the name is not a name, or a record is damaged; the message names the file.
    """
    _check_name(experiment)
    records = []
    for path in sorted((_folder(folder) / experiment).glob("*.json")):
        try:
            record = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
        except ValueError as error:
            raise ValueError(
                f"{path} is not valid JSON ({error}). Run the experiment again."
            ) from error
        _check(record, str(path))
        if record["experiment"] != experiment:
            raise ValueError(
                f"{path} records {record['experiment']!r}, not {experiment!r}. Move it."
            )
        records.append(record)
    return sorted(records, key=lambda record: record["date"], reverse=True)


@takes(folder=location())
def show(experiment: str, folder: Path | str | None = None) -> None:
    """Show the recorded runs of an experiment as a table, or say that there are none yet.

    Args:
        experiment: the name that ``save`` was given.
        folder: where the records are; ``book/recorded/`` by default.
    """
    text = table(experiment, folder)
    publish(text, **{"text/markdown": text})


def table(experiment: str, folder: Path | str | None = None) -> str:
    """Return what ``show`` shows, as Markdown.

    Args:
        experiment: the name that ``save`` was given.
        folder: where the records are; ``book/recorded/`` by default.
    """
    records = load(experiment, folder)
    if not records:
        return (
            f"*No recorded runs of {experiment} yet. Run this page with `COURSE_SIZE=full` to "
            "make one.*"
        )
    return "\n\n".join(_one_table(record) for record in records)


def _one_table(record: dict) -> str:
    """Write one run: ``row: column`` goes into a table, any other value into the line above it."""
    cells, single = {}, []
    for name, value in record["values"].items():
        row, colon, column = name.rpartition(": ")
        if colon:
            cells.setdefault(row, {})[column] = readable(value)
        else:
            single.append(f"{name} {readable(value)}")
    columns = list(dict.fromkeys(column for row in cells.values() for column in row))
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    head = f"**Recorded run** of {record['date']} on {record['device']}: {record['size']} data, "
    head += f"{versions}, seeds {', '.join(map(str, record['seeds'])) or 'none'}."
    head += f" Measured: {', '.join(single)}." if single else ""
    if not cells:
        return head
    rows = [[name, *(row.get(column, "") for column in columns)] for name, row in cells.items()]
    lines = [_row(["", *columns]), _row(["---"] * (len(columns) + 1)), *map(_row, rows)]
    return "\n".join([head, "", *lines])


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _folder(folder: Path | str | None) -> Path:
    if folder is not None:
        return Path(folder)
    return Path(__file__).resolve().parents[1] / "book" / "recorded"


def _check_name(experiment: str) -> None:
    if not isinstance(experiment, str) or not re.fullmatch(
        r"[a-z0-9]+([-_][a-z0-9]+)*", experiment
    ):
        raise ValueError(
            "experiment must be lower-case words joined by - or _, such as 'cifar10-recipe', "
            f"but it is {experiment!r}."
        )


def _plain(name: str, value: object) -> float | int | str:
    if isinstance(value, np.generic) or getattr(value, "shape", None) == ():
        value = np.asarray(value).item()
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"values[{name!r}] must be a number or a text, but it is {value!r}.")
    return value


def _refuse_constant(constant: str) -> None:
    raise ValueError(f"{constant} is not a number")


def _check(record: object, source: str) -> None:
    """Raise a ValueError that says what is wrong with a record."""
    if not isinstance(record, dict) or set(record) != set(_KEYS):
        raise ValueError(
            f"{source} must hold exactly: {', '.join(_KEYS)}. Run the experiment again."
        )
    for key, kind in _KEYS.items():
        if not isinstance(record[key], kind):
            raise ValueError(
                f"{key} of {source} must be a {kind.__name__}, but it is {record[key]!r}."
            )
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", record["date"]):
        raise ValueError(f"date of {source} must be like 2026-01-31, but it is {record['date']!r}.")
    if record["size"] not in SIZES:
        raise ValueError(f"size of {source} must be small or full, but it is {record['size']!r}.")
    if not all(isinstance(seed, int) for seed in record["seeds"]):
        raise ValueError(f"seeds of {source} must be whole numbers, but are {record['seeds']}.")
    if not all(isinstance(version, str) for version in record["versions"].values()):
        raise ValueError(f"versions of {source} must be texts, but are {record['versions']}.")
    if not record["values"]:
        raise ValueError(f"values of {source} must not be empty.")
    for name, value in record["values"].items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not isinstance(value, str) and not (number and math.isfinite(value)):
            raise ValueError(
                f"values[{name!r}] of {source} must be a finite number or a text, "
                f"but it is {value!r}."
            )
