"""Transfer learning against Keras, scikit-learn, closed forms and properties that must hold."""

import keras
import numpy as np
import pytest
from keras import layers, ops
from sklearn.linear_model import LogisticRegression

from course_lib import convolution, datasets, gradients, training
from course_lib import transfer_learning as transfer


def random(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def to_numpy(x):
    return ops.convert_to_numpy(x)


def out(model, x, training=False):
    return to_numpy(model(x, training=training))


def unchanged(weights, model):
    return all(np.array_equal(a, b) for a, b in zip(weights, model.get_weights(), strict=True))


def small_source(classes=3, seed=0):
    """A source of 8 by 8 pixels whose batch normalization has seen something."""
    training.set_seed(seed)
    model = transfer.source_cnn((8, 8, 1), classes)
    for _ in range(3):
        model(random((16, 8, 8, 1), 1), training=True)
    return model


def dense_source(seed=0):
    training.set_seed(seed)
    stack = [keras.Input((6,)), layers.Dense(8, "tanh", name="first")]
    stack += [layers.Dense(5, "relu", name="second"), layers.Dense(4, name="logits")]
    return keras.Sequential(stack)


X = random((12, 8, 8, 1), 7)
Y = np.arange(12) % 4


# The source models


@pytest.mark.parametrize(
    ("shape", "classes"), [((28, 28, 1), 10), ((32, 32, 3), 4), ((9, 8, 2), 2)]
)
def test_the_source_network_has_the_shapes_and_sizes_it_says(shape, classes):
    model = transfer.source_cnn(shape, classes)
    assert model.output_shape == (None, classes)
    kernels = [25 * shape[2] * 16, 9 * 256, 9 * 256, 9 * 512, 9 * 1024, 512]
    kernels += [9 * 2048, 9 * 4096, 2048]
    norms = 4 * (16 + 2 * 16 + 3 * 32 + 3 * 64)
    assert model.count_params() == sum(kernels) + norms + 65 * classes
    assert not any(layer.use_bias for layer in model.layers if isinstance(layer, layers.Conv2D))


def test_a_residual_block_adds_what_it_finds_to_what_came_in():
    model = small_source()
    ends = ("stem", "block1_2_norm", "block1")
    parts = keras.Model(model.input, [model.get_layer(name).output for name in ends])
    came, found, together = map(to_numpy, parts(X))
    np.testing.assert_allclose(together, np.maximum(came + found, 0), atol=1e-6)


def test_the_shipped_source_does_what_the_page_says():
    model = transfer.source_cnn()
    model.set_weights(datasets.load_weights("source_cnn_cifar10_grey"))
    data = datasets.load("cifar10", size="small")
    right = out(model, transfer.grey_photos(data.x_test)).argmax(axis=1) == data.y_test
    assert right.mean() > 0.75


@pytest.mark.parametrize("side", [28, 32, 5])
def test_grey_photos_are_the_brightness_of_the_middle(side):
    photos = np.random.default_rng(0).integers(0, 256, size=(4, 32, 32, 3)).astype("uint8")
    from PIL import Image

    grey = transfer.grey_photos(photos, side)
    assert grey.shape == (4, side, side, 1)
    assert grey.dtype == np.float32
    edge = (32 - side) // 2
    for photo, ours in zip(photos, grey, strict=True):
        theirs = np.asarray(Image.fromarray(photo).convert("L"), float) / 255
        theirs = theirs[edge : edge + side, edge : edge + side]
        np.testing.assert_allclose(ours[..., 0], theirs, atol=1.01 / 255)


@pytest.mark.parametrize(
    ("name", "shape"), [("MobileNetV2", (28, 28, 1)), ("MobileNetV3Small", (32, 32, 3))]
)
def test_a_large_network_goes_through_the_same_code(name, shape):
    model = transfer.load_pretrained(name, shape, weights=None)
    images = np.random.default_rng(0).random((3, *shape)).astype("float32")
    features = out(model, images)
    assert features.ndim == 2
    assert features.shape == (3, model.output_shape[1])
    adapted = transfer.freeze(transfer.replace_head(model, 5))
    assert adapted.output_shape == (None, 5)
    assert not adapted.trainable_variables
    assert not any(isinstance(layer, keras.Model) for layer in model.layers)  # flat


def test_a_large_network_sees_the_pixels_that_keras_prepares():
    model = transfer.load_pretrained("MobileNetV2", (32, 32, 3), weights=None)
    images = np.random.default_rng(0).random((2, 32, 32, 3)).astype("float32")
    expected = keras.applications.mobilenet_v2.preprocess_input(255 * images)
    seen = keras.Model(model.input, model.get_layer("rescaled").output)
    np.testing.assert_allclose(out(seen, images), expected, atol=1e-5)


def test_missing_weights_say_what_to_fetch_and_where_to_put_it(monkeypatch, tmp_path):
    def offline(**settings):
        raise OSError("URL fetch failure on https://example.org/mobilenet.h5")

    monkeypatch.setattr(keras.applications, "MobileNetV2", offline)
    with pytest.raises(datasets.DataError, match=r"example.org/mobilenet.h5.*\.keras/models"):
        transfer.load_pretrained("MobileNetV2")
    (tmp_path / "my.h5").touch()
    with pytest.raises(OSError, match="URL"):
        transfer.load_pretrained("MobileNetV2", weights=str(tmp_path / "my.h5"))
    with pytest.raises(ValueError, match="weights must be one of 'imagenet' or the path of a file"):
        transfer.load_pretrained("MobileNetV2", weights=str(tmp_path / "other.h5"))


# Freezing, cutting and new heads


def test_freezing_makes_a_copy_that_computes_the_same():
    source = small_source()
    before = source.get_weights()
    frozen = transfer.freeze(source)
    np.testing.assert_allclose(out(frozen, X), out(source, X), atol=1e-6)
    assert not frozen.trainable_variables
    assert source.trainable_variables
    frozen.set_weights([w + 1 for w in frozen.get_weights()])
    assert unchanged(before, source)


@pytest.mark.parametrize("until", ["stem", "block1", "block2"])
def test_freezing_stops_where_it_is_told_to(until):
    frozen = transfer.freeze(small_source(), until)
    order = ["stem", "block1", "block2", "block3", "logits"]
    first = order[: order.index(until) + 1]
    for layer in frozen.layers:
        if layer.weights:
            assert layer.trainable == (layer.name.split("_")[0] not in first)


@pytest.mark.parametrize("until", [None, "block2"])
def test_what_is_frozen_stays_bit_for_bit_in_fit(until):
    frozen = transfer.freeze(transfer.replace_head(small_source(), 4), until)
    if until is None:
        frozen.layers[-1].trainable = True
    transfer.compile_classifier(frozen, keras.optimizers.Adam())
    before = {layer.name: layer.get_weights() for layer in frozen.layers}
    frozen.fit(X, Y, epochs=2, verbose=0)
    for layer in frozen.layers:
        same = all(map(np.array_equal, before[layer.name], layer.get_weights()))
        assert same == (not layer.trainable or not layer.weights), layer.name


def test_a_frozen_normalization_ignores_the_batch_and_a_free_one_follows_it():
    source = small_source()
    before = source.get_weights()
    frozen = transfer.freeze(source)
    np.testing.assert_allclose(out(frozen, X, training=True), out(source, X), atol=1e-6)
    assert not np.allclose(out(source, X, training=True), out(frozen, X), atol=1e-3)
    assert unchanged(before, frozen)
    assert not unchanged(before, source)


@pytest.mark.parametrize("make", [small_source, lambda: convolution.small_cnn((8, 8, 1), 3)])
@pytest.mark.parametrize("classes", [2, 7])
def test_a_new_head_sits_on_the_old_body(make, classes):
    source = make()
    before = source.get_weights()
    new = transfer.replace_head(source, classes, seed=3)
    assert new.output_shape == (None, classes)
    assert new.layers[-1].name == "head"
    features = out(transfer.feature_extractor(source), X)
    kernel, bias = new.layers[-1].get_weights()
    np.testing.assert_allclose(out(new, X), features @ kernel + bias, atol=1e-4)
    again, other = (transfer.replace_head(source, classes, seed=s) for s in (3, 4))
    np.testing.assert_array_equal(again.layers[-1].get_weights()[0], kernel)
    assert not np.array_equal(other.layers[-1].get_weights()[0], kernel)
    new.set_weights([w + 1 for w in new.get_weights()])
    assert unchanged(before, source)


def test_a_new_head_keeps_what_was_frozen():
    new = transfer.replace_head(transfer.freeze(small_source(), "block2"), 5)
    assert not new.get_layer("block2_1_conv").trainable
    assert new.get_layer("block3_1_conv").trainable
    assert new.layers[-1].trainable


@pytest.mark.parametrize("positions", [1, 2, 4])
@pytest.mark.parametrize("layer", ["stem", "block1"])
def test_features_are_means_over_tiles(layer, positions):
    source = small_source()
    maps = out(keras.Model(source.input, source.get_layer(layer).output), X)
    side = maps.shape[1] // positions
    tiles = maps.reshape(12, positions, side, positions, side, -1).mean(axis=(2, 4))
    features = out(transfer.feature_extractor(source, layer, positions), X)
    np.testing.assert_allclose(features, tiles.reshape(12, -1), atol=1e-5)


def test_features_before_the_head_are_what_the_head_gets():
    source = small_source()
    expected = out(keras.Model(source.input, source.get_layer("pooled").output), X)
    np.testing.assert_array_equal(out(transfer.feature_extractor(source), X), expected)
    source.set_weights([w * 2 for w in source.get_weights()])  # shared, not copied
    assert not np.allclose(out(transfer.feature_extractor(source), X), expected)


# The probe


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("penalty", [0.1, 10.0])
def test_the_head_is_logistic_regression_for_the_features_as_they_are(classes, penalty):
    features = 5 * random((60, 7), 1) + np.arange(7)
    features[:, 3] = 2.5  # never moves
    labels = np.random.default_rng(2).integers(0, classes, size=60)
    kernel, bias = transfer.fit_head(features, labels, classes, penalty)
    spread = features.std(axis=0) + (features.std(axis=0) < 1e-6)
    scaled = (features - features.mean(axis=0)) / spread
    theirs = LogisticRegression(C=1 / penalty, max_iter=2000).fit(scaled, labels)
    ours = features @ kernel + bias
    shares = np.exp(ours) / np.exp(ours).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(shares, theirs.predict_proba(scaled), atol=1e-3)


def test_the_head_is_where_the_gradient_vanishes():
    features, labels = random((80, 5), 3), np.arange(80) % 3
    features = (features - features.mean(axis=0)) / features.std(axis=0)
    kernel, bias = transfer.fit_head(features, labels, 3, penalty=2.0)

    def loss(kernel, bias):
        logits = ops.matmul(features, kernel) + bias
        entropy = ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)
        return ops.sum(entropy) + ops.sum(ops.square(kernel))

    _, slopes = gradients.value_and_grad(loss, argnums=(0, 1))(kernel, bias)
    assert max(float(np.abs(to_numpy(slope)).max()) for slope in slopes) < 0.02


