"""Regularizers and calibration against Keras, SciPy, closed forms, properties that must hold."""

import keras
import numpy as np
import pytest
from keras import layers, ops
from scipy import optimize, special, stats

from course_lib import gradients, regularization

SHAPES = [(3,), (4, 5), (3, 3, 2, 4)]


def random(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def to_numpy(x):
    return ops.convert_to_numpy(x)


def probabilities(examples, classes, seed=0, scale=2.0):
    logits = scale * np.random.default_rng(seed).normal(size=(examples, classes))
    return special.softmax(logits, axis=1)


def cross_entropy(predicted, labels):
    return -np.log(predicted[np.arange(len(labels)), labels])


# L2


@pytest.mark.parametrize("strength", [0.0, 0.01, 3.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_l2_penalty_equals_keras(shape, strength):
    weights = random(shape)
    ours = regularization.l2_penalty(weights, strength)
    np.testing.assert_allclose(to_numpy(ours), keras.regularizers.L2(strength)(weights), rtol=1e-5)


def test_l2_penalty_of_several_arrays_is_the_sum():
    several = [random(shape, seed) for seed, shape in enumerate(SHAPES)]
    ours = to_numpy(regularization.l2_penalty(several, 0.3))
    by_hand = 0.3 * sum(np.sum(np.square(w, dtype=np.float64)) for w in several)
    assert float(ours) == pytest.approx(by_hand, rel=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_l2_gradient_is_two_lambda_w(shape):
    weights = random(shape, 3)
    gradient = gradients.value_and_grad(lambda w: regularization.l2_penalty(w, 0.01))(weights)[1]
    np.testing.assert_allclose(to_numpy(gradient), 2 * 0.01 * weights, rtol=1e-5)


def test_l2_penalty_takes_variables_and_compiles():
    layer = layers.Dense(3)
    layer.build((None, 4))
    expected = 0.5 * np.sum(to_numpy(layer.kernel) ** 2)
    assert float(regularization.l2_penalty(layer.kernel, 0.5)) == pytest.approx(expected, rel=1e-5)
    compiled = gradients.compile(lambda w: regularization.l2_penalty([w, w], 2.0))
    assert float(compiled(np.ones(4, "float32"))) == pytest.approx(16.0)


# Dropout


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("seed", [0, 1, 12345678901])
def test_dropout_keeps_the_expectation_and_the_rate(rate, seed):
    x = np.full((400, 500), 3.0, "float32")
    dropped = to_numpy(regularization.dropout(x, rate, seed))
    share = (dropped == 0).mean()
    assert abs(share - rate) < 5 * np.sqrt(rate * (1 - rate) / x.size)
    np.testing.assert_allclose(dropped[dropped != 0], 3 / (1 - rate), rtol=1e-5)
    deviation = 3 * np.sqrt(rate / (1 - rate) / x.size)
    assert abs(dropped.mean(dtype=np.float64) - 3) < 5 * deviation


@pytest.mark.parametrize("rate", [0.2, 0.7])
def test_dropout_has_the_moments_of_keras(rate):
    x = np.abs(random((300, 300), 1))
    ours = to_numpy(regularization.dropout(x, rate, 7)).astype(np.float64)
    theirs = to_numpy(keras.layers.Dropout(rate, seed=8)(x, training=True)).astype(np.float64)
    error = np.hypot(ours.std(), theirs.std()) / np.sqrt(x.size)
    assert abs(ours.mean() - theirs.mean()) < 5 * error
    assert ours.std() == pytest.approx(theirs.std(), rel=0.03)


def test_dropout_drops_units_independently():
    kept = to_numpy(regularization.dropout(np.ones((20_000, 4), "float32"), 0.5, 0)) > 0
    correlations = np.corrcoef(kept.T)[np.triu_indices(4, 1)]
    assert np.abs(correlations).max() < 5 / np.sqrt(20_000)


def test_dropout_does_nothing_in_use_or_at_rate_zero():
    x = random((5, 6))
    np.testing.assert_array_equal(regularization.dropout(x, 0.5, 0, training=False), x)
    np.testing.assert_array_equal(regularization.dropout(x, 0.0, 0), x)


def test_a_number_repeats_the_mask_and_a_generator_does_not():
    x = np.ones((50, 50), "float32")
    first, again, other = (to_numpy(regularization.dropout(x, 0.5, seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    generator = keras.random.SeedGenerator(3)
    draws = [to_numpy(regularization.dropout(x, 0.5, generator)) for _ in range(2)]
    assert not np.array_equal(*draws)


def test_dropout_compiles_and_passes_gradients_to_what_is_kept():
    def loss(x):
        return ops.sum(regularization.dropout(x, 0.25, 5))

    x = random((40, 30))
    kept = to_numpy(gradients.compile(lambda x: regularization.dropout(x, 0.25, 5))(x)) != 0
    np.testing.assert_array_equal(kept, to_numpy(regularization.dropout(x, 0.25, 5)) != 0)
    gradient = to_numpy(gradients.value_and_grad(loss)(x)[1])
    np.testing.assert_allclose(gradient, kept / 0.75, rtol=1e-5)


# Label smoothing


@pytest.mark.parametrize("amount", [0.0, 0.1, 0.37, 1.0])
@pytest.mark.parametrize("classes", [2, 5, 10])
def test_label_smoothing_equals_keras(classes, amount):
    labels = np.random.default_rng(classes).integers(0, classes, size=30)
    logits = random((30, classes), 4)
    targets = regularization.label_smoothing(labels, classes, amount)
    ours = ops.mean(ops.categorical_crossentropy(targets, logits, from_logits=True))
    keras_loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=amount)
    expected = keras_loss(np.eye(classes, dtype="float32")[labels], logits)
    assert float(ours) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("shape", [(), (4,), (2, 3)])
def test_smoothed_labels_are_probabilities_with_the_same_winner(shape):
    labels = np.random.default_rng(1).integers(0, 7, size=shape)
    targets = to_numpy(regularization.label_smoothing(labels, 7, 0.3))
    assert targets.shape == (*shape, 7)
    np.testing.assert_allclose(targets.sum(axis=-1), 1, rtol=1e-6)
    np.testing.assert_array_equal(targets.argmax(axis=-1), labels)
    np.testing.assert_allclose(targets.min(), 0.3 / 7, rtol=1e-5)


# mixup


@pytest.mark.parametrize("alpha", [0.05, 0.4, 1.0, 5.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_mixup_mixes_inputs_and_targets_with_the_same_share(alpha, seed):
    count = 500
    x = np.eye(count, dtype="float32")  # what an example is made of can be read off
    y = np.random.default_rng(seed).normal(size=(count, 3)).astype("float32")
    mixed_x, mixed_y = (to_numpy(part) for part in regularization.mixup(x, y, alpha, seed))
    np.testing.assert_allclose(mixed_x.sum(axis=1), 1, rtol=1e-5)
    assert ((mixed_x > 0).sum(axis=1) <= 2).all()
    np.testing.assert_allclose(mixed_y, mixed_x @ y, atol=1e-5)


@pytest.mark.parametrize("alpha", [0.1, 0.5, 2.0])
def test_the_shares_have_a_beta_distribution_as_in_keras(alpha):
    count = 4000
    x, y = np.eye(count, dtype="float32"), np.ones((count, 2), "float32")
    shares = np.diag(to_numpy(regularization.mixup(x, y, alpha, 3)[0]))
    grid = np.linspace(0.01, 0.99, 50)  # nearer to 0 and 1, float32 makes ties
    found = (shares[:, None] <= grid).mean(axis=0)
    np.testing.assert_allclose(found, stats.beta(alpha, alpha).cdf(grid), atol=2 / np.sqrt(count))
    layer = keras.layers.MixUp(alpha=alpha, seed=4)
    pixels = np.repeat(np.arange(8, dtype="float32"), 4).reshape(8, 2, 2, 1)
    theirs = layer({"images": pixels, "labels": np.eye(8, dtype="float32")}, training=True)
    theirs = {name: to_numpy(values) for name, values in theirs.items()}
    np.testing.assert_allclose(
        theirs["images"][:, 0, 0, 0], theirs["labels"] @ np.arange(8), atol=1e-4
    )


@pytest.mark.parametrize("shape", [(6, 4), (6, 5, 5, 3)])
def test_mixup_with_share_one_is_the_identity_and_with_share_zero_the_partner(shape):
    x, partners = random(shape), np.array([1, 2, 3, 4, 5, 0])
    whole = regularization._mix(ops.convert_to_tensor(x), partners, np.ones(6, "float32"))
    np.testing.assert_array_equal(to_numpy(whole), x)
    none = regularization._mix(ops.convert_to_tensor(x), partners, np.zeros(6, "float32"))
    np.testing.assert_array_equal(to_numpy(none), x[partners])


def test_mixup_keeps_the_mean_and_does_not_touch_its_arguments():
    x, y = random((4000, 3)), probabilities(4000, 5).astype("float32")
    before = x.copy()
    mixed_x, mixed_y = regularization.mixup(x, y, 1.0, 0)
    np.testing.assert_array_equal(x, before)
    assert np.abs(to_numpy(mixed_x).mean(0) - x.mean(0)).max() < 5 / np.sqrt(4000)
    np.testing.assert_allclose(to_numpy(mixed_y).sum(axis=1), 1, rtol=1e-5)


def test_mixup_repeats_with_a_number_and_moves_on_with_a_generator():
    x, y = random((20, 3)), probabilities(20, 4).astype("float32")

    def draw(seed):
        return to_numpy(regularization.mixup(x, y, 1.0, seed)[0])

    np.testing.assert_array_equal(draw(1), draw(1))
    assert not np.array_equal(draw(1), draw(2))
    generator = keras.random.SeedGenerator(1)
    assert not np.array_equal(draw(generator), draw(generator))
    compiled = gradients.compile(lambda x, y: regularization.mixup(x, y, 1.0, 1))
    tensors = [ops.convert_to_tensor(values) for values in (x, y)]
    np.testing.assert_allclose(to_numpy(compiled(*tensors)[0]), draw(1), atol=1e-6)


# Ensembles


@pytest.mark.parametrize("members", [1, 2, 5])
@pytest.mark.parametrize("seed", range(5))
def test_the_loss_of_the_average_never_exceeds_the_average_loss(members, seed):
    logits = 4 * np.random.default_rng(seed).normal(size=(members, 200, 6)).astype("float32")
    labels = np.random.default_rng(seed + 50).integers(0, 6, size=200)
    models = [lambda x, z=z: z[x[:, 0]] for z in logits]
    averaged = to_numpy(regularization.ensemble_predict(models, np.arange(200)[:, None], 64))
    single = np.mean([cross_entropy(special.softmax(z, axis=1), labels) for z in logits], axis=0)
    assert (cross_entropy(averaged, labels) <= single + 1e-5).all()  # example by example
    np.testing.assert_allclose(averaged, special.softmax(logits, axis=2).mean(0), atol=1e-6)


def test_an_ensemble_of_keras_models_averages_their_probabilities():
    models = [keras.Sequential([keras.Input((3,)), layers.Dense(4)]) for _ in range(3)]
    x = random((7, 3))
    expected = np.mean([special.softmax(to_numpy(model(x)), axis=1) for model in models], axis=0)
    for batch_size in (2, 500):
        ours = to_numpy(regularization.ensemble_predict(models, x, batch_size))
        np.testing.assert_allclose(ours, expected, atol=1e-6)


# Calibration


def calibration_error_by_loop(predicted, labels, bins):
    total = 0.0
    for k in range(bins):
        inside = [
            (max(p), int(np.argmax(p) == y))
            for p, y in zip(predicted, labels, strict=True)
            if k / bins < max(p) <= (k + 1) / bins
        ]
        if inside:
            confidence = sum(c for c, _ in inside) / len(inside)
            accuracy = sum(r for _, r in inside) / len(inside)
            total += len(inside) / len(labels) * abs(confidence - accuracy)
    return total


@pytest.mark.parametrize("bins", [1, 7, 10, 15, 100])
@pytest.mark.parametrize(("examples", "classes"), [(1, 2), (40, 3), (300, 10)])
def test_calibration_error_equals_a_plain_loop(examples, classes, bins):
    predicted = probabilities(examples, classes, seed=bins)
    labels = np.random.default_rng(bins).integers(0, classes, size=examples)
    ours = regularization.expected_calibration_error(predicted, labels, bins)
    assert ours == pytest.approx(calibration_error_by_loop(predicted, labels, bins), abs=1e-12)


def test_a_confidence_on_a_border_belongs_to_the_bin_below():
    confidences = np.arange(6, 11) / 10
    predicted = np.stack([confidences, 1 - confidences], axis=1)
    counts = regularization.reliability(predicted, np.zeros(5, int), bins=10).counts
    np.testing.assert_array_equal(counts, [0, 0, 0, 0, 0, 1, 1, 1, 1, 1])


def test_calibration_error_of_known_cases():
    sure = np.tile([1.0, 0.0], (10, 1))
    assert regularization.expected_calibration_error(sure, np.zeros(10, int)) == 0
    assert regularization.expected_calibration_error(sure, np.ones(10, int)) == 1
    half_right = np.arange(10) % 2
    assert regularization.expected_calibration_error(sure, half_right) == pytest.approx(0.5)
    mostly = np.tile([0.8, 0.2], (10, 1))
    eight_of_ten = np.repeat([0, 1], [8, 2])
    assert regularization.expected_calibration_error(mostly, eight_of_ten) == pytest.approx(0)


def test_a_calibrated_model_has_a_small_error_and_too_sure_a_one_a_large_one():
    rng = np.random.default_rng(0)
    logits = 1.5 * rng.normal(size=(50_000, 4))
    predicted = special.softmax(logits, axis=1)
    labels = (predicted.cumsum(axis=1) < rng.random((50_000, 1))).sum(axis=1)
    assert regularization.expected_calibration_error(predicted, labels) < 0.01
    too_sure = special.softmax(3 * logits, axis=1)
    assert regularization.expected_calibration_error(too_sure, labels) > 0.1
    assert regularization.temperature_scaling(logits, labels) == pytest.approx(1, abs=0.03)
    assert regularization.temperature_scaling(3 * logits, labels) == pytest.approx(3, abs=0.09)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("classes", [2, 10])
def test_temperature_is_where_the_gradient_vanishes_and_scales_with_the_logits(seed, classes):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, size=200)
    logits = rng.normal(size=(200, classes)) + 1.5 * np.eye(classes)[labels]
    best = regularization.temperature_scaling(logits, labels)
    # d loss / d (1/T) = mean(expected logit - true logit), which must be 0.
    expected = np.sum(special.softmax(logits / best, axis=1) * logits, axis=1).mean()
    assert expected == pytest.approx(logits[np.arange(200), labels].mean(), abs=1e-5)
    for factor in (1e-3, 10.0):
        scaled = regularization.temperature_scaling(factor * logits, labels)
        assert scaled == pytest.approx(factor * best, rel=1e-5)

    def loss(temperature):
        return cross_entropy(special.softmax(logits / temperature, axis=1), labels).mean()

    grid = np.geomspace(best / 10, best * 10, 400)
    assert loss(best) <= min(map(loss, grid)) + 1e-12
    found = optimize.minimize(lambda t: loss(np.exp(t[0])), [0.0], method="Nelder-Mead")
    assert best == pytest.approx(np.exp(found.x[0]), rel=1e-3)


# Side by side


def small_network(rate=0.0, penalty=None):
    return keras.Sequential(
        [keras.Input((3, 2)), layers.Flatten()]
        + [layers.Dense(5, "relu", kernel_regularizer=penalty), layers.Dropout(rate)]
        + [layers.Dense(4), layers.Activation("linear")]
    )


@pytest.mark.parametrize("penalty", [None, keras.regularizers.L2(0.05)])
def test_networks_side_by_side_learn_what_they_learn_alone(penalty):
    networks = [small_network(penalty=penalty) for _ in range(3)]
    stack = regularization.side_by_side(networks)
    stack.compile(keras.optimizers.Adam(0.05), regularization.loss_side_by_side)
    crossentropy = keras.losses.CategoricalCrossentropy(from_logits=True)
    x, y = random((10, 3, 3, 2)), probabilities(30, 4).reshape(10, 3, 4).astype("float32")
    fresh = random((9, 3, 2), 5)
    for place, network in enumerate(networks):
        network.compile(keras.optimizers.Adam(0.05), crossentropy)
        for _ in range(5):
            network.train_on_batch(x[:, place], y[:, place])
    for _ in range(5):
        stack.train_on_batch(x, y)
    together = regularization.logits_side_by_side(stack, fresh, batch_size=4)
    for network, logits in zip(networks, together, strict=True):
        np.testing.assert_allclose(logits, to_numpy(network(fresh)), atol=1e-4)


def test_side_by_side_keeps_dropout_and_leaves_the_networks_alone():
    networks = [small_network(rate=0.5) for _ in range(2)]
    before = [w.copy() for w in networks[0].get_weights()]
    stack = regularization.side_by_side(networks)
    x = random((4, 2, 3, 2))
    assert not np.array_equal(to_numpy(stack(x, training=True)), to_numpy(stack(x)))
    stack.set_weights([w + 1 for w in stack.get_weights()])
    for old, now in zip(before, networks[0].get_weights(), strict=True):
        np.testing.assert_array_equal(old, now)


# What they say to wrong input

ONE_HOT = np.eye(4, dtype="float32")
CALLS = [
    (lambda: regularization.l2_penalty([1.0, 2.0], -1), "strength must be a number at least 0"),
    (lambda: regularization.l2_penalty(ONE_HOT, np.nan), "strength .* nan"),
    (lambda: regularization.l2_penalty([], 1), "weights must hold at least one"),
    (lambda: regularization.l2_penalty(np.arange(3), 1), "weights must hold floating point"),
    (lambda: regularization.dropout(ONE_HOT, 1.0, 0), "rate must be a number at least 0 and below"),
    (lambda: regularization.dropout(ONE_HOT, -0.1, 0), "rate"),
    (lambda: regularization.dropout(ONE_HOT, 0.5, None), "seed must be a whole number"),
    (lambda: regularization.dropout(ONE_HOT, 0.5, 1.5), "seed must be a whole number"),
    (lambda: regularization.dropout(np.arange(3), 0.5, 0), "x must hold floating point"),
    (lambda: regularization.label_smoothing([0, 4], 4, 0.1), "labels must be class indices"),
    (lambda: regularization.label_smoothing([0.0, 1.0], 4, 0.1), "labels must be class indices"),
    (lambda: regularization.label_smoothing([0, 1], 1, 0.1), "num_classes"),
    (lambda: regularization.label_smoothing([0, 1], 4, 1.5), "amount must be .* at most 1"),
    (lambda: regularization.mixup(ONE_HOT, np.arange(4), 1.0, 0), "y must .* one_hot"),
    (lambda: regularization.mixup(ONE_HOT, ONE_HOT, 0, 0), "alpha must be a number above 0"),
    (lambda: regularization.mixup(ONE_HOT, ONE_HOT[:3], 1.0, 0), "equally many examples"),
    (lambda: regularization.mixup(ONE_HOT, ONE_HOT, 1.0, -1), "seed"),
    (lambda: regularization.ensemble_predict([], ONE_HOT), "at least one model"),
    (
        lambda: regularization.ensemble_predict([lambda x: x, lambda x: x[:, :2]], ONE_HOT),
        "must have one shape",
    ),
    (lambda: regularization.expected_calibration_error(3 * ONE_HOT, [0] * 4), "Are they logits"),
    (lambda: regularization.expected_calibration_error(ONE_HOT, [0.0] * 4), "class indices"),
    (lambda: regularization.expected_calibration_error(ONE_HOT, [0, 1, 2]), "one for each"),
    (lambda: regularization.expected_calibration_error(ONE_HOT, [0, 1, 2, 4]), r"0\.\.3"),
    (lambda: regularization.expected_calibration_error(ONE_HOT, [0] * 4, 0), "bins"),
    (lambda: regularization.expected_calibration_error(ONE_HOT[0], [0]), "shape"),
    (lambda: regularization.expected_calibration_error(ONE_HOT * np.nan, [0] * 4), "finite"),
    (
        lambda: regularization.temperature_scaling(ONE_HOT, np.arange(4)),
        "Every prediction is right",
    ),
    (lambda: regularization.temperature_scaling(-ONE_HOT, np.arange(4)), "infinite temperature"),
    (lambda: regularization.temperature_scaling(np.full((4, 4), np.inf), [0] * 4), "finite"),
    (lambda: regularization.side_by_side([]), "at least one"),
    (
        lambda: regularization.side_by_side([keras.Sequential([keras.Input((2,)), layers.ReLU()])]),
        "side_by_side knows",
    ),
    (
        lambda: regularization.logits_side_by_side(
            regularization.side_by_side([small_network()]), ONE_HOT
        ),
        "x must have shape",
    ),
]


@pytest.mark.parametrize(("call", "message"), CALLS)
def test_wrong_input_is_refused_with_a_reason(call, message):
    with pytest.raises(ValueError, match=message):
        call()
