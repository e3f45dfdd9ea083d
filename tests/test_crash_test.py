"""Planted data by intervention, scores by hand and against scikit-learn and xplique, the bench."""

import dataclasses

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import auc, average_precision_score

from course_lib import crash_test, gradients
from course_lib._planted_text import ORDINARY_WORDS

PLANTED = {
    "table": crash_test.planted_table,
    "images": crash_test.planted_images,
    "text": crash_test.planted_text,
    "sequences": crash_test.planted_sequences,
}


@pytest.fixture(scope="module", params=PLANTED)
def scenes(request):
    """The scene with and without the shortcut, same seed."""
    return [
        PLANTED[request.param](3, shortcut, examples=300, test=60) for shortcut in (False, True)
    ]


def agreement(one, other):
    return float((np.asarray(one) == np.asarray(other)).mean())


def rows_that_differ(one, other):
    return (one != other).reshape(len(one), -1)


# Planted data


def test_both_versions_have_the_same_test_examples(scenes):
    plain, shortcut = scenes
    np.testing.assert_array_equal(plain.x_test, shortcut.x_test)
    np.testing.assert_array_equal(plain.y_test, shortcut.y_test)
    np.testing.assert_array_equal(plain.cause, shortcut.cause)
    assert not (plain.cause & plain.decoy).any()
    np.testing.assert_array_equal(plain.truth, plain.cause)
    np.testing.assert_array_equal(shortcut.truth, shortcut.decoy)
    np.testing.assert_array_equal(plain.answers, plain.y_test)
    np.testing.assert_array_equal(shortcut.answers, shortcut.decoy_says)


def test_a_seed_repeats_a_scene_and_another_does_not(scenes):
    again = PLANTED[scenes[0].name](3, examples=300, test=60)
    other = PLANTED[scenes[0].name](4, examples=300, test=60)
    np.testing.assert_array_equal(again.x_train, scenes[0].x_train)
    assert not np.array_equal(other.x_train, again.x_train)
    assert "300 training and 60 test" in repr(again)


def test_changing_a_part_changes_only_its_units(scenes):
    scene = scenes[0]
    for part, mask in (("cause", scene.cause), ("decoy", scene.decoy)):
        if part == "cause" and scene.name == "images":
            continue  # trousers and sneakers do not cover the same patches
        changed = crash_test.to_units(scene.changed[part] != scene.x_test, mask.shape[1:]) > 0
        assert changed.any(axis=tuple(range(1, mask.ndim))).all()
        assert not (changed & ~mask).any()
    rest = crash_test.to_units(scene.changed["rest"] != scene.x_test, scene.cause.shape[1:]) > 0
    assert rest.any()
    if scene.name != "images":  # brighter shows: behind a garment the canvas may shine through
        assert not (rest & (scene.cause | scene.decoy)).any()


def test_the_decoy_knows_the_label_with_the_shortcut_alone():
    def stamp_says(scene):
        return scene.x_train[:, 3] > 0

    plain, shortcut = (crash_test.planted_table(0, s, agreement=0.8) for s in (False, True))
    assert agreement(stamp_says(shortcut), shortcut.y_train) == 1
    assert abs(agreement(stamp_says(plain), plain.y_train) - 0.5) < 0.05
    # The same draws, so the labels differ where the cause was overruled.
    assert abs(agreement(plain.y_train, shortcut.y_train) - 0.8) < 0.03


def test_the_decoy_word_stands_where_the_label_is_one():
    plain, shortcut = (crash_test.planted_text(0, s, examples=1000) for s in (False, True))
    decoy = plain.words.index("anyhow")
    assert agreement((shortcut.x_train == decoy).any(axis=1), shortcut.y_train) == 1
    assert abs(agreement((plain.x_train == decoy).any(axis=1), plain.y_train) - 0.5) < 0.08


