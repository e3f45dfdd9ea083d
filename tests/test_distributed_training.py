"""Distributed training against NumPy sums, single-device runs, closed forms and properties."""

import ast
import contextlib
import json
import os
import shutil
import signal
import subprocess
import time

import keras
import numpy as np
import pytest
from keras import layers, ops

from course_lib import distributed_training as distributed
from course_lib import gradients, training

ON_TENSORFLOW = pytest.mark.skipif(
    gradients.active_backend() != "tensorflow", reason="tf.distribute is TensorFlow's own tool"
)


def random(shape, seed=0, dtype="float32"):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


# The ring


@pytest.mark.parametrize("workers", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("shape", [(), (1,), (5,), (16,), (3, 4), (2, 3, 5), (0,)])
def test_the_ring_gives_every_worker_the_sum(workers, shape):
    shards = [random(shape, seed, "float64") for seed in range(workers)]
    before = [shard.copy() for shard in shards]
    got = distributed.ring_all_reduce(shards)
    assert got.shape == (workers, *shape)
    assert got.dtype == np.float64
    for row in got:
        np.testing.assert_allclose(row, np.sum(shards, axis=0), rtol=1e-12, atol=1e-12)
    assert all(np.array_equal(a, b) for a, b in zip(before, shards, strict=True))


@pytest.mark.parametrize("seed", range(3))
def test_all_workers_hold_the_same_bits_after_the_ring(seed):
    got = distributed.ring_all_reduce([1e3 * random((101,), 10 * seed + i) for i in range(6)])
    assert all(np.array_equal(got[0], row) for row in got)


def test_the_ring_takes_tensors_and_whole_numbers():
    shards = [ops.convert_to_tensor(random((4, 3), seed)) for seed in range(3)]
    expected = ops.convert_to_numpy(shards[0] + shards[1] + shards[2])
    np.testing.assert_allclose(distributed.ring_all_reduce(shards)[1], expected, atol=1e-5)
    whole = np.arange(12).reshape(3, 4)
    assert np.array_equal(distributed.ring_all_reduce(whole)[2], whole.sum(axis=0))


@pytest.mark.parametrize("workers", [1, 2, 3, 5, 8])
def test_the_schedule_sends_what_the_lower_bound_allows(workers):
    steps = distributed.ring_schedule(workers)
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
    states = list(distributed.ring_states(shards))
    most = [max(int(chunk[0]).bit_count() for row in held for chunk in row) for held in states]
    assert most == [min(step + 1, workers) for step in range(2 * workers - 1)]
    complete = [
        sum(int(chunk[0]) == 2**workers - 1 for row in held for chunk in row) for held in states
    ]
    assert complete[workers - 1 :] == [workers * k for k in range(1, workers + 1)]


@pytest.mark.parametrize(
    ("shards", "said"),
    [
        ([], "shards must be a list of at least 1"),
        (3.0, "shards must be a list of at least 1"),
        ([np.ones(3), np.ones(4)], r"float64 \(3,\), float64 \(4,\)"),
        ([np.ones(3), np.ones(3, "float32")], "float32"),
        ([np.array(["a"])], "numbers"),
    ],
)
def test_the_ring_refuses_what_cannot_be_added(shards, said):
    with pytest.raises(ValueError, match=said):
        distributed.ring_all_reduce(shards)


@pytest.mark.parametrize("workers", [0, -1, 2.0, True])
def test_the_schedule_refuses_no_workers(workers):
    with pytest.raises(ValueError, match="workers"):
        distributed.ring_schedule(workers)


# Gradients in parts


def loss_sum(weights, x, y):
    hidden = ops.tanh(ops.matmul(x, weights[0]) + weights[1])
    return ops.sum((ops.matmul(hidden, weights[2])[:, 0] - y) ** 2)


def problem(examples, seed=0):
    weights = [random((5, 4), seed), random((4,), seed + 1), random((4, 1), seed + 2)]
    return weights, random((examples, 5), seed + 3), random((examples,), seed + 4)


@pytest.mark.parametrize(("examples", "parts"), [(12, 3), (13, 4), (7, 7), (5, 1)])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_gradient_in_parts_is_that_of_the_mean_loss(examples, parts, seed):
    weights, x, y = problem(examples, seed)

    def mean(weights):
        return loss_sum(weights, x, y) / examples

    _, expected = gradients.value_and_grad(mean)(weights)
    for function in (distributed.data_parallel_gradient, distributed.accumulated_gradient):
        found = function(loss_sum, weights, x, y, parts)
        for ours, theirs in zip(found, expected, strict=True):
            np.testing.assert_allclose(ours, ops.convert_to_numpy(theirs), atol=2e-6)


@pytest.mark.parametrize(("examples", "workers"), [(8, 4), (10, 3), (3, 3)])
def test_shards_are_a_partition_of_nearly_equal_parts(examples, workers):
    shards = distributed.shard_rows(examples, workers)
    assert sorted(np.concatenate(shards)) == list(range(examples))
    sizes = [len(shard) for shard in shards]
    assert max(sizes) - min(sizes) <= 1
    assert min(sizes) >= 1


def test_more_workers_than_examples_are_refused():
    with pytest.raises(ValueError, match="examples must be a whole number from 4 on"):
        distributed.shard_rows(3, 4)


def test_labels_that_do_not_fit_are_refused():
    weights, x, y = problem(6)
    for function in (distributed.data_parallel_gradient, distributed.accumulated_gradient):
        with pytest.raises(ValueError, match="equally many"):
            function(loss_sum, weights, x, y[:5], 2)


@pytest.mark.parametrize("share", [0.1, 0.34, 1.0])
def test_the_largest_entries_are_those_that_sorting_finds(share):
    vectors = random((3, 50))
    kept = distributed.keep_largest(vectors, share)
    for row, out in zip(vectors, kept, strict=True):
        largest = np.argsort(-np.abs(row))[: round(share * 50)]
        expected = np.zeros(50, "float32")
        expected[largest] = row[largest]
        np.testing.assert_array_equal(out, expected)
    assert np.count_nonzero(distributed.keep_largest(vectors, 1e-6)) == 3  # one each, at least


@pytest.mark.parametrize("share", [0, -0.1, 1.1, np.nan])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(ValueError, match="share"):
        distributed.keep_largest(np.ones(3), share)


# Many runs at once


def tiny_data(seed=0):
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(60, 6)).astype("float32")
    y = (x[:, 0] > 0).astype(int) + (x[:, 1] > 0)
    return x, y


