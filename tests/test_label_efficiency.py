"""Queries, contrastive loss, prototypes and meta-learning against scikit-activeml and others."""

import warnings

import keras
import numpy as np
import pytest
from keras import ops
from scipy import special
from sklearn.neighbors import NearestCentroid

from course_lib import gradients
from course_lib import label_efficiency as le


def random(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def to_numpy(x):
    return ops.convert_to_numpy(x)


def probabilities(shape, seed=0, scale=2.0):
    return special.softmax(scale * random(shape, seed).astype("float64"), axis=-1)


# Queries


@pytest.mark.parametrize("classes", [2, 5, 10])
@pytest.mark.parametrize("seed", [0, 1])
def test_entropy_equals_scipy(classes, seed):
    rows = probabilities((4, 30, classes), seed)
    expected = special.entr(rows).sum(axis=-1)
    np.testing.assert_allclose(to_numpy(le.predictive_entropy(rows)), expected, atol=1e-5)


def test_entropy_of_a_sure_prediction_is_zero_and_its_largest_is_log_classes():
    rows = np.array([[1.0, 0, 0, 0], [0.25] * 4])
    np.testing.assert_allclose(to_numpy(le.predictive_entropy(rows)), [0, np.log(4)], atol=1e-6)


@pytest.mark.parametrize("count", [1, 7, 60])
@pytest.mark.parametrize(
    ("method", "ours"), [("entropy", le.query_entropy), ("margin_sampling", le.query_margin)]
)
def test_uncertainty_queries_equal_scikit_activeml(method, ours, count):
    uncertainty = pytest.importorskip("skactiveml.pool").uncertainty_scores
    rows = probabilities((60, 5), count)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scores = uncertainty(rows, method=method)
    expected = np.argsort(-scores, kind="stable")[:count]
    np.testing.assert_array_equal(ours(rows, count), expected)


@pytest.mark.parametrize(("pool", "labeled", "features"), [(40, 3, 2), (100, 12, 8), (30, 1, 20)])
def test_core_set_equals_scikit_activeml(pool, labeled, features):
    k_greedy_center = pytest.importorskip("skactiveml.pool").k_greedy_center
    x = random((pool + labeled, features), pool)
    y = np.where(np.arange(pool + labeled) < labeled, 0, np.nan)
    expected, _ = k_greedy_center(x, y, batch_size=10, random_state=0)
    ours = le.query_core_set(x[labeled:], x[:labeled], 10)
    np.testing.assert_array_equal(ours + labeled, expected)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_core_set_is_within_twice_the_best_radius(seed):
    from itertools import combinations

    x = random((11, 2), seed)
    between = np.linalg.norm(x[1:, None] - x[None], axis=-1)  # from the pool to all
    chosen = le.query_core_set(x[1:], x[:1], 3)
    radius = between[:, [0, *(chosen + 1)]].min(axis=1).max()
    best = min(between[:, [0, *group]].min(axis=1).max() for group in combinations(range(1, 11), 3))
    assert best <= radius + 1e-6
    assert radius <= 2 * best + 1e-6


def test_core_set_never_takes_an_example_twice_even_among_copies():
    pool = np.repeat(random((3, 4)), 5, axis=0)
    chosen = le.query_core_set(pool, random((2, 4), 1), 15)
    assert sorted(chosen) == list(range(15))
    assert len({place // 5 for place in chosen[:3]}) == 3  # one of each before any copy


def test_mutual_information_of_passes_that_agree_is_zero():
    one = probabilities((20, 4))
    np.testing.assert_allclose(
        to_numpy(le.mutual_information(np.stack([one] * 3))), np.zeros(20), atol=1e-6
    )


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_mutual_information_of_passes_that_are_sure_of_different_classes(classes):
    sure = np.eye(classes)[:, None]  # as many passes as classes, each sure of its own
    np.testing.assert_allclose(to_numpy(le.mutual_information(sure)), [np.log(classes)], rtol=1e-5)


@pytest.mark.parametrize("passes", [2, 9])
def test_bald_takes_the_largest_mutual_information(passes):
    several = probabilities((passes, 25, 4), passes)
    mean = several.mean(axis=0)
    divergence = special.rel_entr(several, mean).sum(axis=-1).mean(axis=0)  # the same, as a KL
    np.testing.assert_allclose(to_numpy(le.mutual_information(several)), divergence, atol=1e-5)
    np.testing.assert_array_equal(le.query_bald(several, 6), np.argsort(-divergence)[:6])


def test_bald_passes_over_what_is_unsure_but_agreed_upon():
    agreed, disputed = [[0.5, 0.5], [0.5, 0.5]], [[0.9, 0.1], [0.2, 0.8]]
    several = np.array([agreed, disputed]).swapaxes(0, 1)
    assert le.query_bald(several, 1) == [1]
    assert le.query_entropy(several.mean(axis=0), 1) == [0]


@pytest.mark.parametrize("count", [1, 30])
def test_random_query_repeats_with_its_seed(count):
    first, again = le.query_random(30, count, 4), le.query_random(30, count, 4)
    np.testing.assert_array_equal(first, again)
    assert len(set(first)) == count
    assert set(first) <= set(range(30))


def test_queries_do_not_change_their_arguments():
    rows, x = probabilities((3, 9, 4)), random((9, 4))
    before = rows.copy(), x.copy()
    le.query_bald(rows, 2), le.query_entropy(rows[0], 2), le.query_core_set(x, x[:2], 3)
    np.testing.assert_array_equal(rows, before[0])
    np.testing.assert_array_equal(x, before[1])


# The loop


@pytest.mark.parametrize("runs", [None, 3])
def test_label_loop_grows_by_what_was_asked(runs):
    start = np.array([4, 0]) if runs is None else np.array([[4, 0], [1, 2], [9, 8]])
    seen = []

    def query(learner, unlabeled, count):
        seen.append(unlabeled)
        return np.broadcast_to(np.arange(count)[::-1], (*unlabeled.shape[:-1], count))

    rounds = list(le.label_loop(lambda labeled: labeled.sum(), query, 10, start, 3, 2))
    assert [labeled.shape[-1] for labeled, _ in rounds] == [2, 5, 8]
    assert [learner for _, learner in rounds] == [labeled.sum() for labeled, _ in rounds]
    for labeled, unlabeled in zip(rounds, seen, strict=False):
        both = np.concatenate([labeled[0], unlabeled], axis=-1)
        np.testing.assert_array_equal(
            np.sort(both, axis=-1), np.broadcast_to(np.arange(10), both.shape)
        )
    first = rounds[1][0] if runs is None else rounds[1][0][0]
    np.testing.assert_array_equal(first, [4, 0, 3, 2, 1])
    np.testing.assert_array_equal(start.reshape(-1)[:2], [4, 0])


# Contrastive learning


@pytest.mark.parametrize("temperature", [0.1, 0.5, 2.0])
@pytest.mark.parametrize("shape", [(2, 3), (7, 5), (16, 64)])
def test_nt_xent_equals_its_loops(shape, temperature):
    first, second = random(shape, 1), random(shape, 2)
    expected = le.nt_xent_loops(first, second, temperature)
    assert float(le.nt_xent_loss(first, second, temperature)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("temperature", [0.2, 0.5, 1.0])
@pytest.mark.parametrize("batch", [2, 8])
def test_nt_xent_of_equal_partners_and_orthogonal_others(batch, temperature):
    views = 3 * np.eye(batch, 12, dtype="float32")
    expected = np.log1p((2 * batch - 2) * np.exp(-1 / temperature))
    assert float(le.nt_xent_loss(views, views, temperature)) == pytest.approx(expected, rel=1e-4)


def test_nt_xent_is_symmetric_and_sees_directions_only():
    first, second = random((6, 4), 1), random((6, 4), 2)
    loss = float(le.nt_xent_loss(first, second))
    assert float(le.nt_xent_loss(second, first)) == pytest.approx(loss, rel=1e-5)
    assert float(le.nt_xent_loss(5 * first, 0.1 * second)) == pytest.approx(loss, rel=1e-5)


@pytest.mark.parametrize("seed", [0, 1])
def test_gradient_of_nt_xent_equals_differences_of_the_loops(seed):
    first, second = random((3, 4), seed), random((3, 4), seed + 10)
    ours = gradients.value_and_grad(lambda view: le.nt_xent_loss(view, second))(first)[1]
    step, expected = 1e-4, np.zeros((3, 4))
    for place in np.ndindex(3, 4):
        moved = np.zeros((3, 4))
        moved[place] = step
        up, down = (le.nt_xent_loops(first + sign * moved, second) for sign in (1, -1))
        expected[place] = (up - down) / (2 * step)
    np.testing.assert_allclose(to_numpy(ours), expected, atol=1e-4)


@pytest.mark.parametrize("shape", [(5, 8, 8, 1), (4, 6, 9, 3)])
def test_random_resized_crop_keeps_what_it_must(shape):
    images = np.abs(random(shape))
    whole = to_numpy(le.random_resized_crop(images, 1.0, 0))
    np.testing.assert_allclose(whole, images, atol=1e-5)
    part = to_numpy(le.random_resized_crop(images, 0.4, 0))
    np.testing.assert_array_equal(part, to_numpy(le.random_resized_crop(images, 0.4, 0)))
    assert part.shape == shape
    assert images.min() - 1e-5 <= part.min() <= part.max() <= images.max() + 1e-5
    constant = to_numpy(le.random_resized_crop(np.full(shape, 0.3, "float32"), 0.3, 1))
    np.testing.assert_allclose(constant, 0.3, rtol=1e-5)


def test_random_resized_crop_of_a_ramp_is_a_flatter_ramp():
    ramp = np.broadcast_to(np.arange(20, dtype="float32")[:, None], (30, 20, 20))[..., None].copy()
    parts = to_numpy(le.random_resized_crop(ramp, 0.5, 3))[:, 2:-2, 0, 0]  # away from the edges
    slopes = np.diff(parts, axis=1)
    np.testing.assert_allclose(slopes, slopes[:, :1] + np.zeros_like(slopes), atol=1e-4)
    assert 0.5 - 1e-4 <= slopes.min() <= slopes.max() <= 1 + 1e-4
    assert slopes[:, 0].std() > 0.05


@pytest.mark.parametrize("seed", [0, 1])
def test_rotation_task_can_be_undone(seed):
    images = random((40, 6, 6, 2), seed)
    turned, quarters = le.rotation_task(images, seed)
    assert set(quarters) == {0, 1, 2, 3}
    back = [np.rot90(one, -quarter) for one, quarter in zip(turned, quarters, strict=True)]
    np.testing.assert_array_equal(np.stack(back), images)


def tiny_network():
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((6, 6, 1)), keras.layers.Flatten(), keras.layers.Dense(8)])


def noisy_view(images, seed):
    return images + 0.1 * random(images.shape, seed)


@pytest.mark.parametrize("batch_size", [16, 20])
def test_contrastive_pretraining_lowers_the_loss_of_fresh_views(batch_size):
    network, images = tiny_network(), random((40, 6, 6, 1))
    before, copy = network.get_weights(), images.copy()

    def loss():
        views = [to_numpy(network(noisy_view(images, seed))) for seed in (901, 902)]
        return float(le.nt_xent_loss(*views, 0.2))

    start = loss()
    losses = le.contrastive_pretraining(
        network, images, noisy_view, epochs=15, batch_size=batch_size, temperature=0.2
    )
    assert len(losses) == 15
    assert loss() < start
    assert losses[-1] < losses[0]
    assert not np.array_equal(network.get_weights()[0], before[0])
    np.testing.assert_array_equal(images, copy)


def test_contrastive_pretraining_repeats_with_its_seed():
    images = random((20, 6, 6, 1))
    runs = []
    for seed in (3, 3, 4):
        network = tiny_network()
        le.contrastive_pretraining(network, images, noisy_view, epochs=2, batch_size=10, seed=seed)
        runs.append(network.get_weights()[0])
    np.testing.assert_allclose(runs[0], runs[1], atol=1e-5)
    assert not np.allclose(runs[0], runs[2], atol=1e-4)


# Prototypes


@pytest.mark.parametrize(("batch", "features", "classes"), [(20, 3, 2), (60, 8, 5), (10, 40, 10)])
def test_prototypes_equal_nearest_centroid(batch, features, classes):
    x = random((batch, features), batch) + 4
    labels = np.resize(np.arange(classes), batch)
    reference = NearestCentroid().fit(x, labels)
    centers = le.prototypes(x, labels, classes)
    np.testing.assert_allclose(to_numpy(centers), reference.centroids_, rtol=1e-4, atol=1e-5)
    queries = random((50, features), 1) + 4
    logits = to_numpy(le.prototype_logits(queries, centers))
    np.testing.assert_array_equal(logits.argmax(axis=1), reference.predict(queries))
    distances = ((queries[:, None] - reference.centroids_) ** 2).sum(axis=-1)
    np.testing.assert_allclose(logits, -distances, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("classes", [2, 6])
def test_the_linear_form_has_the_same_probabilities(classes):
    centers, queries = random((classes, 5)), random((30, 5), 1)
    kernel, bias = map(to_numpy, le.prototypes_as_linear(centers))
    linear = special.softmax(queries @ kernel + bias, axis=1)
    near = special.softmax(to_numpy(le.prototype_logits(queries, centers)), axis=1)
    np.testing.assert_allclose(linear, near, atol=1e-5)


def test_prototypes_have_gradients():
    x, labels = random((6, 3)), np.array([0, 1, 2, 0, 1, 2])
    loss = gradients.value_and_grad(lambda x: ops.sum(le.prototypes(x, labels, 3)))
    np.testing.assert_allclose(to_numpy(loss(x)[1]), np.full((6, 3), 0.5), rtol=1e-6)


@pytest.mark.parametrize("seed", [0, 5])
def test_an_episode_has_its_classes_and_no_example_twice(seed):
    labels = np.random.default_rng(0).integers(0, 10, 400)
    support, query = le.episode(labels, [3, 7, 1], 5, 9, seed)
    assert support.shape == (3, 5)
    assert query.shape == (3, 9)
    np.testing.assert_array_equal(labels[support], np.repeat([[3], [7], [1]], 5, axis=1))
    np.testing.assert_array_equal(labels[query], np.repeat([[3], [7], [1]], 9, axis=1))
    assert len(np.unique(np.concatenate([support, query], axis=1))) == 42


# Meta-learning


def start(runs=2, seed=0):
    sizes = [(1, 8), (8, 8), (8, 1)]
    return [(random((runs, *size), seed + n), random((runs, 1, size[1]), 9 + n)) for n, size in
            enumerate(sizes)]  # fmt: skip


def flat(parameters):
    return np.concatenate([to_numpy(part).reshape(-1) for pair in parameters for part in pair])


def test_sinusoids_are_sines_within_their_ranges():
    x, y = le.sinusoid_tasks((3, 50), 40, 0)
    assert x.shape == y.shape == (3, 50, 40, 1)
    columns = np.concatenate([np.sin(x), np.cos(x)], axis=-1).reshape(-1, 40, 2)
    for design, targets in zip(columns, y.reshape(-1, 40, 1), strict=True):
        solution, residual, _, _ = np.linalg.lstsq(design, targets, rcond=None)
        assert residual[0] < 1e-6
        assert 0.1 - 1e-3 < np.linalg.norm(solution) < 5 + 1e-3


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_tasks_side_by_side_adapt_as_they_do_alone(steps):
    x, y = le.sinusoid_tasks((2, 3), 6, 1)
    own = [tuple(np.repeat(part[:, None], 3, axis=1) for part in pair) for pair in start()]
    together = le.adapt(own, x, y, 0.01, steps)
    alone = [tuple(part[1:, 2:3] for part in pair) for pair in own]
    alone = le.adapt(alone, x[1:, 2:3], y[1:, 2:3], 0.01, steps)
    mine = [tuple(to_numpy(part)[1:, 2:3] for part in pair) for pair in together]
    np.testing.assert_allclose(flat(mine), flat(alone), atol=1e-5)


@pytest.mark.parametrize("steps", [1, 2])
def test_the_meta_gradient_equals_differences(steps):
    support, query = le.sinusoid_tasks((1, 4), 6, 1), le.sinusoid_tasks((1, 4), 6, 1)
    begin = [tuple(part / 2 for part in pair) for pair in start(runs=1)]

    def loss(parameters):
        return le.maml_loss(parameters, support, query, 0.01, steps)

    slope = flat(gradients.value_and_grad(loss)(begin)[1]).astype("float64")
    direction = slope / np.linalg.norm(slope)
    parts, at = [], 0
    for pair in begin:
        sizes = [part.size for part in pair]
        both = direction[at : at + sum(sizes)]
        parts.append([part.reshape(old.shape) for part, old in
                      zip(np.split(both, sizes[:1]), pair, strict=True)])  # fmt: skip
        at += sum(sizes)
    step = 1e-3

    def moved(sign):
        return float(loss([tuple((p + sign * step * d).astype("float32") for p, d in
                                 zip(*pairs, strict=True)) for pairs in
                           zip(begin, parts, strict=True)]))  # fmt: skip

    measured = (moved(1) - moved(-1)) / (2 * step)
    assert measured == pytest.approx(np.linalg.norm(slope), rel=0.02)


def test_first_order_has_the_same_loss_and_another_gradient():
    support, query = le.sinusoid_tasks((2, 4), 6, 1), le.sinusoid_tasks((2, 4), 6, 2)
    both = [
        gradients.value_and_grad(
            lambda p, short=short: le.maml_loss(p, support, query, 0.05, 1, short)
        )(start())
        for short in (False, True)
    ]
    assert float(both[0][0]) == pytest.approx(float(both[1][0]), rel=1e-5)
    assert not np.allclose(flat(both[0][1]), flat(both[1][1]), rtol=1e-2)


def test_without_steps_it_is_plain_training():
    x, y = le.sinusoid_tasks((2, 4), 6, 1)
    loss = float(le.maml_loss(start(), (x, y), (x, y), 0.1, steps=0))
    own = [tuple(np.repeat(part[:, None], 4, axis=1) for part in pair) for pair in start()]
    assert loss == pytest.approx(to_numpy(le.task_loss(own, x, y)).mean(axis=1).sum(), rel=1e-5)
    assert to_numpy(le.forward_tasks(own, x)).shape == y.shape


# Errors

ROWS = probabilities((9, 4))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: le.query_entropy(random((9, 4)), 2), "Did you pass logits"),
        (lambda: le.predictive_entropy(np.full((3, 2), np.nan)), "probabilities must"),
        (lambda: le.predictive_entropy(np.eye(3, dtype=int)), "floating point"),
        (lambda: le.mutual_information(ROWS[0]), r"\(passes, ..., classes\)"),
        (lambda: le.query_margin(ROWS[0], 1), r"\(pool, classes\)"),
        (lambda: le.query_margin(ROWS, 10), "count must be a whole number from 1 to the 9"),
        (lambda: le.query_entropy(ROWS, 0), "count must"),
        (lambda: le.query_random(5, True, 0), "count must"),
        (lambda: le.query_random(5, 2, -1), "seed must"),
        (lambda: le.query_random(5, 2, None), "seed must"),
        (lambda: le.query_bald(ROWS, 1), "training=True"),
        (lambda: le.query_bald(ROWS[None], 1), "two passes"),
        (lambda: le.query_core_set(random((5, 2)), random((0, 2)), 1), "labeled must hold"),
        (lambda: le.query_core_set(random((5, 2)), random((2, 3)), 1), "as many features"),
        (lambda: le.query_core_set(random((5, 2, 2)), random((2, 3)), 1), "pool must hold"),
        (lambda: le.query_core_set(np.full((5, 2), np.nan), random((2, 2)), 1), "NaN"),
        (lambda: le.nt_xent_loss(random((5, 2)), random((4, 2))), "first and second"),
        (lambda: le.nt_xent_loops(random((5,)), random((5,))), "first and second"),
        (lambda: le.nt_xent_loss(random((5, 2)), random((5, 2)), 0), "temperature must"),
        (lambda: le.random_resized_crop(random((2, 4, 4, 1)), 0.0, 0), "smallest must"),
        (lambda: le.random_resized_crop(np.ones((2, 4, 4)), 0.5, 0), "images must"),
        (lambda: le.contrastive_pretraining(None, random((3, 4)), None, epochs=1), "network must"),
        (lambda: le.rotation_task(random((2, 4, 5, 1)), 0), "side, side"),
        (lambda: le.prototypes(random((4, 2)), np.array([0, 1, 3, 3]), 3), "anew"),
        (lambda: le.prototypes(random((4, 2)), np.array([0, 1]), 2), "embeddings and labels"),
        (lambda: le.prototype_logits(random((4, 2)), random((3, 3))), "queries and centers"),
        (lambda: le.episode(np.array([0, 0, 1]), [0, 1], 1, 1, 0), "class 1 has 1"),
        (lambda: le.maml_loss(start(), (None, None), (None, None), 0.1), "support must"),
    ],
)
def test_errors_say_what_to_do(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("begin", "count", "places", "message"),
    [
        (np.array([0.5]), 1, [0], "start must hold positions"),
        (np.array([0, 12]), 1, [0], "different positions from 0 to 9"),
        (np.array([3, 3]), 1, [0], "different positions"),
        (np.array([0, 1]), 5, [0], "count and rounds"),
        (np.array([0, 1]), 2, [0, 0], "query must return 2 different"),
        (np.array([0, 1]), 2, [0], "query must return"),
    ],
)
def test_errors_of_the_loop(begin, count, places, message):
    with pytest.raises(ValueError, match=message):
        list(le.label_loop(lambda labeled: None, lambda *_: np.array(places), 10, begin, count, 2))
