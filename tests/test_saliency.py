"""Explanations against closed forms, xplique, captum, SciPy, scikit-image, and their axioms."""

import gc
import weakref

import keras
import numpy as np
import pytest
from keras import layers, ops
from scipy import stats
from skimage import metrics

from course_lib import _explained_models, _integrated_gradients, gradients, saliency

TENSORFLOW = gradients.active_backend() == "tensorflow"


def random(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def small_net(seed=0, activation="relu", shape=(8, 9, 2), pool=True):
    keras.utils.set_random_seed(seed)
    stack = [keras.Input(shape), layers.Conv2D(4, 3, padding="same", name="conv1")]
    stack[-1].activation = keras.activations.get(activation)
    stack += [layers.MaxPooling2D(2, name="pool1")] if pool else []
    stack += [
        layers.Conv2D(5, 3, padding="same", activation=activation, name="conv2"),
        layers.Flatten(name="flatten"),
        layers.Dense(6, activation=activation, name="hidden"),
        layers.Dense(3, name="logits"),
    ]
    model = keras.Sequential(stack)
    model.set_weights([w + 0.1 * random(w.shape, i) for i, w in enumerate(model.get_weights())])
    return model


def smooth_function(x):
    """Two scores of rows of three numbers, with derivatives that are easy to write."""
    a, b, c = x[:, 0], x[:, 1], x[:, 2]
    return ops.stack([ops.sin(a) * b, a**2 + ops.exp(c) * b], axis=1)


def linear(weights):
    """A linear model of inputs of any shape: weights (..., classes)."""

    def model(x):
        flat = ops.reshape(x, (-1, weights[..., 0].size))
        return ops.matmul(flat, weights.reshape(-1, weights.shape[-1]))

    return model


@pytest.fixture(scope="module")
def net():
    return small_net()


@pytest.fixture(scope="module")
def images():
    return np.clip(0.5 + 0.3 * random((5, 8, 9, 2), 1), 0, 1)


TARGETS = np.array([0, 2, 1, 1, 0])


# Closed forms


@pytest.mark.parametrize("shape", [(4,), (5, 3), (6, 5, 2)])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_gradient_of_a_linear_model_is_its_weights(shape, seed):
    weights, x = random((*shape, 3), seed), random((4, *shape), seed + 10)
    model, targets = linear(weights), np.array([0, 2, 1, 2])
    expected = np.moveaxis(weights[..., targets], -1, 0)
    np.testing.assert_allclose(saliency.gradient(model, x, targets), expected, atol=1e-6)
    times = saliency.gradient_times_input(model, x, targets)
    np.testing.assert_allclose(times, x * expected, atol=1e-6)
    smooth = saliency.smooth_grad(model, x, targets, 3, 0.7, seed)
    np.testing.assert_allclose(smooth, expected, atol=1e-5)
    baseline = random(shape, 5)
    for steps, rule in ((1, "midpoint"), (7, "left"), (2, "trapezoid"), (5, "gauss")):
        ig = saliency.integrated_gradients(model, x, targets, baseline, steps, rule)
        np.testing.assert_allclose(ig, expected * (x - baseline), atol=2e-5)


def test_gradients_of_a_smooth_function():
    x = random((6, 3), 2)
    a, b, c = x.T
    zero = np.zeros_like(a)
    first = np.stack([np.cos(a) * b, np.sin(a), zero], axis=1)
    second = np.stack([2 * a, np.exp(c), np.exp(c) * b], axis=1)
    np.testing.assert_allclose(saliency.gradient(smooth_function, x, 0), first, atol=1e-6)
    np.testing.assert_allclose(saliency.gradient(smooth_function, x, 1), second, atol=1e-5)
    picked = saliency.gradient(smooth_function, x, [0, 1, 0, 1, 0, 1])
    np.testing.assert_allclose(picked[::2], first[::2], atol=1e-6)
    np.testing.assert_allclose(picked[1::2], second[1::2], atol=1e-5)


def test_integrated_gradients_of_a_product_have_a_closed_form():
    x = np.abs(random((5, 2), 3)) + 0.1
    ig = saliency.integrated_gradients(lambda z: (z[:, 0] ** 2 * z[:, 1])[:, None], x, 0, steps=16)
    a, b = x.T  # along t: 2 t^2 a b a, and t^2 a^2 b
    expected = np.stack([2 * a * a * b / 3, a * a * b / 3], axis=1)
    np.testing.assert_allclose(ig, expected, rtol=1e-5)


def test_target_scores_are_the_models(net, images):
    expected = ops.convert_to_numpy(net(images))[np.arange(5), TARGETS]
    np.testing.assert_allclose(saliency.target_scores(net, images, TARGETS), expected, atol=1e-5)


def test_smooth_grad_of_a_square_keeps_the_mean_and_averages_noise():
    x = random((1, 4), 4)

    def square(z):
        return ops.sum(z**2, axis=1, keepdims=True)

    maps = [saliency.smooth_grad(square, x, 0, samples=n, noise=0.5, seed=1) for n in (4, 2048)]
    far, near = (np.abs(each - 2 * x).max() for each in maps)
    assert near < 5 * 2 * 0.5 / np.sqrt(2048) < far


# Axioms


@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu"])
@pytest.mark.parametrize("baseline", [None, 0.5, "random"])
def test_integrated_gradients_are_complete(activation, baseline, images):
    net = small_net(3, activation, pool=activation == "relu")
    start = np.abs(random(images.shape[1:], 8)) if baseline == "random" else baseline
    change = saliency.target_scores(net, images, TARGETS) - saliency.target_scores(
        net, np.broadcast_to(0.0 if start is None else start, images.shape).astype("f4"), TARGETS
    )
    errors = []
    for steps in (16, 512):
        ig = saliency.integrated_gradients(net, images, TARGETS, start, steps)
        found = saliency.completeness_error(net, images, TARGETS, ig, start)
        np.testing.assert_allclose(found, ig.sum(axis=(1, 2, 3)) - change, atol=1e-5)
        errors.append(np.abs(found).max())
    # A smooth model leaves rounding alone; at kinks the sum over steps is never exact.
    assert errors[1] < (1e-5 if activation == "tanh" else 1e-3) + 1e-5 * np.abs(change).max()
    assert errors[1] <= errors[0] + 1e-5


@pytest.mark.parametrize("rule", ["midpoint", "trapezoid", "left", "gauss"])
def test_quadrature_rules(rule):
    places, shares = _integrated_gradients._quadrature(rule, 12)
    assert places.shape == shares.shape == (12,)
    assert 0 <= places.min() <= places.max() <= 1
    assert shares.sum() == pytest.approx(1)
    if rule != "left":  # exact for straight lines
        assert (places * shares).sum() == pytest.approx(0.5)
    if rule == "gauss":
        assert (places**23 * shares).sum() == pytest.approx(1 / 24)


@pytest.mark.parametrize("batch_size", [1, 3, 7, 64])
def test_batches_change_nothing(net, images, batch_size):
    for name, more in (("gradient", {}), ("smooth_grad", {"samples": 3}), ("occlusion", {})):
        method = getattr(saliency, name)
        whole = method(net, images, TARGETS, **more)
        parts = method(net, images, TARGETS, batch_size=batch_size, **more)
        np.testing.assert_allclose(parts, whole, atol=1e-5)
    whole = saliency.integrated_gradients(net, images, TARGETS, steps=10, batch_size=1000)
    parts = saliency.integrated_gradients(net, images, TARGETS, steps=10, batch_size=batch_size)
    np.testing.assert_allclose(parts, whole, atol=1e-5)


@pytest.mark.parametrize("rule", ["gauss", "trapezoid"])
def test_the_loop_and_the_fast_form_agree(net, images, rule):
    fast = saliency.integrated_gradients(net, images[:2], [1, 2], 0.3, 5, rule)
    loop = saliency.integrated_gradients_loop(net, images[:2], [1, 2], 0.3, 5, rule)
    np.testing.assert_allclose(fast, loop, atol=1e-5)


def test_a_plain_function_and_its_keras_model_agree(net, images):
    for method in (saliency.gradient, saliency.integrated_gradients, saliency.occlusion):
        ours = method(lambda x: net(x), images, TARGETS)
        np.testing.assert_allclose(ours, method(net, images, TARGETS), atol=1e-5)


# What was compiled


def test_new_weights_are_seen(images):
    net = small_net(4)

    def all_maps(model):
        return [
            saliency.gradient(model, images, 1),
            saliency.integrated_gradients(model, images, 1, steps=4),
            saliency.grad_cam(model, images, 1, "conv2"),
            saliency.guided_backpropagation(model, images, 1),
            saliency.occlusion(model, images, 1),
            saliency.unit_activations(model, "conv2", images),
        ]

    before = all_maps(net)
    fresh = small_net(5)
    net.set_weights(fresh.get_weights())
    after, expected = all_maps(net), all_maps(fresh)
    for old, new, right in zip(before, after, expected, strict=True):
        assert np.abs(old - new).max() > 1e-3
        np.testing.assert_allclose(new, right, atol=1e-5)


def test_freezing_changes_nothing(images):
    net = small_net(6)
    before = saliency.gradient(net, images, 0), saliency.guided_backpropagation(net, images, 0)
    net.get_layer("conv1").trainable = False
    after = saliency.gradient(net, images, 0), saliency.guided_backpropagation(net, images, 0)
    for old, new in zip(before, after, strict=True):
        np.testing.assert_allclose(new, old, atol=1e-6)


def test_what_was_compiled_is_kept_and_goes_with_its_model(images):
    net = small_net(7)
    for _ in range(2):
        saliency.gradient(net, images, 0)
        saliency.grad_cam(net, images, 0, "conv2")
        saliency.guided_backpropagation(net, images, 0)
        saliency.unit_activations(net, "hidden", images)
    assert len(_explained_models._compiled[net]) == 4
    alive = weakref.ref(net)
    del net
    gc.collect()
    assert alive() is None


def test_a_model_explains_inputs_with_and_without_an_axis_of_length_one():
    stack = [keras.Input((6, 6, 1)), layers.Conv2D(2, 3), layers.ReLU(), layers.Flatten()]
    net = keras.Sequential([*stack, layers.Dense(3)])
    x = np.random.default_rng(8).random((2, 6, 6, 1)).astype("float32")
    for explain in (saliency.gradient, saliency.integrated_gradients):
        full = explain(net, x, 1)
        np.testing.assert_allclose(explain(net, x[..., 0], 1), full[..., 0], atol=1e-6)
        np.testing.assert_array_equal(explain(net, x, 1), full)


def test_dropout_and_batch_normalization_are_in_use_mode(images):
    keras.utils.set_random_seed(0)
    stack = [keras.Input((8, 9, 2)), layers.Flatten(), layers.BatchNormalization()]
    net = keras.Sequential([*stack, layers.Dropout(0.5), layers.Dense(3)])
    first = saliency.gradient(net, images, TARGETS)
    np.testing.assert_array_equal(first, saliency.gradient(net, images, TARGETS))
    kernel = net.layers[-1].get_weights()[0] / np.sqrt(1 + 1e-3)
    np.testing.assert_allclose(first.reshape(5, -1), kernel[:, TARGETS].T, rtol=1e-4, atol=1e-6)


# Against xplique


@pytest.mark.skipif(not TENSORFLOW, reason="xplique needs TensorFlow")
def test_xplique_agrees(net, images):
    attributions = pytest.importorskip("xplique.attributions")
    model = keras.Model(net.inputs, net.outputs)
    one_hot = np.eye(3, dtype="float32")[TARGETS]

    def theirs(name, **arguments):
        return np.asarray(getattr(attributions, name)(model, **arguments)(images, one_hot))

    ours = saliency.gradient(net, images, TARGETS)
    largest = np.abs(ours).max(axis=-1, keepdims=True)  # xplique's Saliency and its reducer
    np.testing.assert_allclose(theirs("Saliency", reducer="max"), largest, atol=1e-5)
    product = saliency.gradient_times_input(net, images, TARGETS)
    np.testing.assert_allclose(theirs("GradientInput", reducer=None), product, atol=1e-5)
    ig = saliency.integrated_gradients(net, images, TARGETS, 0.2, 20, "trapezoid")
    theirs_ig = theirs("IntegratedGradients", steps=20, baseline_value=0.2, reducer=None)
    np.testing.assert_allclose(theirs_ig, ig, atol=1e-5)
    guided = saliency.guided_backpropagation(net, images, TARGETS)
    np.testing.assert_allclose(theirs("GuidedBackprop", reducer=None), guided, atol=1e-5)
    covered = saliency.occlusion(net, images, TARGETS, (2, 3), (2, 3), 0.4)
    theirs_covered = theirs(
        "Occlusion", patch_size=(2, 3), patch_stride=(2, 3), occlusion_value=0.4
    )
    np.testing.assert_allclose(theirs_covered[..., 0], covered, atol=1e-5)


# Against captum


def torch_copy(net):
    torch = pytest.importorskip("torch")
    weights = [torch.tensor(w) for w in net.get_weights()]

    class Copy(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = torch.nn.Conv2d(2, 4, 3, padding="same")
            self.conv2 = torch.nn.Conv2d(4, 5, 3, padding="same")
            self.last_maps = torch.nn.ReLU()
            self.hidden = torch.nn.Linear(weights[4].shape[0], 6)
            self.logits = torch.nn.Linear(6, 3)
            parts = (self.conv1, self.conv2, self.hidden, self.logits)
            for place, part in enumerate(parts):
                kernel, bias = weights[2 * place : 2 * place + 2]
                turned = kernel.permute(3, 2, 0, 1) if kernel.ndim == 4 else kernel.T
                part.weight.data, part.bias.data = turned.contiguous(), bias

        def forward(self, x):
            x = torch.nn.functional.max_pool2d(torch.relu(self.conv1(x)), 2)
            x = self.last_maps(self.conv2(x)).permute(0, 2, 3, 1).flatten(1)
            return self.logits(torch.relu(self.hidden(x)))

    return torch, Copy()


def test_captum_agrees(net, images):
    attr = pytest.importorskip("captum.attr")
    torch, copy = torch_copy(net)
    x = torch.tensor(images).permute(0, 3, 1, 2)
    target = torch.tensor(TARGETS)

    def as_ours(tensor):
        return tensor.detach().permute(0, 2, 3, 1).numpy()

    slopes = as_ours(attr.Saliency(copy).attribute(x, target, abs=False))
    np.testing.assert_allclose(saliency.gradient(net, images, TARGETS), slopes, atol=1e-5)
    theirs = attr.IntegratedGradients(copy).attribute(x, 0.1, target, n_steps=24)
    ours = saliency.integrated_gradients(net, images, TARGETS, 0.1, 24, "gauss")
    np.testing.assert_allclose(ours, as_ours(theirs), atol=1e-5)
    theirs = attr.Occlusion(copy).attribute(x, (2, 3, 3), (2, 2, 2), 0.3, target)
    ours = saliency.occlusion(net, images, TARGETS, 3, 2, 0.3)
    np.testing.assert_allclose(ours, as_ours(theirs)[..., 0], atol=1e-5)
    coarse = attr.LayerGradCam(copy, copy.last_maps).attribute(x, target, relu_attributions=True)
    size = images.shape[1:3]
    theirs = torch.nn.functional.interpolate(coarse, size, mode="bilinear", align_corners=False)
    ours = saliency.grad_cam(net, images, TARGETS, "conv2")
    np.testing.assert_allclose(ours, theirs.detach().numpy()[:, 0], atol=1e-5)


# Grad-CAM, guided backpropagation, occlusion by hand


def test_grad_cam_by_hand_where_all_is_linear():
    keras.utils.set_random_seed(1)
    stack = [keras.Input((5, 6, 2)), layers.Conv2D(4, 3, padding="same", name="maps")]
    net = keras.Sequential([*stack, layers.GlobalAveragePooling2D(), layers.Dense(3)])
    x, targets = random((3, 5, 6, 2), 2), np.array([2, 0, 1])
    maps = ops.convert_to_numpy(net.layers[0](x))  # (batch, height, width, maps)
    kernel = net.layers[-1].get_weights()[0]  # the original class activation map
    expected = np.maximum(np.einsum("bhwm,mb->bhw", maps, kernel[:, targets]) / 30, 0)
    np.testing.assert_allclose(saliency.grad_cam(net, x, targets, "maps"), expected, atol=1e-6)


def test_grad_cam_at_a_layer_that_others_bypass():
    inputs = keras.Input((4, 4, 1))
    maps = layers.Conv2D(2, 3, padding="same", name="maps", activation="relu")(inputs)
    outputs = layers.Dense(2)(layers.Flatten()(layers.Add()([maps, inputs])))
    net = keras.Model(inputs, outputs)
    x = random((2, 4, 4, 1), 3)
    kernel = net.layers[-1].get_weights()[0].reshape(4, 4, 2, 2)[..., 1]
    activations = np.maximum(ops.convert_to_numpy(net.get_layer("maps")(x)), 0)
    expected = np.maximum((activations * kernel.mean(axis=(0, 1))).sum(-1), 0)
    np.testing.assert_allclose(saliency.grad_cam(net, x, 1, "maps"), expected, atol=1e-5)


def test_grad_cam_stretches_coarse_maps(net, images):
    maps = saliency.grad_cam(net, images, TARGETS, "conv2")
    assert maps.shape == images.shape[:3]
    assert maps.dtype == np.float32
    assert maps.min() >= 0 < maps.max()


@pytest.mark.parametrize("kind", ["fused", "layer", "activation"])
@pytest.mark.parametrize("seed", [0, 1])
def test_guided_backpropagation_by_hand(kind, seed):
    keras.utils.set_random_seed(seed)
    relu = {
        "fused": lambda n: [layers.Dense(n, activation="relu")],
        "layer": lambda n: [layers.Dense(n), layers.ReLU()],
        "activation": lambda n: [layers.Dense(n), layers.Activation("relu")],
    }[kind]
    net = keras.Sequential([keras.Input((5,)), *relu(7), *relu(6), layers.Dense(2)])
    x = random((4, 5), seed + 3)
    w1, b1, w2, b2, w3, _ = net.get_weights()
    h1 = x @ w1 + b1
    h2 = np.maximum(h1, 0) @ w2 + b2
    back = np.maximum(w3[:, 1], 0) * (h2 > 0)
    expected = (np.maximum(back @ w2.T, 0) * (h1 > 0)) @ w1.T
    np.testing.assert_allclose(
        saliency.guided_backpropagation(net, x, 1), expected, rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize(("patch", "stride"), [(3, 3), (2, 1), ((4, 3), (2, 2))])
def test_occlusion_by_hand(patch, stride):
    weights, x = random((7, 6, 2, 3), 0), random((2, 7, 6, 2), 1)
    ours = saliency.occlusion(linear(weights), x, [2, 0], patch, stride, 0.25)
    (ph, pw), (sh, sw) = np.broadcast_to(patch, 2), np.broadcast_to(stride, 2)
    effect = np.moveaxis(weights[..., [2, 0]], -1, 0) * (x - 0.25)
    total, count = np.zeros(x.shape[:3]), np.zeros(x.shape[:3])
    top = 0
    while True:
        left = 0
        while True:
            here = np.s_[:, top : top + ph, left : left + pw]
            total[here] += effect[here].sum(axis=(1, 2, 3))[:, None, None]
            count[here] += 1
            if left + pw >= 6:
                break
            left += sw
        if top + ph >= 7:
            break
        top += sh
    np.testing.assert_allclose(ours, total / count, atol=1e-4)


# Randomization


def test_randomizing_no_layer_copies_and_all_layers_replaces():
    net = small_net(8)
    before = [w.copy() for w in net.get_weights()]
    same, other = saliency.randomize_layers(net, 0), saliency.randomize_layers(net)
    x = random((2, 8, 9, 2))
    np.testing.assert_allclose(same(x), net(x), atol=1e-6)
    for old, kept, new in zip(before, same.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(kept, old)
        assert not np.array_equal(new, old)
    for old, now in zip(before, net.get_weights(), strict=True):
        np.testing.assert_array_equal(old, now)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_randomization_starts_at_the_output(count):
    net = small_net(9)
    copy = saliency.randomize_layers(net, count, seed=1)
    changed = [
        not np.array_equal(a.get_weights()[0], b.get_weights()[0])
        for a, b in zip(net.layers, copy.layers, strict=True)
        if a.weights
    ]
    assert changed == [False] * (4 - count) + [True] * count


def test_fresh_weights_have_the_initializers_statistics_and_depend_on_the_seed():
    stack = [keras.Input((400,)), layers.Dense(300, kernel_initializer="he_normal", name="a")]
    net = keras.Sequential([*stack, layers.Dense(300, name="b"), layers.Dense(300, name="c")])
    first, again, other = (saliency.randomize_layers(net, seed=s) for s in (0, 0, 1))
    for one, two, three in zip(
        first.get_weights()[::2], again.get_weights()[::2], other.get_weights()[::2], strict=True
    ):
        np.testing.assert_array_equal(one, two)
        assert abs(np.corrcoef(one.ravel(), three.ravel())[0, 1]) < 0.02
    assert first.get_weights()[0].std() == pytest.approx(np.sqrt(2 / 400), rel=0.02)
    b, c = first.get_weights()[2], first.get_weights()[4]
    assert abs(np.corrcoef(b.ravel(), c.ravel())[0, 1]) < 0.02


def test_named_layers_alone_are_randomized():
    net = small_net(10)
    copy = saliency.randomize_layers(net, ["conv1"])
    same = [
        np.array_equal(a, b) for a, b in zip(net.get_weights(), copy.get_weights(), strict=True)
    ]
    assert same == [False, False] + [True] * 6


@pytest.mark.parametrize("shape", [(3, 20), (2, 5, 6), (4, 3, 4, 2)])
def test_rank_correlation_equals_scipy(shape):
    maps = random(shape, 0).round(1)  # with ties
    others = (0.5 * maps + random(shape, 1)).round(1)
    expected = [
        stats.spearmanr(a.ravel(), b.ravel()).statistic for a, b in zip(maps, others, strict=True)
    ]
    np.testing.assert_allclose(saliency.rank_correlation(maps, others), expected, atol=1e-12)


def test_rank_correlation_of_a_constant_map_is_nan():
    assert np.isnan(saliency.rank_correlation(np.zeros((1, 9)), random((1, 9)))).all()


def test_structural_similarity_equals_scikit_image():
    maps, others = random((3, 14, 12), 0), random((3, 14, 12), 1)
    ours = saliency.structural_similarity(maps, others, window=7)
    for place, (a, b) in enumerate(zip(maps, others, strict=True)):
        a, b = ((m - m.min()) / (m.max() - m.min()) for m in (a.astype(float), b.astype(float)))
        expected = metrics.structural_similarity(a, b, win_size=7, data_range=1.0)
        assert ours[place] == pytest.approx(expected, abs=1e-12)
    np.testing.assert_allclose(saliency.structural_similarity(maps, 3 * maps + 1), 1, atol=1e-9)


# Feature visualization


def test_unit_activations_come_before_the_activation(net, images):
    conv1 = net.get_layer("conv1")
    kernel, bias = conv1.get_weights()
    maps = ops.convert_to_numpy(ops.conv(images, kernel, padding="same")) + bias
    ours = saliency.unit_activations(net, "conv1", images)
    np.testing.assert_allclose(ours, maps.mean(axis=(1, 2)), atol=1e-5)
    logits = ops.convert_to_numpy(net(images))
    np.testing.assert_allclose(saliency.unit_activations(net, "logits", images), logits, atol=1e-5)


@pytest.mark.parametrize("layer", ["conv1", "conv2", "hidden", "logits"])
def test_made_images_excite_their_units(net, images, layer):
    units = [0, 2]
    made = saliency.activation_maximization(net, layer, units, steps=60)
    assert made.shape == (2, 8, 9, 2)
    assert made.dtype == np.float32
    assert 0 <= made.min() <= made.max() <= 1
    scores = saliency.unit_activations(net, layer, made)[[0, 1], units]
    others = saliency.unit_activations(net, layer, images)[:, units]
    assert (scores > others.max(axis=0)).all()


def test_made_images_of_a_linear_unit_reach_the_optimum():
    net = keras.Sequential([keras.Input((4, 5, 1)), layers.Flatten(), layers.Dense(2, name="out")])
    free = {"jitter": 0, "blur": 0, "total_variation": 0, "noise": 0}
    made = saliency.activation_maximization(net, "out", 1, steps=100, step_size=0.5, **free)
    best = (net.get_weights()[0][:, 1] > 0).reshape(1, 4, 5, 1)
    np.testing.assert_allclose(made, best.astype("float32"), atol=1e-6)


def test_smoothness_makes_smoother_images(net):
    def roughness(**arguments):
        made = saliency.activation_maximization(net, "logits", [0, 1, 2], steps=40, **arguments)
        return np.abs(np.diff(made, axis=1)).mean() + np.abs(np.diff(made, axis=2)).mean()

    free = roughness(jitter=0, blur=0, total_variation=0)
    assert roughness(jitter=0, blur=0, total_variation=0.3) < free
    assert roughness(jitter=0, blur=1.0, total_variation=0) < free
    assert roughness(jitter=0, blur=0, total_variation=0, l2=1.0) < free


def test_the_slope_of_the_roughness_is_its_gradient():
    from course_lib._feature_visualization import _roughness_slope

    x = random((2, 5, 4, 3))

    def roughness(x):
        steps = x[:, 1:] - x[:, :-1], x[:, :, 1:] - x[:, :, :-1]
        return sum(ops.sum(ops.sqrt(step**2 + 1e-4)) for step in steps)

    expected = gradients.value_and_grad(roughness)(x)[1]
    np.testing.assert_allclose(_roughness_slope(x), expected, atol=1e-5)


# What it says to wrong input


def test_wrong_input_is_named(net, images):
    wrong = [
        ("x must hold floating", lambda: saliency.gradient(net, (images * 255).astype("u1"), 0)),
        ("x must have shape", lambda: saliency.gradient(net, images[0, 0, 0], 0)),
        ("x must have shape", lambda: saliency.occlusion(net, images[0], 0)),
        ("x must have shape", lambda: saliency.gradient(net, images[:0], 0)),
        ("x must be finite", lambda: saliency.gradient(net, images * np.nan, 0)),
        ("target must be a class", lambda: saliency.gradient(net, images, [0, 1])),
        ("target must be a class", lambda: saliency.gradient(net, images, 0.5)),
        ("target must be a class", lambda: saliency.gradient(net, images, [[1, 2], [3]])),
        ("target must lie in 0..2", lambda: saliency.gradient(net, images, 3)),
        ("target must lie in 0..2", lambda: saliency.gradient(net, images, -1)),
        ("model must return", lambda: saliency.gradient(lambda x: ops.sum(x), images, 0)),
        ("samples", lambda: saliency.smooth_grad(net, images, 0, 0)),
        ("noise", lambda: saliency.smooth_grad(net, images, 0, 3, -1.0)),
        ("steps", lambda: saliency.integrated_gradients(net, images, 0, steps=0)),
        ("rule", lambda: saliency.integrated_gradients(net, images, 0, rule="simpson")),
        ("baseline", lambda: saliency.integrated_gradients(net, images, 0, images[:3])),
        ("baseline", lambda: saliency.occlusion(net, images, 0, baseline=np.inf)),
        ("batch_size", lambda: saliency.gradient(net, images, 0, batch_size=0)),
        ("attributions", lambda: saliency.completeness_error(net, images, 0, images[:2])),
        ("layer must be one of", lambda: saliency.grad_cam(net, images, 0, "conv9")),
        ("layer must have outputs", lambda: saliency.grad_cam(net, images, 0, "hidden")),
        ("model must be a Seq", lambda: saliency.grad_cam(lambda x: net(x), images, 0, "conv1")),
        ("patch must fit", lambda: saliency.occlusion(net, images, 0, 20)),
        ("stride must not", lambda: saliency.occlusion(net, images, 0, 2, 3)),
        ("patch must be one or two", lambda: saliency.occlusion(net, images, 0, 0)),
        ("layers must be", lambda: saliency.randomize_layers(net, 5)),
        ("layers must be", lambda: saliency.randomize_layers(net, ["nothing"])),
        ("model must be a built", lambda: saliency.randomize_layers(lambda x: x)),
        ("one shape", lambda: saliency.rank_correlation(images, images[:2])),
        ("finite", lambda: saliency.rank_correlation(images, images * np.nan)),
        ("(batch, height, width)", lambda: saliency.structural_similarity(images, images)),
        ("unit must be", lambda: saliency.activation_maximization(net, "conv2", 5)),
        ("steps", lambda: saliency.activation_maximization(net, "conv2", 0, steps=0)),
        ("blur", lambda: saliency.activation_maximization(net, "conv2", 0, blur=-1)),
    ]
    for words, call in wrong:
        with pytest.raises(ValueError) as raised:  # noqa: PT011 - compared below
            call()
        assert words in str(raised.value), f"{words!r} not in {raised.value}"


def test_models_that_do_not_fit_are_named(images):
    plain = keras.Sequential([keras.Input((8, 9, 2)), layers.Flatten(), layers.Dense(3, "tanh")])
    with pytest.raises(ValueError, match="must have ReLUs"):
        saliency.guided_backpropagation(plain, images, 0)
    flat = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="out")])
    with pytest.raises(ValueError, match="images of a fixed size"):
        saliency.activation_maximization(flat, "out", 0)


def test_arguments_are_not_changed(net, images):
    before, weights = images.copy(), [w.copy() for w in net.get_weights()]
    saliency.smooth_grad(net, images, TARGETS, 2)
    saliency.integrated_gradients(net, images, TARGETS, images, 2)
    saliency.occlusion(net, images, TARGETS)
    saliency.activation_maximization(net, "conv2", 0, steps=2)
    np.testing.assert_array_equal(images, before)
    for old, now in zip(weights, net.get_weights(), strict=True):
        np.testing.assert_array_equal(old, now)