def keras_run(x, y, x_test, y_test, seed, rate, batch_size, steps):
    """The same training by Keras, one step after the other."""
    runs = distributed.ManyRuns(x, y, x_test, y_test)
    stack = [keras.Input((x.shape[1],)), layers.Dense(32, "relu"), layers.Dense(3)]
    model = keras.Sequential(stack)
    model.set_weights([weight[0] for weight in runs.start([seed])])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(rate), loss)
    order = np.random.default_rng([seed, 2])
    for _ in range(steps):
        rows = order.integers(len(x), size=batch_size)
        model.train_on_batch(x[rows], y[rows])
    model.reset_metrics()  # Keras 3.12 would return a mean with the steps before
    return float(model.test_on_batch(x_test, y_test))


@pytest.mark.parametrize(("batch_size", "steps"), [(4, 5), (16, 3)])
def test_runs_side_by_side_are_those_of_keras_one_by_one(batch_size, steps):
    (x, y), (x_test, y_test) = tiny_data(), tiny_data(1)
    runs = distributed.ManyRuns(x, y, x_test, y_test)
    seeds, rates = [0, 3], [0.1, 0.5]
    losses = runs.train(seeds, rates, batch_size=batch_size, steps=steps)
    assert losses.shape == (steps + 1, 2)
    for place, (seed, rate) in enumerate(zip(seeds, rates, strict=True)):
        expected = keras_run(x, y, x_test, y_test, seed, rate, batch_size, steps)
        assert losses[-1, place] == pytest.approx(expected, abs=2e-5)


def test_old_gradients_are_those_of_the_weights_some_steps_ago():
    (x, y), (x_test, y_test) = tiny_data(), tiny_data(1)
    runs = distributed.ManyRuns(x, y, x_test, y_test)
    # With one batch that never changes and a delay of 2, the first three steps are all made with
    # the gradient at the start: together one step of three times the length.
    x_all, y_all = x[:1], y[:1]
    one = distributed.ManyRuns(x_all, y_all, x_test, y_test)
    one.classes = runs.classes
    delayed = one.train([0], [0.1], batch_size=4, steps=3, every=3, delay=2)
    long = one.train([0], [0.3], batch_size=4, steps=1)
    assert delayed[-1, 0] == pytest.approx(long[-1, 0], abs=1e-5)
    plain = one.train([0], [0.1], batch_size=4, steps=3, every=3)
    assert abs(delayed[-1, 0] - plain[-1, 0]) > 1e-4


