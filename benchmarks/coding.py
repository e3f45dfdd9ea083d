"""Time Huffman coding beside a plain program and zlib, on a million quantized weights.

    python benchmarks/coding.py [--rounds 5] [--record]

The weights are normal draws, rounded to whole numbers of one byte. The plain program is the
textbook's: a tree, a dictionary of texts of 0 and 1, and a walk from bit to bit. zlib runs with its
Huffman coding alone and at its default. Speeds are megabytes of weights (one byte each) a second of
the processor, medians over the rounds; all contenders are timed in turn, and none uses more than
one core. With --record the table is kept under book/recorded/coding-speed/. Half a minute.
"""

import heapq
import itertools
import time
import zlib
from collections import Counter
from collections.abc import Callable

import numpy as np
from race import options

from course_lib import _coding, recorded

COUNT = 1_000_000


def plain_codes(symbols: list[int]) -> dict[int, str]:
    """Return the code of each symbol as a text, from a tree of tuples."""
    ties = itertools.count()
    heap = [(n, next(ties), symbol) for symbol, n in Counter(symbols).items()]
    heapq.heapify(heap)
    while len(heap) > 1:
        (n, _, left), (m, _, right) = heapq.heappop(heap), heapq.heappop(heap)
        heapq.heappush(heap, (n + m, next(ties), (left, right)))
    codes, open_ = {}, [(heap[0][2], "")]
    while open_:
        node, code = open_.pop()
        if isinstance(node, tuple):
            open_ += [(node[0], code + "0"), (node[1], code + "1")]
        else:
            codes[node] = code
    return codes


def plain_encode(data: bytes) -> tuple[dict[int, str], bytes, int]:
    codes = plain_codes(list(data))
    text = "".join([codes[symbol] for symbol in data])
    return codes, int(text, 2).to_bytes(-(-len(text) // 8), "big"), len(text)


def plain_decode(coded: tuple[dict[int, str], bytes, int]) -> bytes:
    codes, payload, length = coded
    symbols = {code: symbol for symbol, code in codes.items()}
    text, found, code = bin(int.from_bytes(payload, "big"))[2:].zfill(length), [], ""
    for bit in text:
        code += bit
        if code in symbols:
            found.append(symbols[code])
            code = ""
    return bytes(found)


def huffman_only(data: bytes) -> bytes:
    coder = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_HUFFMAN_ONLY)
    return coder.compress(data) + coder.flush()


def contenders(weights: np.ndarray) -> dict[str, tuple[Callable, Callable, object]]:
    """Return for each contender how it encodes, how it decodes, and what it encodes."""
    data = weights.tobytes()
    return {
        "huffman_encode": (_coding.huffman_encode, _coding.huffman_decode, weights),
        "plain program": (plain_encode, plain_decode, data),
        "zlib, Huffman only": (huffman_only, lambda coded: zlib.decompress(coded, -15), data),
        "zlib": (zlib.compress, zlib.decompress, data),
    }


def seconds(call: Callable, argument: object) -> tuple[float, object]:
    """Return the processor's seconds, which other programs on the machine do not lengthen."""
    start = time.process_time()
    result = call(argument)
    return time.process_time() - start, result


def size(coded: object) -> int:
    """Return the bytes of what a contender wrote; the plain program's table is not counted."""
    return len(coded[1]) if isinstance(coded, tuple) else len(coded)


def main() -> None:
    """Check that all contenders give the weights back, time them, and keep the table if asked."""
    given = options(__doc__, rounds=5).parse_args()
    weights = np.rint(np.random.default_rng(0).normal(128, 12, COUNT)).astype("uint8")
    shares = np.bincount(weights) / COUNT
    entropy = float(-(shares[shares > 0] * np.log2(shares[shares > 0])).sum())
    everyone, times = contenders(weights), {}
    for _ in range(given.rounds):
        for name, (encode, decode, plain) in everyone.items():
            forth, coded = seconds(encode, plain)
            back, result = seconds(decode, coded)
            same = np.array_equal(result, weights) if name == "huffman_encode" else result == plain
            if not same:
                raise RuntimeError(f"{name} does not give the weights back")
            times.setdefault(name, []).append((forth, back, 8 * size(coded) / COUNT))
    values = {"entropy in bits a weight": entropy}
    print(f"entropy {entropy:.4f} bits\n{'':<20}{'encode MB/s':>12}{'decode MB/s':>12}{'bits':>9}")
    for name, found in times.items():
        forth, back, bits = np.median(found, axis=0)
        rates = COUNT / 1e6 / forth, COUNT / 1e6 / back
        print(f"{name:<20}{rates[0]:>12.2f}{rates[1]:>12.2f}{bits:>9.4f}")
        values[f"{name}: encodes, MB/s"], values[f"{name}: decodes, MB/s"] = rates
        values[f"{name}: bits a weight"] = float(bits)
    if given.record:
        print(recorded.save("coding-speed", values, [0]))


if __name__ == "__main__":
    main()
