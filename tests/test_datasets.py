"""Loading data: shapes and dtypes, and a clear refusal of all that is not as it should be."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest

from course_lib import datasets

SMALL = {
    "fashion_mnist": (10_000, 2_000, (28, 28, 1)),
    "cifar10": (5_000, 1_000, (32, 32, 3)),
    "mnist": (5_000, 1_000, (28, 28, 1)),
}


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    for name in ("COURSE_SIZE", "COURSE_DATA", "COURSE_LIB_DATA"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def copied(tmp_path, monkeypatch) -> Path:
    """A copy of the data folder's lists and of the smallest set, free to be damaged."""
    source = datasets.data_folder()
    folder = tmp_path / "data"
    shutil.copytree(source / "mnist", folder / "mnist")
    for name in ("checksums.sha256", "shakespeare.txt"):
        shutil.copy(source / name, folder / name)
    monkeypatch.setenv("COURSE_LIB_DATA", str(folder))
    return folder


def relist(folder: Path) -> None:
    """Enter the present checksums, as for files made anew on purpose."""
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}"
        for path in folder.rglob("*")
        if path.suffix in {".webp", ".npz", ".txt"}
    ]
    (folder / "checksums.sha256").write_text("\n".join(lines) + "\n")


@pytest.fixture
def offline(monkeypatch):
    """Keras's downloads fail as they do without a network."""
    import keras

    def fail(*_, **__):
        raise Exception("URL fetch failure")  # noqa: TRY002 - this is what Keras raises

    for name in SMALL:
        monkeypatch.setattr(getattr(keras.datasets, name), "load_data", fail)
    monkeypatch.setattr(keras.utils, "get_file", fail)