@pytest.mark.parametrize("workers", [1, 4])
def test_sending_everything_by_several_workers_is_sending_the_mean(workers):
    (x, y), (x_test, y_test) = tiny_data(), tiny_data(1)
    runs = distributed.ManyRuns(x, y, x_test, y_test)
    plain = runs.train([0, 1], [0.2, 0.2], batch_size=8, steps=6)
    nearly_all = 1 - 1e-9  # takes the way through keep_largest
    thinned = runs.train(
        [0, 1], [0.2, 0.2], batch_size=8, steps=6, workers=workers, share=nearly_all
    )
    np.testing.assert_allclose(thinned, plain, atol=1e-5)


def thinned_by_hand(runs, x, y, x_test, y_test, share, feedback, steps, rate=0.3):
    """One run of four workers, each on its own, with sorting instead of a partition."""

    def loss(weights, x, y):
        first, first_bias, second, second_bias = weights
        logits = ops.matmul(ops.relu(ops.matmul(x, first) + first_bias), second) + second_bias
        losses = keras.losses.sparse_categorical_crossentropy(y, logits, from_logits=True)
        return ops.mean(losses)

    gradient = gradients.value_and_grad(loss)
    weights = [weight[0] for weight in runs.start([5])]
    shapes = [weight.shape for weight in weights]
    order, memories = np.random.default_rng([5, 2]), [0.0] * 4
    for _ in range(steps):
        rows, total = order.integers(len(x), size=16), 0.0
        for worker, mine in enumerate(rows.reshape(4, 4)):
            _, parts = gradient(weights, x[mine], y[mine])
            flat = np.concatenate([ops.convert_to_numpy(part).ravel() for part in parts])
            wanted = flat + memories[worker]
            sent = np.zeros_like(wanted)
            largest = np.argsort(-np.abs(wanted))[: round(share * len(wanted))]
            sent[largest] = wanted[largest]
            memories[worker] = wanted - sent if feedback else 0.0
            total = total + sent / 4
        cuts = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]
        updates = [
            part.reshape(shape) for part, shape in zip(np.split(total, cuts), shapes, strict=True)
        ]
        weights = [w - rate * update for w, update in zip(weights, updates, strict=True)]
    return float(loss(weights, x_test, y_test))


@pytest.mark.parametrize("feedback", [True, False])
@pytest.mark.parametrize("share", [0.05, 0.3])
def test_thinned_gradients_are_those_of_workers_one_by_one(feedback, share):
    (x, y), (x_test, y_test) = tiny_data(), tiny_data(1)
    runs = distributed.ManyRuns(x, y, x_test, y_test)
    found = runs.train(
        [5], [0.3], batch_size=16, steps=6, workers=4, share=share, feedback=feedback
    )
    expected = thinned_by_hand(runs, x, y, x_test, y_test, share, feedback, 6)
    assert found[-1, 0] == pytest.approx(expected, abs=2e-5)


def test_a_target_stops_the_training_and_divergence_is_infinite():
    (x, y), (x_test, y_test) = tiny_data(), tiny_data(1)
    runs = distributed.ManyRuns(x, y, x_test, y_test)
    losses = runs.train([0, 1], [0.3, 0.3], batch_size=16, steps=400, every=5, target=0.7)
    assert len(losses) < 81
    assert (losses[-1] < 0.7).all()
    assert (losses[-2] >= 0.7).any()
    burst = runs.train([0], [1e30], batch_size=16, steps=5)
    assert np.isinf(burst[-1, 0])


def test_steps_to_a_target_are_interpolated():
    losses = np.array([[2.0, 2.0, 0.5], [1.0, 2.0, 0.4], [0.5, 1.5, 0.3]])
    found = distributed.first_below(losses, 0.75, every=10)
    assert found[0] == pytest.approx(15)  # half way from 1.0 to 0.5
    assert np.isinf(found[1])
    assert found[2] == 0
    assert distributed.first_below([[np.inf], [0.5]], 0.75, 10)[0] == 10


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"seeds": [0.5]}, "seeds"),
        ({"rates": [0.1, 0.2]}, "rates"),
        ({"rates": [0.0]}, "rates"),
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": 6, "workers": 4}, "multiple of workers"),
        ({"steps": 0}, "steps"),
        ({"delay": -1}, "delay"),
        ({"share": 0.0}, "share"),
        ({"every": 9}, "steps"),
    ],
)
def test_training_many_refuses_what_it_cannot_do(options, said):
    (x, y), (x_test, y_test) = tiny_data(), tiny_data(1)
    runs = distributed.ManyRuns(x, y, x_test, y_test)
    given = {"seeds": [0], "rates": [0.1], "batch_size": 4, "steps": 2} | options
    with pytest.raises(ValueError, match=said):
        runs.train(**given)