def test_a_probe_is_the_frozen_body_under_that_head():
    source = small_source()
    probe = transfer.linear_probe(source, (X, Y), penalty=0.5)
    features = out(transfer.feature_extractor(source), X)
    kernel, bias = transfer.fit_head(features, Y, 4, 0.5)
    np.testing.assert_allclose(out(probe, X), features @ kernel + bias, atol=1e-3)
    assert not probe.trainable_variables
    lower = transfer.linear_probe(source, (X, Y), layer="block1")
    assert lower.output_shape == (None, 4)
    assert len(lower.layers) < len(probe.layers)


# Fine-tuning


def test_rates_fall_toward_the_input():
    assert transfer.layer_rates(dense_source(), 0.5) == {"first": 0.25, "second": 0.5, "logits": 1}
    rates = transfer.layer_rates(small_source(), 1 / 2.6)
    assert rates["logits"] == 1
    assert rates["stem_conv"] == min(rates.values())
    assert rates["stem_conv"] == rates["stem_norm"] == pytest.approx(2.6**-9)
    assert rates["stem_conv"] < rates["block1_1_conv"] < rates["block3_2_conv"] < 1


@pytest.mark.parametrize("share", [1.0, 0.25, 0.0])
def test_a_share_scales_adams_steps_of_its_layer_only(share):
    moves = {}
    for name, optimizer in {
        "ours": transfer.LayerwiseAdam(0.01, {"first": share}),
        "keras": keras.optimizers.Adam(0.01),
    }.items():
        model = dense_source()
        before = model.get_weights()
        transfer.compile_classifier(model, optimizer)
        model.train_on_batch(random((12, 6), 5), Y)
        moves[name] = [a - b for a, b in zip(model.get_weights(), before, strict=True)]
    for place, (ours, theirs) in enumerate(zip(moves["ours"], moves["keras"], strict=True)):
        expected = theirs * (share if place < 2 else 1.0)
        np.testing.assert_allclose(ours, expected, atol=1e-6)


