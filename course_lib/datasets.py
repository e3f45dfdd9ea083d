"""Where do the course's real data come from, and are they intact?

``load(name)`` returns a data set as NumPy arrays. The ``small`` size ships in the repository's
``data/`` folder, is checked against its SHA-256 on every load and never touches the network. The
``full`` size is the published data set: read from the folder ``$COURSE_DATA`` where that holds it,
else downloaded by Keras. ``data/README.md`` says where each set comes from, under which licence,
and how its small form was made.
"""

import io
import lzma
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from course_lib._checks import choice, string, takes
from course_lib._files import DataError, data_folder, restore, verified
from course_lib._full_sets import full_images, full_text

__all__ = [
    "DataError",
    "Dataset",
    "TextDataset",
    "course_size",
    "data_folder",
    "load",
    "load_weights",
    "names",
    "save_weights",
]

SIZES = ("small", "full")
_SPLITS = ("train", "test")
_FASHION = "T-shirt/top, Trouser, Pullover, Dress, Coat, Sandal, Shirt, Sneaker, Bag, Ankle boot"
_CIFAR10 = "airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck"


@dataclass(frozen=True)
class _ImageSet:
    shape: tuple[int, int, int]  # height, width, channels
    class_names: tuple[str, ...]
    small: tuple[int, int]  # images in train and test
    full: tuple[int, int]