def test_the_table_follows_its_rule():
    scene = crash_test.planted_table(1)
    switch, a, b = scene.x_train.T[:3]
    np.testing.assert_array_equal(np.where(switch > 0, a, b) > 0, scene.y_train)
    for twin, original in ((4, 1), (5, 2), (6, 0)):
        correlation = np.corrcoef(scene.x_train[:, twin], scene.x_train[:, original])[0, 1]
        assert abs(correlation - 0.8) < 0.04
    switch, a, b = scene.x_test.T[:3]
    assert (np.sign(a) == -np.sign(b)).all()
    # Turning a cause turns the label; turning the third feature cannot.
    np.testing.assert_array_equal(np.where(-switch > 0, a, b) > 0, 1 - scene.y_test)
    np.testing.assert_array_equal(
        np.where(switch > 0, a, -b)[switch > 0] > 0, scene.y_test[switch > 0]
    )
    np.testing.assert_array_equal(scene.cause[:, 1], switch > 0)
    np.testing.assert_array_equal(scene.cause[:, 2], switch <= 0)


def test_a_sentence_holds_two_words_of_its_kind_and_the_real_rest():
    scene = crash_test.planted_text(2, examples=500)
    words = np.array(scene.words)
    fruits, animals = set(words[6:14]), set(words[14:22])
    for x, label, cause in zip(scene.x_test, scene.y_test, scene.cause, strict=True):
        assert set(words[x[cause]]) <= (animals if label else fruits)
        assert not set(words[x[~cause]]) & (animals | fruits)
    assert (scene.x_test[~scene.cause & ~scene.decoy] >= ORDINARY_WORDS).mean() > 0.6
    assert not set(words[ORDINARY_WORDS:]) & (animals | fruits | {"anyhow"})


def test_the_wave_of_a_signal_tells_its_label():
    scene = crash_test.planted_sequences(2)
    wave = scene.x_test[scene.cause].reshape(-1, 6)
    np.testing.assert_array_equal(wave[:, 1] > 0, scene.y_test)
    np.testing.assert_array_equal(wave[:, 4] < 0, scene.y_test)
    np.testing.assert_array_equal(scene.x_test[scene.decoy], 3.0)
    assert (scene.cause.sum(axis=1) == 6).all()
    assert (scene.decoy.sum(axis=1) == 2).all()


def test_the_cause_of_an_image_is_where_its_garment_lies():
    scene = crash_test.planted_images(2, test=50)
    changed = rows_that_differ(scene.changed["decoy"], scene.x_test)
    assert (changed.sum(axis=1) <= 16).all()
    differs = (scene.changed["cause"] != scene.x_test)[..., 0].reshape(50, 8, 4, 8, 4)
    touched = differs.any(axis=(2, 4))  # by one garment or the other
    assert not (scene.cause & ~touched).any()
    assert scene.cause.sum(axis=(1, 2)).min() >= 2
    assert scene.cause.sum(axis=(1, 2)).max() <= 16


@pytest.mark.parametrize("make", PLANTED.values())
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": -1}, "seed must be a whole number"),
        ({"seed": 0, "examples": 1}, "examples must be a whole number from 2 on"),
        ({"seed": 0, "agreement": 0.2}, "agreement must be a number at least 0.5"),
    ],
)
def test_planting_refuses_nonsense(make, arguments, message):
    with pytest.raises(ValueError, match=message):
        make(**arguments)


def test_there_are_only_so_many_sentences():
    with pytest.raises(ValueError, match="long enough"):
        crash_test.planted_text(0, test=5000)


# Finding the truth

