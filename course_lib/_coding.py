"""How few bits does a list of symbols need, and how does one say where the weights are?

Serves the chapter ``compute/compression``. ``huffman_encode`` and ``huffman_decode`` turn whole
numbers into bytes and back, the table of the code included; ``huffman_lengths`` and
``canonical_codes`` are their two halves. Where the weights of a sparse tensor are,
``relative_indices`` says by the gaps between them, and ``absolute_indices`` by their places again.

Neither direction walks from bit to bit in Python. The encoder shifts all codes to their place in
64-bit words at once. The decoder asks at **every** bit where a code that started there would end,
and then follows that map from the first bit in strides of 16 codes.

Main references: Huffman (1952) for the code. That the lengths alone determine one, so that a table
needs nothing else, is the canonical form that DEFLATE uses too (Deutsch 1996, RFC 1951, section
3.2.2).
"""

from __future__ import annotations

import heapq

import numpy as np

from course_lib._checks import array, instance, takes, whole
from course_lib._packing import (
    append_number,
    pack_widths,
    read_number,
    unpack_widths,
    whole_numbers,
    windows,
)
from course_lib._sparse_indices import absolute_indices, relative_indices

__all__ = [
    "absolute_indices",
    "canonical_codes",
    "huffman_decode",
    "huffman_encode",
    "huffman_lengths",
    "huffman_parts",
    "relative_indices",
]

_SPAN = 2**16  # the widest alphabet: the table has one entry for each number in it
_FAR = 2**62
_CHUNK = 2**13  # bytes decoded at a time, so that the maps stay in the processor's cache
_DOUBLINGS = 4


@takes(counts=array())
def huffman_lengths(counts: np.ndarray) -> np.ndarray:
    """Return how many bits an optimal prefix code gives each symbol (Huffman 1952).

    The two rarest symbols become one, until one is left; a symbol's length is the number of times
    it was merged. No code that gives each symbol whole bits is shorter on average.

    Args:
        counts: how often each symbol occurs, whole numbers from 0 on, shape ``(symbols,)``.

    Returns:
        int64, shape ``(symbols,)``; 0 for a symbol that does not occur, and for one that occurs
        alone: when there is nothing else, nothing needs to be said.

    Raises:
        ValueError: ``counts`` is of another form.
    """
    counts = whole_numbers("counts", counts)
    if counts.size and counts.min() < 0:
        raise ValueError(f"counts must be at least 0, but the least is {counts.min()}.")
    used = np.flatnonzero(counts)
    heap = [(int(counts[symbol]), node) for node, symbol in enumerate(used)]
    heapq.heapify(heap)
    parents = np.zeros(max(2 * used.size - 1, 1), "int64")
    for merged in range(used.size, 2 * used.size - 1):
        (first, one), (second, other) = heapq.heappop(heap), heapq.heappop(heap)
        parents[one] = parents[other] = merged
        heapq.heappush(heap, (first + second, merged))
    depths = np.zeros_like(parents)
    for node in range(parents.size - 2, -1, -1):  # parents come after their children
        depths[node] = depths[parents[node]] + 1
    lengths = np.zeros(counts.shape, "int64")
    lengths[used] = depths[: used.size]
    return lengths


def canonical_codes(lengths: np.ndarray) -> np.ndarray:
    """Return the one prefix code that counts upward through the lengths (RFC 1951, 3.2.2).

    Shorter codes come first, and among equally long ones smaller symbols: each code is the one
    before plus 1, with zeros at its end where it is longer.

    Args:
        lengths: bits of each symbol, shape ``(symbols,)``; 0 for a symbol without a code.

    Returns:
        uint64, shape ``(symbols,)``: the code in the lowest ``lengths[symbol]`` bits, 0 where there
        is none.

    Raises:
        ValueError: the lengths fit no prefix code that uses every bit sequence.
    """
    lengths = _checked_lengths(lengths)
    codes = np.zeros(lengths.shape, "uint64")
    code = previous = 0
    for length in np.unique(lengths[lengths > 0]):
        symbols = np.flatnonzero(lengths == length)
        code <<= int(length) - previous
        codes[symbols] = code + np.arange(symbols.size, dtype="uint64")
        code, previous = code + symbols.size, int(length)
    return codes


@takes(symbols=array())
def huffman_encode(symbols: np.ndarray) -> bytes:
    """Code whole numbers by a Huffman code that is made for them, with its table.

    Args:
        symbols: whole numbers, shape ``(count,)``; the largest less the smallest is below 65,536.

    Returns:
        Everything :func:`huffman_decode` needs: count, smallest symbol, code lengths, codes.

    Raises:
        ValueError: ``symbols`` has another form, or too wide a range.
    """
    return b"".join(huffman_parts(symbols))


def huffman_parts(symbols: np.ndarray) -> tuple[bytes, bytes]:
    """Return the table and the codes apart, to see what each costs: see :func:`huffman_encode`."""
    symbols = whole_numbers("symbols", symbols)
    table = bytearray()
    append_number(table, symbols.size)
    if symbols.size == 0:
        return bytes(table), b""
    low, span = int(symbols.min()), int(symbols.max()) - int(symbols.min()) + 1
    if span > _SPAN or abs(low) >= _FAR:
        raise ValueError(
            f"symbols must lie within a range of {_SPAN:,}, and below {_FAR:,}, but they go from "
            f"{low:,} to {low + span - 1:,}. Number the distinct ones first (np.unique, "
            "return_inverse)."
        )
    append_number(table, 2 * low if low >= 0 else -2 * low - 1)  # the sign in the lowest bit
    append_number(table, span)
    if span == 1:
        return bytes(table), b""
    places = symbols - low
    lengths = huffman_lengths(np.bincount(places, minlength=span))
    width = int(lengths.max()).bit_length()
    table.append(width)
    table += pack_widths(lengths, np.full(span, width))
    return bytes(table), pack_widths(canonical_codes(lengths)[places], lengths[places])


