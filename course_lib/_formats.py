"""What can a number of 16 bits hold, and what is lost when gradients are kept in one?

Serves the chapter ``compute/acceleration``. A floating-point format has a sign, some bits for the
exponent and some for the fraction. The first decide how large and small numbers can be, the second
how close together. ``round_to`` rounds to any such format, so that each can be tried on any
machine. ``next_loss_scale`` is the rule of dynamic loss scaling (Micikevicius and others 2018,
section 3.2).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from course_lib._checks import array, check_between, check_whole, flag, instance, real, takes, whole

__all__ = ["FORMATS", "LossScale", "NumberFormat", "lost_share", "next_loss_scale", "round_to"]


class NumberFormat(NamedTuple):
    """A binary floating-point format (``eq-acceleration-format``).

    Attributes:
        exponent_bits: bits of the exponent.
        fraction_bits: bits of the fraction, without the leading one that is not stored.
    """

    exponent_bits: int
    fraction_bits: int

    @property
    def _bias(self) -> int:
        return 2 ** (self.exponent_bits - 1) - 1

    @property
    def largest(self) -> float:
        """The largest finite number."""
        return 2.0**self._bias * (2 - 2.0**-self.fraction_bits)

    @property
    def smallest_normal(self) -> float:
        """The smallest positive number that has all its digits."""
        return 2.0 ** (1 - self._bias)

    @property
    def smallest(self) -> float:
        """The smallest positive number of all; it has a single digit left."""
        return self.smallest_normal * 2.0**-self.fraction_bits

    @property
    def spacing(self) -> float:
        """The distance from 1 to the next number: twice the largest relative rounding error."""
        return 2.0**-self.fraction_bits


FORMATS = {
    "float32": NumberFormat(8, 23),
    "tensorfloat32": NumberFormat(8, 10),
    "bfloat16": NumberFormat(8, 7),
    "float16": NumberFormat(5, 10),
}


@takes(values=array(finite=False), number_format=instance(NumberFormat, "a NumberFormat"))
def round_to(values: np.ndarray, number_format: NumberFormat) -> np.ndarray:
    """Round each number to the nearest that a format can hold; at a tie, to the even one.

    What is too large becomes infinite, what is too small becomes zero.

    Args:
        values: numbers, any shape.
        number_format: one of ``FORMATS`` or another; at most 11 exponent and 40 fraction bits.

    Returns:
        float64 of the same shape.

    Raises:
        ValueError: the format has too many bits.
    """
    check_whole("exponent_bits", number_format.exponent_bits, 2, 11)
    check_whole("fraction_bits", number_format.fraction_bits, 1, 40)
    values = np.asarray(values, "float64")
    _, exponent = np.frexp(values)  # values = fraction * 2**exponent, fraction from 0.5 to 1
    lowest = int(np.log2(number_format.smallest))
    unit = np.ldexp(1.0, np.maximum(exponent - 1 - number_format.fraction_bits, lowest))
    rounded = np.rint(values / unit) * unit
    too_large = np.abs(rounded) > number_format.largest
    return np.where(too_large, np.copysign(np.inf, values), rounded)


@takes(
    values=array(finite=False, filled=True),
    number_format=instance(NumberFormat, "a NumberFormat"),
    scale=real(0, open_start=True),
)
def lost_share(
    values: np.ndarray, number_format: NumberFormat, scale: float = 1.0
) -> tuple[float, float]:
    """Return which share of numbers a format loses after they were multiplied by a scale.

    Args:
        values: numbers, any shape; zeros do not count.
        number_format: the format that they are kept in.
        scale: above 0.

    Returns:
        The share of the numbers other than zero that become zero, and the share that become
        infinite.

    Raises:
        ValueError: ``scale`` is not above 0, or all values are zero.
    """
    check_between("scale", scale, 0, np.inf, open_start=True)
    values = np.asarray(values, "float64")
    values = values[values != 0]
    if values.size == 0:
        raise ValueError("values must hold numbers other than zero, but there are none.")
    kept = round_to(values * scale, number_format)
    return float(np.mean(kept == 0)), float(np.mean(np.isinf(kept)))


class LossScale(NamedTuple):
    """The state of dynamic loss scaling.

    Attributes:
        scale: what the loss is multiplied by before the gradients are taken.
        good_steps: steps with finite gradients since the scale last changed.
    """

    scale: float = 2.0**15
    good_steps: int = 0


@takes(state=instance(LossScale, "a LossScale"), finite=flag(), growth_steps=whole(1))
def next_loss_scale(state: LossScale, finite: bool, growth_steps: int = 2000) -> LossScale:
    """Return the scale for the next step.

    A gradient that is not finite halves the scale, and the step is left out; ``growth_steps``
    finite ones in a row double it (``eq-acceleration-scale``).

    Args:
        state: the scale of the step just made.
        finite: whether all its gradients were finite.
        growth_steps: how long to wait before trying a larger scale.

    Raises:
        ValueError: ``growth_steps`` is not a whole number from 1 on.
    """
    check_whole("growth_steps", growth_steps, 1)
    if not finite:
        return LossScale(state.scale / 2, 0)
    if state.good_steps + 1 == growth_steps:
        return LossScale(state.scale * 2, 0)
    return LossScale(state.scale, state.good_steps + 1)