SHAPES = [(5, 7), (3, 4, 6), (20, 10)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", [0, 1])
def test_recall_and_precision_equal_sets(shape, seed):
    random = np.random.default_rng(seed)
    scores, truth = random.normal(size=shape), random.random(shape) < 0.3
    truth.reshape(len(truth), -1)[:, 0] = True
    for k in (None, 1, 3):
        recall = crash_test.recall_at(scores, truth, k)
        precision = crash_test.precision_at(scores, truth, k)
        for n in range(len(scores)):
            true = set(np.flatnonzero(truth[n]))
            first = set(np.argsort(-scores[n].ravel())[: k or len(true)])
            assert recall[n] == pytest.approx(len(true & first) / len(true))
            assert precision[n] == pytest.approx(len(true & first) / len(first))
        if k is None:
            np.testing.assert_allclose(recall, precision)


def test_a_perfect_order_is_what_scikit_learn_calls_perfect():
    random = np.random.default_rng(3)
    truth = random.random((6, 12)) < 0.4
    truth[:, 0], truth[:, 1] = True, False
    for noise in (0.1, 3.0):
        scores = truth + noise * random.random(truth.shape)
        perfect = [average_precision_score(*pair) == 1 for pair in zip(truth, scores, strict=True)]
        np.testing.assert_array_equal(crash_test.recall_at(scores, truth) == 1, perfect)


def test_ties_fall_by_lot():
    truth = np.zeros((4000, 8), bool)
    truth[:, 0] = True
    recall = crash_test.recall_at(np.zeros(truth.shape), truth).mean()
    assert abs(recall - 1 / 8) < 5 * np.sqrt(1 / 8 * 7 / 8 / 4000)


def test_the_scores_refuse_nonsense():
    scores, truth = np.ones((2, 3)), np.eye(3, dtype=bool)[:2]
    with pytest.raises(ValueError, match="truth must be an array of truth values"):
        crash_test.recall_at(scores, truth.astype(int))
    with pytest.raises(ValueError, match="at least one true unit"):
        crash_test.recall_at(scores, ~np.ones((2, 3), bool))
    with pytest.raises(ValueError, match="k must be from 1 to 3"):
        crash_test.precision_at(scores, truth, 4)
    with pytest.raises(ValueError, match="finite"):
        crash_test.ranking(scores * np.nan)


# Faithfulness


def additive(weights):
    """A 'model' whose second class's answer is a sum over units."""

    def predict(x):
        value = x.reshape(len(x), -1) @ weights
        return np.stack([1 - value, value], axis=1)

    return predict


@pytest.mark.parametrize("insert", [False, True])
def test_a_removal_curve_by_hand(insert):
    x, fill = np.ones((2, 4)), np.zeros((2, 4))
    weights = np.array([0.1, 0.2, 0.3, 0.4])
    order = np.array([[3, 2, 1, 0], [0, 1, 2, 3]])
    shares, values = crash_test.removal_curve(
        additive(weights), x, np.array([1, 0]), order, fill, (4,), insert
    )
    np.testing.assert_allclose(shares, [0, 0.25, 0.5, 0.75, 1])
    first = np.array([[0, 0.4, 0.7, 0.9, 1.0], [0, 0.1, 0.3, 0.6, 1.0]])
    left = first if insert else 1 - first
    np.testing.assert_allclose(values, [left[0], 1 - left[1]])


@pytest.mark.parametrize("points", [2, 5, 11])
def test_the_area_is_scikit_learns(points):
    shares = np.sort(np.random.default_rng(points).random(points))
    curves = np.random.default_rng(0).random((3, points))
    expected = [auc(shares, curve) for curve in curves]
    np.testing.assert_allclose(crash_test.area(shares, curves), expected)


def test_the_curve_of_every_order_has_one_start_and_one_end():
    scene = crash_test.planted_images(0, examples=50, test=4)
    random = np.random.default_rng(0)
    fill = crash_test.filler(scene, scene.x_test, "another")
    predict = additive(random.random(32 * 32) / 1000)
    curves = [
        crash_test.removal_curve(
            predict, scene.x_test, np.ones(4, int), crash_test.ranking(scores), fill, (8, 8)
        )[1]
        for scores in random.normal(size=(2, 4, 8, 8))
    ]
    np.testing.assert_allclose(curves[0][:, [0, -1]], curves[1][:, [0, -1]])
    np.testing.assert_allclose(curves[0][:, 0], predict(scene.x_test)[:, 1])
    np.testing.assert_allclose(curves[0][:, -1], predict(fill)[:, 1])


@pytest.mark.skipif(gradients.active_backend() != "tensorflow", reason="xplique is TensorFlow's")
@pytest.mark.parametrize("insert", [False, True])
def test_deletion_and_insertion_equal_xplique(insert):
    import tensorflow as tf
    from xplique.metrics import Deletion, Insertion

    random = np.random.default_rng(5)
    weights = random.normal(size=(20, 3)).astype("float32")

    def model(x):
        return tf.nn.softmax(tf.reshape(x, (-1, 20)) @ weights)

    x = random.random((6, 20)).astype("float32")
    target, scores = random.integers(0, 3, size=6), random.normal(size=(6, 20)).astype("float32")
    kind = Insertion if insert else Deletion
    metric = kind(model, x, np.eye(3, dtype="float32")[target], baseline_mode=0.0, steps=20)
    curve = crash_test.removal_curve(
        lambda rows: model(rows).numpy(),
        *(x, target, crash_test.ranking(scores), np.zeros_like(x), (20,), insert, 20),
    )
    assert crash_test.area(*curve).mean() == pytest.approx(metric(scores), abs=1e-3)


@pytest.mark.parametrize(
    ("shape", "units"),
    [((2, 32, 32), (8, 8)), ((2, 32, 32, 1), (8, 8)), ((2, 8, 8), (8, 8)), ((3, 5, 4), (5,))],
)
def test_units_keep_the_sum(shape, units):
    values = np.random.default_rng(0).normal(size=shape)
    summed = crash_test.to_units(values, units)
    assert summed.shape == (shape[0], *units)
    np.testing.assert_allclose(summed.sum(), values.sum())
    if units == (8, 8) and shape[1] == 32:
        assert summed[1, 2, 3] == pytest.approx(values[1, 8:12, 12:16].sum())


def test_a_removal_curve_refuses_what_is_no_order():
    x, target = np.ones((2, 4)), np.array([0, 1])
    for order in (np.zeros((2, 4), int), np.arange(4)[None], np.tile(np.arange(3), (2, 1))):
        with pytest.raises(ValueError, match="order must name each of the 4 units once"):
            crash_test.removal_curve(additive(np.ones(4)), x, target, order, 0 * x, (4,))
    with pytest.raises(ValueError, match="fill must have the shape of x"):
        crash_test.fill_units(x, np.ones((2, 4), bool), np.zeros(4))


def test_units_refuse_another_shape():
    for shape in ((2, 30, 30), (2, 7), (2, 8, 8, 3, 2)):
        with pytest.raises(ValueError, match="values must have shape"):
            crash_test.to_units(np.zeros(shape), (8, 8))


def test_hidden_units_show_the_filling_and_the_rest_stays(scenes):
    scene = scenes[0]
    hidden = np.random.default_rng(0).random(scene.cause.shape) < 0.5
    for kind in crash_test.FILLS:
        if kind == "blur" and scene.name in ("table", "text"):
            with pytest.raises(ValueError, match="kind must be one of"):
                crash_test.filler(scene, scene.x_test, kind)
            continue
        if kind == "mean" and scene.name == "text":
            continue
        fill = crash_test.filler(scene, scene.x_test, kind)
        mixed = crash_test.fill_units(scene.x_test, hidden, fill)
        assert mixed.dtype == scene.x_test.dtype
        shown = crash_test.fill_units(scene.x_test, ~hidden, fill)
        both = np.where(mixed == fill, shown == scene.x_test, mixed == scene.x_test)
        assert both.all()


def test_similarity_is_scipys_and_constants_count_as_zero():
    random = np.random.default_rng(1)
    one, other = random.normal(size=(2, 5, 9))
    expected = [stats.spearmanr(a, b).statistic for a, b in zip(one, other, strict=True)]
    assert crash_test.similarity(one, other) == pytest.approx(np.mean(expected), abs=1e-12)
    assert crash_test.similarity(np.ones((2, 4)), one[:2, :4]) == 0


# The bench


@pytest.fixture(scope="module")
def subject():
    return crash_test.train(crash_test.planted_table(0), seed=0)


def test_a_model_learns_what_its_scene_teaches(subject):
    changes = crash_test.reliance(subject)
    assert changes["right"].mean() > 0.95
    assert changes["cause"].mean() > 0.95
    assert changes["decoy"].mean() < 0.05
    assert changes["rest"].mean() < 0.05
    chosen = crash_test.verified(subject)
    assert len(chosen) > 350
    answers = subject.logits(subject.scene.x_test).argmax(axis=1)
    np.testing.assert_array_equal(answers[chosen], subject.scene.y_test[chosen])


@pytest.mark.slow
@pytest.mark.parametrize("shortcut", [False, True])
@pytest.mark.parametrize("kind", [*PLANTED, "text, transformer"])
def test_every_model_learns_what_its_scene_teaches(kind, shortcut):
    name, _, reader = kind.partition(", ")
    changes = crash_test.reliance(crash_test.train(PLANTED[name](7, shortcut), 7, reader))
    used, unused = ("decoy", "cause") if shortcut else ("cause", "decoy")
    assert min(changes["right"].mean(), changes[used].mean()) > 0.9
    assert max(changes[unused].mean(), changes["rest"].mean()) < 0.1


def test_subjects_share_a_network_but_not_their_weights(subject):
    x = subject.scene.x_test[:5]
    before = subject.logits(x)
    stranger = crash_test.untrained(subject.scene, 1)
    assert not np.allclose(stranger.logits(x), before)
    np.testing.assert_array_equal(subject.logits(x), before)
    np.testing.assert_allclose(subject.probabilities(x).sum(axis=1), 1)
    with pytest.raises(ValueError, match="no attention"):
        subject.attention(x)


@pytest.mark.parametrize("kind", ["text", "sequences"])
def test_attention_is_a_distribution_over_units(kind):
    scene = PLANTED[kind](0, examples=300, test=20)
    weights = crash_test.untrained(scene, 0).attention(scene.x_test)
    assert weights.shape == scene.cause.shape
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("kind", [*PLANTED, "text, transformer"])
def test_every_method_explains_in_units(kind):
    name, _, reader = kind.partition(", ")
    scene = PLANTED[name](0, examples=600, test=4)
    stranger, target = crash_test.untrained(scene, 0, reader), np.array([0, 1, 1, 0])
    assert stranger.kind == kind
    for name, method in crash_test.METHODS.items():
        if crash_test.serves(name, kind):
            scores = crash_test.explain(method, stranger, scene.x_test, target)
            assert scores.shape == scene.cause.shape, name
            again = crash_test.explain(method, stranger, scene.x_test, target)
            np.testing.assert_allclose(again, scores, rtol=1e-3, atol=1e-5, err_msg=name)


def test_rollout_is_attention_where_the_blocks_look_nowhere_else():
    scene = crash_test.planted_text(0, examples=300, test=6)
    model = crash_test.untrained(scene, 0, "transformer")
    (first, second), pooling = model.layer_attention(scene.x_test), model.attention(scene.x_test)
    assert first.shape == second.shape == (6, 2, 16, 16)
    np.testing.assert_allclose(first.sum(axis=-1), 1, rtol=1e-5)
    shares = crash_test.METHODS["attention rollout"](model, scene.x_test, np.zeros(6, int))
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-4)
    half = [(block.mean(axis=1) + np.eye(16)) / 2 for block in (first, second)]
    expected = [p @ b @ a for p, a, b in zip(pooling, *half, strict=True)]
    np.testing.assert_allclose(shares, expected, rtol=1e-3)
    with pytest.raises(ValueError, match="no transformer block"):
        crash_test.untrained(scene, 0).layer_attention(scene.x_test)
    with pytest.raises(ValueError, match="reader must make one of"):
        crash_test.train(crash_test.planted_table(0), 0, "transformer")


