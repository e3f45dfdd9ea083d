"""Recorded runs: what is saved comes back, and what is damaged is refused."""

import json
from datetime import UTC, datetime

import numpy as np
import pytest

from course_lib import devices, recorded

VALUES = {"test accuracy": 0.71234, "epochs": 10, "optimizer": "Adam"}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.delenv("COURSE_SIZE", raising=False)


@pytest.fixture
def shown(monkeypatch) -> list:
    found = []
    monkeypatch.setattr(recorded, "publish", lambda plain, **bundle: found.append((plain, bundle)))
    return found


def rewrite(path, **changes):
    record = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in record.items() if value != "gone"}))


def test_a_record_comes_back(tmp_path):
    path = recorded.save("cifar10-recipe", VALUES, seeds=[0, 1], folder=tmp_path)
    assert path.parent == tmp_path / "cifar10-recipe"
    (record,) = recorded.load("cifar10-recipe", tmp_path)
    report = devices.describe()
    assert record == {
        "experiment": "cifar10-recipe",
        "date": datetime.now(UTC).date().isoformat(),
        "size": "small",
        "device": report.device,
        "versions": {
            "python": report.python_version,
            "keras": report.keras_version,
            report.backend: report.backend_version,
        },
        "seeds": [0, 1],
        "values": VALUES,
    }


def test_the_file_is_readable_json_and_names_no_path(tmp_path):
    path = recorded.save("a-run", VALUES, folder=tmp_path)
    text = path.read_text(encoding="utf-8")
    assert json.loads(text)["values"] == VALUES
    assert text.endswith("}\n")
    assert "\n  " in text
    assert str(tmp_path) not in text
    assert path.name == path.name.lower()
    assert " " not in path.name


def test_the_size_is_the_course_s(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_SIZE", "full")
    recorded.save("a-run", VALUES, folder=tmp_path)
    assert recorded.load("a-run", tmp_path)[0]["size"] == "full"


def test_numpy_numbers_are_numbers(tmp_path):
    values = {"a": np.float32(0.5), "b": np.int64(3), "c": np.array(2.0)}
    recorded.save("a-run", values, seeds=np.arange(2), folder=tmp_path)
    (record,) = recorded.load("a-run", tmp_path)
    assert record["values"] == {"a": 0.5, "b": 3, "c": 2.0}
    assert record["seeds"] == [0, 1]


def test_a_second_run_of_the_day_replaces_the_first(tmp_path):
    recorded.save("a-run", {"a": 1}, folder=tmp_path)
    recorded.save("a-run", {"a": 2}, folder=tmp_path)
    assert [record["values"]["a"] for record in recorded.load("a-run", tmp_path)] == [2]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "must not be empty"),
        ({"a": float("nan")}, "finite number"),
        ({"a": np.inf}, "finite number"),
        ({"a": None}, "number or a text"),
        ({"a": True}, "number or a text"),
        ({"a": [1, 2]}, "number or a text"),
    ],
)
def test_values_of_another_kind(tmp_path, values, message):
    with pytest.raises(ValueError, match=message):
        recorded.save("a-run", values, folder=tmp_path)
    assert list(tmp_path.rglob("*.json")) == []


@pytest.mark.parametrize("name", ["", "A Run", "../up", "a--b", "a_", None, "-a"])
def test_names_that_are_none(tmp_path, name):
    for function in (
        lambda: recorded.save(name, VALUES, folder=tmp_path),
        lambda: recorded.load(name),
    ):
        with pytest.raises(ValueError, match="lower-case words joined by - or _"):
            function()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": "gone"}, "must hold exactly"),
        ({"extra": 1}, "must hold exactly"),
        ({"experiment": "another"}, "records 'another', not 'a-run'"),
        ({"date": "22.11.2026"}, "date of"),
        ({"size": "tiny"}, "size of"),
        ({"seeds": ["0"]}, "seeds of"),
        ({"versions": {"keras": 3}}, "versions of"),
        ({"values": {}}, "values of"),
        ({"values": {"a": None}}, "finite number"),
        ({"values": []}, "values of .* must be a dict"),
        ({"device": 3}, "device of .* must be a str"),
    ],
)
def test_a_record_that_was_changed_is_refused(tmp_path, changes, message):
    path = recorded.save("a-run", VALUES, folder=tmp_path)
    rewrite(path, **changes)
    with pytest.raises(ValueError, match=message) as caught:
        recorded.load("a-run", tmp_path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("content", ["", "{", '{"values": NaN}', "[]"])
def test_a_file_that_is_no_record(tmp_path, content):
    path = recorded.save("a-run", VALUES, folder=tmp_path)
    path.write_text(content)
    with pytest.raises(ValueError, match=r"a-run.*Run the experiment again"):
        recorded.load("a-run", tmp_path)


def test_show_makes_a_table_of_each_run_newest_first(tmp_path, shown):
    values = {
        "ours: seconds": 1.23456,
        "ours: score": 7000,
        "theirs: seconds": 2.0,
        "plain": "A | B",
    }
    first = recorded.save("a-run", values, seeds=[3, 4], folder=tmp_path)
    older = first.with_name("older.json")
    older.write_text(first.read_text())
    rewrite(older, date="2001-02-03", values={"only: here": 2.0}, seeds=[])
    recorded.show("a-run", tmp_path)
    ((plain, bundle),) = shown
    assert bundle["text/markdown"] == plain
    newer, old = plain.split("**Recorded run** of ")[1:]
    assert newer.split("\n")[0].endswith(", seeds 3, 4. Measured: plain A | B.")
    assert newer.strip().split("\n")[2:] == [
        "|  | seconds | score |",
        "| --- | --- | --- |",
        "| ours | 1.235 | 7,000 |",
        "| theirs | 2 |  |",
    ]
    assert old.startswith("2001-02-03 on ")
    assert old.endswith("seeds none.\n\n|  | here |\n| --- | --- |\n| only | 2 |")


def test_show_is_kind_when_there_is_nothing(tmp_path, shown):
    recorded.show("a-run", tmp_path)
    assert "No recorded runs of a-run yet" in shown[0][0]
    assert "COURSE_SIZE=full" in shown[0][0]


def test_what_ships_with_the_book_is_valid():
    for folder in recorded._folder(None).glob("*"):
        if folder.is_dir():
            assert recorded.load(folder.name)
