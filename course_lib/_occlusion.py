"""What if this part were not there?

Occlusion, after Zeiler and Fergus (2014): cover the image with a patch at one place after another,
and see how far the score falls. All covered images go through the model in large batches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from keras import ops

from course_lib._checks import array, either, function, input_of, sequence, takes, whole
from course_lib._explained_inputs import as_baseline, as_inputs, as_targets, in_batches
from course_lib._explained_models import scored

__all__ = ["occlusion"]

Model = Callable[[Any], Any]
Target = int | Sequence[int] | np.ndarray


@takes(
    input_of("model"),
    model=function(),
    x=array(finite=False),
    patch=either(whole(), sequence(whole(), 2, 2)),
    stride=either(whole(), sequence(whole(), 2, 2)),
    baseline=array(finite=False),
    batch_size=whole(1),
)
def occlusion(
    model: Model,
    x: np.ndarray,
    target: Target,
    patch: int | tuple[int, int] = 6,
    stride: int | tuple[int, int] = 2,
    baseline: Any = 0.0,
    batch_size: int = 256,
) -> np.ndarray:
    """Measure how far the score falls when a patch of the image is covered.

    Chapter equation ``eq-saliency-occlusion`` (after Zeiler and Fergus 2014, section 4.2). A pixel
    gets the mean fall of all patches that cover it.

    Args:
        model: as for :func:`gradient`.
        x: images, floating point, shape ``(batch, height, width, channels)``.
        target: the class to be explained, one for all images or one for each.
        patch: height and width of the patch in pixels.
        stride: step of the patch in pixels, down and right, not larger than the patch. The last
            patch of a row may stick out over the edge, so that every pixel is covered.
        baseline: what the patch shows: a number, one image, or one for each image.
        batch_size: covered images given to the model at a time.

    Returns:
        Signed float32 array of shape ``(batch, height, width)``, in units of the score: positive
        where covering lowers it.

    Raises:
        ValueError: as for :func:`gradient`, or ``patch``, ``stride`` or ``baseline`` does not fit.
    """
    x = as_inputs(x, axes=4)
    targets, cover = as_targets(model, x, target), as_baseline(baseline, x)
    masks = _patches(x.shape[1:3], _as_pair(patch, "patch"), _as_pair(stride, "stride"))
    score = scored(model)
    before = in_batches(score, [x, targets], batch_size)
    falls = np.zeros((len(x), len(masks)), np.float32)
    rows = np.stack(np.divmod(np.arange(falls.size), len(masks)), axis=1)  # (image, patch)

    def fall(some: np.ndarray) -> np.ndarray:
        image, mask = some[:, 0], masks[some[:, 1]][..., None]
        covered = np.where(mask, cover[image], x[image])
        return before[image] - ops.convert_to_numpy(score(covered, targets[image]))

    falls = in_batches(fall, [rows], batch_size).reshape(falls.shape)
    flat = masks.reshape(len(masks), -1).astype(np.float32)
    return (falls @ flat / flat.sum(axis=0)).reshape(x.shape[:3])


def _patches(size: tuple[int, int], patch: tuple[int, int], stride: tuple[int, int]) -> np.ndarray:
    """Return a mask for each place of the patch, bool, shape (patches, height, width)."""
    if any(p > n or s > p for n, p, s in zip(size, patch, stride, strict=True)):
        raise ValueError(
            f"patch must fit into the image of {size}, and stride must not exceed patch, or pixels "
            f"are left out, but they are {patch} and {stride}."
        )
    along = []
    for n, p, s in zip(size, patch, stride, strict=True):
        starts = np.arange(-(-(n - p) // s) + 1)[:, None] * s
        places = np.arange(n)
        along.append((places >= starts) & (places < starts + p))  # (starts, n)
    down, right = along
    return (down[:, None, :, None] & right[None, :, None, :]).reshape(-1, *size)


def _as_pair(value: int | tuple[int, int], name: str) -> tuple[int, int]:
    pair = (value, value) if isinstance(value, int | np.integer) else tuple(value)
    if len(pair) != 2 or not all(isinstance(v, int | np.integer) and v >= 1 for v in pair):
        raise ValueError(f"{name} must be one or two whole numbers from 1 on, but it is {value!r}.")
    return int(pair[0]), int(pair[1])