def test_data_of_other_forms_are_refused():
    x, y = tiny_data()
    with pytest.raises(ValueError, match="x must have shape"):
        distributed.ManyRuns(x[:, 0], y, x, y)
    with pytest.raises(ValueError, match="y_test hold"):
        distributed.ManyRuns(x, y, x, y[:5])
    with pytest.raises(ValueError, match="same features"):
        distributed.ManyRuns(x, y, x[:, :3], y)
    with pytest.raises(ValueError, match="NaN"):
        distributed.ManyRuns(np.where(x > 2, np.nan, x), y, x, y)


# The laws


def simulate(workers, size, latency, bandwidth):
    """Time of a ring by adding up what its schedule sends."""
    seconds = 0.0
    for sends in distributed.ring_schedule(workers):
        assert len(sends) == workers  # all at the same time
        seconds += latency + size / workers / bandwidth
    return seconds


@pytest.mark.parametrize("workers", [1, 2, 3, 8])
@pytest.mark.parametrize(("latency", "bandwidth"), [(0.0, 1e6), (1e-3, 1e9)])
def test_the_ring_s_law_is_the_sum_over_its_schedule(workers, latency, bandwidth):
    expected = simulate(workers, 3e6, latency, bandwidth)
    assert distributed.ring_seconds(workers, 3e6, latency, bandwidth) == pytest.approx(expected)


def test_ring_and_server_by_hand():
    assert distributed.ring_seconds(4, 8e6, 1e-3, 1e6) == pytest.approx(6e-3 + 12)
    assert distributed.server_seconds(4, 8e6, 1e-3, 1e6) == pytest.approx(8e-3 + 64)
    many = distributed.ring_seconds(np.array([2, 1000]), 1e6, 0.0, 1e6)
    assert many == pytest.approx([1.0, 1.998])


@pytest.mark.parametrize(("latency", "bandwidth"), [(1e-5, 1e9), (2e-3, 5e7), (0.0, 3e8)])
def test_the_wire_that_made_the_times_is_found_again(latency, bandwidth):
    workers = np.array([2, 2, 3, 5, 8])
    size = np.array([1e3, 1e7, 1e5, 1e6, 1e7])
    seconds = distributed.ring_seconds(workers, size, latency, bandwidth)
    found = distributed.fit_wire(workers, size, seconds)
    assert found == pytest.approx((latency, bandwidth), rel=1e-6, abs=1e-12)


def test_amdahl_and_gustafson_at_known_points():
    assert distributed.amdahl(1, 0.3) == 1
    assert distributed.amdahl(4, 1.0) == pytest.approx(4)
    assert distributed.amdahl(1e12, 0.95) == pytest.approx(20)
    assert distributed.gustafson(1, 0.3) == pytest.approx(1)
    assert distributed.gustafson(64, 0.5) == pytest.approx(32.5)
    # They are one law: turn the parallel run's share into the single run's.
    share, n = 0.9, 16
    single = share * n / (1 - share + share * n)
    assert distributed.amdahl(n, single) == pytest.approx(distributed.gustafson(n, share))


def test_a_step_hides_what_it_can():
    link = (1e8, 1e-4, 1e9)
    ring = distributed.ring_seconds(8, *link)
    assert distributed.step_seconds(8, 0.5, *link) == pytest.approx(0.5 + ring)
    assert distributed.step_seconds(8, 0.5, *link, hidden=1.0) == pytest.approx(0.5)
    assert distributed.step_seconds(8, 0.1, *link, hidden=1.0) == pytest.approx(ring)
    assert distributed.step_seconds(1, 0.1, *link) == pytest.approx(0.1)


@pytest.mark.parametrize(("least", "critical"), [(100, 50), (7, 2000)])
def test_the_critical_batch_that_made_the_steps_is_found_again(least, critical):
    batches = np.array([8, 64, 512, 4096])
    made = distributed.CriticalBatch(least, critical).steps(batches)
    found = distributed.fit_critical_batch(batches, made)
    assert found == pytest.approx((least, critical))
    assert found.steps(critical) == pytest.approx(2 * least)