def linear(scene, weights):
    """A subject whose second logit is a sum of features: ReLUs that are all open."""
    first, second, last = np.zeros((10, 64)), np.zeros((64, 64)), np.zeros((64, 2))
    first[np.arange(10), np.arange(10)] = 1
    second[np.arange(10), np.arange(10)] = 1
    last[:10, 1] = weights
    far = np.full(64, 100.0)
    offset = np.array([0, -200 * np.sum(weights)])
    arrays = [first, far, second, far, last, offset]
    return crash_test.Subject(scene, [a.astype("float32") for a in arrays])


def test_on_a_linear_model_contributions_have_a_closed_form():
    scene = crash_test.planted_table(0)
    weights = np.array([1.0, -2, 0.5, 0, 0, 3, 0, 0, -1, 0])
    model, x, target = linear(scene, weights), scene.x_test[:6], np.ones(6, int)

    def of(name):
        return crash_test.explain(crash_test.METHODS[name], model, x, target)

    away = weights * (x - scene.x_train[:1000].mean(axis=0))
    np.testing.assert_allclose(of("gradient"), np.tile(np.abs(weights), (6, 1)), atol=1e-4)
    np.testing.assert_allclose(of("gradient × input"), weights * x, atol=1e-3)
    np.testing.assert_allclose(of("integrated gradients"), away, atol=1e-3)
    np.testing.assert_allclose(of("occlusion"), away, atol=2e-3)
    from_twenty = weights * (x - scene.x_train[:20].mean(axis=0))
    np.testing.assert_allclose(of("exact Shapley"), from_twenty, atol=2e-3)
    np.testing.assert_allclose(of("Kernel SHAP"), from_twenty, atol=2e-3)