def test_the_layerwise_optimizer_can_be_built_anew():
    optimizer = transfer.LayerwiseAdam(0.01, {"first": 0.5}, beta_1=0.8)
    again = transfer.LayerwiseAdam.from_config(optimizer.get_config())
    assert again.shares == {"first": 0.5}
    assert again.beta_1 == 0.8


def test_fine_tuning_lowers_the_loss_and_leaves_the_source_alone():
    source = small_source()
    before = source.get_weights()
    tuned = transfer.fine_tune(source, (X, Y), steps=30, learning_rate=3e-3, batch_size=6, seed=1)
    assert unchanged(before, source)
    assert tuned.output_shape == (None, 4)
    probe = transfer.linear_probe(source, (X, Y))

    def loss(model):
        logits = model(X)
        return float(ops.mean(ops.sparse_categorical_crossentropy(Y, logits, from_logits=True)))

    assert loss(tuned) < loss(probe)
    for layer in tuned.layers:  # the source's statistics are kept
        if isinstance(layer, layers.BatchNormalization):
            for ours, theirs in zip(
                layer.get_weights(), source.get_layer(layer.name).get_weights(), strict=True
            ):
                np.testing.assert_array_equal(ours, theirs)


def test_phase_one_alone_is_the_probe():
    source, x = dense_source(), random((12, 6), 5)
    settings = {"steps": 2, "learning_rate": 1e-12}
    tuned = transfer.fine_tune(source, (x, Y), **settings)
    probe = transfer.linear_probe(source, (x, Y))
    np.testing.assert_allclose(out(tuned, x), out(probe, x), atol=1e-3)
    random_head = transfer.fine_tune(source, (x, Y), head_first=False, **settings)
    assert not np.allclose(out(random_head, x), out(tuned, x), atol=1e-2)


