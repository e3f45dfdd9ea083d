"""Huffman codes and sparse indices against bounds, a plain reference, RFC 1951 and properties."""

import heapq
import itertools

import numpy as np
import pytest

from course_lib import _coding as coding
from course_lib import _packing as packing


def rng(seed=0):
    return np.random.default_rng(seed)


DRAWS = {
    "even": lambda r, n: r.integers(0, 32, n),
    "bell": lambda r, n: np.rint(r.normal(0, 6, n)).astype(int),
    "geometric": lambda r, n: r.geometric(0.1, n),
    "heavy tail": lambda r, n: np.minimum(r.zipf(1.4, n), 60_000),
    "almost one": lambda r, n: (r.random(n) < 0.02) * r.integers(1, 5, n),
    "far from zero": lambda r, n: r.integers(-(2**40), -(2**40) + 9, n),
}


def entropy(counts):
    """Bits a symbol, after Shannon."""
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log2(shares)).sum())


def plain_tree(counts):
    """Average bits of a Huffman code, by lists of symbols that grow together."""
    groups = [(n, k, [s]) for k, (s, n) in enumerate(enumerate(counts)) if n]
    bits, ties = dict.fromkeys(range(len(counts)), 0), itertools.count(len(counts))
    heapq.heapify(groups)
    while len(groups) > 1:
        (n, _, a), (m, _, b) = heapq.heappop(groups), heapq.heappop(groups)
        for symbol in a + b:
            bits[symbol] += 1
        heapq.heappush(groups, (n + m, next(ties), a + b))
    return sum(bits[s] * n for s, n in enumerate(counts))


def as_text(codes, lengths):
    return [format(int(c), "b").zfill(int(n)) for c, n in zip(codes, lengths, strict=True) if n]


# Code lengths


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("size", [2, 3, 17, 300])
def test_code_lengths_keep_the_bounds_of_entropy_and_krafts_sum(size, seed):
    counts = rng(seed).zipf(1.3, size) % 10_000
    counts[:2] += 1
    lengths = coding.huffman_lengths(counts)
    average = (counts * lengths).sum() / counts.sum()
    assert entropy(counts) <= average + 1e-12
    assert average < entropy(counts) + 1
    assert sum(2.0 ** -float(n) for n in lengths[counts > 0]) == 1
    assert (lengths[counts == 0] == 0).all()


@pytest.mark.parametrize("seed", range(5))
def test_no_code_is_shorter_than_the_plain_trees(seed):
    counts = rng(seed).integers(0, 50, 40)
    lengths = coding.huffman_lengths(counts)
    assert (counts * lengths).sum() == plain_tree(counts.tolist())


def test_powers_of_two_get_the_lengths_that_shannon_names():
    assert coding.huffman_lengths([8, 4, 2, 1, 1]).tolist() == [1, 2, 3, 4, 4]
    assert coding.huffman_lengths([1] * 16).tolist() == [4] * 16


def test_fibonacci_counts_make_the_longest_codes():
    counts = [1, 1]
    while len(counts) < 50:
        counts.append(counts[-1] + counts[-2])
    assert coding.huffman_lengths(counts).max() == 49


@pytest.mark.parametrize(
    ("counts", "lengths"), [([], []), ([0, 0], [0, 0]), ([0, 7, 0], [0, 0, 0]), ([3, 5], [1, 1])]
)
def test_nothing_to_say_takes_no_bits(counts, lengths):
    assert coding.huffman_lengths(np.array(counts, int)).tolist() == lengths


# Canonical codes


def test_codes_are_those_of_the_example_in_rfc_1951():
    codes = coding.canonical_codes([3, 3, 3, 3, 3, 2, 4, 4])
    texts = as_text(codes, [3, 3, 3, 3, 3, 2, 4, 4])
    assert texts == ["010", "011", "100", "101", "110", "00", "1110", "1111"]


@pytest.mark.parametrize("seed", range(5))
def test_no_code_begins_another_and_they_count_upward(seed):
    lengths = coding.huffman_lengths(rng(seed).integers(0, 1000, 60))
    texts = as_text(coding.canonical_codes(lengths), lengths)
    assert not any(a.startswith(b) for a, b in itertools.permutations(texts, 2))
    order = np.lexsort((np.arange(60), lengths))
    order = order[lengths[order] > 0]
    ranked = [as_text(coding.canonical_codes(lengths)[[k]], lengths[[k]])[0] for k in order]
    assert ranked == sorted(ranked)


@pytest.mark.parametrize("lengths", [[1, 1, 1], [1, 2], [-1, 1], [58] * 4, [2, 2, 2]])
def test_lengths_of_no_complete_code_are_refused(lengths):
    with pytest.raises(ValueError, match="lengths must"):
        coding.canonical_codes(lengths)