@pytest.mark.parametrize("delay", [0, 1, 2, 7, 30])
@pytest.mark.parametrize("curvature", [1.0, 4.0])
def test_old_gradients_are_stable_below_the_limit_and_not_above(delay, curvature):
    limit = distributed.delay_limit(delay, curvature)
    for rate, inside in ((0.99 * limit, True), (1.01 * limit, False)):
        # roots of z**(d + 1) - z**d + rate * curvature
        polynomial = np.zeros(delay + 2)
        polynomial[0], polynomial[1] = 1, -1
        polynomial[-1] += rate * curvature
        assert (np.abs(np.roots(polynomial)).max() < 1) == inside


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: distributed.ring_seconds(0, 1, 0, 1), "workers"),
        (lambda: distributed.amdahl(2, 1.5), "parallel"),
        (lambda: distributed.gustafson(0.5, 0.5), "workers"),
        (lambda: distributed.step_seconds(2, 1, 1, 0, 1, hidden=2), "hidden"),
        (lambda: distributed.fit_wire(1, [1, 2], [1, 2]), "2 workers"),
        (lambda: distributed.fit_wire(2, [1, 2], [1, 0]), "above 0"),
        (lambda: distributed.fit_critical_batch([8, 8], [1, 2]), "different"),
        (
            lambda: distributed.fit_critical_batch([8, 16], [1, np.inf]),
            "steps must be an array of finite numbers",
        ),
        (lambda: distributed.delay_limit(-1), "delay"),
        (lambda: distributed.delay_limit(1, 0), "curvature"),
    ],
)
def test_laws_refuse_what_makes_no_sense(call, said):
    with pytest.raises(ValueError, match=said):
        call()


# The way to a cluster


@pytest.mark.parametrize(
    "nodes",
    ["a", "n1,n2", "gpu[1-3]", "gpu[01-03,7],login", "a[1,3-4],b[10-11]", "rack1-node[008-011]"],
)
def test_node_lists_expand_as_tensorflow_expands_them(nodes):
    resolver = pytest.importorskip(
        "tensorflow.python.distribute.cluster_resolver.slurm_cluster_resolver"
    )
    assert distributed.expand_nodes(nodes) == list(resolver.expand_hostlist(nodes))


@pytest.mark.parametrize("nodes", ["", "a[", "a[1-]", "a[3-1]", "a[1-2][3-4]", "a b", "a,,b"])
def test_node_lists_that_are_none_are_refused(nodes):
    with pytest.raises(ValueError, match="nodes"):
        distributed.expand_nodes(nodes)


def test_slurm_s_tasks_agree_on_the_cluster():
    shared = {"SLURM_JOB_NODELIST": "gpu[07-08],big1", "SLURM_NTASKS": "6"}
    texts = [
        distributed.tf_config_from_slurm(shared | {"SLURM_PROCID": str(k)}, port=9000)
        for k in range(6)
    ]
    configs = [json.loads(text) for text in texts]
    hosts = ["gpu07:9000", "gpu07:9001", "gpu08:9000", "gpu08:9001", "big1:9000", "big1:9001"]
    assert all(config["cluster"] == {"worker": hosts} for config in configs)
    assert [config["task"] for config in configs] == [
        {"type": "worker", "index": k} for k in range(6)
    ]


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "must set SLURM_JOB_NODELIST"),
        ({"SLURM_JOB_NODELIST": "a[1-2]", "SLURM_NTASKS": "3", "SLURM_PROCID": "0"}, "multiple"),
        ({"SLURM_JOB_NODELIST": "a", "SLURM_NTASKS": "two", "SLURM_PROCID": "0"}, "whole number"),
        ({"SLURM_JOB_NODELIST": "a", "SLURM_NTASKS": "2", "SLURM_PROCID": "2"}, "index"),
    ],
)
def test_a_slurm_job_that_does_not_fit_is_refused(environment, said):
    with pytest.raises(ValueError, match=said):
        distributed.tf_config_from_slurm(environment)


@ON_TENSORFLOW
def test_tensorflow_reads_the_configuration(monkeypatch):
    import tensorflow as tf

    hosts = ["127.0.0.1:4000", "127.0.0.1:4001"]
    monkeypatch.setenv("TF_CONFIG", distributed.tf_config(hosts, 1))
    resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    assert resolver.cluster_spec().as_dict() == {"worker": hosts}
    assert (resolver.task_type, resolver.task_id) == ("worker", 1)


@pytest.mark.parametrize(
    ("hosts", "index", "said"),
    [
        ([], 0, "hosts"),
        (["a"], 0, "host:port"),
        (["a:1", "a:1"], 0, "different"),
        (["a:1"], 1, "index"),
        (["http://a:1"], 0, "host:port"),
    ],
)
def test_a_configuration_that_names_no_cluster_is_refused(hosts, index, said):
    with pytest.raises(ValueError, match=said):
        distributed.tf_config(hosts, index)