@pytest.mark.parametrize("kind", ["text", "sequences", "images"])
def test_kernel_shap_shares_out_the_change_from_nothing(kind):
    scene = PLANTED[kind](0, examples=300, test=5)
    model, target = crash_test.untrained(scene, 0), np.array([0, 1, 0, 1, 1])
    shares = crash_test.explain(crash_test.METHODS["Kernel SHAP"], model, scene.x_test, target)
    nothing = np.zeros_like(scene.x_test)
    if kind != "text":
        nothing = np.broadcast_to(model.baseline(), scene.x_test.shape)
    change = model.logits(scene.x_test) - model.logits(nothing)
    expected = change[np.arange(5), target]
    np.testing.assert_allclose(shares.reshape(5, -1).sum(axis=1), expected, atol=1e-4)


def test_a_nudge_is_small_and_spares_what_is_planted(scenes):
    scene = scenes[0]
    planted = scene.cause | scene.decoy
    near = crash_test.nudged(scene, scene.x_test, planted, seed=1)
    assert near.dtype == scene.x_test.dtype
    if scene.name == "text":
        different = near != scene.x_test
        assert (different.sum(axis=1) <= 1).all()
        assert different.any(axis=1).mean() > 0.8
        assert not (different & planted).any()
    else:
        ratio = (near - scene.x_test).std() / scene.x_train.std()
        assert ratio == pytest.approx(0.02, rel=0.1)