@takes(data=instance(bytes, "bytes"), most=whole())
def huffman_decode(data: bytes, most: int = 2**31) -> np.ndarray:
    """Turn what :func:`huffman_encode` wrote into symbols again.

    Args:
        data: all of the bytes, and no others.
        most: the largest number of symbols to accept. A few bytes can stand for very many symbols
            when all are the same; this is checked before memory is taken.

    Returns:
        int64, shape ``(count,)``.

    Raises:
        ValueError: the bytes are damaged in a way that shows: they end early or late, or their
            table is no code. Only a checksum shows every damage.
    """
    count, place = read_number(data, 0)
    if count > most:
        raise ValueError(f"data says that it holds {count:,} symbols, but at most {most:,} fit.")
    if count == 0:
        _check_end(data, place)
        return np.zeros(0, "int64")
    low, place = read_number(data, place)
    span, place = read_number(data, place)
    low = -(low + 1) // 2 if low % 2 else low // 2
    if not 1 <= span <= _SPAN or abs(low) >= _FAR:
        raise ValueError(f"data says that its symbols are {span:,} numbers from {low:,} on.")
    if span == 1:
        _check_end(data, place)
        return np.full(count, low, "int64")
    width = data[place] if place < len(data) else 0
    end = place + 1 + (span * width + 7) // 8
    if not 1 <= width <= 6 or end > len(data):
        raise ValueError("data ends before its table does, or its table has an impossible width.")
    _check_padding(data[place + 1 : end], span * width)
    lengths = _checked_lengths(unpack_widths(data[place + 1 : end], width, span))
    if not lengths.any():
        raise ValueError("data has a table without any code.")
    return low + _decode(data[end:], lengths, count)


def _decode(payload: bytes, lengths: np.ndarray, count: int) -> np.ndarray:
    """Return the places in the table of ``count`` codes that fill the payload."""
    ranked = np.lexsort((np.arange(lengths.size), lengths))[np.count_nonzero(lengths == 0) :]
    longest = int(lengths.max())
    kinds, kind_counts = np.unique(lengths[ranked], return_counts=True)
    firsts = canonical_codes(lengths)[ranked[np.cumsum(kind_counts) - kind_counts]].astype("int64")
    # Where a window of ``longest`` bits is below bounds[k] (and no earlier one), it starts with a
    # code of kinds[k] bits.
    bounds = (firsts + kind_counts) << (longest - kinds)
    offsets = np.cumsum(kind_counts) - kind_counts - firsts
    known = None
    if longest <= 16:
        known = kinds[np.searchsorted(bounds, np.arange(2**longest), side="right")]
    padded = np.frombuffer(payload + bytes(8), "uint8")
    found, start, total = [], 0, 0
    for first in range(0, len(payload), _CHUNK):
        size = min(_CHUNK, len(payload) - first)
        views = windows(padded[first : first + size + 7], longest)
        if known is None:
            bits = kinds[np.searchsorted(bounds, views, side="right")]
        else:
            bits = known[views]
        starts, exit_ = _chain(bits, start, longest)
        bits = bits[starts]
        codes = views[starts] >> (longest - bits)
        found.append(ranked[codes + offsets[np.searchsorted(kinds, bits)]])
        total += starts.size
        if total >= count:  # the last chunk: what follows the last code is padding
            last = starts.size - (total - count) - 1
            _check_padding(payload, 8 * first + int(starts[last] + bits[last]))
            return np.concatenate(found)[:count]
        start = exit_ - 8 * size
    raise ValueError(f"data ends after {total:,} of its {count:,} symbols.")


def _chain(lengths: np.ndarray, start: int, longest: int) -> tuple[np.ndarray, int]:
    """Follow ``place + lengths[place]`` from a start; return the places, and the one outside."""
    inside = lengths.size
    step = np.arange(inside + longest)  # what lies outside leads to itself
    step[:inside] += lengths
    steps = [step]
    for _ in range(_DOUBLINGS):
        steps.append(steps[-1][steps[-1]])
    place, anchors = start, []
    far = steps.pop()
    while place < inside:
        anchors.append(place)
        place = int(far[place])
    places = np.asarray(anchors, "int64")
    for step in reversed(steps):
        places = np.stack([places, step[places]], axis=1).ravel()
    return places[places < inside], place


def _checked_lengths(lengths: np.ndarray) -> np.ndarray:
    """Return code lengths after checking that Kraft's sum over them is exactly 1."""
    lengths = whole_numbers("lengths", lengths)
    used = lengths[lengths != 0]
    if used.size and (used.min() < 0 or used.max() > 57):
        raise ValueError(f"lengths must be 0 to 57 bits, but go from {used.min()} to {used.max()}.")
    # In units of the longest possible code, so that the sum is exact.
    if used.size and sum(int(n) << int(57 - k) for k, n in enumerate(np.bincount(used))) != 1 << 57:
        raise ValueError(
            "lengths must belong to a prefix code that uses every bit sequence: the sum of "
            "2**-length over all symbols with a code must be 1, and here it is not."
        )
    return lengths


def _check_end(data: bytes, place: int) -> None:
    if place != len(data):
        raise ValueError(f"data goes on for {len(data) - place} bytes after its last symbol.")


def _check_padding(payload: bytes, end: int) -> None:
    """Raise unless the payload stops in the byte of the last code, with zeros behind it."""
    if end > 8 * len(payload):
        raise ValueError("data ends within its last symbol.")
    if (end + 7) // 8 != len(payload) or payload[-1] & ((1 << (-end % 8)) - 1):
        raise ValueError("data goes on after its last symbol.")
