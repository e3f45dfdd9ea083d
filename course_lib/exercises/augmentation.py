"""The coding exercises of the chapter on augmentation: places, shares, versions, intervals."""

from __future__ import annotations

import numpy as np
from scipy import stats

from course_lib.exercises import Exercise

__all__ = ["EXERCISES"]

_PLACES = [
    (0.0, 5.0, 90.0),
    (-3.0, 4.0, 30.0),
    (2.5, -1.5, -45.0),
    (1.0, 0.0, 180.0),
]

_BOXES = [
    (28, 28, 10, 10, 7, 14),
    (32, 32, -4, 20, 10, 30),
    (10, 20, 5, -3, 10, 10),
    (8, 8, 0, 0, 8, 8),
]


def _source_place(down: float, right: float, degrees: float) -> np.ndarray:
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return turn @ np.array([down, right])


def _kept_share(
    height: int, width: int, top: int, left: int, box_height: int, box_width: int
) -> float:
    rows = min(top + box_height, height) - max(top, 0)
    columns = min(left + box_width, width) - max(left, 0)
    return 1 - rows * columns / (height * width)


def _gains(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    without = random.uniform(0.7, 0.9, size=count)
    return without, without + random.normal(0.02, 0.01, size=count)


def _interval(without: np.ndarray, with_change: np.ndarray) -> float:
    gain = with_change - without
    half = stats.t.ppf(0.975, len(gain) - 1)
    return float(half * gain.std(ddof=1) / np.sqrt(len(gain)))


def _unpaired(without: np.ndarray, with_change: np.ndarray) -> float:
    count = len(without)
    variance = without.var(ddof=1) + with_change.var(ddof=1)
    return float(stats.t.ppf(0.975, count - 1) * np.sqrt(variance / count))


def _normal(without: np.ndarray, with_change: np.ndarray) -> float:
    gain = with_change - without
    return float(1.96 * gain.std(ddof=1) / np.sqrt(len(gain)))


def _no_root(without: np.ndarray, with_change: np.ndarray) -> float:
    gain = with_change - without
    return float(stats.t.ppf(0.975, len(gain) - 1) * gain.std(ddof=1))


EXERCISES = {
    "versions": Exercise(
        solution=lambda padding, mirrored: (2 * padding + 1) ** 2 * (2 if mirrored else 1),
        cases=[(4, True), (2, False), (0, True), (1, False)],
        mistakes=[
            (
                lambda padding, mirrored: (2 * padding) ** 2 * (2 if mirrored else 1),
                "between -padding and padding lie 2 * padding + 1 whole numbers: count the zero.",
            ),
            (
                lambda padding, mirrored: (2 * padding + 1) * (2 if mirrored else 1),
                "the window moves along both axes.",
            ),
            (
                lambda padding, mirrored: (padding + 1) ** 2 * (2 if mirrored else 1),
                "there is a margin on both sides.",
            ),
            (
                lambda padding, mirrored: (2 * padding + 1) ** 2,
                "each window may come mirrored, too.",
            ),
        ],
    ),
    "source_place": Exercise(
        solution=_source_place,
        cases=_PLACES,
        mistakes=[
            (
                lambda down, right, degrees: _source_place(down, right, -degrees),
                "this is where the pixel goes. The map runs backwards: where does it come from?",
            ),
            (
                lambda down, right, degrees: _source_place(down, right, np.degrees(degrees)),
                "cosine and sine want radians.",
            ),
            (
                lambda down, right, degrees: _source_place(right, down, degrees)[::-1],
                "rows count downward, columns to the right: look at the signs again.",
            ),
        ],
    ),
    "kept_share": Exercise(
        solution=_kept_share,
        cases=_BOXES,
        mistakes=[
            (
                lambda height, width, top, left, box_height, box_width: (
                    1 - box_height * box_width / (height * width)
                ),
                "the box may stick out. Count the pixels that it really covers.",
            ),
            (
                lambda *box: 1 - _kept_share(*box),
                "this is the share of the pasted image.",
            ),
        ],
    ),
    "paired_interval": Exercise(
        solution=_interval,
        cases=[_gains(0, 4), _gains(1, 6), _gains(2, 10)],
        mistakes=[
            (
                _unpaired,
                "this treats the runs as strangers. Take the differences by seed first.",
            ),
            (
                _normal,
                "with so few seeds the factor is that of Student's t, not 1.96.",
            ),
            (
                _no_root,
                "the mean of n differences varies less than one of them: divide by sqrt(n).",
            ),
        ],
    ),
}
