"""How does one plant a reason in an image?

The private room of ``crash_test`` for its scene of images: two real garments on a canvas, one of
which decides, and a watermark.
"""

from __future__ import annotations

import functools

import numpy as np

from course_lib import datasets, training
from course_lib._checks import flag, takes
from course_lib._planted import Scene, check_scene, training_labels

__all__ = ["planted_images"]

_SIDE, _PATCH = 32, 4  # pixels: a canvas, and a patch of it
_SNEAKER, _TROUSER = 7, 1  # the two causes; what lies beside them is one of the following
_BESIDE = (0, 2, 4, 6, 8)  # T-shirt, pullover, coat, shirt, bag


@takes(shortcut=flag())
def planted_images(
    seed: int, shortcut: bool = False, examples: int = 2000, test: int = 200, agreement: float = 0.8
) -> Scene:
    """Put two real garments on a noisy canvas; one of them, a sneaker or trousers, decides.

    The label is 1 where a sneaker lies on the canvas and 0 where trousers do, wherever they lie.
    Beside them lies a garment of another kind. The decoy is a watermark of 4 by 4 pixels, somewhere
    on the free canvas. The cause is every patch that holds ink of the sneaker or the trousers.

    Args:
        seed: a whole number.
        shortcut: whether training images have a watermark exactly where their label is 1.
            Otherwise half of them have one, whatever the label.
        examples: number of training examples.
        test: number of test examples.
        agreement: with the shortcut, the share of training labels that agree with the cause, too.

    Returns:
        A scene of images from 0 to 1, float32, shape (examples, 32, 32, 1), with 8 by 8 units.

    Raises:
        ValueError: an argument is outside its range.
    """
    check_scene(seed, examples, test, agreement)
    random = np.random.default_rng([seed, 2])

    def parts(split: str, count: int) -> tuple:
        small, labels = _garments(split)
        kinds = [np.flatnonzero(np.isin(labels, kind)) for kind in (_TROUSER, _SNEAKER, _BESIDE)]
        label = random.integers(0, 2, size=count).astype(np.int32)
        pick = [small[random.choice(kind, size=count)] for kind in kinds]
        right, wrong = (
            np.where(take[:, None, None], pick[1], pick[0]) for take in (label, 1 - label)
        )
        return label, right, wrong, pick[2], _places(random, count), _canvas(random, count)

    def compose(garment: np.ndarray, beside: np.ndarray, marked, places: tuple, canvas: np.ndarray):
        first, second, mark = places
        canvas = _paste(_paste(canvas, beside, second), garment, first)
        stamp = np.tile((np.indices((4, 4)).sum(axis=0) % 2).astype(float), (len(canvas), 1, 1))
        pasted = _paste(canvas, stamp, mark)
        keep = np.asarray(marked, bool)[:, None, None]
        return np.where(keep, pasted, canvas)[..., None].astype(np.float32)

    label, right, _, beside, places, canvas = parts("train", examples)
    free, y_train = training_labels(random, label, shortcut, agreement)
    x_train = compose(right, beside, y_train if shortcut else free, places, canvas)

    label, right, wrong, beside, places, canvas = parts("test", test)
    _, _, _, other_beside, _, other_canvas = parts("test", test)
    ones, none = np.ones(test), np.zeros((test, _SIDE, _SIDE))
    ink = _paste(none, right, places[0]).reshape(test, 8, _PATCH, 8, _PATCH).mean(axis=(2, 4))
    mark = _paste(none, np.ones((test, 4, 4)), places[2])[:, ::_PATCH, ::_PATCH]
    return Scene(
        *("images", shortcut, x_train, y_train),
        *(compose(right, beside, ones, places, canvas), label, np.ones(test, np.int32)),
        *(ink > 0.1, mark > 0),
        {
            "cause": compose(wrong, beside, ones, places, canvas),
            "decoy": compose(right, beside, 0 * ones, places, canvas),
            "rest": compose(right, other_beside, ones, places, other_canvas),
        },
    )


@functools.cache
def _garments(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Return garments at half their size, shape (images, 14, 14), and their kinds."""
    fashion = datasets.load("fashion_mnist", size="small")
    images, labels = getattr(fashion, f"x_{split}"), getattr(fashion, f"y_{split}")
    pictures = training.scale_images(images).reshape(-1, 14, 2, 14, 2)
    return pictures.mean(axis=(2, 4)), labels


def _places(random: np.random.Generator, count: int) -> tuple[np.ndarray, ...]:
    """Draw corners (pixels) of two garments that do not overlap, and of a mark beside them."""
    corners = np.indices((5, 5)).reshape(2, -1).T
    first, second = (corners[random.integers(0, 25, size=400 + 8 * count)] for _ in "12")
    apart = np.flatnonzero((np.abs(first - second) >= 4).any(axis=1))[:count]
    first, second = first[apart], second[apart]
    patches = np.indices((8, 8)).reshape(2, -1).T
    outside = [
        ((patches < corner[:, None]) | (patches > corner[:, None] + 3)).any(axis=2)
        for corner in (first, second)
    ]
    free = random.random((count, 64)) * (outside[0] & outside[1])
    mark = patches[free.argmax(axis=1)]
    return first * _PATCH + 1, second * _PATCH + 1, mark * _PATCH


def _canvas(random: np.random.Generator, count: int) -> np.ndarray:
    return random.uniform(0, 0.3, size=(count, _SIDE, _SIDE))


def _paste(canvas: np.ndarray, pictures: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Lay a picture on each canvas: whichever is brighter shows."""
    result, size = canvas.copy(), pictures.shape[1]
    rows, columns = (corners[:, axis, None] + np.arange(size) for axis in (0, 1))
    at = (np.arange(len(canvas))[:, None, None], rows[:, :, None], columns[:, None, :])
    result[at] = np.maximum(result[at], pictures)
    return result
