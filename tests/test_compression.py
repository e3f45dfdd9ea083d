"""Compression against Keras, scikit-learn, PyTorch, closed forms and properties that must hold."""

import keras
import numpy as np
import pytest
from keras import layers, ops
from sklearn.cluster import KMeans

from course_lib import compression, convolution, gradients, training


def random(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def out(model, x):
    return ops.convert_to_numpy(model(x, training=False))


def dense_net(seed=0, activation="relu", inputs=6):
    training.set_seed(seed)
    stack = [keras.Input((inputs,)), layers.Dense(8, activation, name="first")]
    stack += [layers.Dense(5, activation, name="second"), layers.Dense(3, name="logits")]
    return with_biases(keras.Sequential(stack), seed)


def conv_net(seed=0, size=8):
    training.set_seed(seed)
    return with_biases(convolution.small_cnn((size, size, 2), 3), seed)


def with_biases(model, seed):
    """Biases of a fresh network are zero, which would hide mistakes."""
    model.set_weights([w if w.ndim > 1 else random(w.shape, seed + 1) for w in model.get_weights()])
    return model


X = random((24, 6), 7)
Y = np.arange(24) % 3
IMAGES = random((5, 8, 8, 2), 8)


# Pruning


@pytest.mark.parametrize("shape", [(7,), (30, 11), (3, 3, 4, 9)])
@pytest.mark.parametrize("sparsity", [0.0, 0.33, 0.5, 0.9, 1.0])
def test_the_mask_drops_the_number_asked_for_and_nothing_larger(shape, sparsity):
    weights = random(shape)
    mask = compression.magnitude_mask(weights, sparsity)
    dropped, left = np.abs(weights[~mask]), np.abs(weights[mask])
    assert mask.shape == shape
    assert len(dropped) == round(sparsity * weights.size)
    assert len(dropped) == 0 or len(left) == 0 or dropped.max() <= left.min()


@pytest.mark.parametrize("sparsity", [0.2, 0.5, 0.75])
def test_ties_do_not_change_the_number_and_the_first_stay(sparsity):
    weights = np.tile(np.float32([1, -1, 1, -1]), 10)
    mask = compression.magnitude_mask(weights, sparsity)
    keep = 40 - round(40 * sparsity)
    np.testing.assert_array_equal(np.flatnonzero(mask), np.arange(keep))


def test_the_known_answer_of_the_paper():
    """Han and others keep 8, 9 and 26 % of LeNet-300-100: 21,776 of 266,200 weights."""
    model = compression.prune_model(
        compression.lenet_300_100(), {"fc1": 0.92, "fc2": 0.91, "fc3": 0.74}
    )
    kernels = [w for w in model.get_weights() if w.ndim > 1]
    assert sum(w.size for w in kernels) == 266_200
    assert sum(np.count_nonzero(w) for w in kernels) == 21_776


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("sparsity", [0.25, 0.6, 0.9])
def test_masks_are_those_of_pytorch(seed, sparsity):
    torch = pytest.importorskip("torch")
    from torch.nn.utils import prune

    linear = torch.nn.Linear(13, 7)
    weights = random((7, 13), seed)
    linear.weight.data = torch.tensor(weights)
    prune.l1_unstructured(linear, "weight", amount=sparsity)
    theirs = linear.weight_mask.numpy().astype(bool)
    np.testing.assert_array_equal(compression.magnitude_mask(weights, sparsity), theirs)


def test_global_masks_let_arrays_compete():
    several = [random((4, 5)), 10 * random((6,), 1), random((2, 3, 2), 2)]
    masks = compression.global_masks(several, 0.5)
    assert [m.shape for m in masks] == [a.shape for a in several]
    everything = np.sort(np.abs(np.concatenate([a.ravel() for a in several])))
    border = everything[everything.size // 2]
    for array, mask in zip(several, masks, strict=True):
        np.testing.assert_array_equal(mask, np.abs(array) >= border)


@pytest.mark.parametrize("scope", ["layer", "global"])
def test_pruning_a_model_leaves_it_alone_and_keeps_biases(scope):
    model = conv_net()
    before = model.get_weights()
    pruned = compression.prune_model(model, 0.7, scope)
    for old, still, new in zip(before, model.get_weights(), pruned.get_weights(), strict=True):
        np.testing.assert_array_equal(old, still)
        assert np.all((new == old) | ((new == 0) & (old.ndim > 1)))
    kernels = [w for w in pruned.get_weights() if w.ndim > 1]
    gone = sum(np.sum(w == 0) for w in kernels) / sum(w.size for w in kernels)
    assert gone == pytest.approx(0.7, abs=1e-3)
    shares = compression.kept(pruned)
    assert list(shares) == ["conv1", "conv2", "conv3", "hidden", "logits"]
    equal = np.allclose(list(shares.values()), 0.3, atol=0.01)
    assert equal == (scope == "layer")


def test_sensitivity_prunes_one_layer_at_a_time():
    model = dense_net()
    seen = []

    def score(trial):
        seen.append(compression.kept(trial))
        return out(trial, X).sum()

    found = compression.sensitivity(model, score, [0.0, 0.5, 1.0])
    assert list(found) == ["first", "second", "logits"]
    assert sum(sum(share < 1 for share in shares.values()) > 1 for shares in seen) == 0
    whole = out(model, X).sum()
    for name, scores in found.items():
        pruned = compression.prune_model(model, {name: 0.5})
        np.testing.assert_allclose(scores[:2], [whole, out(pruned, X).sum()], rtol=1e-5)


def test_the_cubic_schedule_is_the_papers():
    steps = np.arange(0, 130)
    found = np.array([compression.cubic_sparsity(s, 0.9, 20, 100, 0.1) for s in steps])
    inside = slice(20, 101)
    expected = 0.9 + (0.1 - 0.9) * (1 - (steps[inside] - 20) / 80) ** 3
    np.testing.assert_allclose(found[inside], expected)
    np.testing.assert_allclose(found[:21], 0.1)
    np.testing.assert_allclose(found[100:], 0.9)
    assert (np.diff(found[20:101], 2) < 1e-12).all(), "fast at first, then ever slower"


OPTIMIZERS = {
    "momentum": lambda: keras.optimizers.SGD(0.1, momentum=0.9),
    "adam": lambda: keras.optimizers.Adam(0.05),
    "adamw": lambda: keras.optimizers.AdamW(0.05, weight_decay=0.1),
    "rmsprop": lambda: keras.optimizers.RMSprop(0.05, momentum=0.5),
}


class Watch(keras.callbacks.Callback):
    """Note which weights are zero after each batch."""

    def on_train_batch_end(self, batch, logs=None):
        if batch == 0 and not hasattr(self, "seen"):
            self.seen = []
        layer = self.model.get_layer("first")
        if hasattr(self.model, "jax_state_sync"):
            self.model.jax_state_sync()
        self.seen.append(ops.convert_to_numpy(layer.kernel) == 0)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_what_is_pruned_stays_at_zero_under_any_optimizer(optimizer):
    model, watch = dense_net(), Watch()
    model.compile(OPTIMIZERS[optimizer](), "mse", jit_compile=False)
    gradual = compression.GradualPruning(0.75, begin=2, end=14, every=3)
    before = model.get_weights()
    target = random((24, 3), 3)
    model.fit(X, target, batch_size=4, epochs=4, verbose=0, callbacks=[gradual, watch])
    gone = np.array(watch.seen)
    assert (gone[1:] >= gone[:-1]).all(), "a pruned weight came back"
    counts = gone.reshape(len(gone), -1).sum(axis=1)
    size = before[0].size
    expected = [
        round(size * compression.cubic_sparsity(s, 0.75, 2, 14)) if s > 2 else 0
        for s in (2, 5, 8, 11, 14)
    ]
    np.testing.assert_array_equal(counts[[1, 4, 7, 10, 13]], expected)
    assert (counts[14:] == counts[13]).all()
    assert all(np.abs(a - b).max() > 0 for a, b in zip(before, model.get_weights(), strict=True))


def test_without_the_callback_momentum_brings_pruned_weights_back():
    """The reason for the callback, and proof that the test above can fail."""
    model = compression.prune_model(dense_net(), 0.5)
    gone = model.get_weights()[0] == 0
    model.compile(OPTIMIZERS["adam"](), "mse", jit_compile=False)
    model.fit(X, random((24, 3), 3), batch_size=8, epochs=1, verbose=0)
    assert np.count_nonzero(model.get_weights()[0][gone]) > 0


def test_keep_zeros_holds_given_masks_and_found_ones():
    masks = {"first": random((6, 8), 1) > 0, "logits": random((5, 3), 2) > 0}
    for given in (masks, None):
        model = dense_net()
        for name, mask in masks.items():
            kernel = model.get_layer(name).kernel
            kernel.assign(kernel * mask if given is None else kernel)
        model.compile("adam", "mse", jit_compile=False)
        keep = [compression.KeepZeros(given)]
        model.fit(X, random((24, 3), 3), epochs=2, verbose=0, callbacks=keep)
        for name, mask in masks.items():
            kernel = ops.convert_to_numpy(model.get_layer(name).kernel)
            np.testing.assert_array_equal(kernel != 0, mask)


def test_gradual_pruning_by_layer_name_and_in_a_contest():
    for sparsity, scope in (({"second": 0.5}, "layer"), (0.5, "global")):
        model = dense_net()
        model.compile("sgd", "mse", jit_compile=False)
        gradual = compression.GradualPruning(sparsity, 0, 4, every=1, scope=scope)
        model.fit(X, random((24, 3), 3), batch_size=4, verbose=0, callbacks=[gradual])
        kernels = {x.name: ops.convert_to_numpy(x.kernel) for x in model.layers}
        gone = {name: np.sum(kernel == 0) for name, kernel in kernels.items()}
        if scope == "layer":
            assert gone == {"first": 0, "second": 20, "logits": 0}
        else:
            assert sum(gone.values()) == round(0.5 * (48 + 40 + 15))


# Channels


@pytest.mark.parametrize(("size", "sparsity"), [(8, 0.25), (8, 0.9), (9, 0.5)])
def test_the_smaller_network_computes_what_the_masked_one_does(size, sparsity):
    model = conv_net(size, size)
    keep = compression.channels_to_keep(model, sparsity)
    masked = compression.mask_channels(model, keep)
    smaller = compression.remove_channels(model, keep)
    x = random((5, size, size, 2), 4)
    np.testing.assert_allclose(out(smaller, x), out(masked, x), atol=2e-5)
    assert smaller.count_params() < model.count_params() == masked.count_params()
    work = [sum(convolution.multiply_adds(m).values()) for m in (smaller, model)]
    assert work[0] < work[1]


def test_removed_channels_leave_the_sizes_of_the_closed_form():
    model = dense_net()
    smaller = compression.remove_channels(model, {"first": np.array([1, 4, 6])})
    assert [w.shape for w in smaller.get_weights()] == [(6, 3), (3,), (3, 5), (5,), (5, 3), (3,)]
    np.testing.assert_array_equal(smaller.get_weights()[0], model.get_weights()[0][:, [1, 4, 6]])


@pytest.mark.parametrize("activation", ["relu", "tanh", "elu", "linear"])
def test_channels_with_other_activations_and_layers_in_between(activation):
    training.set_seed(1)
    stack = [keras.Input((8, 8, 2)), layers.Conv2D(6, 3, activation=activation, name="a")]
    stack += [layers.AveragePooling2D(2), layers.Conv2D(5, 2, use_bias=False, name="b")]
    stack += [layers.Activation(activation), layers.Dropout(0.5), layers.GlobalAveragePooling2D()]
    model = with_biases(keras.Sequential([*stack, layers.Dense(3)]), 0)
    keep = {"a": np.array([5, 0, 3]), "b": np.array([2])}
    smaller = compression.remove_channels(model, keep)
    masked = compression.mask_channels(model, keep)
    np.testing.assert_allclose(out(smaller, IMAGES), out(masked, IMAGES), atol=1e-5)


def test_the_strongest_channels_are_those_of_pytorch():
    torch = pytest.importorskip("torch")
    from torch.nn.utils import prune

    model = conv_net()
    kernel = ops.convert_to_numpy(model.get_layer("conv2").kernel)
    theirs = torch.nn.Conv2d(16, 32, 3)
    theirs.weight.data = torch.tensor(kernel.transpose(3, 2, 0, 1).copy())
    prune.ln_structured(theirs, "weight", amount=0.5, n=1, dim=0)
    left = np.flatnonzero(theirs.weight_mask.numpy().reshape(32, -1)[:, 0])
    np.testing.assert_array_equal(compression.channels_to_keep(model, 0.5)["conv2"], left)


def test_channel_norms_are_sums_of_magnitudes():
    kernel = random((3, 3, 4, 6))
    expected = [np.linalg.norm(kernel[..., k].ravel(), 1) for k in range(6)]
    np.testing.assert_allclose(compression.channel_norms(kernel), expected, rtol=1e-5)


# Quantization


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("shape", [(40,), (12, 7), (3, 3, 4, 5)])
def test_symmetric_codes_are_those_of_keras(bits, shape):
    weights, high = random(shape, bits), 2 ** (bits - 1) - 1
    for axis in (None, -1):
        others = tuple(range(len(shape) - 1)) if axis == -1 else tuple(range(len(shape)))
        if not others:
            continue
        codes, scale = keras.quantizers.abs_max_quantize(
            weights, others, (-high, high), epsilon=0.0
        )
        ours = compression.quantize(weights, bits, axis)
        np.testing.assert_array_equal(ours.codes, ops.convert_to_numpy(codes))
        theirs = 1 / ops.convert_to_numpy(scale)
        np.testing.assert_allclose(np.reshape(ours.scale, theirs.shape), theirs, rtol=1e-6)
        assert ours.codes.dtype == np.int8


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("axis", [None, 0, -1])
@pytest.mark.parametrize("bits", range(2, 9))
def test_rounding_errs_by_half_a_step_at_most_and_keeps_zero(bits, axis, symmetric):
    weights = random((9, 14), bits) + 0.5
    weights[0, 0] = 0
    found = compression.quantize(weights, bits, axis, symmetric)
    back = compression.dequantize(found)
    assert back.dtype == np.float32
    assert back[0, 0] == 0
    # the zero point is rounded, too, so that a border may be cut by half a step more
    allowed = np.broadcast_to(found.scale, weights.shape) * (0.5 if symmetric else 1.0)
    assert (np.abs(back - weights) <= allowed * (1 + 1e-5)).all()
    assert len(np.unique(found.codes)) <= 2**bits - symmetric
    again = compression.quantize(back, bits, axis, symmetric)
    np.testing.assert_allclose(compression.dequantize(again), back, atol=1e-5)
    if axis is not None:
        places = range(weights.shape[axis])
        alone = [compression.quantize(weights.take(k, axis), bits, None, symmetric) for k in places]
        stacked = np.stack([a.codes for a in alone], axis=axis)
        np.testing.assert_array_equal(found.codes, stacked)


def test_the_error_of_rounding_is_that_of_the_closed_form():
    """Uniform weights: the mean square is a twelfth of the squared step."""
    weights = np.random.default_rng(0).uniform(-1, 1, 200_000).astype("float32")
    for bits in (3, 5, 8):
        found = compression.quantize(weights, bits)
        error = np.mean((compression.dequantize(found) - weights) ** 2)
        assert error == pytest.approx(found.scale**2 / 12, rel=0.02)


def test_a_channel_of_zeros_is_no_trouble():
    weights = random((5, 3))
    weights[:, 1] = 0
    for symmetric in (True, False):
        back = compression.dequantize(compression.quantize(weights, 4, -1, symmetric))
        assert np.isfinite(back).all()
        assert (back[:, 1] == 0).all()


@pytest.mark.parametrize(("low", "high"), [(0.0, 6.0), (-1.3, 2.1), (-4.0, 0.5)])
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_rounding_activations_is_keras_fake_quantization(low, high, bits):
    x = 3 * random((40, 3), bits)
    layer = compression.FakeQuantize(low, high, bits)
    theirs = keras.quantizers.fake_quant_with_min_max_vars(x, low, high, num_bits=bits)
    difference = np.abs(out(layer, x) - ops.convert_to_numpy(theirs))
    # a value in the middle between two steps may fall to either side
    assert np.mean(difference > 1e-5) < 0.02
    assert difference.max() <= layer.scale * 1.001
    again = compression.FakeQuantize.from_config(layer.get_config())
    np.testing.assert_array_equal(out(again, x), out(layer, x))


def test_the_gradient_passes_inside_the_borders_only():
    x = np.float32([-2.0, -0.6, 0.2, 0.7, 3.0])
    layer = compression.FakeQuantize(-1.0, 2.0, 3)
    _, gradient = gradients.value_and_grad(lambda v: ops.sum(layer(v)))(x)
    np.testing.assert_allclose(ops.convert_to_numpy(gradient), [0, 1, 1, 1, 0], atol=1e-6)
    _, through = gradients.value_and_grad(
        lambda v: ops.sum(compression.round_straight_through(v) ** 2)
    )(x)
    np.testing.assert_allclose(ops.convert_to_numpy(through), 2 * np.round(x), atol=1e-6)


def test_calibration_finds_the_ranges_of_the_activations():
    model = conv_net()
    found = compression.calibrate(model, IMAGES)
    assert list(found) == ["conv1", "conv2", "conv3", "hidden", "logits"]
    hidden = keras.Model(model.inputs, model.get_layer("hidden").output)
    assert found["hidden"] == pytest.approx((0.0, out(hidden, IMAGES).max()), rel=1e-5)
    logits = out(model, IMAGES)
    expected = min(logits.min(), 0), max(logits.max(), 0)
    assert found["logits"] == pytest.approx(expected, rel=1e-5)
    tight = compression.calibrate(model, IMAGES, 90)
    values = out(hidden, IMAGES)
    assert tight["hidden"][1] == pytest.approx(np.percentile(values, 90), rel=1e-4)


def test_rounded_activations_lie_on_their_grid():
    model = dense_net()
    ranges = compression.calibrate(model, X)
    rounded = compression.quantize_activations(model, ranges, 3)
    first = keras.Model(rounded.inputs, rounded.get_layer("first_rounded").output)
    assert len(np.unique(out(first, X).round(5))) <= 8
    fine = compression.quantize_activations(model, ranges, 8)
    assert (
        np.abs(out(fine, X) - out(model, X)).max() < np.abs(out(rounded, X) - out(model, X)).max()
    )


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("bits", [2, 8])
@pytest.mark.parametrize("build", [dense_net, conv_net])
def test_training_with_rounded_kernels_computes_what_the_rounded_model_does(
    build, bits, per_channel
):
    model = build()
    x = X if build is dense_net else IMAGES
    aware = compression.quantization_aware(model, bits, per_channel)
    rounded = compression.quantize_model(model, bits, -1 if per_channel else None)
    np.testing.assert_allclose(out(aware, x), out(rounded, x), atol=1e-5)
    plain = compression.plain_model(aware)
    np.testing.assert_allclose(out(plain, x), out(rounded, x), atol=1e-5)


def test_the_straight_through_gradient_is_that_at_the_rounded_kernel():
    model = dense_net(activation="tanh")
    rounded = compression.quantize_model(model, 3)
    layer = model.get_layer("first")
    aware = compression.QuantizationAware(layer, 3)
    target = random((24, 8), 5)

    def ours(kernel):
        scale = ops.max(ops.abs(layer.kernel), axis=0) / 3
        made = scale * compression.round_straight_through(kernel / scale)
        return ops.sum(ops.tanh(ops.matmul(X, made) + layer.bias) * target)

    def plain(kernel):
        return ops.sum(ops.tanh(ops.matmul(X, kernel) + layer.bias) * target)

    kernel = ops.convert_to_numpy(layer.kernel)
    value, through = gradients.value_and_grad(ours)(kernel)
    at = ops.convert_to_numpy(rounded.get_layer("first").kernel)
    expected, gradient = gradients.value_and_grad(plain)(at)
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    np.testing.assert_allclose(value, np.sum(out(aware, X) * target), rtol=1e-4)
    np.testing.assert_allclose(through, gradient, atol=1e-5)


@pytest.mark.parametrize(("bits", "seed"), [(2, 0), (2, 1), (3, 2)])
def test_training_through_the_rounding_finds_weights_that_fit_the_grid(bits, seed):
    """The answer is a kernel of whole numbers; rounding what is near it misses it."""
    draw, high = np.random.default_rng(seed), 2 ** (bits - 1) - 1
    x, answer = random((64, 12), seed), draw.integers(-high, high + 1, (12, 4))
    target = x @ answer.astype("float32")
    model = keras.Sequential([keras.Input((12,)), layers.Dense(4, use_bias=False)])
    model.layers[0].kernel.assign(answer + draw.uniform(-0.6, 0.6, answer.shape))
    aware = compression.quantization_aware(model, bits)
    rate = training.one_cycle(0.03, 300)
    aware.compile(keras.optimizers.Adam(rate), "mse", jit_compile=False)
    many = np.tile(x, (300, 1)), np.tile(target, (300, 1))
    aware.fit(*many, batch_size=64, shuffle=False, verbose=0)
    afterwards = compression.quantize_model(model, bits)
    losses = [np.mean((out(m, x) - target) ** 2) for m in (aware, afterwards)]
    assert losses[0] < 1e-4 < 1 < losses[1]
    found = ops.convert_to_numpy(compression.plain_model(aware).layers[0].kernel)
    np.testing.assert_allclose(found, answer, atol=1e-2)


# Sharing


@pytest.mark.parametrize("clusters", [2, 5, 16])
@pytest.mark.parametrize("shape", [(500,), (40, 30)])
def test_shared_weights_are_those_of_scikit_learn(clusters, shape):
    weights = np.random.default_rng(clusters).uniform(-1, 2, shape).astype("float32")
    start = np.linspace(weights.min(), weights.max(), clusters).reshape(-1, 1)
    theirs = KMeans(clusters, init=start, n_init=1, max_iter=2000, tol=0)
    theirs.fit(weights.reshape(-1, 1).astype("float64"))
    codes, codebook = compression.share_weights(weights, clusters, rounds=2000)
    np.testing.assert_allclose(codebook, np.sort(theirs.cluster_centers_.ravel()), atol=1e-5)
    assert codes.shape == shape
    assert np.sum((codebook[codes] - weights) ** 2) == pytest.approx(theirs.inertia_, rel=1e-4)


@pytest.mark.parametrize("seed", range(4))
def test_each_weight_has_the_nearest_value_and_each_value_is_the_mean(seed):
    weights = random((60, 20), seed)
    codes, codebook = compression.share_weights(weights, 9)
    distances = np.abs(weights[..., None] - codebook)
    np.testing.assert_allclose(np.abs(weights - codebook[codes]), distances.min(axis=-1), atol=1e-6)
    means = [weights[codes == k].mean(dtype="float64") for k in np.unique(codes)]
    np.testing.assert_allclose(codebook[np.unique(codes)], means, atol=1e-5)


def test_few_different_weights_are_shared_without_loss():
    weights = np.float32([3, 1, 1, -2, 3])
    codes, codebook = compression.share_weights(weights, 8)
    np.testing.assert_array_equal(codebook, [-2, 1, 3])
    np.testing.assert_array_equal(codebook[codes], weights)


def test_sharing_a_pruned_model_keeps_its_zeros():
    pruned = compression.prune_model(conv_net(), 0.6)
    shared = compression.share_model(pruned, 4)
    for old, new in zip(pruned.get_weights(), shared.get_weights(), strict=True):
        if old.ndim > 1:
            np.testing.assert_array_equal(old == 0, new == 0)
            assert len(np.unique(new)) <= 5
        else:
            np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("build", [dense_net, conv_net])
def test_codebooks_start_as_the_shared_model_and_come_back_plain(build):
    pruned = compression.prune_model(build(), 0.5)
    x = X if build is dense_net else IMAGES
    wrapped = compression.shared_codebooks(pruned, 6)
    shared = compression.share_model(pruned, 6)
    np.testing.assert_allclose(out(wrapped, x), out(shared, x), atol=1e-5)
    plain = compression.plain_model(wrapped)
    np.testing.assert_allclose(out(plain, x), out(shared, x), atol=1e-5)
    assert compression.kept(plain) == compression.kept(pruned)


def test_a_shared_value_gets_the_sum_of_its_weights_gradients():
    """One step of plain gradient descent, against NumPy: Han and others 2016, equation 3."""
    model = compression.prune_model(dense_net(), 0.4)
    wrapped = compression.shared_codebooks(model, {"first": 4})
    layer = wrapped.layers[0]
    codes, alive = (ops.convert_to_numpy(v) for v in (layer.codes, layer.alive))
    before = ops.convert_to_numpy(layer.codebook)
    target = random((24, 3), 5)
    second, third = model.layers[1], model.layers[2]

    def loss(kernel):
        h = ops.relu(ops.matmul(X, kernel) + model.layers[0].bias)
        h = ops.relu(ops.matmul(h, second.kernel) + second.bias)
        return ops.mean((ops.matmul(h, third.kernel) + third.bias - target) ** 2)

    kernel = ops.convert_to_numpy(layer.effective_kernel())
    _, gradient = gradients.value_and_grad(loss)(kernel)
    summed = np.zeros(4)
    np.add.at(summed, codes, ops.convert_to_numpy(gradient) * alive)
    wrapped.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=False)
    wrapped.fit(X, target, batch_size=24, epochs=1, shuffle=False, verbose=0)
    after = ops.convert_to_numpy(layer.codebook)
    np.testing.assert_allclose((before - after) / 0.1, summed, atol=1e-5)
    plain = compression.plain_model(wrapped)
    assert compression.kept(plain)["first"] == compression.kept(model)["first"]


# The lottery


def test_surviving_drops_a_share_of_what_is_left_in_each_network():
    kernels = random((3, 10, 8))
    masks = random((3, 10, 8), 1) > 0.3
    new = compression.surviving(kernels, masks, 0.25)
    for kernel, old, mask in zip(kernels, masks, new, strict=True):
        assert not (mask & ~old).any()
        assert mask.sum() == old.sum() - round(0.25 * old.sum())
        gone = np.abs(kernel[old & ~mask])
        assert gone.max() <= np.abs(kernel[mask]).min()


def test_the_lottery_keeps_the_shares_it_says_and_its_controls_differ():
    x = random((200, 6), 1)
    y = (x[:, 0] * x[:, 1] > 0).astype(int) + 2 * (x[:, 2] > 0)

    def build():
        return keras.Sequential([keras.Input((6,)), layers.Dense(20, "relu"), layers.Dense(4)])

    found = compression.lottery(
        build, (x[:150], y[:150], x[150:], y[150:]), [0, 1], 3, epochs=20, batch_size=25
    )
    first, last = 120, 80
    expected = []
    for _ in range(3):
        expected.append((first + last) / 200)
        first, last = first - round(first / 2), last - round(last / 4)
    np.testing.assert_allclose(found.kept, expected)
    ways = found.accuracies
    assert list(ways) == ["rewound", "new start", "other places", "trained on"]
    assert all(a.shape == (3, 2) for a in ways.values())
    assert ways["rewound"][0].mean() > 0.5
    np.testing.assert_array_equal(ways["rewound"][0], ways["trained on"][0])
    np.testing.assert_array_equal(ways["new start"][0], ways["other places"][0])
    assert not np.array_equal(ways["rewound"], ways["trained on"])


# Tuning


def test_tuning_trains_in_place_and_repeats():
    weights = []
    for _ in range(2):
        model = dense_net()
        before = np.mean(out(model, X).argmax(axis=1) == Y)
        tuned = compression.tune(model, X, Y, epochs=60, learning_rate=0.03, batch_size=8, seed=1)
        assert tuned is model
        assert compression.accuracy(model, X, Y) > max(before, 0.6)
        weights.append(model.get_weights())
    for first, second in zip(*weights, strict=True):
        np.testing.assert_allclose(first, second, atol=1e-5)


def test_running_without_compiling_is_predicting():
    for size in (2, 5, 500):
        ours = compression.logits_of(conv_net(), IMAGES, size)
        np.testing.assert_allclose(ours, conv_net().predict(IMAGES, verbose=0), atol=1e-5)
    labels = ours.argmax(axis=1)
    assert compression.accuracy(conv_net(), IMAGES, labels) == 1
    assert compression.accuracy(conv_net(), IMAGES, (labels + [0, 1, 1, 0, 0]) % 3) == 0.6


# What is refused

BAD = np.float32([1, np.nan])
REFUSED = [
    (lambda: compression.magnitude_mask(BAD, 0.5), "weights must be finite"),
    (lambda: compression.magnitude_mask(np.ones(0), 0.5), "weights must be finite"),
    (lambda: compression.magnitude_mask(np.ones(3), 1.5), "sparsity must be a number"),
    (lambda: compression.magnitude_mask(np.ones(3), np.nan), "sparsity must be a finite number"),
    (lambda: compression.global_masks([], 0.5), "several must hold at least one"),
    (lambda: compression.prune_model(dense_net(), 0.5, "all"), "scope must be"),
    (lambda: compression.prune_model(dense_net(), {"third": 0.5}), "third was given"),
    (lambda: compression.cubic_sparsity(1, 0.9, 10, 10), "end must be a whole number from 11"),
    (lambda: compression.cubic_sparsity(1, 0.5, 0, 10, 0.6), "initial must be"),
    (lambda: compression.GradualPruning(1.2, 0, 10), "sparsity must be a number"),
    (lambda: compression.GradualPruning(0.5, 0, 10, every=0), "every must be"),
    (lambda: compression.GradualPruning({"a": 0.5}, 0, 10, scope="global"), "scope must be"),
    (lambda: compression.channels_to_keep(dense_net(), 1.0), "sparsity must be"),
    (lambda: compression.channels_to_keep(dense_net(), {"logits": 0.5}), "not from logits"),
    (lambda: compression.remove_channels(dense_net(), {"first": np.array([8])}), "from 0 to 7"),
    (lambda: compression.remove_channels(dense_net(), {"first": np.array([1, 1])}), "different"),
    (
        lambda: compression.remove_channels(dense_net(activation="sigmoid"), {}),
        "must map 0 to 0",
    ),
    (lambda: compression.quantize(np.ones(3), 1), "bits must be a whole number from 2 to 8"),
    (lambda: compression.quantize(np.ones(3), 8, axis=1), "axis must be"),
    (lambda: compression.quantize(BAD), "weights must be finite"),
    (lambda: compression.FakeQuantize(0.0, 0.0), "low must be below high"),
    (lambda: compression.FakeQuantize(1.0, 2.0), "low must be"),
    (lambda: compression.calibrate(dense_net(), X, 40), "percentile must be"),
    (lambda: compression.quantize_activations(dense_net(), {"x": (0.0, 1.0)}), "x was given"),
    (lambda: compression.share_weights(np.ones(3), 0), "clusters must be"),
    (lambda: compression.share_weights(BAD, 2), "weights must be finite"),
    (lambda: compression.quantization_aware(dense_net(), 9), "bits must be"),
    (lambda: compression.QuantizationAware(layers.Dense(3), 4), "not built"),
    (lambda: compression.SharedKernel(layers.Flatten(), 4), "built Dense or Conv2D"),
    (
        lambda: compression.shared_codebooks(compression.prune_model(dense_net(), 1.0), 4),
        "must have a weight that is not zero",
    ),
    (
        lambda: compression.surviving(np.ones((2, 3)), np.ones((2, 4)), 0.5),
        "masks must be an array",
    ),
]


@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_wrong_input_is_refused_with_a_message_that_helps(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_models_of_other_kinds_are_refused():
    inputs = keras.Input((6,))
    functional = keras.Model(inputs, layers.Dense(3)(inputs))
    normed = keras.Sequential([keras.Input((6,)), layers.BatchNormalization(), layers.Dense(3)])
    for model in (functional, normed):
        with pytest.raises(ValueError, match="model must be a Sequential of Dense"):
            compression.remove_channels(model, {})
    for function in (compression.quantization_aware, compression.shared_codebooks):
        with pytest.raises(ValueError, match="model must be a built Sequential"):
            function(functional, 4)
    with pytest.raises(ValueError, match="no layer was given"):
        compression.prune_model(keras.Sequential([keras.Input((6,)), layers.ReLU()]), 0.5)


def test_holding_zeros_refuses_what_it_cannot_hold():
    model = dense_net()
    model.compile("sgd", "mse", jit_compile=False, steps_per_execution=2)
    with pytest.raises(ValueError, match="steps_per_execution must be 1"):
        model.fit(X, X[:, :3], verbose=0, callbacks=[compression.KeepZeros()])
    model.compile("sgd", "mse", jit_compile=False)
    wrong = compression.KeepZeros({"first": np.ones((2, 2), bool)})
    with pytest.raises(ValueError, match="must have the kernel's shape"):
        model.fit(X, X[:, :3], verbose=0, callbacks=[wrong])
