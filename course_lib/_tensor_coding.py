"""Which way to write a tensor down takes the fewest bytes?

Serves the chapter ``compute/compression``. A tensor is written whole, or *sparse*: only what is not
zero, and the gaps between. The values are written *raw*; or *shared*, as a codebook of the distinct
ones and a Huffman code over it; or *scaled*, as whole numbers in a Huffman code and a scale, or one
for each output channel. Whatever makes the file smallest is taken, by trying.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from course_lib import _coding
from course_lib._packing import append_number, read_number

__all__ = ["StoredTensor", "decode_tensor", "encode_tensor"]

_SPARSE, _SHARED, _SCALED = 1, 2, 4
_WIDTHS = range(2, 13)
_NAMES = {0: "raw", _SHARED: "shared", _SCALED: "scaled"}
_NAMES |= {kind | _SPARSE: f"sparse, {name}" for kind, name in _NAMES.items()}


@dataclass(frozen=True)
class StoredTensor:
    """What one tensor takes in a compressed file, in bytes.

    Attributes:
        name: the variable's path, such as ``"dense/kernel"``.
        encoding: ``"raw"``, ``"shared"`` or ``"scaled"``, with ``"sparse, "`` before it where only
            what is not zero is written.
        weights: numbers in the tensor.
        kept: those that are not zero.
        entries: numbers written: all of them, or the kept ones and the filler zeros.
        distinct: different codes among them, where they are coded, else 0.
        index_bits: width of a gap, where the tensor is sparse, else 0.
        codebook: the distinct numbers themselves, or the scales.
        tables: the code lengths of both Huffman codes.
        values: the values' codes, or the raw values.
        indices: the gaps' codes.
        frame: what says which encoding it is, and how long each part.
    """

    name: str
    encoding: str
    weights: int
    kept: int
    entries: int
    distinct: int
    index_bits: int
    codebook: int
    tables: int
    values: int
    indices: int
    frame: int

    @property
    def size(self) -> int:
        """All bytes of the tensor."""
        return self.codebook + self.tables + self.values + self.indices + self.frame


def encode_tensor(
    array: np.ndarray, name: str = "", index_bits: int | None = None
) -> tuple[bytes, StoredTensor]:
    """Write a tensor in the way that takes the fewest bytes.

    Args:
        array: numbers of any shape and of 1, 2, 4 or 8 bytes each.
        name: what to call it in the report.
        index_bits: width of a gap, 1 to 16; None tries the widths from 2 to 12.

    Returns:
        The bytes, and what they consist of. Shape and type are not among them.
    """
    array = np.where(array == 0, np.zeros_like(array), array)  # no negative zeros
    flat = _patterns(array)
    forms = [form for form in (_shared(flat), _scaled(array)) if form is not None]
    positions = np.flatnonzero(flat)
    best = _written(name, flat, forms, positions.size)
    widths = _WIDTHS if index_bits is None else [index_bits]
    for width in widths if 2 * positions.size < flat.size else []:
        gaps, _ = _coding.relative_indices(positions, width)
        places = _coding.absolute_indices(gaps)  # a filler stands where there is a zero
        entries = [(kind, book, codes[places]) for kind, book, codes in forms]
        found = _written(name, flat[places], entries, positions.size, gaps, width)
        best = min(best, found, key=lambda written: len(written[0]))
    data, stored = best
    return data, replace(stored, weights=flat.size)


def _patterns(array: np.ndarray) -> np.ndarray:
    """Return the bit patterns of all numbers in a row, so that nothing is rounded."""
    return np.ascontiguousarray(array).ravel().view(f"uint{8 * array.dtype.itemsize}")


def _shared(flat: np.ndarray) -> tuple[int, bytes, np.ndarray] | None:
    """Return the codebook of the distinct numbers and each number's place in it, if it can pay."""
    distinct, codes = np.unique(flat, return_inverse=True)
    if distinct.size >= 2**16 or 2 * distinct.size > flat.size:
        return None
    return _SHARED, distinct.astype(_little(flat)).tobytes(), codes.astype("int64").ravel()


