"""Gradients on the active backend against closed forms and central differences, in float64."""

import keras
import numpy as np
import pytest
from keras import ops

from course_lib import gradients

BACKEND = keras.backend.backend()
# Some of Keras's operations fall back to float32 on JAX and PyTorch.
TOLERANCE = 1e-10 if BACKEND == "tensorflow" else 2e-5


@pytest.fixture(autouse=True)
def float64():
    """JAX computes in float64 only when told to."""
    if BACKEND != "jax":
        yield
        return
    import jax

    with jax.enable_x64(True):
        yield


def array(tensor) -> np.ndarray:
    return keras.ops.convert_to_numpy(tensor)


def random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def central_differences(function, x: np.ndarray, step: float = 1e-6) -> np.ndarray:
    """The gradient of a NumPy function by definition, one coordinate at a time."""
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        offset = np.zeros_like(x)
        offset[index] = step
        gradient[index] = (function(x + offset) - function(x - offset)) / (2 * step)
    return gradient


def test_the_backend_has_a_name():
    assert gradients.active_backend() == BACKEND


@pytest.mark.parametrize("shape", [(), (1,), (4,), (2, 3), (2, 1, 3)])
def test_sum_of_cubes(shape):
    x = random(*shape)
    value, gradient = gradients.value_and_grad(lambda t: ops.sum(t**3))(x)
    np.testing.assert_allclose(array(value), np.sum(x**3), rtol=TOLERANCE)
    np.testing.assert_allclose(array(gradient), 3 * x**2, rtol=TOLERANCE)
    assert array(gradient).shape == shape
    assert array(gradient).dtype == np.float64


def test_log_sum_exp_has_softmax_as_gradient():
    x = random(5, 7)
    _, gradient = gradients.value_and_grad(lambda t: ops.sum(ops.logsumexp(t, axis=-1)))(x)
    exponentials = np.exp(x)
    expected = exponentials / exponentials.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(array(gradient), expected, rtol=TOLERANCE)


@pytest.mark.parametrize(
    ("function", "plain"),
    [
        (
            lambda t: ops.sum(ops.tanh(t) * ops.sin(t)),
            lambda t: np.sum(np.tanh(t) * np.sin(t)),
        ),
        (
            lambda t: ops.mean(ops.sigmoid(ops.matmul(t, ops.transpose(t)))),
            lambda t: np.mean(1 / (1 + np.exp(-t @ t.T))),
        ),
        (
            lambda t: ops.max(t) - ops.sum(ops.exp(-ops.square(t))),
            lambda t: np.max(t) - np.sum(np.exp(-(t**2))),
        ),
        (
            lambda t: ops.sum(ops.relu(ops.concatenate([t, -2 * t], axis=0))),
            lambda t: np.sum(np.maximum(np.concatenate([t, -2 * t]), 0)),
        ),
    ],
)
def test_against_central_differences(function, plain):
    x = random(3, 4, seed=3)
    _, gradient = gradients.value_and_grad(function)(x)
    expected = central_differences(plain, x)
    np.testing.assert_allclose(array(gradient), expected, atol=max(1e-8, TOLERANCE))


def test_structures_keep_their_form():
    parameters = {"dense": [random(3, 2), random(2, seed=1)], "scale": random(seed=2)}

    def function(p, x):
        return p["scale"] * ops.sum(ops.matmul(x, p["dense"][0]) + p["dense"][1])

    x = random(5, 3, seed=4)
    value, gradient = gradients.value_and_grad(function)(parameters, x)
    kernel, bias = parameters["dense"]
    total = np.sum(x @ kernel + bias)
    scale = parameters["scale"]
    np.testing.assert_allclose(array(value), scale * total, rtol=TOLERANCE)
    assert isinstance(gradient, dict)
    assert isinstance(gradient["dense"], list)
    expected = scale * np.repeat(x.sum(axis=0)[:, None], 2, axis=1)
    np.testing.assert_allclose(array(gradient["dense"][0]), expected, rtol=TOLERANCE)
    np.testing.assert_allclose(array(gradient["dense"][1]), np.full(2, 5 * scale), rtol=TOLERANCE)
    np.testing.assert_allclose(array(gradient["scale"]), total, rtol=TOLERANCE)


