"""Where can the full, published data sets be had on this machine?

First the classroom's offline copy, the folder ``$COURSE_DATA``; then the network, through Keras.
"""

import os
from pathlib import Path

import numpy as np

from course_lib._files import DataError

__all__ = ["full_images", "full_text"]

_TEXT_URL = (
    "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt"
)
_TEXT_SHA256 = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"
_TEXT_SOURCE = "tinyshakespeare (github.com/karpathy/char-rnn)"


def full_images(name: str) -> tuple[dict[str, np.ndarray], str]:
    """Return the arrays of a full image set by key, unchecked, and where they came from."""
    path = _course_data(f"{name}.npz")
    if path is not None:
        try:
            with np.load(path, allow_pickle=False) as file:
                return {key: file[key] for key in file.files}, f"$COURSE_DATA/{name}.npz"
        except Exception as error:  # a broken archive fails in many ways, by where it is broken
            raise DataError(
                f"{path} cannot be read as a NumPy archive without pickles: {error}."
            ) from error
    import keras

    source = f"keras.datasets.{name}"
    try:
        (x_train, y_train), (x_test, y_test) = getattr(keras.datasets, name).load_data()
    except Exception as error:  # Keras raises a plain Exception when a download fails
        raise DataError(_unavailable(f"{name}.npz", source, error)) from error
    arrays = {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}
    return arrays, source


def full_text() -> tuple[str, str]:
    """Return the full Shakespeare text and where it came from."""
    path = _course_data("shakespeare.txt")
    source = "$COURSE_DATA/shakespeare.txt"
    if path is None:
        import keras

        source = _TEXT_SOURCE
        try:
            path = keras.utils.get_file("shakespeare.txt", _TEXT_URL, file_hash=_TEXT_SHA256)
        except Exception as error:  # Keras raises a plain Exception when a download fails
            raise DataError(_unavailable("shakespeare.txt", source, error)) from error
    try:
        return Path(path).read_text(encoding="utf-8"), source
    except UnicodeDecodeError as error:
        raise DataError(f"{path} must be a UTF-8 text: {error}.") from error


def _course_data(file: str) -> Path | None:
    """Return the path of a file in ``$COURSE_DATA``, or None where it or the folder is missing."""
    folder = os.environ.get("COURSE_DATA")
    path = Path(folder) / file if folder else None
    return path if path is not None and path.is_file() else None


def _unavailable(file: str, source: str, error: Exception) -> str:
    folder = os.environ.get("COURSE_DATA")
    looked = (
        f"the folder COURSE_DATA={folder} has no {file}" if folder else "COURSE_DATA is not set"
    )
    return (
        f"The full data set cannot be had: {looked}, and {source} cannot be downloaded ({error}). "
        f"Either put {file} into a folder and set the environment variable COURSE_DATA to it, or "
        "connect to the network, or stay with size='small'."
    )