def _scaled(array: np.ndarray) -> tuple[int, bytes, np.ndarray] | None:
    """Return scales and whole numbers whose products are exactly the array's numbers, if any are.

    There is one scale, or one for each entry of the last axis. Each is found from the largest
    number of its group, which must be the scale times some whole number up to 255.
    """
    if array.dtype != np.float32 or array.size == 0 or not np.isfinite(array).all():
        return None
    groups = [1, array.shape[-1]] if array.ndim > 1 else [1]
    for count in groups:
        columns = array.reshape(-1, count)
        sample = np.sort(np.abs(columns), axis=0)[-16:]
        largest = sample[-1]
        scales, open_ = np.where(largest > 0, np.float32(0), np.float32(1)), largest > 0
        for most in range(1, 256):
            near = largest / np.float32(most)
            for scale in (near, np.nextafter(near, np.float32(0)), np.nextafter(near, largest)):
                scale = np.where(scale > 0, scale, np.float32(1))
                hit = open_ & _fits(sample, scale)
                if hit.any():
                    hit[hit] = _fits(columns[:, hit], scale[hit])
                    scales[hit], open_ = scale[hit], open_ & ~hit
            if not open_.any():
                codes = np.rint(columns / scales).astype("int64").ravel()
                return _SCALED, scales.astype("<f4").tobytes(), codes
    return None


def _fits(columns: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Say for each column whether all of it is the scale times whole numbers, to the last bit."""
    return (np.rint(columns / scale) * scale == columns).all(axis=0)


def _written(
    name: str,
    entries: np.ndarray,
    forms: list[tuple[int, bytes, np.ndarray]],
    kept: int,
    gaps: np.ndarray | None = None,
    width: int = 0,
) -> tuple[bytes, StoredTensor]:
    """Write entries raw, or in the shortest of other forms, and their gaps where there are any."""
    choices = [(0, b"", b"", entries.astype(_little(entries)).tobytes(), 0)]
    for form, book, codes in forms:
        if len(book) >= entries.nbytes:
            continue
        table, values = _coding.huffman_parts(codes)
        choices.append((form, book, table, values, np.unique(codes).size))
    kind, book, table, values, distinct = min(choices, key=lambda parts: sum(map(len, parts[1:4])))
    gap_table, gap_codes = (b"", b"") if gaps is None else _coding.huffman_parts(gaps)
    kind |= _SPARSE if gaps is not None else 0
    data = bytearray([kind])
    for part in (book, table + values, gap_table + gap_codes):
        append_number(data, len(part))
        data += part
    parts = [len(book), len(table) + len(gap_table), len(values), len(gap_codes)]
    stored = (_NAMES[kind], 0, kept, entries.size, distinct, width, *parts, len(data) - sum(parts))
    return bytes(data), StoredTensor(name, *stored)


def _little(array: np.ndarray) -> np.dtype:
    return array.dtype.newbyteorder("<")


def decode_tensor(
    data: bytes, place: int, shape: tuple[int, ...], dtype: np.dtype
) -> tuple[np.ndarray, int]:
    """Read a tensor that starts at a place in the data.

    Args:
        data: what :func:`encode_tensor` wrote, among other things.
        place: where it starts.
        shape: the tensor's shape.
        dtype: its type.

    Returns:
        The tensor, and the place behind it.

    Raises:
        ValueError: there is no such tensor there.
    """
    if place >= len(data) or data[place] not in _NAMES:
        raise ValueError(f"no tensor starts at byte {place:,}")
    kind, place, parts = data[place], place + 1, []
    for _ in range(3):
        length, place = read_number(data, place)
        if place + length > len(data):
            raise ValueError("the data end within a tensor")
        parts.append(data[place : place + length])
        place += length
    book, values, gaps = parts
    size = int(np.prod(shape, dtype="int64"))
    positions = np.arange(size)
    if kind & _SPARSE:
        positions = _coding.absolute_indices(_coding.huffman_decode(gaps, most=size))
    patterns = np.dtype(f"<u{dtype.itemsize}")
    if kind & _SHARED:
        codebook, codes = np.frombuffer(book, patterns), _coding.huffman_decode(values, most=size)
        if codes.size and (codes.min() < 0 or codes.max() >= codebook.size):
            raise ValueError("a code points outside its codebook")
        entries = codebook[codes]
    elif kind & _SCALED:
        scales, codes = np.frombuffer(book, "<f4"), _coding.huffman_decode(values, most=size)
        if scales.size == 0:
            raise ValueError("a tensor has no scale")
        products = scales[positions[: codes.size] % scales.size] * codes
        entries = products.astype("<f4").view(patterns)
    else:
        entries = np.frombuffer(values, patterns)
    if positions.size != entries.size or (positions.size and positions[-1] >= size):
        raise ValueError(f"a tensor of {size:,} numbers has {entries.size:,} others")
    flat = np.zeros(size, f"uint{8 * dtype.itemsize}")
    flat[positions] = entries
    return flat.view(dtype).reshape(shape), place
