"""Where are the weights of a tensor that is nearly all zeros?

Serves the chapter ``compute/compression``, through ``course_lib._coding``. A place is told by the
number of zeros since the weight before, in few bits, with fillers where that is too many (Han and
others 2016, section 2).
"""

from __future__ import annotations

import numpy as np

from course_lib._checks import array, check_whole, takes
from course_lib._packing import whole_numbers

__all__ = ["absolute_indices", "relative_indices"]


@takes(positions=array())
def relative_indices(positions: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Say where the weights of a sparse tensor are by the gaps between them, of few bits each.

    An entry is the number of zeros since the entry before. Where there are more than
    ``2**bits - 1``, a *filler* is put in between: an entry that stands for one more zero, which is
    stored as if it were a weight (Han and others 2016, section 2).

    Args:
        positions: places of the weights in the flattened tensor, whole numbers from 0 on in
            ascending order, shape ``(weights,)``.
        bits: width of a gap, 1 to 16.

    Returns:
        The gaps, int64 from 0 to ``2**bits - 1``, shape ``(entries,)``, and whether each entry is a
        weight (and no filler), bool, same shape.

    Raises:
        ValueError: ``positions`` or ``bits`` are of another form.
    """
    check_whole("bits", bits, 1, 16)
    positions = whole_numbers("positions", positions)
    gaps = np.diff(positions, prepend=-1) - 1
    if positions.size and gaps.min() < 0:
        raise ValueError("positions must be from 0 on and ascending, without repeats.")
    fillers, rest = np.divmod(gaps, 2**bits)
    weights = np.cumsum(fillers + 1) - 1
    entries = np.full(int(fillers.sum()) + positions.size, 2**bits - 1)
    is_weight = np.zeros(entries.shape, bool)
    entries[weights], is_weight[weights] = rest, True
    return entries, is_weight


@takes(gaps=array())
def absolute_indices(gaps: np.ndarray) -> np.ndarray:
    """Return the places that gaps stand for, fillers included: undo :func:`relative_indices`.

    Args:
        gaps: zeros before each entry, whole numbers from 0 on, shape ``(entries,)``.

    Returns:
        int64, shape ``(entries,)``.

    Raises:
        ValueError: ``gaps`` is of another form.
    """
    gaps = whole_numbers("gaps", gaps)
    if gaps.size and gaps.min() < 0:
        raise ValueError(f"gaps must be at least 0, but the least is {gaps.min()}.")
    return np.cumsum(gaps + 1) - 1