# Encode and decode


@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.parametrize("count", [1, 2, 7, 1000, 70_000])
def test_symbols_come_back(name, count):
    symbols = DRAWS[name](rng(count), count)
    data = coding.huffman_encode(symbols)
    back = coding.huffman_decode(data)
    assert back.dtype == np.int64
    assert np.array_equal(back, symbols)


@pytest.mark.parametrize("seed", range(3))
def test_codes_are_written_one_behind_the_other(seed):
    symbols = rng(seed).geometric(0.3, 500)
    lengths = coding.huffman_lengths(np.bincount(symbols - symbols.min()))
    texts = dict(
        zip(np.flatnonzero(lengths), as_text(coding.canonical_codes(lengths), lengths), strict=True)
    )
    text = "".join(texts[s] for s in symbols - symbols.min())
    _, payload = coding.huffman_parts(symbols)
    written = "".join(format(byte, "08b") for byte in payload)
    assert written[: len(text)] == text
    assert set(written[len(text) :]) <= {"0"}
    assert len(written) - len(text) < 8


@pytest.mark.parametrize("name", DRAWS)
def test_the_length_in_bytes_is_that_of_the_code_and_near_the_entropy(name):
    symbols = DRAWS[name](rng(3), 100_000)
    _, payload = coding.huffman_parts(symbols)
    counts = np.unique(symbols, return_counts=True)[1]
    assert 8 * len(payload) >= entropy(counts) * symbols.size
    assert 8 * len(payload) < (entropy(counts) + 1) * symbols.size + 8


def test_a_million_symbols_come_back():
    symbols = rng(1).normal(0, 20, 1_000_000).round().astype("int64")
    assert np.array_equal(coding.huffman_decode(coding.huffman_encode(symbols)), symbols)


def test_codes_of_more_than_sixteen_bits_come_back():
    counts = np.array([1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987, 1597, 2584])
    counts = np.append(counts, [4181, 6765, 10946, 17711])
    symbols = rng(2).permutation(np.repeat(np.arange(counts.size), counts))
    assert coding.huffman_lengths(counts).max() == 21
    assert np.array_equal(coding.huffman_decode(coding.huffman_encode(symbols)), symbols)


def test_one_symbol_alone_takes_no_bits_and_none_at_all_one_byte():
    data = coding.huffman_encode(np.full(1_000_000, -5))
    assert len(data) < 8
    assert np.array_equal(coding.huffman_decode(data), np.full(1_000_000, -5))
    assert len(coding.huffman_encode([])) == 1
    assert coding.huffman_decode(coding.huffman_encode(np.zeros(0, int))).shape == (0,)


@pytest.mark.parametrize("kind", ["uint8", "int8", "int32", "uint64"])
def test_every_whole_type_is_taken_and_the_argument_stays(kind):
    symbols = rng(4).integers(0, 100, 300).astype(kind)
    before = symbols.copy()
    assert np.array_equal(coding.huffman_decode(coding.huffman_encode(symbols)), symbols)
    assert np.array_equal(symbols, before)


def test_bytes_that_end_early_are_refused_at_every_length():
    data = coding.huffman_encode(rng(5).geometric(0.2, 200))
    for length in range(len(data)):
        with pytest.raises(ValueError, match="data"):
            coding.huffman_decode(data[:length])
    for more in (b"\x00", b"\x01\x02"):
        with pytest.raises(ValueError, match="data goes on"):
            coding.huffman_decode(data + more)


def test_damage_to_the_table_shows_and_other_damage_gives_as_many_symbols_or_a_kind_error():
    symbols = rng(6).geometric(0.3, 300)
    table, payload = coding.huffman_parts(symbols)
    for place, bit in itertools.product(range(len(table + payload)), range(8)):
        wrong = bytearray(table + payload)
        wrong[place] ^= 1 << bit
        if 4 <= place < len(table):  # behind count, smallest symbol and span
            with pytest.raises(ValueError, match="lengths|data"):
                coding.huffman_decode(bytes(wrong))
            continue
        try:
            back = coding.huffman_decode(bytes(wrong), most=10**6)
        except ValueError:
            continue
        assert place < 2 or back.shape == symbols.shape


def test_a_count_that_cannot_be_true_is_refused_before_memory_is_taken():
    data = bytearray()
    packing.append_number(data, 2**60)
    data += bytes([0, 1])
    with pytest.raises(ValueError, match="at most"):
        coding.huffman_decode(bytes(data))
    with pytest.raises(ValueError, match="at most 9 fit"):
        coding.huffman_decode(coding.huffman_encode(np.zeros(10, int)), most=9)