@pytest.mark.parametrize("name", SMALL)
def test_small_images(name):
    train, test, shape = SMALL[name]
    data = datasets.load(name)
    assert (data.name, data.size) == (name, "small")
    assert data.x_train.shape == (train, *shape)
    assert data.x_test.shape == (test, *shape)
    assert data.x_train.dtype == data.x_test.dtype == np.uint8
    assert data.y_train.dtype == data.y_test.dtype == np.int32
    assert len(data.class_names) == 10
    np.testing.assert_array_equal(np.bincount(data.y_train), [train // 10] * 10)
    np.testing.assert_array_equal(np.bincount(data.y_test), [test // 10] * 10)
    assert data.x_train.std() > 40  # pictures, not blank sheets
    assert name in data.source


@pytest.mark.parametrize("name", SMALL)
def test_every_first_part_is_balanced_and_no_stride_picks_one_class(name):
    labels = datasets.load(name).y_train
    for count in (10, 50, 500):
        np.testing.assert_array_equal(np.bincount(labels[:count]), [count // 10] * 10)
    assert np.bincount(labels[::10]).min() > 0


def test_images_and_labels_belong_together():
    # A nearest-mean classifier finds most of the digits only if labels and images are in one order.
    data = datasets.load("mnist")
    x, x_test = (part.reshape(len(part), -1) / 255.0 for part in (data.x_train, data.x_test))
    means = np.stack([x[data.y_train == c].mean(axis=0) for c in range(10)])
    distances = ((x_test[:, None] - means) ** 2).sum(axis=-1)
    assert (distances.argmin(axis=1) == data.y_test).mean() > 0.75


def test_a_load_gives_arrays_of_its_own():
    first = datasets.load("mnist")
    first.x_train[:] = 0
    assert datasets.load("mnist").x_train.any()


def test_small_text():
    data = datasets.load("shakespeare")
    assert isinstance(data, datasets.TextDataset)
    assert data.text.startswith("First Citizen:\n")
    assert f"{len(data.text):,}" in repr(data)


@pytest.mark.parametrize("size", ["small", "full"])
def test_mnist1d(size, offline):
    data = datasets.load("mnist1d", size)
    assert (data.name, data.size, len(data.class_names)) == ("mnist1d", size, 10)
    assert data.x_train.shape == (4_000, 40)
    assert data.x_test.shape == (1_000, 40)
    assert data.x_train.dtype == data.x_test.dtype == np.float32
    assert data.y_train.dtype == data.y_test.dtype == np.int32
    np.testing.assert_array_equal(np.bincount(np.r_[data.y_train, data.y_test]), [500] * 10)
    both = np.concatenate([data.x_train, data.x_test])  # scaled together by the generator
    np.testing.assert_allclose([both.mean(), both.std()], [0, 1], atol=1e-5)
    assert repr(data) == (
        f"Dataset mnist1d ({size}): 4,000 training and 1,000 test signals of length 40, "
        "10 classes, from data/mnist1d (shipped)"
    )


@pytest.mark.parametrize("size", ["small", "full"])
def test_movie_reviews(size, offline):
    data = datasets.load("movie_reviews", size)
    assert data.class_names == ("negative", "positive")
    assert (data.x_train.shape, data.x_test.shape) == ((6_000,), (1_000,))
    for x, y in ((data.x_train, data.y_train), (data.x_test, data.y_test)):
        assert x.dtype.kind == "U"
        assert y.dtype == np.int32
        np.testing.assert_array_equal(y, np.arange(len(y))[::-1] % 2)  # signs alternate
        assert all(sentence.strip() and "\t" not in sentence for sentence in x)
    assert len({*data.x_train, *data.x_test}) == 7_000
    assert repr(data) == (
        f"Dataset movie_reviews ({size}): 6,000 training and 1,000 test sentences, 2 classes, "
        "from data/movie_reviews.txt.xz (shipped)"
    )


def test_a_dataset_prints_in_one_line():
    assert repr(datasets.load("mnist")) == (
        "Dataset mnist (small): 5,000 training and 1,000 test images, 28 x 28 x 1, 10 classes, "
        "from data/mnist (shipped)"
    )


def test_a_dataset_cannot_be_changed():
    with pytest.raises(AttributeError):
        datasets.load("mnist").name = "other"


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match="mnist1d, movie_reviews, shakespeare.*'mnits'"):
        datasets.load("mnits")


def test_unknown_size():
    with pytest.raises(ValueError, match="size must be one of 'small', 'full'.*'tiny'"):
        datasets.load("mnist", "tiny")


def test_course_size(monkeypatch):
    assert datasets.course_size() == "small"
    monkeypatch.setenv("COURSE_SIZE", "full")
    assert datasets.course_size() == "full"
    monkeypatch.setenv("COURSE_SIZE", "")
    assert datasets.course_size() == "small"
    monkeypatch.setenv("COURSE_SIZE", "big")
    with pytest.raises(ValueError, match="COURSE_SIZE must be 'small' or 'full', but it is 'big'"):
        datasets.load("mnist")


def test_a_damaged_file_is_named_with_both_checksums(copied):
    path = copied / "mnist" / "train.webp"
    content = bytearray(path.read_bytes())
    expected = hashlib.sha256(content).hexdigest()
    content[1000] ^= 1  # a single bit
    path.write_bytes(content)
    found = hashlib.sha256(content).hexdigest()
    with pytest.raises(datasets.DataError) as caught:
        datasets.load("mnist")
    message = str(caught.value)
    for part in (str(path), expected, found, "git checkout -- data/mnist/train.webp"):
        assert part in message


def test_a_missing_file_says_how_to_restore_it(copied):
    (copied / "shakespeare.txt").unlink()
    with pytest.raises(datasets.DataError, match=r"missing.*git checkout -- data/shakespeare.txt"):
        datasets.load("shakespeare")


def test_a_missing_folder_says_what_to_set(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_LIB_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(datasets.DataError, match="COURSE_LIB_DATA"):
        datasets.load("mnist")


def test_a_missing_list_of_checksums(copied):
    (copied / "checksums.sha256").unlink()
    with pytest.raises(datasets.DataError, match=r"git checkout -- data/checksums.sha256"):
        datasets.load("mnist")


def test_a_file_that_is_not_listed(copied):
    (copied / "checksums.sha256").write_text("0" * 64 + "  other.txt\n")
    with pytest.raises(datasets.DataError, match=r"write_checksums.py"):
        datasets.load("mnist")


def test_a_sheet_of_another_shape(copied):
    from PIL import Image

    Image.new("RGB", (2800, 28)).save(copied / "mnist" / "train.webp", lossless=True)
    relist(copied)
    with pytest.raises(datasets.DataError, match=r"5000 images of 28 x 28.*\(28, 2800, 1\)"):
        datasets.load("mnist")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"y_train": np.zeros(5000, np.uint8)}, "must hold x_test, x_train, y_test, y_train"),
        (
            {"y_train": np.zeros(4999, np.uint8), "y_test": np.zeros(1000, np.uint8)},
            r"y_train .* shape \(5000,\), but it is uint8 of shape \(4999,\)",
        ),
        (
            {"y_train": np.zeros(5000, np.float32), "y_test": np.zeros(1000, np.uint8)},
            "y_train .* integers .* float32",
        ),
        (
            {"y_train": np.full(5000, 10, np.uint8), "y_test": np.zeros(1000, np.uint8)},
            r"0\.\.9, but it lies in 10\.\.10",
        ),
    ],
)
def test_labels_of_another_form(copied, labels, message):
    np.savez(copied / "mnist" / "labels.npz", **labels)
    relist(copied)
    with pytest.raises(datasets.DataError, match=message):
        datasets.load("mnist")


def full_arrays(**changes) -> dict[str, np.ndarray]:
    arrays = {
        "x_train": np.zeros((60_000, 28, 28), np.uint8),
        "y_train": np.arange(60_000, dtype=np.uint8) % 10,
        "x_test": np.zeros((10_000, 28, 28), np.uint8),
        "y_test": np.arange(10_000, dtype=np.uint8) % 10,
    }
    return {key: value for key, value in (arrays | changes).items() if value is not None}


def test_full_from_the_classroom_folder(tmp_path, monkeypatch, offline):
    np.savez(tmp_path / "mnist.npz", **full_arrays())
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    data = datasets.load("mnist", "full")
    assert data.x_train.shape == (60_000, 28, 28, 1)
    assert data.y_test.dtype == np.int32
    assert data.source == "$COURSE_DATA/mnist.npz"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"x_train": np.zeros((50_000, 28, 28), np.uint8)},
            r"\(60000, 28, 28, 1\).*\(50000, 28, 28\)",
        ),
        ({"x_test": np.zeros((10_000, 32, 32, 3), np.uint8)}, r"x_test.*\(10000, 32, 32, 3\)"),
        ({"x_test": np.zeros((10_000, 28, 28), np.float32)}, "x_test.*uint8.*float32"),
        ({"y_test": None}, "it holds: x_test, x_train, y_train"),
        ({"y_test": np.full(10_000, -1, np.int64)}, r"y_test.*-1\.\.-1"),
    ],
)
def test_full_of_another_form(tmp_path, monkeypatch, changes, message):
    np.savez(tmp_path / "mnist.npz", **full_arrays(**changes))
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    with pytest.raises(datasets.DataError, match=message):
        datasets.load("mnist", "full")