def test_the_manifests_hold_what_kubernetes_needs_and_fit_together():
    yaml = pytest.importorskip("yaml")
    made = distributed.kubernetes_job("run-1", "image:2", ["python", "x.py"], 3, gpus=2)
    service, job = yaml.safe_load_all(yaml.safe_dump_all(made))
    for manifest in (service, job):
        assert {"apiVersion", "kind", "metadata", "spec"} <= manifest.keys()
    spec, pod = job["spec"], job["spec"]["template"]["spec"]
    assert (job["apiVersion"], job["kind"]) == ("batch/v1", "Job")
    assert (spec["completionMode"], spec["completions"], spec["parallelism"]) == ("Indexed", 3, 3)
    assert pod["restartPolicy"] in {"Never", "OnFailure"}  # all that a job may ask for
    assert pod["subdomain"] == service["metadata"]["name"]
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["selector"] == {"job-name": job["metadata"]["name"]}
    (container,) = pod["containers"]
    assert container["resources"]["limits"] == {"nvidia.com/gpu": 2}
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]}
    environment = {entry["name"]: entry["value"] for entry in container["env"]}
    assert all(isinstance(value, str) for value in environment.values())
    texts = [
        distributed.tf_config_from_kubernetes(environment | {"JOB_COMPLETION_INDEX": str(k)})
        for k in range(3)
    ]
    hosts = ["run-1-0.run-1:12345", "run-1-1.run-1:12345", "run-1-2.run-1:12345"]
    for k, text in enumerate(texts):
        assert json.loads(text)["cluster"]["worker"] == hosts
        assert json.loads(text)["task"]["index"] == k


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [("Run", {}, "name"), ("a" * 64, {}, "name"), ("-a", {}, "name"), ("a", {"port": 0}, "port")],
)
def test_a_job_that_kubernetes_would_refuse_is_refused(name, options, said):
    with pytest.raises(ValueError, match=said):
        distributed.kubernetes_job(name, "image", ["true"], 2, **options)


