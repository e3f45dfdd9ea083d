"""Which words of a text, which segments of an image carry the score? LIME by leaving parts out.

Ribeiro, Singh and Guestrin (2016). Each sample shows some of the parts, and the linear model sees
zeros and ones: which of them. The defaults are those of the authors' package, ``lime``.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import numpy as np
from skimage.segmentation import slic

from course_lib._black_box import Predict, ask, ask_in_blocks
from course_lib._checks import (
    array,
    check_whole,
    either,
    function,
    indices,
    real,
    string,
    takes,
    whole,
)
from course_lib._lime import LocalExplanation, explain_neighborhood, of_target, random_from

__all__ = ["lime_image", "lime_text"]

_IMAGES_A_BATCH = 256


@takes(
    predict=function(),
    text=string(),
    num_features=whole(1),
    samples=whole(),
    seed=whole(),
    target=whole(),
    kernel_width=real(0, open_start=True),
    selection=string(),
)
def lime_text(
    predict: Predict,
    text: str,
    *,
    num_features: int | None = 10,
    samples: int = 1000,
    seed: int = 0,
    target: int | None = None,
    kernel_width: float = 25.0,
    selection: str = "auto",
) -> LocalExplanation:
    """Explain one text: which words, if they were missing, would change the score.

    Each sample leaves out a random number of the text's different words, wherever they stand. The
    distance is 100 times the cosine distance between the samples' lists of words.

    Args:
        predict: maps a list of texts to scores of shape ``(n,)`` or ``(n, classes)``.
        text: the text, with at least one word.
        num_features: how many words may get a weight; None for all.
        samples: texts to ask the model about, the original among them.
        seed: of the draw.
        target: the class to explain; by default the one with the highest score for the text.
        kernel_width: in units of the distance, which runs from 0 to 100.
        selection: how words are chosen, see ``select_features``.

    Returns:
        The explanation, one weight for each different word, in the order of appearance.

    Raises:
        ValueError: the text has no words, or an argument is out of range.
    """
    pieces = re.split(r"(\W+)", text) if isinstance(text, str) else []
    names = tuple(dict.fromkeys(pieces[::2])) if pieces else ()
    names = tuple(name for name in names if name)
    if not names:
        raise ValueError(f"text must be a string with at least one word, but it is {text!r}.")
    check_whole("samples", samples, 10)
    random = random_from(seed)
    words = len(names)
    missing = random.integers(1, words + 1, size=samples)
    rank = random.random((samples, words)).argsort(axis=1).argsort(axis=1)
    z = rank >= missing[:, None]
    z[0] = True
    place = {name: at for at, name in enumerate(names)}
    owner = np.array([place.get(piece, words) for piece in pieces])
    keep = np.c_[z, np.ones(samples, bool)][:, owner]  # (samples, pieces); gaps always stay
    copies = ["".join(np.asarray(pieces, object)[row]) for row in keep]
    copies[0] = text
    distances = 100 * _cosine_distance(z)
    scores = of_target(ask(predict, copies), target)
    return explain_neighborhood(z, scores, distances, kernel_width, num_features, selection, names)


@takes(
    predict=function(),
    image=array(finite=False),
    segments=either(whole(1), indices("height", "width")),
    num_features=whole(1),
    samples=whole(),
    seed=whole(),
    target=whole(),
    fill=real(),
    kernel_width=real(0, open_start=True),
    compactness=real(),
    selection=string(),
)
def lime_image(
    predict: Predict,
    image: Any,
    *,
    segments: Any = 50,
    num_features: int | None = None,
    samples: int = 1000,
    seed: int = 0,
    target: int | None = None,
    fill: float | None = None,
    kernel_width: float = 0.25,
    compactness: float = 0.1,
    selection: str = "auto",
) -> LocalExplanation:
    """Explain one image: which segments, if they were hidden, would change the score.

    Args:
        predict: maps images ``(n, height, width, channels)`` to scores of shape ``(n,)`` or
            ``(n, classes)``.
        image: floats, shape ``(height, width, channels)``.
        segments: the segment of each pixel, whole numbers of shape ``(height, width)``, or about
            how many segments to find by color and place (SLIC, Achanta and others 2012).
        num_features: how many segments may get a weight; None for all.
        samples: images to ask the model about, the original among them. Each shows a random half
            of the segments.
        seed: of the draw.
        target: the class to explain; by default the one with the highest score for the image.
        fill: what a hidden pixel becomes; by default the mean color of its segment.
        kernel_width: in units of the cosine distance, which runs from 0 to 1.
        compactness: weight of place against color where segments are to be found.
        selection: how segments are chosen, see ``select_features``.

    Returns:
        The explanation, one weight for each segment; ``heat_map()`` lays them over the pixels.

    Raises:
        ValueError: shapes do not fit, there is a single segment, or an argument is out of range.
    """
    image = np.asarray(image)
    if image.ndim != 3 or image.dtype.kind != "f" or not np.isfinite(image).all():
        raise ValueError(
            "image must hold finite floats of shape (height, width, channels), but it is "
            f"{image.dtype} of shape {image.shape}. Scale pixels to 0..1 first."
        )
    check_whole("samples", samples, 10)
    random = random_from(seed)
    labels = _segments(image, segments, compactness)
    count = int(labels.max()) + 1
    if count < 2:
        raise ValueError(
            "There is a single segment, so there is nothing to compare. Ask for more segments, or "
            "lower compactness."
        )
    hidden = np.full_like(image, 0 if fill is None else fill)
    if fill is None:
        sizes = np.bincount(labels.ravel(), minlength=count)
        for channel in range(image.shape[2]):
            sums = np.bincount(labels.ravel(), image[..., channel].ravel(), count)
            hidden[..., channel] = (sums / sizes)[labels]
    z = random.random((samples, count)) < 0.5
    z[0] = True
    blocks = (
        np.where(z[at : at + _IMAGES_A_BATCH][:, labels][..., None], image, hidden)
        for at in range(0, samples, _IMAGES_A_BATCH)
    )
    scores = np.concatenate(list(ask_in_blocks(predict, blocks, _IMAGES_A_BATCH)))
    names = tuple(f"segment {place}" for place in range(count))
    explanation = explain_neighborhood(
        z,
        of_target(scores, target),
        _cosine_distance(z),
        kernel_width,
        num_features,
        selection,
        names,
    )
    return dataclasses.replace(explanation, segments=labels)


def _cosine_distance(z: np.ndarray) -> np.ndarray:
    """Return the cosine distance of rows of zeros and ones from the row of ones."""
    return 1 - np.sqrt(z.mean(axis=1))


def _segments(image: np.ndarray, segments: Any, compactness: float) -> np.ndarray:
    """Return the segment of each pixel, numbered from 0 without gaps."""
    if np.ndim(segments) == 0:
        check_whole("segments", segments, 2)
        segments = slic(
            image,
            n_segments=segments,
            compactness=compactness,
            start_label=0,
            channel_axis=-1,
            convert2lab=image.shape[2] == 3,
        )
    segments = np.asarray(segments)
    if segments.shape != image.shape[:2] or segments.dtype.kind not in "iu":
        raise ValueError(
            f"segments must be whole numbers of shape {image.shape[:2]}, one for each pixel, but "
            f"they are {segments.dtype} of shape {segments.shape}."
        )
    return np.unique(segments, return_inverse=True)[1].reshape(segments.shape)