def test_full_never_unpickles(tmp_path, monkeypatch):
    np.savez(tmp_path / "mnist.npz", x_train=np.array([{"a": 1}], dtype=object))
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    with pytest.raises(datasets.DataError, match="without pickles"):
        datasets.load("mnist", "full")


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 broken"])
def test_full_broken_archive(tmp_path, monkeypatch, content):
    (tmp_path / "mnist.npz").write_bytes(content)
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    with pytest.raises(datasets.DataError, match=r"mnist\.npz cannot be read"):
        datasets.load("mnist", "full")


@pytest.mark.parametrize("name", [*SMALL, "shakespeare"])
def test_full_with_neither_folder_nor_network(name, offline):
    with pytest.raises(datasets.DataError) as caught:
        datasets.load(name, "full")
    message = str(caught.value)
    for part in ("COURSE_DATA is not set", "URL fetch failure", "size='small'"):
        assert part in message


def test_full_with_a_folder_that_lacks_the_file(tmp_path, monkeypatch, offline):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    with pytest.raises(datasets.DataError, match=r"has no mnist\.npz"):
        datasets.load("mnist", "full")


def test_full_from_keras(monkeypatch):
    import keras

    arrays = full_arrays()
    parts = (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"][:, None])
    monkeypatch.setattr(keras.datasets.mnist, "load_data", lambda: parts)
    data = datasets.load("mnist", "full")
    assert data.source == "keras.datasets.mnist"
    assert data.y_test.shape == (10_000,)


def test_full_text(tmp_path, monkeypatch):
    (tmp_path / "shakespeare.txt").write_text("To be.\n", encoding="utf-8")
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    assert datasets.load("shakespeare", "full").text == "To be.\n"
    (tmp_path / "shakespeare.txt").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(datasets.DataError, match="UTF-8"):
        datasets.load("shakespeare", "full")


def test_weights_come_back_in_order(copied):
    weights = [np.full((2, i + 1), i, np.float32) for i in range(12)]
    path = datasets.save_weights("a_model", weights)
    assert path == copied / "weights" / "a_model.npz"
    with pytest.raises(datasets.DataError, match=r"write_checksums.py"):
        datasets.load_weights("a_model")
    relist(copied)
    for loaded, saved in zip(datasets.load_weights("a_model"), weights, strict=True):
        np.testing.assert_array_equal(loaded, saved)
        assert loaded.dtype == saved.dtype


def test_unknown_weights_list_the_known_ones(copied):
    with pytest.raises(datasets.DataError, match="'other'.*Known: none"):
        datasets.load_weights("other")
    datasets.save_weights("a_model", [np.zeros(2)])
    with pytest.raises(datasets.DataError, match="Known: a_model"):
        datasets.load_weights("other")


def test_weights_must_be_finite_and_some(copied):
    with pytest.raises(ValueError, match="NaN"):
        datasets.save_weights("a_model", [np.array([np.nan])])
    with pytest.raises(ValueError, match="1 to 100 arrays"):
        datasets.save_weights("a_model", [])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [({"kernel": np.zeros(2)}, "named 00, 01"), ({"00": np.array([np.inf])}, "NaN or infinite")],
)
def test_weights_of_another_form(copied, arrays, message):
    (copied / "weights").mkdir()
    np.savez(copied / "weights" / "a_model.npz", **arrays)
    relist(copied)
    with pytest.raises(datasets.DataError, match=message):
        datasets.load_weights("a_model")


def test_names():
    images = ("fashion_mnist", "cifar10", "mnist")
    assert datasets.names() == (*images, "mnist1d", "movie_reviews", "shakespeare")