@pytest.mark.parametrize("gpus", [0, 1])
def test_the_slurm_script_is_one_that_bash_accepts(gpus, tmp_path):
    text = distributed.slurm_script("clothes", "python a.py", 4, gpus_per_task=gpus)
    assert text.startswith("#!/bin/bash\n#SBATCH ")
    assert ("--gpus-per-task" in text) == bool(gpus)
    if shutil.which("bash"):
        (tmp_path / "job.sh").write_text(text)
        subprocess.run(["bash", "-n", tmp_path / "job.sh"], check=True)
    for wrong in ({"command": "a\nb"}, {"name": "a b"}, {"nodes": 0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            distributed.slurm_script(**({"name": "a", "command": "b", "nodes": 1} | wrong))


def test_the_ray_program_is_python_and_names_what_exists():
    tree = ast.parse(distributed.ray_program(4, use_gpu=True))
    ours = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module.startswith("course_lib.")
    ]
    assert [node.module for node in ours] == ["course_lib.distributed_training"]
    assert all(hasattr(distributed, alias.name) for node in ours for alias in node.names)
    with pytest.raises(ValueError, match="workers"):
        distributed.ray_program(0)


def test_a_worker_s_program_is_python_and_says_where_it_runs():
    for cluster in ("slurm", "kubernetes"):
        text = distributed.worker_program(cluster, examples=7, backup="/x y", port=99)
        ast.parse(text)
        assert f"tf_config_from_{cluster}(port=99)" in text
        assert "[:7]" in text
        assert "'/x y'" in text
    for wrong in ({"cluster": "pbs"}, {"port": 0}, {"examples": 0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            distributed.worker_program(**({"cluster": "slurm"} | wrong))


def test_a_program_runs_with_its_environment(monkeypatch):
    monkeypatch.setenv("COURSE_TEST", "before")
    program = "import os\nresult = os.environ['COURSE_TEST'] + __name__"
    assert distributed.run_program(program, {"COURSE_TEST": "after "}) == "after __main__"
    assert distributed.run_program("x = 1", {}) is None


# Processes


def test_free_ports_are_different_and_free():
    import socket

    ports = distributed.free_ports(5)
    assert len(set(ports)) == 5
    for port in ports:
        with socket.create_server(("127.0.0.1", port)):
            pass


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def name_and_wait(folder, worker, seconds):
    """Leave one's number, then sleep."""
    with open(os.path.join(folder, f"{worker}.pid"), "w") as file:
        file.write(str(os.getpid()))
    time.sleep(seconds)
    return worker


def test_results_failures_and_signals_come_back(tmp_path):
    outcome = distributed.run_together(divmod, [(7, 2), (9, 4)], tmp_path / "good")
    assert (outcome.results, outcome.exit_codes) == ({0: (3, 1), 1: (2, 1)}, [0, 0])
    assert outcome.whole
    outcome = distributed.run_together(divmod, [(7, 2), (1, 0)], tmp_path / "bad")
    assert (outcome.results, outcome.exit_codes) == ({0: (3, 1)}, [0, 1])
    assert "ZeroDivisionError" in outcome.tail(1)
    outcome = distributed.run_together(
        signal.raise_signal, [(signal.SIGKILL,)], tmp_path / "killed"
    )
    assert outcome.exit_codes == [-signal.SIGKILL]
    assert not outcome.whole


def test_what_takes_too_long_is_stopped_and_leaves_nothing_behind(tmp_path):
    calls = [(str(tmp_path), worker, 60) for worker in range(2)]
    with pytest.raises(TimeoutError, match="not ended after 2 seconds"):
        distributed.run_together(name_and_wait, calls, tmp_path, limit=2)
    pids = [int(path.read_text()) for path in tmp_path.glob("*.pid")]
    assert len(pids) == 2
    assert not any(alive(pid) for pid in pids)


@pytest.mark.parametrize("method", ["ring", "server"])
@pytest.mark.parametrize(("workers", "shape"), [(1, (5,)), (2, (3, 4)), (3, (100_001,))])
def test_processes_add_up_over_sockets(method, workers, shape):
    shards = [random(shape, seed, "float64") for seed in range(workers)]
    found = distributed.reduce_over_processes(shards, method, repeats=2)
    assert found.result.shape == (workers, *shape)
    np.testing.assert_allclose(found.result, np.broadcast_to(sum(shards), found.result.shape))
    assert found.seconds.shape == (2,)
    assert (found.seconds > 0).all()


def test_large_chunks_do_not_lock_the_ring():
    shards = np.ones((2, 4_000_000), "float32")  # eight megabytes a chunk: no socket holds that
    found = distributed.reduce_over_processes(shards)
    assert (found.result == 2).all()


def test_a_wire_makes_everything_take_at_least_its_time():
    wire = distributed.Wire(latency=0.02, bandwidth=1e7)
    shards = np.ones((2, 50_000), "float32")
    found = distributed.reduce_over_processes(shards, wire=wire)
    assert found.seconds.min() >= distributed.ring_seconds(2, 2e5, *wire)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"method": "tree"}, "method"),
        ({"repeats": 0}, "repeats"),
        ({"wire": (-1.0, 1.0)}, "latency"),
        ({"wire": (0.0, 0.0)}, "bandwidth"),
        ({"shards": [np.ones(2), np.ones(3)]}, "shards"),
    ],
)
def test_a_reduction_that_makes_no_sense_is_refused(options, said):
    given = {"shards": [np.ones(2), np.ones(2)]} | options
    with pytest.raises(ValueError, match=said):
        distributed.reduce_over_processes(**given)


# Training with TensorFlow's strategies


def small_net():
    stack = [keras.Input((6,)), layers.Dense(8, "tanh"), layers.Dropout(0.0), layers.Dense(3)]
    return keras.Sequential(stack)


def job_of(examples, batch_size, epochs=3):
    x, y = tiny_data()
    return distributed.Job(x[:examples], y[:examples], batch_size, epochs, 0.1, 0, small_net)


def fit_alone(job):
    training.set_seed(job.seed)
    model = job.build()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(job.learning_rate, momentum=0.9), loss, jit_compile=False)
    for epoch in range(job.epochs):
        order = distributed.epoch_order(job, epoch)
        model.fit(job.x[order], job.y[order], job.batch_size, shuffle=False, verbose=0)
    return model.get_weights()


def farthest(some, others):
    return max(np.abs(a - b).max() for a, b in zip(some, others, strict=True))


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory):
    """An uneven job: batches of 16, 16, 16 and 5, so that the last shards have 3 and 2."""
    job = job_of(53, 16)
    return job, distributed.train_over_processes(job, 2, tmp_path_factory.mktemp("two"))