_IMAGE_SETS = {
    "fashion_mnist": _ImageSet(
        (28, 28, 1), tuple(_FASHION.split(", ")), (10_000, 2_000), (60_000, 10_000)
    ),
    "cifar10": _ImageSet(
        (32, 32, 3), tuple(_CIFAR10.split(", ")), (5_000, 1_000), (50_000, 10_000)
    ),
    "mnist": _ImageSet((28, 28, 1), tuple("0123456789"), (5_000, 1_000), (60_000, 10_000)),
}


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Labeled examples, split into training and test set.

    Attributes:
        name: the name it was loaded by.
        size: ``"small"`` or ``"full"``.
        x_train: training examples: images, uint8, shape (images, height, width, channels);
            signals, float32, shape (signals, time); or sentences, str, shape (sentences,).
        y_train: their class indices, int32, shape (examples,).
        x_test: test examples, of the same form as ``x_train``.
        y_test: their class indices.
        class_names: the name of each class, by index.
        source: where the arrays were read from.
    """

    name: str
    size: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    class_names: tuple[str, ...]
    source: str

    def __repr__(self) -> str:
        shape = " x ".join(map(str, self.x_train.shape[1:]))
        kind = ("sentences", f"signals of length {shape}", "", f"images, {shape}")
        return (
            f"Dataset {self.name} ({self.size}): {len(self.x_train):,} training and "
            f"{len(self.x_test):,} test {kind[self.x_train.ndim - 1]}, "
            f"{len(self.class_names)} classes, from {self.source}"
        )


@dataclass(frozen=True, repr=False)
class TextDataset:
    """One long text.

    Attributes:
        name: the name it was loaded by.
        size: ``"small"`` or ``"full"``.
        text: the text, line ends ``"\\n"``.
        source: where it was read from.
    """

    name: str
    size: str
    text: str
    source: str

    def __repr__(self) -> str:
        return (
            f"TextDataset {self.name} ({self.size}): {len(self.text):,} characters, "
            f"{len(set(self.text))} different ones, from {self.source}"
        )


def names() -> tuple[str, ...]:
    """Return the names that ``load`` knows."""
    return (*_IMAGE_SETS, "mnist1d", "movie_reviews", "shakespeare")


def course_size() -> str:
    """Return the size the course runs at: ``$COURSE_SIZE``, or ``"small"`` where that is not set.

    Raises:
        ValueError: ``$COURSE_SIZE`` is neither ``small`` nor ``full``.
    """
    size = os.environ.get("COURSE_SIZE") or "small"
    if size not in SIZES:
        raise ValueError(
            f"The environment variable COURSE_SIZE must be 'small' or 'full', but it is {size!r}."
        )
    return size


@takes(name=string(), size=choice(("small", "full")))
def load(name: str, size: str | None = None) -> Dataset | TextDataset:
    """Load a data set.

    Args:
        name: ``"fashion_mnist"``, ``"cifar10"``, ``"mnist"``, ``"mnist1d"``,
            ``"movie_reviews"`` or ``"shakespeare"``.
        size: ``"small"`` for the shipped subset, ``"full"`` for the published set;
            ``$COURSE_SIZE`` by default. MNIST-1D and the film reviews ship whole: both sizes
            are the same.

    Returns:
        A ``Dataset``, or a ``TextDataset`` for ``"shakespeare"``. In a small image set any first
        10, 20, 30, ... images hold equally many of each class.

    Raises:
        ValueError: ``name`` or ``size`` is not known.
        DataError: a file is missing, damaged or of another form, or the full set cannot be had.
    """
    if name not in names():
        raise ValueError(f"name must be one of {', '.join(names())}, but it is {name!r}.")
    size = course_size() if size is None else size
    if size not in SIZES:
        raise ValueError(
            f"size must be 'small', 'full' or None (take $COURSE_SIZE), but it is {size!r}."
        )
    if name in _WHOLE:
        return _WHOLE[name](size)
    expected = _IMAGE_SETS.get(name)
    if expected is None:
        text, source = _small_text() if size == "small" else full_text()
        return TextDataset(name, size, text, source)
    if size == "small":
        arrays, source = _small_images(name), f"data/{name} (shipped)"
        counts = expected.small
    else:
        (arrays, source), counts = full_images(name), expected.full
    return Dataset(
        name, size, *_checked(arrays, expected, counts, source), expected.class_names, source
    )


@takes(name=string())
def load_weights(name: str) -> list[np.ndarray]:
    """Load trained weights that ship with the course.

    Args:
        name: the name of the file under ``data/weights/``, without ``.npz``.

    Returns:
        The arrays in the order of ``model.get_weights()``: hand them to ``model.set_weights``.

    Raises:
        DataError: there is no such file (the message lists those there are), or it is damaged or
            of another form.
    """
    folder = data_folder() / "weights"
    file = f"weights/{name}.npz"
    if not (data_folder() / file).is_file():
        known = ", ".join(sorted(path.stem for path in folder.glob("*.npz"))) or "none"
        raise DataError(f"There are no weights named {name!r} in {folder}. Known: {known}.")
    with np.load(io.BytesIO(verified(file)), allow_pickle=False) as arrays:
        if sorted(arrays.files) != [f"{i:02}" for i in range(len(arrays.files))]:
            found = ", ".join(arrays.files)
            raise DataError(f"{file} must hold arrays named 00, 01, ..., but it holds: {found}.")
        weights = [arrays[key] for key in sorted(arrays.files)]
    broken = [f"{i:02}" for i, array in enumerate(weights) if not np.isfinite(array).all()]
    if broken:
        raise DataError(
            f"{file} holds NaN or infinite values in: {', '.join(broken)}. Train and save it again."
        )
    return weights


def save_weights(name: str, weights: list[np.ndarray]) -> Path:
    """Write trained weights to ``data/weights/<name>.npz``, for ``load_weights``.

    Run ``python data/scripts/write_checksums.py`` afterwards: a file whose checksum is not listed
    is not loaded.

    Args:
        name: the name of the file, without ``.npz``.
        weights: the arrays of ``model.get_weights()``; at most 100, all finite.

    Returns:
        The path written.

    Raises:
        ValueError: there are no or more than 100 arrays, or one holds NaN or infinite values.
    """
    if not 0 < len(weights) <= 100:
        raise ValueError(f"weights must be a list of 1 to 100 arrays, but it has {len(weights)}.")
    if not all(np.isfinite(array).all() for array in weights):
        raise ValueError("weights must be finite, but an array holds NaN or infinite values.")
    path = data_folder() / "weights" / f"{name}.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, **{f"{i:02}": array for i, array in enumerate(weights)})
    return path


def _small_images(name: str) -> dict[str, np.ndarray]:
    """Return the arrays of a shipped image set by key."""
    with np.load(io.BytesIO(verified(f"{name}/labels.npz")), allow_pickle=False) as labels:
        arrays = {key: labels[key] for key in labels.files}
    for split, count in zip(_SPLITS, _IMAGE_SETS[name].small, strict=True):
        arrays[f"x_{split}"] = _cut_sheet(f"{name}/{split}.webp", (count, *_IMAGE_SETS[name].shape))
    return arrays


def _cut_sheet(file: str, shape: tuple[int, int, int, int]) -> np.ndarray:
    """Return the images of a sheet, 100 a row, as one array of the given shape."""
    from PIL import Image

    count, height, width, channels = shape
    columns = 100
    with Image.open(io.BytesIO(verified(file))) as picture:
        sheet = np.asarray(picture.convert("RGB"))[..., :channels]  # a gray set repeats one channel
    if sheet.shape != (count // columns * height, columns * width, channels):
        raise DataError(
            f"{file} must be a sheet of {count} images of {height} x {width}, 100 a row, but its "
            f"shape is {sheet.shape}. {restore(file)}"
        )
    rows = sheet.reshape(count // columns, height, columns, width, channels)
    return np.ascontiguousarray(rows.swapaxes(1, 2)).reshape(shape)


def _mnist1d(size: str) -> Dataset:
    """Return the signals of MNIST-1D, which ship whole."""
    file = "mnist1d/mnist1d.npz"
    with np.load(io.BytesIO(verified(file)), allow_pickle=False) as arrays:
        parts = [arrays[f"{array}_{split}"] for split in _SPLITS for array in "xy"]
    for labels in (1, 3):
        parts[labels] = parts[labels].astype(np.int32)
    return Dataset(
        "mnist1d", size, *parts, _IMAGE_SETS["mnist"].class_names, "data/mnist1d (shipped)"
    )


def _movie_reviews(size: str) -> Dataset:
    """Return the rated sentences of film reviews, which ship whole."""
    text = lzma.decompress(verified("movie_reviews.txt.xz")).decode("ascii")
    signs, sentences = zip(*(line.split("\t") for line in text.splitlines()), strict=True)
    x, y = np.array(sentences), np.array([sign == "+" for sign in signs], np.int32)
    return Dataset(
        *("movie_reviews", size, x[:6000], y[:6000], x[6000:], y[6000:]),
        *(("negative", "positive"), "data/movie_reviews.txt.xz (shipped)"),
    )


_WHOLE = {"mnist1d": _mnist1d, "movie_reviews": _movie_reviews}


def _small_text() -> tuple[str, str]:
    return verified("shakespeare.txt").decode("utf-8"), "data/shakespeare.txt (shipped)"


def _checked(
    arrays: dict[str, np.ndarray], expected: _ImageSet, counts: tuple[int, int], source: str
) -> list[np.ndarray]:
    """Return x_train, y_train, x_test, y_test in their final form, or say what is wrong."""
    wanted = {f"{array}_{split}" for array in "xy" for split in _SPLITS}
    if set(arrays) != wanted:
        found = ", ".join(sorted(arrays)) or "nothing"
        raise DataError(f"{source} must hold {', '.join(sorted(wanted))}, but it holds: {found}.")
    result = []
    for split, count in zip(_SPLITS, counts, strict=True):
        x, y = arrays[f"x_{split}"], arrays[f"y_{split}"]
        shape = (count, *expected.shape)
        grey = expected.shape[-1] == 1  # the published gray sets come without a channel axis
        if x.dtype != np.uint8 or x.shape not in (shape, shape[:-1] if grey else shape):
            raise DataError(
                f"x_{split} of {source} must be uint8 of shape {shape}, but it is {x.dtype} of "
                f"shape {x.shape}."
            )
        if y.dtype.kind not in "iu" or y.shape not in ((count,), (count, 1)):
            raise DataError(
                f"y_{split} of {source} must be integers of shape ({count},), but it is {y.dtype} "
                f"of shape {y.shape}."
            )
        if y.min() < 0 or y.max() >= len(expected.class_names):
            raise DataError(
                f"y_{split} of {source} must lie in 0..{len(expected.class_names) - 1}, "
                f"but it lies in {y.min()}..{y.max()}."
            )
        result += [x.reshape(shape), y.reshape(-1).astype(np.int32)]
    return result