def test_a_tuner_repeats_itself_and_starts_anew_each_time():
    tuner = transfer.FineTuner(dense_source(), 4, steps=5, batch_size=4)
    x = random((12, 6), 5)
    first, other, again = (tuner((x, Y), seed) for seed in (0, 1, 0))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    assert any(not np.allclose(a, b, atol=1e-5) for a, b in zip(first, other, strict=True))


def test_a_tuner_takes_other_weights_to_start_from():
    tuner = transfer.FineTuner(dense_source(), 4, steps=2, learning_rate=1e-12, head_first=False)
    fresh = transfer.replace_head(dense_source(seed=5), 4, seed=5).get_weights()
    learned = tuner((random((12, 6), 5), Y), 0, start=fresh)
    np.testing.assert_allclose(learned[0], fresh[0], atol=1e-6)


def test_the_compiled_loss_is_the_cross_entropy_of_logits():
    model = dense_source()
    transfer.compile_classifier(model, keras.optimizers.SGD(0.1))
    x = random((12, 6), 5)
    logits = out(model, x)
    expected = -(logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)))[np.arange(12), Y]
    assert float(model.evaluate(x, Y, verbose=0)) == pytest.approx(expected.mean(), rel=1e-5)


# Low-rank adaptation


@pytest.mark.parametrize("rank", [1, 3])
@pytest.mark.parametrize("alpha", [None, 8.0])
@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: layers.Dense(5, "tanh"), (4, 6)),
        (lambda: layers.Conv2D(5, 3, 2, "same", activation="relu"), (2, 7, 8, 3)),
        (lambda: layers.Conv2D(4, 2, use_bias=False), (2, 5, 5, 2)),
    ],
)
def test_our_low_rank_layer_equals_keras(make, shape, rank, alpha):
    training.set_seed(0)
    x, plain = random(shape), make()
    before = to_numpy(plain(x))
    ours = transfer.LowRank(plain, rank, alpha)
    np.testing.assert_allclose(to_numpy(ours(x)), before, atol=1e-6)  # b is zero
    theirs = make()
    theirs.build(shape)
    theirs.set_weights(plain.get_weights())
    theirs.enable_lora(rank, lora_alpha=alpha)
    a, b = random(ours.a.shape, 1), random(ours.b.shape, 2)
    for layer, factors in ((ours, (ours.a, ours.b)),):
        assert len(layer.trainable_variables) == 2
        factors[0].assign(a), factors[1].assign(b)
    theirs.lora_kernel_a.assign(a)
    theirs.lora_kernel_b.assign(b)
    np.testing.assert_allclose(to_numpy(ours(x)), to_numpy(theirs(x)), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(
        to_numpy(ours.merged_kernel()), to_numpy(theirs.kernel), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("make", [small_source, lambda: convolution.small_cnn((8, 8, 1), 3)])
@pytest.mark.parametrize("rank", [1, 4])
def test_an_adapted_model_starts_as_the_source_and_trains_few_numbers(make, rank):
    source = make()
    before = source.get_weights()
    adapted = transfer.low_rank_adapt(source, rank)
    np.testing.assert_allclose(out(adapted, X), out(source, X), atol=1e-5)
    kernels = [x.kernel.shape for x in source.layers[:-1] if hasattr(x, "kernel")]
    factors = sum(rank * (int(np.prod(shape[:-1])) + shape[-1]) for shape in kernels)
    head = sum(int(np.prod(w.shape)) for w in source.layers[-1].weights)
    assert sum(int(np.prod(v.shape)) for v in adapted.trainable_variables) == factors + head
    assert unchanged(before, source)


@pytest.mark.parametrize(
    ("make", "rank"), [(small_source, 2), (dense_source, 1), (dense_source, 3)]
)
def test_the_trained_addition_has_the_rank_and_can_be_merged(make, rank):
    source = make()
    x = X if len(source.input_shape) == 4 else random((12, 6), 5)
    adapted = transfer.low_rank_adapt(source, rank)
    tuned = transfer.fine_tune(adapted, (x, Y), steps=20, learning_rate=1e-2, batch_size=6)
    merged = transfer.merge_low_rank(tuned)
    assert merged.count_params() == transfer.replace_head(source, 4).count_params()
    np.testing.assert_allclose(out(merged, x), out(tuned, x), atol=1e-4)
    for update in transfer.weight_updates(source, merged):
        assert 1 <= update.rank <= rank
        assert update.relative_size > 0
    frozen = [x for x in tuned.layers if hasattr(x, "lora_kernel_a")]
    for layer in frozen:
        np.testing.assert_array_equal(
            to_numpy(layer._kernel), to_numpy(source.get_layer(layer.name).kernel)
        )


# What tuning changed


@pytest.mark.parametrize("rank", [0, 1, 3])
def test_weight_updates_know_the_size_and_the_rank_of_a_planted_change(rank):
    source = dense_source()
    target = transfer.freeze(source)
    kernel, bias = source.get_layer("first").get_weights()
    change = random((6, rank), 1) @ random((rank, 8), 2)
    target.get_layer("first").set_weights([kernel + change, bias])
    update, untouched, _ = transfer.weight_updates(source, target)
    assert (update.layer, update.rank, update.largest_rank) == ("first", rank, 6)
    size = np.linalg.norm(change) / np.linalg.norm(kernel)
    assert update.relative_size == pytest.approx(size, rel=1e-4)
    assert update.effective_rank <= rank + 1e-3
    assert untouched[1:4] == (0.0, 0, 0.0)


def test_equal_directions_count_fully_in_the_effective_rank():
    source = keras.Sequential([keras.Input((4,)), layers.Dense(4, name="first")])
    target = transfer.freeze(source)
    kernel, bias = source.layers[0].get_weights()
    target.layers[0].set_weights([kernel + np.eye(4), bias])
    assert transfer.weight_updates(source, target)[0].effective_rank == pytest.approx(4, rel=1e-4)


# What they say to wrong input

UINT8 = np.zeros((2, 32, 32, 3), "uint8")
CALLS = [
    (lambda: transfer.source_cnn((7, 8, 1)), "input_shape must be"),
    (lambda: transfer.source_cnn(num_classes=1), "num_classes must be a whole number from 2 on"),
    (lambda: transfer.grey_photos(UINT8 / 255), "images must be uint8"),
    (lambda: transfer.grey_photos(UINT8[..., :1]), "images must be uint8"),
    (lambda: transfer.grey_photos(UINT8, 33), "at least 33 pixels"),
    (lambda: transfer.load_pretrained("LeNet"), "name must be one of MobileNetV2"),
    (lambda: transfer.load_pretrained("MobileNetV2", (32, 32, 2)), "1 or 3 channels"),
    (lambda: transfer.freeze(dense_source(), "third"), "no layer 'third'.*first, second, logits"),
    (lambda: transfer.replace_head(dense_source(), 1), "num_classes must be a whole number from 2"),
    (lambda: transfer.replace_head(dense_source(), 3, -1), "seed must be a whole number"),
    (
        lambda: transfer.replace_head(
            keras.Sequential([keras.Input((8, 8, 1))] + [layers.ReLU()]), 3
        ),
        "model must end in features",
    ),
    (lambda: transfer.feature_extractor(small_source(), "block9"), "no layer 'block9'"),
    (lambda: transfer.feature_extractor(small_source(), "stem", 0), "positions must be"),
    (lambda: transfer.feature_extractor(small_source(), "stem", 5), "at least positions = 5"),
    (lambda: transfer.fit_head(random((4, 2)), [0, 1, 0], 2), "features must be finite"),
    (lambda: transfer.fit_head(np.full((2, 2), np.nan), [0, 1], 2), "features must be finite"),
    (lambda: transfer.fit_head(random((4, 2)), [0, 1, 0, 1], 3), "every class from 0 to 2"),
    (lambda: transfer.fit_head(random((4, 2)), [0, 1, 0, 1], 2, 0), "penalty must be above 0"),
    (lambda: transfer.linear_probe(small_source(), (X, Y[:-1])), "data must be inputs"),
    (lambda: transfer.linear_probe(small_source(), (X[:, 1:], Y)), r"data\[0\] must have shape"),
    (lambda: transfer.fine_tune(small_source(), (X[:, 1:], Y)), r"data\[0\] must have shape"),
    (
        lambda: transfer.FineTuner(small_source(), 4)((X[:, 1:], Y), 0),
        r"data\[0\] must have shape",
    ),
    (lambda: transfer.LayerwiseAdam(True), "learning_rate must be a float of at least 0"),
    (lambda: transfer.linear_probe(small_source(), (X, np.eye(12))), "data must be inputs"),
    (lambda: transfer.layer_rates(dense_source(), 0), "decay must be above 0"),
    (lambda: transfer.FineTuner(dense_source(), 4, steps=1), "steps must be"),
    (lambda: transfer.FineTuner(dense_source(), 4, batch_size=0), "batch_size must be"),
    (lambda: transfer.FineTuner(dense_source(), 4)((random((12, 6)), Y), -1), "seed must be"),
    (lambda: transfer.LowRank(layers.Dense(3), 1), "layer must be a built Dense or Conv2D"),
    (lambda: transfer.LowRank(layers.ReLU(), 1), "layer must be a built Dense or Conv2D"),
    (lambda: transfer.low_rank_adapt(dense_source(), 0), "rank must be a whole number from 1"),
    (
        lambda: transfer.low_rank_adapt(keras.Sequential([keras.Input((2,)), layers.Dense(2)]), 1),
        "layer before its head",
    ),
    (lambda: transfer.weight_updates(dense_source(), small_source()), "in common"),
]


@pytest.mark.parametrize(("call", "message"), CALLS)
def test_wrong_input_is_refused_with_a_reason(call, message):
    with pytest.raises(ValueError, match=message):
        call()