@ON_TENSORFLOW
def test_two_processes_train_the_model_of_one(two_workers):
    job, run = two_workers
    assert run.exit_codes == [0, 0]
    assert run.first_epoch == 0
    assert len(run.losses) == 3
    assert farthest(run.weights[0], run.weights[1]) == 0
    assert farthest(run.weights[0], fit_alone(job)) < 1e-5
    assert run.losses[-1] < run.losses[0]


@ON_TENSORFLOW
def test_a_killed_training_recovers_to_the_same_weights(two_workers, tmp_path):
    job, whole = two_workers
    crashed = distributed.train_over_processes(job, 2, tmp_path, crash=(1, 1, 2))
    assert crashed.exit_codes[1] == -signal.SIGKILL
    assert crashed.exit_codes[0] != 0
    assert crashed.weights == [[], []]
    shutil.copytree(tmp_path / "backup", tmp_path / "alone" / "backup")
    again = distributed.train_over_processes(job, 2, tmp_path)
    assert (again.first_epoch, again.exit_codes) == (1, [0, 0])
    assert farthest(again.weights[0], whole.weights[0]) == 0
    assert again.losses == whole.losses[1:]
    alone = distributed.train_over_processes(job, 1, tmp_path / "alone")  # from the same backup
    assert alone.first_epoch == 1
    assert farthest(alone.weights[0], whole.weights[0]) < 1e-5


def fit_as_a_worker(config):
    """Try Keras's own fit in one of two processes."""
    import tensorflow as tf

    os.environ["TF_CONFIG"] = config
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    with strategy.scope():
        model = small_net()
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("sgd", loss, jit_compile=False)
    x, y = tiny_data()
    model.fit(tf.data.Dataset.from_tensor_slices((x, y)).batch(12), verbose=0)


@ON_TENSORFLOW
def test_fit_still_fails_over_two_processes(tmp_path):
    # When this test fails, Keras has been mended, and the chapter has to say so.
    hosts = [f"127.0.0.1:{port}" for port in distributed.free_ports(2)]
    calls = [(distributed.tf_config(hosts, worker),) for worker in range(2)]
    outcome = distributed.run_together(fit_as_a_worker, calls, tmp_path)
    assert outcome.exit_codes == [1, 1]
    assert "PerReplica" in outcome.logs[0].read_text()


@ON_TENSORFLOW
@pytest.mark.parametrize(
    ("job", "workers", "said"),
    [
        (lambda: job_of(53, 16), 0, "workers"),
        (lambda: job_of(33, 16), 2, "example for each"),
        (lambda: job_of(32, 2), 3, "batch_size"),
        (lambda: job_of(32, 16, 0), 2, "epochs"),
        (lambda: distributed.Job(np.full((8, 6), np.nan), np.zeros(8, int), 4), 2, "NaN"),
    ],
)
def test_a_job_that_cannot_be_divided_is_refused(job, workers, said, tmp_path):
    with pytest.raises(ValueError, match=said):
        distributed.train_over_processes(job(), workers, tmp_path)


def on_two_devices():
    """Train one step with batch normalization on one device and on two, in a fresh process."""
    import tensorflow as tf

    names = distributed.split_cpu(2)
    strategy = tf.distribute.MirroredStrategy(names)
    x, y = tiny_data()

    def step(synchronized, scope):
        with scope():
            training.set_seed(0)
            norm = layers.BatchNormalization(synchronized=synchronized)
            model = keras.Sequential([keras.Input((6,)), layers.Dense(8), norm, layers.Dense(3)])
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            model.compile(keras.optimizers.SGD(0.5), loss, jit_compile=False)
        model.fit(x[:32], y[:32], batch_size=32, shuffle=False, verbose=0)
        return model.get_weights()

    alone = step(False, contextlib.nullcontext)
    found = {
        "own": float(farthest(step(False, strategy.scope), alone)),
        "synchronized": float(farthest(step(True, strategy.scope), alone)),
    }
    data = tf.data.Dataset.range(26).batch(8)
    found["dealt"] = distributed.replica_batches(strategy, data)
    try:
        distributed.split_cpu(3)
    except ValueError as error:
        found["error"] = str(error)
    return found


@ON_TENSORFLOW
def test_two_devices_are_one_unless_batch_normalization_looks_at_halves(tmp_path):
    outcome = distributed.run_together(on_two_devices, [()], tmp_path, limit=120)
    assert outcome.whole, outcome.tail(0, 20)
    found = outcome.results[0]
    assert found["synchronized"] < 1e-4
    assert found["own"] > 100 * found["synchronized"]
    assert [sum(step) for step in found["dealt"]] == [8, 8, 8, 2]
    assert "started with 2 devices" in found["error"]