def test_several_positions_give_a_tuple():
    x, y = random(4), random(4, seed=1)
    function = gradients.value_and_grad(lambda a, b, c: ops.sum(a * b**2 * c), argnums=(1, 0))
    _, gradient = function(x, y, 3.0)
    assert isinstance(gradient, tuple)
    np.testing.assert_allclose(array(gradient[0]), 6 * x * y, rtol=TOLERANCE)
    np.testing.assert_allclose(array(gradient[1]), 3 * y**2, rtol=TOLERANCE)


def test_what_is_not_used_has_gradient_zero():
    parameters = [random(3), random(2)]
    _, gradient = gradients.value_and_grad(lambda p: ops.sum(p[0]))(parameters)
    np.testing.assert_array_equal(array(gradient[1]), np.zeros(2))


def test_the_arguments_are_not_changed():
    x = random(4)
    before = x.copy()
    gradients.value_and_grad(lambda t: ops.sum(t**2))(x)
    np.testing.assert_array_equal(x, before)


def test_second_derivatives():
    x = random(4)

    def slope_sum(t):
        return ops.sum(gradients.value_and_grad(lambda u: ops.sum(u**3))(t)[1])

    _, curvature = gradients.value_and_grad(slope_sum)(x)
    np.testing.assert_allclose(array(curvature), 6 * x, rtol=TOLERANCE)


def squared_error(weights, x, y):
    return ops.square(ops.sum(weights["w"] * x) + weights["b"] - y)


@pytest.mark.parametrize(("batch", "features"), [(1, 3), (5, 1), (8, 4)])
def test_per_example_gradients_of_a_linear_model(batch, features):
    weights = {"w": random(features), "b": random(seed=1)}
    x, y = random(batch, features, seed=2), random(batch, seed=3)
    gradient = gradients.per_example_gradients(squared_error)(weights, x, y)
    residual = x @ weights["w"] + weights["b"] - y
    np.testing.assert_allclose(array(gradient["w"]), 2 * residual[:, None] * x, rtol=TOLERANCE)
    np.testing.assert_allclose(array(gradient["b"]), 2 * residual, rtol=TOLERANCE)


def test_their_mean_is_the_gradient_of_the_mean_loss():
    weights = {"w": random(4), "b": random(seed=1)}
    x, y = random(6, 4, seed=2), random(6, seed=3)

    def mean_loss(w):
        return ops.mean(ops.square(ops.subtract(ops.matmul(x, w["w"]) + w["b"], y)))

    by_example = gradients.per_example_gradients(squared_error)(weights, x, y)
    _, whole = gradients.value_and_grad(mean_loss)(weights)
    for key in weights:
        np.testing.assert_allclose(
            array(by_example[key]).mean(axis=0), array(whole[key]), rtol=TOLERANCE
        )


def test_parameters_may_come_last():
    x, w = random(5, 3), random(3, seed=1)
    function = gradients.per_example_gradients(lambda x, w: ops.sum(ops.sin(x * w)), argnums=1)
    np.testing.assert_allclose(array(function(x, w)), np.cos(x * w) * x, rtol=TOLERANCE)


def test_per_example_gradients_of_a_network_equal_one_by_one():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.layers.Input((6, 6, 1)),
            keras.layers.Conv2D(2, 3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(3),
        ]
    )
    x, y = random(4, 6, 6, 1).astype("float32"), np.array([0, 2, 1, 2])
    weights = [variable.value for variable in model.trainable_variables]

    def loss(w, image, label):
        logits, _ = model.stateless_call(w, [], image[None])
        return -ops.take(ops.log_softmax(logits[0]), label)

    together = gradients.per_example_gradients(loss)(weights, x, y)
    alone = gradients.value_and_grad(loss)
    for place in range(4):
        _, expected = alone(weights, x[place], y[place])
        for found, wanted in zip(together, expected, strict=True):
            np.testing.assert_allclose(array(found)[place], array(wanted), atol=1e-5)


