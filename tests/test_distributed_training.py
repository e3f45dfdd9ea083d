"""Distributed training against NumPy sums, single-device runs, closed forms and properties."""

import numpy as np
import pytest
from keras import ops

from course_lib import _ring


def random(shape, seed=0, dtype="float32"):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


# The ring


@pytest.mark.parametrize("workers", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("shape", [(), (1,), (5,), (16,), (3, 4), (2, 3, 5), (0,)])
def test_the_ring_gives_every_worker_the_sum(workers, shape):
    shards = [random(shape, seed, "float64") for seed in range(workers)]
    before = [shard.copy() for shard in shards]
    got = _ring.ring_all_reduce(shards)
    assert got.shape == (workers, *shape)
    assert got.dtype == np.float64
    for row in got:
        np.testing.assert_allclose(row, np.sum(shards, axis=0), rtol=1e-12, atol=1e-12)
    assert all(np.array_equal(a, b) for a, b in zip(before, shards, strict=True))


@pytest.mark.parametrize("seed", range(3))
def test_all_workers_hold_the_same_bits_after_the_ring(seed):
    got = _ring.ring_all_reduce([1e3 * random((101,), 10 * seed + i) for i in range(6)])
    assert all(np.array_equal(got[0], row) for row in got)


def test_the_ring_takes_tensors_and_whole_numbers():
    shards = [ops.convert_to_tensor(random((4, 3), seed)) for seed in range(3)]
    expected = ops.convert_to_numpy(shards[0] + shards[1] + shards[2])
    np.testing.assert_allclose(_ring.ring_all_reduce(shards)[1], expected, atol=1e-5)
    whole = np.arange(12).reshape(3, 4)
    assert np.array_equal(_ring.ring_all_reduce(whole)[2], whole.sum(axis=0))


@pytest.mark.parametrize("workers", [1, 2, 3, 5, 8])
def test_the_schedule_sends_what_the_lower_bound_allows(workers):
    steps = _ring.ring_schedule(workers)
    assert len(steps) == 2 * (workers - 1)
    for sends in steps:
        assert sorted(send.sender for send in sends) == list(range(workers))
        assert sorted(send.receiver for send in sends) == list(range(workers))
        assert all(send.receiver == (send.sender + 1) % workers for send in sends)
        assert len({send.chunk for send in sends}) == workers


@pytest.mark.parametrize("workers", [2, 3, 5])
def test_partial_sums_grow_by_one_worker_a_step(workers):
    # Worker i holds 2**i, so that the bits of a partial sum tell who is in it.
    shards = [np.full(workers, 2**i) for i in range(workers)]
    states = list(_ring.ring_states(shards))
    most = [max(int(chunk[0]).bit_count() for row in held for chunk in row) for held in states]
    assert most == [min(step + 1, workers) for step in range(2 * workers - 1)]
    complete = [
        sum(int(chunk[0]) == 2**workers - 1 for row in held for chunk in row) for held in states
    ]
    assert complete[workers - 1 :] == [workers * k for k in range(1, workers + 1)]


@pytest.mark.parametrize(
    ("shards", "said"),
    [
        ([], "empty"),
        (3.0, "sequence"),
        ([np.ones(3), np.ones(4)], r"float64 \(3,\), float64 \(4,\)"),
        ([np.ones(3), np.ones(3, "float32")], "float32"),
        ([np.array(["a"])], "numbers"),
    ],
)
def test_the_ring_refuses_what_cannot_be_added(shards, said):
    with pytest.raises(ValueError, match=said):
        _ring.ring_all_reduce(shards)


@pytest.mark.parametrize("workers", [0, -1, 2.0, True])
def test_the_schedule_refuses_no_workers(workers):
    with pytest.raises(ValueError, match="workers"):
        _ring.ring_schedule(workers)
