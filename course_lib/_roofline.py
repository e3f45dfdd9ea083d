"""What can this machine do at most, and which of its two limits does a computation meet?

Serves the chapter ``compute/acceleration``. The roofline model of Williams, Waterman and Patterson
(2009): a computation that does ``I`` floating-point operations for each byte it moves runs at no
more than ``min(peak, I * bandwidth)``. Both limits are measured here, by a large matrix product and
by a pass over arrays that no cache holds (after McCalpin's STREAM, 1995).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from keras import ops

from course_lib import gradients
from course_lib._checks import array, check_between, check_whole, choice, real, takes
from course_lib._timing import race

__all__ = ["Roof", "measure_roof", "product_error", "product_rate", "stream_rate"]

FLOATS = choice(("float16", "bfloat16", "float32", "float64"))


class Roof(NamedTuple):
    """The two limits of a machine.

    Attributes:
        operations_per_second: floating-point operations a second at most (FLOP/s).
        bytes_per_second: bytes a second between main memory and processor at most.
    """

    operations_per_second: float
    bytes_per_second: float

    @property
    def ridge(self) -> float:
        """The intensity, in operations for each byte, at which the two limits meet."""
        return self.operations_per_second / self.bytes_per_second

    @takes(intensity=array(low=0))
    def attainable(self, intensity: Any) -> Any:
        """Return the operations a second that an intensity allows (``eq-acceleration-roof``).

        Args:
            intensity: operations for each byte, one number or an array, at or above 0.
        """
        return np.minimum(self.operations_per_second, np.asarray(intensity) * self.bytes_per_second)

    @takes(operations=real(0), moved=real(0))
    def seconds(self, operations: float, moved: float) -> float:
        """Return the time that a computation takes at least.

        Args:
            operations: floating-point operations.
            moved: bytes between memory and processor.
        """
        return max(operations / self.operations_per_second, moved / self.bytes_per_second)


@takes(dtype=FLOATS)
def product_rate(size: int = 1024, dtype: str = "float32", rounds: int = 5) -> float:
    """Measure how many operations a second a product of two square matrices reaches.

    A product of two ``(size, size)`` matrices takes ``2 * size**3`` operations, and moves three
    matrices: its intensity grows with ``size``, so that a large one is limited by arithmetic.

    Args:
        size: rows and columns, at least 2.
        dtype: the floating-point type of the matrices.
        rounds: timings, of which the fastest counts.

    Raises:
        ValueError: a number is out of range.
    """
    check_whole("size", size, 2, 1 << 15)
    random = np.random.default_rng(0)
    a, b = (ops.cast(random.normal(size=(size, size)).astype("float32"), dtype) for _ in range(2))
    product = gradients.compile(lambda a, b: ops.matmul(a, b))
    fastest = race({"product": lambda: product(a, b)}, rounds)["product"].min()
    return float(2 * size**3 / fastest)


@takes(dtype=FLOATS)
def product_error(dtype: str = "float32", size: int = 256) -> float:
    """Measure how far a matrix product in some precision is from the exact one.

    This also shows what a device *calls* float32: some GPUs round the factors to 10 bits of
    fraction (TF32) unless told otherwise, and then the error is near a thousandth.

    Args:
        dtype: the floating-point type of the matrices. The inputs are rounded to it first, and do
            not count as an error.
        size: rows and columns.

    Returns:
        The root mean square of the differences, divided by that of the exact product.

    Raises:
        ValueError: ``size`` is out of range.
    """
    check_whole("size", size, 2, 4096)
    random = np.random.default_rng(0)
    a, b = (ops.cast(random.normal(size=(size, size)).astype("float32"), dtype) for _ in range(2))
    exact = np.matmul(*(_as_float64(x) for x in (a, b)))
    found = _as_float64(gradients.compile(lambda a, b: ops.matmul(a, b))(a, b))
    return float(np.sqrt(np.mean((found - exact) ** 2) / np.mean(exact**2)))


@takes(mebibytes=real(0, open_start=True))
def stream_rate(mebibytes: float = 128, rounds: int = 5) -> float:
    """Measure how many bytes a second pass between memory and processor.

    Two passes over a large array of float32, and the faster counts: summing it reads each number
    once, adding a number to it reads each and writes another. (A processor that fetches a line
    before it overwrites it moves more bytes than are counted for the second.)

    Args:
        mebibytes: size of the array; several times that of the largest cache.
        rounds: timings, of which the fastest counts.

    Raises:
        ValueError: a number is out of range.
    """
    check_between("mebibytes", mebibytes, 0, 1 << 16, open_start=True)
    count = max(int(mebibytes * 2**20 / 4), 1)
    x = ops.ones((count,), "float32")
    total, shift = gradients.compile(_total), gradients.compile(_shift)
    times = race({"read": lambda: total(x), "copy": lambda: shift(x)}, rounds)
    return float(max(4 * count / times["read"].min(), 8 * count / times["copy"].min()))


def _total(x: Any) -> Any:
    return ops.sum(x)


def _shift(x: Any) -> Any:
    return x + 1.0


@takes(dtype=FLOATS, mebibytes=real(0, open_start=True))
def measure_roof(
    size: int = 1024, dtype: str = "float32", mebibytes: float = 128, rounds: int = 5
) -> Roof:
    """Measure both limits of the machine that Keras computes on.

    Args:
        size: see :func:`product_rate`.
        dtype: see :func:`product_rate`.
        mebibytes: see :func:`stream_rate`.
        rounds: timings of each, of which the fastest counts.

    Raises:
        ValueError: a number is out of range.
    """
    return Roof(product_rate(size, dtype, rounds), stream_rate(mebibytes, rounds))


def _as_float64(x: Any) -> np.ndarray:
    """Return a tensor of any floating-point type as an array that NumPy computes with."""
    return ops.convert_to_numpy(ops.cast(x, "float32")).astype("float64")
