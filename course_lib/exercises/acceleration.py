"""The coding exercises of the chapter on acceleration: counting, roofs, tolls, feeds, scales."""

from __future__ import annotations

import math
from collections.abc import Sequence

from course_lib.exercises import Exercise

__all__ = ["EXERCISES"]


def _conv(height: int, width: int, channels: int, filters: int, kernel: int) -> int:
    positions = (height - kernel + 1) * (width - kernel + 1)
    return positions * filters * (2 * kernel**2 * channels + 1)


def _feed(batches: int, read: float, work: float, ahead: bool) -> float:
    if not ahead:
        return batches * (read + work)
    return read + (batches - 1) * max(read, work) + work


def _scale(finite: Sequence[bool], scale: float, growth_steps: int) -> float:
    good = 0
    for fine in finite:
        good = good + 1 if fine else 0
        if not fine:
            scale /= 2
        elif good == growth_steps:
            scale, good = 2 * scale, 0
    return scale


def _scale_never_counting_anew(finite: Sequence[bool], scale: float, growth_steps: int) -> float:
    good = 0
    for fine in finite:
        good += fine
        if not fine:
            scale /= 2
        elif good % growth_steps == 0:
            scale *= 2
    return scale


def _scale_without_reset(finite: Sequence[bool], scale: float, growth_steps: int) -> float:
    good = 0
    for fine in finite:
        good = good + 1 if fine else 0
        if not fine:
            scale /= 2
        elif good >= growth_steps:
            scale *= 2
    return scale


EXERCISES = {
    "conv_operations": Exercise(
        solution=_conv,
        cases=[(5, 5, 1, 1, 3), (28, 28, 1, 16, 3), (9, 14, 3, 4, 5), (4, 7, 6, 2, 1)],
        mistakes=[
            (
                lambda h, w, c, f, k: (h - k + 1) * (w - k + 1) * f * 2 * k**2 * c,
                "you left out the bias: one addition for each output number.",
            ),
            (
                lambda h, w, c, f, k: (h - k + 1) * (w - k + 1) * f * (k**2 * c + 1),
                "these are multiply-adds. Each is two operations.",
            ),
            (
                lambda h, w, c, f, k: h * w * f * (2 * k**2 * c + 1),
                "without padding the kernel fits at fewer positions than there are pixels.",
            ),
        ],
    ),
    "least_seconds": Exercise(
        solution=lambda operations, moved, peak, bandwidth: max(
            operations / peak, moved / bandwidth
        ),
        cases=[(1e9, 1e6, 1e11, 1e10), (1e6, 1e9, 1e11, 1e10), (3e8, 2e8, 5e9, 4e9)],
        mistakes=[
            (
                lambda operations, moved, peak, bandwidth: operations / peak + moved / bandwidth,
                "the roofline lets arithmetic and memory work at the same time: take the larger.",
            ),
            (
                lambda operations, moved, peak, bandwidth: min(
                    operations / peak, moved / bandwidth
                ),
                "the slower of the two decides.",
            ),
            (
                lambda operations, moved, peak, bandwidth: operations / peak,
                "you forgot the bytes.",
            ),
        ],
    ),
    "epoch_seconds": Exercise(
        solution=lambda examples, batch_size, fixed, each: (
            math.ceil(examples / batch_size) * fixed + examples * each
        ),
        cases=[(10_000, 32, 0.004, 0.00025), (10, 4, 1.0, 0.5), (64, 64, 0.2, 0.1), (7, 1, 2, 0)],
        mistakes=[
            (
                lambda examples, batch_size, fixed, each: (
                    examples // batch_size * fixed + examples * each
                ),
                "the last, smaller batch pays the toll, too.",
            ),
            (
                lambda examples, batch_size, fixed, each: (
                    math.ceil(examples / batch_size) * (fixed + batch_size * each)
                ),
                "the last batch may be smaller: it costs each for the examples that it has.",
            ),
            (
                lambda examples, batch_size, fixed, each: fixed + examples * each,
                "the toll is paid at every step, not once.",
            ),
        ],
    ),
    "feed_seconds": Exercise(
        solution=_feed,
        cases=[
            (10, 2.0, 3.0, False),
            (10, 2.0, 3.0, True),
            (10, 5.0, 3.0, True),
            (1, 5.0, 3.0, True),
            (4, 1.0, 1.0, True),
        ],
        mistakes=[
            (
                lambda batches, read, work, ahead: (
                    batches * (max(read, work) if ahead else read + work)
                ),
                "the first batch has nothing to hide behind, and after the last nothing is read.",
            ),
            (
                lambda batches, read, work, ahead: (
                    read + batches * max(read, work) if ahead else batches * (read + work)
                ),
                "the last step reads nothing more: it takes work seconds, not the larger of both.",
            ),
            (
                lambda batches, read, work, ahead: (
                    read + batches * work if ahead else batches * (read + work)
                ),
                "reading may be the slower of the two; then the step waits each time.",
            ),
        ],
    ),
    "last_scale": Exercise(
        solution=_scale,
        cases=[
            ([True] * 5, 8.0, 2),
            ([False, False, True], 1024.0, 3),
            ([True, True, False, True, True, True, True], 16.0, 3),
            ([True, False] * 4, 256.0, 2),
        ],
        mistakes=[
            (
                _scale_never_counting_anew,
                "a bad step starts the count anew: the good ones must follow one another.",
            ),
            (
                _scale_without_reset,
                "after the scale was doubled the count starts anew.",
            ),
            (
                lambda finite, scale, growth_steps: scale / 2 ** sum(not fine for fine in finite),
                "it also grows: it doubles after growth_steps good steps in a row.",
            ),
        ],
    ),
}
