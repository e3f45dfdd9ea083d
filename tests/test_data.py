"""The shipped data files: whole, small enough, documented, and what their scripts make."""

import hashlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from course_lib import convolution, datasets, training

DATA = Path(__file__).resolve().parents[1] / "data"
LIST = dict(
    reversed(line.split(maxsplit=1))
    for line in (DATA / "checksums.sha256").read_text().splitlines()
)
FULL = os.environ.get("COURSE_DATA")
with_full_data = pytest.mark.skipif(
    not FULL or not Path(FULL, "mnist.npz").is_file(),
    reason="set COURSE_DATA to a folder with the full sets to compare with them",
)


def script(name: str):
    """Import a script of data/scripts."""
    spec = importlib.util.spec_from_file_location(name, DATA / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def data_files() -> set[str]:
    return {
        path.relative_to(DATA).as_posix()
        for path in DATA.rglob("*")
        if path.suffix in {".webp", ".npz", ".txt", ".xz"}
    }


def test_every_file_has_its_listed_checksum():
    assert set(LIST) == data_files()
    for name, expected in LIST.items():
        assert hashlib.sha256((DATA / name).read_bytes()).hexdigest() == expected, name


def test_the_list_is_what_the_script_writes():
    lines = script("write_checksums").checksum_lines(DATA)
    assert "\n".join(lines) + "\n" == (DATA / "checksums.sha256").read_text()


def test_the_readme_names_every_file_with_its_checksum():
    readme = (DATA / "README.md").read_text(encoding="utf-8")
    for name, checksum in LIST.items():
        size = (DATA / name).stat().st_size
        assert f"| `{name}` | {size:,} | `{checksum}` |" in readme


def test_the_data_fit_their_budget():
    assert sum((DATA / name).stat().st_size for name in data_files()) < 25e6


def test_git_does_not_change_line_ends():
    attributes = (DATA / ".gitattributes").read_text()
    assert "*.txt -text" in attributes
    assert b"\r" not in (DATA / "shakespeare.txt").read_bytes()


def test_no_file_holds_a_pickle():
    for path in DATA.rglob("*.npz"):
        with np.load(path, allow_pickle=False) as arrays:
            assert all(arrays[key].dtype != object for key in arrays.files), path


def test_the_shakespeare_text_is_clean():
    text = datasets.load("shakespeare", "small").text
    assert 1.0e6 <= len(text) <= 1.2e6
    assert 60 <= len(set(text)) <= 70
    assert text.isascii()
    lines = text.split("\n")
    assert all(line == line.strip() and "  " not in line for line in lines)
    assert "\n\n\n" not in text
    assert text.endswith("\n")
    lowered = text.lower()
    for word in ("gutenberg", "copyright", "exeunt", "dramatis", "scene ii", "["):
        assert word not in lowered, word
    speakers = [block.split("\n", 1)[0] for block in text.strip().split("\n\n")]
    assert all(speaker.endswith(":") and len(speaker) <= 34 for speaker in speakers)
    assert {"Macbeth:", "Juliet:", "Prospero:", "Shylock:", "Othello:"} <= set(speakers)
    assert "If music be the food of love, play on," in text


@with_full_data
@pytest.mark.parametrize("name", ["fashion_mnist", "cifar10", "mnist"])
def test_the_images_are_what_the_script_chooses(name):
    make_images = script("make_images")
    shipped = datasets.load(name, "small")
    with np.load(Path(FULL, f"{name}.npz"), allow_pickle=False) as full:
        for split, per_class in zip(("train", "test"), make_images.PER_CLASS[name], strict=True):
            labels = full[f"y_{split}"].reshape(-1)
            kept = make_images.choose(labels, per_class)
            x, y = getattr(shipped, f"x_{split}"), getattr(shipped, f"y_{split}")
            np.testing.assert_array_equal(x.squeeze(), full[f"x_{split}"][kept])
            np.testing.assert_array_equal(y, labels[kept])


@with_full_data
def test_no_test_image_is_also_a_training_image():
    for name in ("fashion_mnist", "cifar10", "mnist"):
        data = datasets.load(name, "small")
        train = {image.tobytes() for image in data.x_train}
        shared = sum(image.tobytes() in train for image in data.x_test)
        assert shared == 0, name


def test_mnist1d_is_what_the_published_generator_makes():
    generator = pytest.importorskip("mnist1d.data", reason="pip install mnist1d to compare")
    made = script("make_mnist1d").arrays(generator.make_dataset(generator.get_dataset_args()))
    with np.load(DATA / "mnist1d" / "mnist1d.npz", allow_pickle=False) as shipped:
        for key, array in made.items():
            np.testing.assert_allclose(shipped[key], array, atol=1e-6, err_msg=key)


def test_the_choice_is_balanced_and_keeps_the_order_within_a_class():
    choose = script("make_images").choose
    labels = np.random.default_rng(0).integers(0, 10, 500)
    kept = choose(labels, 7)
    assert len(kept) == len(set(kept.tolist())) == 70
    for block in kept.reshape(7, 10):
        assert sorted(labels[block]) == list(range(10))
    for c in range(10):
        of_class = kept[labels[kept] == c]
        np.testing.assert_array_equal(of_class, np.flatnonzero(labels == c)[:7])


def test_a_sheet_holds_the_images_row_by_row():
    images = np.arange(200 * 2 * 3, dtype=np.uint8).reshape(200, 2, 3)
    sheet = np.asarray(script("make_images").sheet(images))[..., 0]
    assert sheet.shape == (4, 300)
    np.testing.assert_array_equal(sheet[:2, 3:6], images[1])
    np.testing.assert_array_equal(sheet[2:, 297:], images[199])


PLAY = """A PLAY

Persons Represented.

DUKE, a duke.

ACT I.

SCENE I. A street.

[Enter DUKE and
a SERVANT.]

DUKE.
  Well met.  [Aside.] He comes
from far, &c.

[Exit SERVANT]

And now, alas!

1 SERVANT.
My lord?

[Enter others, and nobody closes this

1 SERVANT. My lord, I say.

[Exeunt.]"""


def test_a_play_becomes_speeches():
    make = script("make_shakespeare")
    assert make.play_text(PLAY) == (
        "Duke:\nWell met. He comes\nfrom far, etc.\nAnd now, alas!\n\n"
        "First Servant:\nMy lord?\n\n"
        "First Servant:\nMy lord, I say.\n"
    )


def test_clear_sentences_become_the_film_reviews(monkeypatch):
    make = script("make_movie_reviews")
    pairs = [(2.5, "Good  fun."), (-1, "Dull."), (0.9, "So so."), (-3, "Caf\u00e9.")]
    pairs += [(3, "Twice."), (-2, "Twice.")]
    rated = "\n".join(f"{i}\t{rating}\t{sentence}" for i, (rating, sentence) in enumerate(pairs))
    assert make.rated_sentences(rated) == (["Good fun."], ["Dull."])
    monkeypatch.setattr(make, "EACH", 2)
    lines = make.lines(["a", "b", "c"], ["x", "y"]).splitlines()
    assert [line[:2] for line in lines] == ["+\t", "-\t"] * 2
    assert {lines[1][2:], lines[3][2:]} == {"x", "y"}


SCRIPTS = ["make_images", "make_mnist1d", "make_movie_reviews", "make_shakespeare"]


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_scripts_explain_themselves(name):
    command = [sys.executable, str(DATA / "scripts" / f"{name}.py"), "--help"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert answer.stdout.startswith(f"usage: {name}.py")
    assert len(answer.stdout.splitlines()) > 3


@pytest.mark.parametrize(("name", "least"), [("fashion_mnist", 0.86), ("cifar10", 0.70)])
def test_the_shipped_weights_do_what_the_page_says(name, least):
    data = datasets.load(name, "small")
    model = convolution.small_cnn(data.x_test.shape[1:])
    model.set_weights(datasets.load_weights(f"small_cnn_{name}"))
    logits = model.predict(training.scale_images(data.x_test), verbose=0)
    assert np.mean(logits.argmax(axis=1) == data.y_test) > least
