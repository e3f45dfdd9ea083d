"""Which of four ways to write a tensor down takes the fewest bytes?

Serves the chapter ``compute/compression``. A tensor is written whole, or *sparse*: only what is not
zero, and the gaps between. The values are written raw, or *shared*: a codebook of the distinct ones
and a Huffman code over it. Whatever makes the file smallest is taken, by trying.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from course_lib import _coding
from course_lib._packing import append_number, read_number

__all__ = ["StoredTensor", "decode_tensor", "encode_tensor"]

_SPARSE, _SHARED = 1, 2
_WIDTHS = range(2, 13)
_NAMES = {0: "raw", _SPARSE: "sparse", _SHARED: "shared", _SPARSE | _SHARED: "sparse, shared"}


@dataclass(frozen=True)
class StoredTensor:
    """What one tensor takes in a compressed file, in bytes.

    Attributes:
        name: the variable's path, such as ``"dense/kernel"``.
        encoding: ``"raw"``, ``"sparse"``, ``"shared"`` or ``"sparse, shared"``.
        weights: numbers in the tensor.
        kept: those that are not zero.
        entries: numbers written: all of them, or the kept ones and the filler zeros.
        distinct: different numbers among them, where they are shared, else 0.
        index_bits: width of a gap, where the tensor is sparse, else 0.
        codebook: the distinct numbers themselves.
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
    # As bit patterns, so that nothing is rounded; but a negative zero becomes a zero.
    flat = np.where(array == 0, np.zeros_like(array), array).ravel()
    flat = flat.view(f"uint{8 * array.dtype.itemsize}")
    codebook, codes = _codebook(flat)
    positions = np.flatnonzero(flat)
    best = _written(name, flat, codebook, codes, positions.size)
    widths = _WIDTHS if index_bits is None else [index_bits]
    for width in widths if 2 * positions.size < flat.size else []:
        gaps, filler = _coding.relative_indices(positions, width)
        places = _coding.absolute_indices(gaps)  # a filler stands where there is a zero
        kept = None if codes is None else codes[places]
        found = _written(name, flat[places], codebook, kept, positions.size, gaps, width)
        best = min(best, found, key=lambda written: len(written[0]))
    data, stored = best
    return data, StoredTensor(**{**stored.__dict__, "weights": flat.size})


def _codebook(flat: np.ndarray) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Return the distinct numbers and the place of each number among them, if it can pay."""
    distinct, codes = np.unique(flat, return_inverse=True)
    if distinct.size >= 2**16 or 2 * distinct.size > flat.size:
        return None, None
    return distinct, codes.astype("int64").ravel()


def _written(
    name: str,
    entries: np.ndarray,
    codebook: np.ndarray | None,
    codes: np.ndarray | None,
    kept: int,
    gaps: np.ndarray | None = None,
    width: int = 0,
) -> tuple[bytes, StoredTensor]:
    """Write entries raw or shared, and their gaps where there are any."""
    little = entries.astype(entries.dtype.newbyteorder("<"))
    book, table, values = b"", b"", little.tobytes()
    if codes is not None:
        shared = _coding.huffman_parts(codes)
        raw_book = codebook.astype(little.dtype).tobytes()
        if len(raw_book) + sum(map(len, shared)) < len(values):
            book, (table, values) = raw_book, shared
    gap_table, gap_codes = (b"", b"") if gaps is None else _coding.huffman_parts(gaps)
    kind = (_SPARSE if gaps is not None else 0) | (_SHARED if book else 0)
    data = bytearray([kind])
    for part in (book, table + values, gap_table + gap_codes):
        append_number(data, len(part))
        data += part
    parts = [len(book), len(table) + len(gap_table), len(values), len(gap_codes)]
    distinct = len(book) // entries.dtype.itemsize
    stored = (_NAMES[kind], 0, kept, entries.size, distinct, width, *parts, len(data) - sum(parts))
    return bytes(data), StoredTensor(name, *stored)


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
    little = np.dtype(f"<u{dtype.itemsize}")
    if kind & _SHARED:
        codebook = np.frombuffer(book, little)
        codes = _coding.huffman_decode(values, most=size)
        if codes.size and (codes.min() < 0 or codes.max() >= codebook.size):
            raise ValueError("a code points outside its codebook")
        entries = codebook[codes]
    else:
        entries = np.frombuffer(values, little)
    positions = np.arange(size)
    if kind & _SPARSE:
        positions = _coding.absolute_indices(_coding.huffman_decode(gaps, most=size))
    if positions.size != entries.size or (positions.size and positions[-1] >= size):
        raise ValueError(f"a tensor of {size:,} numbers has {entries.size:,} others")
    flat = np.zeros(size, f"uint{8 * dtype.itemsize}")
    flat[positions] = entries
    return flat.view(dtype).reshape(shape), place