@pytest.mark.parametrize("shape", [(3,), (2, 5)])
def test_compiled_functions_compute_the_same(shape):
    def function(t):
        return {"value": ops.sum(ops.exp(t)), "double": 2 * t}

    fast = gradients.compile(function)
    for seed in range(2):
        x = random(*shape, seed=seed)
        found = fast(ops.convert_to_tensor(x))
        np.testing.assert_allclose(array(found["value"]), np.exp(x).sum(), rtol=TOLERANCE)
        np.testing.assert_allclose(array(found["double"]), 2 * x, rtol=TOLERANCE)


def test_gradients_can_be_compiled():
    weights = {"w": random(4), "b": random(seed=1)}
    slow = gradients.per_example_gradients(squared_error)
    fast = gradients.compile(slow)
    for batch in (3, 3, 7):
        x, y = random(batch, 4, seed=batch), random(batch, seed=batch + 1)
        expected, found = slow(weights, x, y), fast(weights, x, y)
        np.testing.assert_allclose(array(found["w"]), array(expected["w"]), rtol=TOLERANCE)


def test_a_compiled_function_is_recorded_once():
    calls = []

    def function(t):
        calls.append(1)
        return t + 1

    fast = gradients.compile(function)
    for value in (1.0, 2.0, 3.0):
        fast(ops.convert_to_tensor(np.full(3, value)))
    if BACKEND == "torch":
        pytest.skip("torch.compile keeps side effects of Python")
    assert len(calls) == 1


def test_a_value_that_is_not_one_number():
    with pytest.raises(ValueError, match=r"single number, but it returned shape \(3,\)"):
        gradients.value_and_grad(lambda t: t)(random(3))


def test_a_loss_of_one_example_that_is_not_one_number():
    with pytest.raises(ValueError, match="single number"):
        gradients.per_example_gradients(lambda w, x: w * x)(random(3), random(5, 3))


@pytest.mark.parametrize("argument", [np.arange(3), {"a": random(2), "b": np.arange(2)}, []])
def test_an_argument_without_gradient(argument):
    with pytest.raises(ValueError, match="Argument 0 must hold floating point numbers"):
        gradients.value_and_grad(lambda t: ops.sum(t))(argument)


@pytest.mark.parametrize("argnums", [-1, (0, 0), (), "0", 1.5, (0, -2)])
def test_positions_that_are_none(argnums):
    with pytest.raises((ValueError, TypeError), match=r"argnums|iterable"):
        gradients.value_and_grad(lambda t: t, argnums)


def test_a_position_that_is_not_there():
    with pytest.raises(ValueError, match="asks for argument 2, but 1 were given"):
        gradients.value_and_grad(lambda t: ops.sum(t), 2)(random(3))


@pytest.mark.parametrize("data", [(random(4, 3), random(5)), (random(4, 3), np.float64(1.0)), ()])
def test_batches_that_do_not_agree(data):
    function = gradients.per_example_gradients(lambda w, *rest: ops.sum(w))
    with pytest.raises(ValueError, match="first axis"):
        function(random(3), *data)


@pytest.mark.gpu
def test_on_a_gpu_it_computes_the_same():
    x = random(64, 64).astype("float32")
    function = gradients.compile(gradients.value_and_grad(lambda t: ops.sum(ops.tanh(t))))
    _, gradient = function(ops.convert_to_tensor(x))
    np.testing.assert_allclose(array(gradient), 1 - np.tanh(x) ** 2, atol=1e-5)
    if BACKEND == "tensorflow":
        assert "GPU" in gradient.device
    elif BACKEND == "jax":
        assert {device.platform for device in gradient.devices()} == {"gpu"}
    else:
        assert gradient.is_cuda
