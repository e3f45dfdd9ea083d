"""How are numbers of a few bits each laid side by side in bytes, and read again?

Serves the chapter ``compute/compression``. The first bit is the highest one of the first byte.
"""

from __future__ import annotations

import numpy as np

__all__ = [
    "append_number",
    "pack_widths",
    "read_number",
    "unpack_widths",
    "whole_numbers",
    "windows",
]

_AT_ONCE = 2**13


def whole_numbers(name: str, values: np.ndarray) -> np.ndarray:
    """Return a list of whole numbers as int64, or raise a ValueError that names it."""
    array = np.asarray(values)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise ValueError(
            f"{name} must be whole numbers of shape (count,), but they are {array.dtype} of shape "
            f"{array.shape}."
        )
    if array.dtype == np.uint64 and array.size and array.max() >= 2**63:
        raise ValueError(f"{name} must be below 2**63, but the largest is {array.max()}.")
    return array.astype("int64")


def pack_widths(values: np.ndarray, widths: np.ndarray) -> bytes:
    """Lay numbers side by side, each with its own number of bits.

    Each number goes to its place in a 64-bit word, and its end into the next word where it does not
    fit; the numbers of one word are then joined. Some thousands are done at once: their arrays stay
    in the processor's cache.

    Args:
        values: whole numbers from 0 to ``2**width - 1``, shape ``(count,)``.
        widths: bits of each, 1 to 57, shape ``(count,)``.

    Returns:
        As many bytes as needed, zeros at the end of the last one.
    """
    words = np.zeros(int(widths.sum()) // 64 + 2, "uint64")
    start = 0
    for first in range(0, values.size, _AT_ONCE):
        some = values[first : first + _AT_ONCE].astype("uint64")
        their = widths[first : first + _AT_ONCE].astype("int64")
        ends = start + np.cumsum(their)
        begins = ends - their
        word, shift = begins >> 6, (begins & 63).astype("uint64")
        aligned = some << (64 - their).astype("uint64")  # the number at the top of its word
        spilled = aligned << (np.uint64(63) - shift) << np.uint64(1)  # by 64 at most, in two steps
        firsts = np.flatnonzero(np.diff(word, prepend=-1))
        words[word[firsts]] |= np.bitwise_or.reduceat(aligned >> shift, firsts)
        words[word[firsts] + 1] |= np.bitwise_or.reduceat(spilled, firsts)
        start = int(ends[-1])
    return words.astype(">u8").tobytes()[: (start + 7) // 8]


def unpack_widths(data: bytes, width: int, count: int) -> np.ndarray:
    """Read ``count`` numbers of ``width`` bits each, 1 to 57: undo :func:`pack_widths`."""
    padded = np.frombuffer(data + bytes(8), "uint8")
    return windows(padded[:-1], width)[np.arange(count) * width]


def windows(padded: np.ndarray, width: int) -> np.ndarray:
    """Return the number that ``width`` bits form from each bit on.

    Args:
        padded: uint8, shape ``(size + 7,)``: the last 7 bytes are only looked into.
        width: 1 to 57.

    Returns:
        int64, shape ``(8 * size,)``.
    """
    words = np.lib.stride_tricks.sliding_window_view(padded, 8).copy().view(">u8")
    shifts = np.arange(8, dtype="uint64")
    return (words.astype("uint64") << shifts >> np.uint64(64 - width)).ravel().view("int64")


def append_number(data: bytearray, number: int) -> None:
    """Append a whole number from 0 on: seven bits a byte, the lowest first, the last below 128."""
    while number > 127:
        data.append(number & 127 | 128)
        number >>= 7
    data.append(number)


def read_number(data: bytes, place: int) -> tuple[int, int]:
    """Return the number that starts at a place, below 2**63, and the place behind it."""
    number = 0
    for index, byte in enumerate(data[place : place + 9]):
        number |= (byte & 127) << (7 * index)
        if byte < 128:
            return number, place + index + 1
    raise ValueError("data ends, or has no end, within a number.")