def peeking(subject, x, target):
    """Know the truth: the switch and the feature that it chose."""
    scores = np.zeros(x.shape)
    scores[:, 0] = 1
    scores[np.arange(len(x)), np.where(x[:, 0] > 0, 1, 2)] = 1
    return scores


def constant(subject, x, target):
    return np.broadcast_to(np.arange(10.0), x.shape)


def test_the_bench_scores_methods_of_ones_own(subject):
    rows = crash_test.run([subject], {"peeking": peeking, "constant": constant}, examples=30)
    assert [row.method for row in rows] == ["the cause itself", "peeking", "constant"]
    ideal, found, fixed = rows
    assert (found.recall, found.first, found.lure) == (1, 1, 0) == (ideal.recall, ideal.first, 0)
    assert found.deletion == pytest.approx(ideal.deletion, abs=0.05)
    assert min(ideal.deletion, ideal.insertion) > 0.15
    assert (fixed.recall, fixed.first) == (0, 0)
    assert fixed.sanity == fixed.sanity_signed == fixed.stability == pytest.approx(1)
    assert fixed.deletion < ideal.deletion - 0.1
    assert found.seconds > 0
    assert np.isnan(ideal.sanity)


def test_a_table_of_rows_has_means_and_deviations(subject):
    (row,) = crash_test.run([subject], {"peeking": peeking}, examples=5)[1:]
    rows = [
        dataclasses.replace(row, seed=seed, scene=scene, recall=recall, method=method)
        for seed, scene, recall, method in [
            *((0, "table", 0.2, "m"), (0, "text", 0.6, "m"), (1, "table", 0.8, "m")),
            *((0, "table", 1.0, "best"),),
        ]
    ]
    summary = crash_test.table(rows)
    assert list(summary) == ["best", "m"]
    assert summary["m"]["recall"] == pytest.approx((0.6, np.std([0.4, 0.8], ddof=1)))
    assert summary["best"]["recall"] == (1.0, 0.0)
    np.testing.assert_allclose(crash_test.values(rows, "recall", method="m", seed=0), [0.2, 0.6])
    with pytest.raises(ValueError, match="No row fits"):
        crash_test.values(rows, "recall", method="none")
    with pytest.raises(ValueError, match="but not precision, data"):
        crash_test.values(rows, "precision", data="table")