def test_a_table_without_any_code_is_refused():
    # Count 3, smallest symbol 0, a range of 2, one bit a length, and both lengths 0.
    with pytest.raises(ValueError, match="without any code"):
        coding.huffman_decode(bytes([3, 0, 2, 1, 0, 0]))


@pytest.mark.parametrize(
    ("symbols", "message"),
    [
        (np.zeros(3), "float64"),
        (np.zeros((2, 2), int), r"\(2, 2\)"),
        (np.array([0, 2**16]), "range of 65,536"),
        (np.array([-(2**62)]), "range of 65,536"),
        (np.array([2**63], "uint64"), "below 2"),
    ],
)
def test_other_symbols_are_refused(symbols, message):
    with pytest.raises(ValueError, match=message):
        coding.huffman_encode(symbols)


@pytest.mark.parametrize("counts", [[1, -1], [0.5, 0.5]])
def test_other_counts_are_refused(counts):
    with pytest.raises(ValueError, match="counts must"):
        coding.huffman_lengths(counts)


# Packing


@pytest.mark.parametrize("seed", range(4))
def test_numbers_of_mixed_widths_stand_side_by_side(seed):
    widths = rng(seed).integers(1, 58, 400)
    values = rng(seed).integers(0, 2**62, 400) % (2 ** widths.astype("int64"))
    data = packing.pack_widths(values, widths)
    text = "".join(format(v, "b").zfill(w) for v, w in zip(values, widths, strict=True))
    expected = int(text.ljust(-(-len(text) // 8) * 8, "0"), 2).to_bytes(-(-len(text) // 8), "big")
    assert data == expected


@pytest.mark.parametrize("width", [1, 3, 8, 13, 57])
def test_numbers_of_one_width_come_back(width):
    values = rng(width).integers(0, 2**width, 101)
    data = packing.pack_widths(values, np.full(101, width))
    assert np.array_equal(packing.unpack_widths(data, width, 101), values)


@pytest.mark.parametrize("number", [0, 1, 127, 128, 300, 2**31, 2**63 - 1])
def test_lengths_come_back(number):
    data = bytearray(b"x")
    packing.append_number(data, number)
    assert packing.read_number(bytes(data) + b"y", 1) == (number, len(data))


def test_a_length_without_end_is_refused():
    for data in (b"", b"\x80", b"\xff" * 12):
        with pytest.raises(ValueError, match="number"):
            packing.read_number(data, 0)


# Sparse indices


def test_an_example_of_three_bits_by_hand():
    # Weights at places 1, 4 and 15: the last is more than eight further on, so a filler at 12.
    gaps, is_weight = coding.relative_indices([1, 4, 15], 3)
    assert coding.absolute_indices(gaps).tolist() == [1, 4, 12, 15]
    assert is_weight.tolist() == [True, True, False, True]
    assert gaps.tolist() == [1, 2, 7, 2]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("bits", [1, 2, 5, 8, 16])
@pytest.mark.parametrize("density", [0.002, 0.05, 0.5, 1.0])
def test_places_come_back_and_gaps_fit_their_bits(seed, bits, density):
    positions = np.flatnonzero(rng(seed).random(5000) < density)
    gaps, is_weight = coding.relative_indices(positions, bits)
    places = coding.absolute_indices(gaps)
    assert np.array_equal(places[is_weight], positions)
    assert gaps.size == 0 or (gaps.min() >= 0 and gaps.max() < 2**bits)
    assert not np.isin(places[~is_weight], positions).any()
    assert (np.diff(places) > 0).all()
    free = np.diff(positions, prepend=-1) - 1  # one filler for each full run of zeros
    assert (~is_weight).sum() == (free // 2**bits).sum()


def test_no_weights_have_no_gaps():
    gaps, is_weight = coding.relative_indices(np.zeros(0, int), 4)
    assert gaps.size == is_weight.size == coding.absolute_indices(gaps).size == 0


@pytest.mark.parametrize("positions", [[3, 3], [4, 2], [-1, 2], [0.5], [[1, 2]]])
def test_other_positions_are_refused(positions):
    with pytest.raises(ValueError, match="positions must"):
        coding.relative_indices(positions, 4)


@pytest.mark.parametrize("bits", [0, 17, 2.5, True])
def test_other_widths_are_refused(bits):
    with pytest.raises(ValueError, match="bits must be a whole number from 1 to 16"):
        coding.relative_indices([1], bits)


def test_negative_gaps_are_refused():
    with pytest.raises(ValueError, match="gaps must be at least 0"):
        coding.absolute_indices([1, -1])