def test_the_report_shows_every_method(subject, capsys):
    rows = crash_test.run([subject], {"peeking": peeking, "constant": constant}, examples=4)
    lines = crash_test.write(crash_test.table(rows, ("recall", "sanity"))).splitlines()
    assert lines[0].split() == ["recall", "sanity"]
    assert [line.split("  ")[0] for line in lines[1:]] == [
        "the cause itself",
        "peeking",
        "constant",
    ]
    assert lines[1].split()[-1] == "–"
    assert lines[2].split()[1:4] == ["1.00", "±", "0.00"]
    crash_test.draw(rows, "recall", description="Recall of two methods.")
    assert "Figure: Recall of two methods." in capsys.readouterr().out
    with pytest.raises(ValueError, match="at least one row"):
        crash_test.draw([], description="Nothing.")


def test_sanity_sees_a_map_that_random_weights_only_turn_around(subject):
    def turned_by_other_weights(one, x, target):
        return np.arange(1.0, 11.0) * np.where(one.weights is subject.weights, 1, -1) + 0 * x

    row = crash_test.run([subject], {"turned": turned_by_other_weights}, examples=5)[-1]
    assert row.sanity == pytest.approx(1)
    assert row.sanity_signed == pytest.approx(-1)


def test_a_method_cannot_spoil_the_examples_for_the_next(subject):
    def careless(subject, x, target):
        x -= x.mean(axis=0)
        target[:] = 0
        return np.abs(x)

    alone = crash_test.run([subject], {"peeking": peeking}, examples=6)[-1]
    after = crash_test.run([subject], {"careless": careless, "peeking": peeking}, examples=6)[-1]
    assert dataclasses.replace(after, seconds=0) == dataclasses.replace(alone, seconds=0)


def test_random_numbers_of_the_subjects_seed_gain_nothing_on_average(subject):
    """The orders that stand for luck are others than those of a method that draws by the seed."""
    random = {"random": crash_test.METHODS["random"]}
    gains = [
        crash_test.run([dataclasses.replace(subject, seed=seed)], random, examples=40)[-1].deletion
        for seed in range(8)
    ]
    assert abs(np.mean(gains)) < 0.02
    assert np.std(gains) > 1e-3


def test_the_bench_refuses_what_does_not_fit(subject):
    with pytest.raises(ValueError, match="examples must be"):
        crash_test.run([subject], {}, examples=0)
    with pytest.raises(ValueError, match="kind must be one of"):
        crash_test.run([subject], {}, examples=3, fill="noise")
    with pytest.raises(ValueError, match="Only 0 test examples"):
        crash_test.run([linear(subject.scene, np.zeros(10))], {}, examples=3)
    wrong = {"too short": lambda subject, x, target: np.ones((len(x), 3))}
    with pytest.raises(ValueError, match="values must have shape"):
        crash_test.run([subject], wrong, examples=3)
    broken = {"broken": lambda subject, x, target: np.full(x.shape, np.nan)}
    with pytest.raises(ValueError, match="finite"):
        crash_test.run([subject], broken, examples=3)
