"""Neural networks against Keras, automatic differentiation, central differences, closed forms."""

import keras
import numpy as np
import pytest
import scipy.special
from keras import ops

from course_lib import exercises, gradients, training
from course_lib import neural_networks as nn
from course_lib.neural_networks import Variable

ACTIVATIONS = ["relu", "sigmoid", "tanh", "linear"]
SIZES = [(5, 3), (7, 8, 4), (6, 9, 5, 3)]


def random(shape, seed=0, dtype="float32"):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def to_numpy(x):
    return ops.convert_to_numpy(x)


def network(sizes, seed=0, dtype="float32"):
    """A network with biases that are not zero, a batch, and labels."""
    parameters = nn.init_parameters(sizes, seed, dtype=dtype)
    parameters = [(k, random(b.shape, seed + 1, dtype) * 0.3) for k, b in parameters]
    labels = np.random.default_rng(seed).integers(0, sizes[-1], 11)
    return parameters, random((11, sizes[0]), seed + 2, dtype), labels


def as_keras(parameters, activation):
    layers = [keras.Input((parameters[0][0].shape[0],))]
    layers += [keras.layers.Dense(len(b), activation=activation) for _, b in parameters[:-1]]
    model = keras.Sequential([*layers, keras.layers.Dense(len(parameters[-1][1]))])
    model.set_weights([array for layer in parameters for array in layer])
    return model


def flat(parameters):
    return np.concatenate([to_numpy(a).ravel() for layer in parameters for a in layer])


def unflat(vector, parameters):
    parts, place = [], 0
    for layer in parameters:
        arrays = []
        for array in layer:
            arrays.append(vector[place : place + array.size].reshape(array.shape))
            place += array.size
        parts.append(tuple(arrays))
    return parts


# Forward pass and losses


@pytest.mark.parametrize("shape", [(4, 5), (2, 3, 5), (5,)])
def test_dense_equals_keras(shape):
    x, kernel, bias = random(shape), random((5, 3), 1), random((3,), 2)
    layer = keras.layers.Dense(3)
    layer.build((None, 5))
    layer.set_weights([kernel, bias])
    expected = to_numpy(layer(x[None]))[0]
    np.testing.assert_allclose(to_numpy(nn.dense(x, kernel, bias)), expected, atol=1e-5)


@pytest.mark.parametrize("name", ["relu", "sigmoid", "tanh", "softmax"])
@pytest.mark.parametrize("scale", [1, 100])
def test_activations_equal_keras_and_stay_finite(name, scale):
    x = random((6, 7)) * np.float32(scale)
    ours, reference = getattr(nn, name), getattr(keras.activations, name)
    values = to_numpy(ours(ops.convert_to_tensor(x)))
    assert np.isfinite(values).all()
    expected = to_numpy(reference(ops.convert_to_tensor(x)))
    np.testing.assert_allclose(values, expected, atol=1e-5)


def test_sigmoid_and_softmax_equal_scipy():
    x = random((50,)) * 20
    np.testing.assert_allclose(to_numpy(nn.sigmoid(x)), scipy.special.expit(x), atol=1e-6)
    np.testing.assert_allclose(to_numpy(nn.softmax(x)), scipy.special.softmax(x), atol=1e-6)


def test_softmax_ignores_a_shift():
    x = random((4, 6))
    np.testing.assert_allclose(to_numpy(nn.softmax(x)), to_numpy(nn.softmax(x + 7)), atol=1e-6)


@pytest.mark.parametrize("shape", [(9,), (4, 3)])
def test_mean_squared_error_is_half_of_keras(shape):
    targets, predictions = random(shape), random(shape, 1)
    keras_error = np.mean((targets - predictions) ** 2)
    assert float(nn.mean_squared_error(targets, predictions)) == pytest.approx(keras_error / 2)
    reference = keras.losses.MeanSquaredError()(targets, predictions)
    assert 2 * float(nn.mean_squared_error(targets, predictions)) == pytest.approx(
        float(reference), rel=1e-5
    )


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("scale", [1, 30])
def test_cross_entropy_equals_keras_and_scipy(seed, scale):
    logits = random((8, 5), seed) * np.float32(scale)
    labels = np.random.default_rng(seed).integers(0, 5, 8)
    ours = float(nn.cross_entropy(labels, logits))
    reference = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, logits)
    assert ours == pytest.approx(float(reference), rel=1e-5)
    by_scipy = -scipy.special.log_softmax(logits, axis=1)[np.arange(8), labels].mean()
    assert ours == pytest.approx(by_scipy, rel=1e-5)


def test_cross_entropy_is_stable_for_large_logits():
    logits = np.array([[1e4, 0.0], [0.0, 1e4]], "float32")
    assert float(nn.cross_entropy(np.array([0, 1]), logits)) == 0
    assert float(nn.cross_entropy(np.array([1, 0]), logits)) == pytest.approx(1e4)
    assert float(nn.cross_entropy(np.array([0, 1]), np.zeros((2, 2)))) == pytest.approx(np.log(2))


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("sizes", SIZES)
def test_forward_equals_keras(sizes, activation):
    parameters, x, _ = network(sizes)
    expected = to_numpy(as_keras(parameters, activation)(x))
    np.testing.assert_allclose(to_numpy(nn.forward(parameters, x, activation)), expected, atol=1e-5)


def test_linear_layers_in_a_row_are_one_linear_map():
    parameters, x, _ = network((6, 9, 5, 3))
    y = random(x.shape, 9)
    f = lambda v: to_numpy(nn.forward(parameters, v, "linear"))  # noqa: E731
    np.testing.assert_allclose(f(0.3 * x + 0.7 * y), 0.3 * f(x) + 0.7 * f(y), atol=1e-5)


# Backward pass


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("penalty", [0.0, 0.1])
def test_backward_equals_automatic_differentiation(sizes, activation, penalty):
    parameters, x, labels = network(sizes)
    model = as_keras(parameters, activation)
    keras_loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def loss(weights):
        logits, _ = model.stateless_call(weights, [], x)
        return keras_loss(labels, logits) + penalty * sum(ops.sum(w**2) for w in weights[::2])

    expected, slopes = gradients.value_and_grad(loss)([w for p in parameters for w in p])
    value, found = nn.backward(parameters, x, labels, activation, penalty)
    assert float(value) == pytest.approx(float(expected), rel=1e-5)
    for ours, theirs in zip([a for layer in found for a in layer], slopes, strict=True):
        np.testing.assert_allclose(to_numpy(ours), to_numpy(theirs), atol=1e-5)


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh"])
@pytest.mark.parametrize("sizes", SIZES)
def test_backward_equals_central_differences_in_float64(sizes, activation):
    parameters, x, labels = network(sizes, dtype="float64")
    loss, found = nn.backward(parameters, x, labels, activation)
    wide = keras.backend.standardize_dtype(loss.dtype) == "float64"  # JAX computes in float32

    def value(vector):
        h = x
        *hidden, (last, offset) = unflat(vector, parameters)
        for kernel, bias in hidden:
            h = h @ kernel + bias
            h = {"relu": lambda v: v * (v > 0), "tanh": np.tanh, "sigmoid": scipy.special.expit}[
                activation
            ](h)
        return -scipy.special.log_softmax(h @ last + offset, axis=1)[np.arange(11), labels].mean()

    expected = nn.central_differences(value, flat(parameters))
    error = np.linalg.norm(flat(found) - expected) / np.linalg.norm(expected)
    assert error < (1e-6 if wide else 1e-5)


def test_compiled_backward_serves_batches_of_several_sizes():
    parameters, x, labels = network((7, 8, 4))
    compiled = gradients.compile(nn.backward)
    for size in (11, 5, 8):
        value, found = compiled(parameters, x[:size], labels[:size])
        expected, slopes = nn.backward(parameters, x[:size], labels[:size])
        assert float(value) == pytest.approx(float(expected), rel=1e-5)
        np.testing.assert_allclose(flat(found), flat(slopes), atol=1e-5)


def test_the_gradient_of_a_batch_is_the_mean_over_its_examples():
    parameters, x, labels = network((7, 8, 4))

    def loss(parameters, example, label):
        return nn.cross_entropy(label[None], nn.forward(parameters, example[None]))

    single = gradients.per_example_gradients(loss)(parameters, x, labels)
    means = [tuple(ops.mean(a, axis=0) for a in layer) for layer in single]
    np.testing.assert_allclose(flat(means), flat(nn.backward(parameters, x, labels)[1]), atol=1e-5)


def test_functions_do_not_change_their_arguments():
    parameters, x, labels = network((7, 8, 4))
    copies = [flat(parameters), x.copy(), labels.copy()]
    optimizer = nn.adamw(0.1)
    state = optimizer.init(parameters)
    before = {key: flat(state[key]) for key in ("mean", "square")}
    _, found = nn.backward(parameters, x, labels)
    optimizer.update(found, state, parameters)
    nn.train(parameters, optimizer, x, labels, epochs=1, batch_size=4, seed=0)
    np.testing.assert_array_equal(flat(parameters), copies[0])
    np.testing.assert_array_equal(x, copies[1])
    np.testing.assert_array_equal(labels, copies[2])
    for key, value in before.items():
        np.testing.assert_array_equal(flat(state[key]), value)


def test_central_differences_of_a_known_function():
    x = random((3, 2), dtype="float64")
    copy = x.copy()
    slopes = nn.central_differences(lambda v: np.sum(np.sin(v)), x)
    np.testing.assert_allclose(slopes, np.cos(x), atol=1e-9)
    np.testing.assert_array_equal(x, copy)


# First parameters


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(
    ("scheme", "variance"), [("glorot", 2 / 700), ("he", 2 / 400), (1.5, 2.25 / 400), (0, 0)]
)
def test_first_kernels_have_the_variance_of_their_scheme(scheme, variance, seed):
    [(kernel, bias)] = nn.init_parameters((400, 300), seed, scheme)
    assert kernel.shape == (400, 300)
    assert kernel.dtype == bias.dtype == "float32"
    assert not bias.any()
    assert kernel.var() == pytest.approx(variance, rel=0.03)
    np.testing.assert_array_equal(kernel, nn.init_parameters((400, 300), seed, scheme)[0][0])


# The engine


def by_engine(parameters, x, labels, activation):
    """The network once more, for the engine to differentiate."""
    layers = [(Variable(k), Variable(b)) for k, b in parameters]
    h = x
    for kernel, bias in layers[:-1]:
        h = h @ kernel + bias
        h = getattr(h, activation)()
    logits = h @ layers[-1][0] + layers[-1][1]
    shifted = logits - logits.value.max(axis=1, keepdims=True)
    log_sum = shifted.exp().sum(axis=1).log()
    loss = (log_sum - shifted[np.arange(len(x)), labels]).mean()
    loss.backward()
    return loss, [(k.gradient, b.gradient) for k, b in layers]


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh"])
@pytest.mark.parametrize("sizes", SIZES)
def test_engine_equals_backward(sizes, activation):
    parameters, x, labels = network(sizes)
    loss, found = by_engine(parameters, x, labels, activation)
    expected, slopes = nn.backward(parameters, x, labels, activation)
    assert loss.value == pytest.approx(float(expected), rel=1e-5)
    np.testing.assert_allclose(flat(found), flat(slopes), atol=1e-5)


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh"])
def test_engine_equals_central_differences_in_float64(activation):
    parameters, x, labels = network((6, 9, 5, 3), dtype="float64")
    _, found = by_engine(parameters, x, labels, activation)

    def value(vector):
        return by_engine(unflat(vector, parameters), x, labels, activation)[0].value

    expected = nn.central_differences(value, flat(parameters))
    assert np.linalg.norm(flat(found) - expected) / np.linalg.norm(expected) < 1e-6


A, B = random((3, 4), 0, "float64"), random((3, 4), 1, "float64") + 3
OPERATIONS = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
    "constants": lambda a, b: 2 - a * 3 + 1 / b + (-b) / 2 + (5 + a) - 1,
    "power": lambda a, b: a**3 + b**-0.5 + a**2,
    "used twice": lambda a, b: a * a * b + a,
    "product": lambda a, b: a @ b.T,
    "constant product": lambda a, b: A.T @ a + b.T @ B,
    "broadcast rows": lambda a, b: a * b.sum(axis=0),
    "broadcast columns": lambda a, b: a - b.mean(axis=1, keepdims=True),
    "broadcast numbers": lambda a, b: a.mean() * b + b.sum(),
    "sum over axes": lambda a, b: (a * b).reshape(3, 2, 2).sum(axis=(0, 2)),
    "exp and log": lambda a, b: a.exp() + b.log(),
    "squashing": lambda a, b: a.tanh() * b.sigmoid() + (3 * a).relu(),
    "elements": lambda a, b: a[1] * b[:, [0, 0, 2, 1]] + a[0, 0],
    "reshape": lambda a, b: a.reshape(4, 3) @ b,
    "constant array": lambda a, b: A * a + B - b,
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_engine_operations_equal_central_differences(name):
    operation = OPERATIONS[name]
    a, b = Variable(A), Variable(B)
    result = operation(a, b)
    weights = random(result.shape, 5, "float64")
    (result * weights).sum().backward()
    for variable, function in (
        (a, lambda v: np.sum(operation(Variable(v), Variable(B)).value * weights)),
        (b, lambda v: np.sum(operation(Variable(A), Variable(v)).value * weights)),
    ):
        expected = nn.central_differences(function, variable.value)
        np.testing.assert_allclose(variable.gradient, expected, rtol=1e-6, atol=1e-8)


def test_engine_values_are_numpys():
    a, b = Variable(A), Variable(B)
    np.testing.assert_allclose((a @ b.T).value, A @ B.T)
    np.testing.assert_allclose((1 - a / b).value, 1 - A / B)
    np.testing.assert_allclose((A - a).value, 0)
    np.testing.assert_allclose(b.mean(axis=0).value, B.mean(axis=0))
    np.testing.assert_allclose(a.sigmoid().value, scipy.special.expit(A))


def test_engine_starts_anew_at_every_backward():
    a = Variable(3.0)
    square = a * a
    square.backward()
    square.backward()
    assert a.gradient == 6


def test_engine_keeps_float32_and_refuses_what_it_cannot_differentiate():
    assert (Variable(np.ones(2, "float32")) * 2 + 1).value.dtype == "float32"
    assert Variable([1, 2]).value.dtype == "float64"


def test_engine_follows_a_long_chain():
    x = Variable(1.0)
    y = x
    for _ in range(5000):  # more steps than Python allows to recurse
        y = y + 1e-4 * x
    y.backward()
    assert x.gradient == pytest.approx(1.5)


def test_graph_lists_operands_before_results():
    a, b = Variable(2.0, "a"), Variable(3.0, "b")
    square = a * a
    result = square + b
    graph = nn.computation_graph(result)
    assert {id(n) for n in graph.nodes} == {id(n) for n in (a, b, square, result)}
    assert all(start < end for start, end in graph.edges)
    places = {id(node): i for i, node in enumerate(graph.nodes)}
    expected = [(a, square), (a, square), (square, result), (b, result)]
    assert sorted(graph.edges) == sorted((places[id(s)], places[id(e)]) for s, e in expected)


def test_graph_is_drawn_and_described(capsys):
    a = Variable(2.0, "a")
    result = (a * a).tanh() + Variable(np.ones((2, 3)), "x").sum()
    result.backward()
    nn.draw_graph(result, "A small computation.")
    assert "Figure: A small computation." in capsys.readouterr().out


# Optimizers

OPTIMIZERS = {
    "sgd": (lambda: nn.sgd(0.1), lambda: keras.optimizers.SGD(0.1)),
    "momentum": (lambda: nn.sgd(0.05, 0.9), lambda: keras.optimizers.SGD(0.05, 0.9)),
    "nesterov": (
        lambda: nn.sgd(0.05, 0.8, nesterov=True),
        lambda: keras.optimizers.SGD(0.05, 0.8, nesterov=True),
    ),
    "adam": (lambda: nn.adam(0.01), lambda: keras.optimizers.Adam(0.01)),
    "adam, other constants": (
        lambda: nn.adam(0.1, 0.7, 0.95, 1e-3),
        lambda: keras.optimizers.Adam(0.1, 0.7, 0.95, 1e-3),
    ),
    "adamw": (lambda: nn.adamw(0.01, 0.1), lambda: keras.optimizers.AdamW(0.01, 0.1)),
    "schedule": (
        lambda: nn.adamw(training.one_cycle(0.1, 30)),
        lambda: keras.optimizers.AdamW(training.one_cycle(0.1, 30)),
    ),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("compiled", [False, True])
def test_optimizers_equal_keras_step_for_step(name, seed, compiled):
    ours, reference = (make() for make in OPTIMIZERS[name])
    start = nn.init_parameters((4, 3, 2), seed)
    variables = [keras.Variable(a) for layer in start for a in layer]
    reference.build(variables)
    parameters, state = start, ours.init(start)
    update = gradients.compile(ours.update) if compiled else ours.update
    for step in range(25):
        slopes = [tuple(random(a.shape, 100 * step + i) for i, a in enumerate(p)) for p in start]
        reference.apply([a for layer in slopes for a in layer], variables)
        parameters, state = update(slopes, state, parameters)
        expected = np.concatenate([to_numpy(v).ravel() for v in variables])
        np.testing.assert_allclose(flat(parameters), expected, rtol=1e-5, atol=1e-6)
    assert int(state["step"]) == 25


def test_optimizers_take_any_structure():
    parameters = {"a": random((2,)), "b": [random((3, 1)), {"c": random(())}]}
    optimizer = nn.sgd(0.5)
    moved, _ = optimizer.update(parameters, optimizer.init(parameters), parameters)
    assert keras.tree.assert_same_structure(moved, parameters) is None
    np.testing.assert_allclose(to_numpy(moved["b"][1]["c"]), parameters["b"][1]["c"] / 2)


def test_the_rate_in_the_state_can_be_replaced():
    optimizer, w = nn.sgd(0.5), np.ones(2, "float32")
    state = optimizer.init(w) | {"learning_rate": np.float32(0.25)}
    np.testing.assert_allclose(to_numpy(optimizer.update(w, state, w)[0]), 0.75)


def test_adams_first_step_is_the_rate_whatever_the_gradient():
    w = np.zeros(3, "float32")
    slopes = np.array([1e-2, -3, 500], "float32")
    optimizer = nn.adam(0.01)
    moved, _ = optimizer.update(slopes, optimizer.init(w), w)
    np.testing.assert_allclose(to_numpy(moved), [-0.01, 0.01, -0.01], rtol=1e-3)


@pytest.mark.parametrize("stable", [True, False])
def test_gradient_descent_is_stable_below_two_over_the_curvature(stable):
    curvature = np.array([1.0, 20.0], "float32")
    optimizer = nn.sgd(0.99 * 2 / 20 if stable else 1.01 * 2 / 20)
    w = np.ones(2, "float32")
    state = optimizer.init(w)
    for _ in range(300):
        w, state = optimizer.update(curvature * to_numpy(w), state, w)
    assert (np.abs(to_numpy(w)).max() < 0.1) == stable


# Training


def test_train_takes_the_steps_of_backward_and_the_optimizer():
    parameters, x, labels = network((7, 8, 4))
    optimizer = nn.sgd(0.1, 0.9)
    trained, losses = nn.train(
        parameters, optimizer, x, labels, epochs=2, batch_size=5, seed=3, activation="tanh"
    )
    state, expected, order = optimizer.init(parameters), [], np.random.default_rng(3)
    for _ in range(2):
        for rows in order.permutation(11)[:10].reshape(2, 5):
            loss, slopes = nn.backward(parameters, x[rows], labels[rows], "tanh")
            expected.append(float(loss))
            parameters, state = optimizer.update(slopes, state, parameters)
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    np.testing.assert_allclose(flat(trained), flat(parameters), atol=1e-5)


def test_train_learns_what_a_linear_model_cannot():
    x = random((400, 2))
    labels = (x[:, 0] * x[:, 1] > 0).astype("int32")
    accuracy = []
    for sizes in ((2, 2), (2, 16, 2)):
        start = nn.init_parameters(sizes, 0)
        trained, _ = nn.train(start, nn.adam(0.02), x, labels, epochs=60, batch_size=40, seed=0)
        accuracy.append(np.mean(to_numpy(nn.forward(trained, x)).argmax(axis=1) == labels))
    assert accuracy[0] < 0.7
    assert accuracy[1] > 0.93


PARAMETERS, X, LABELS = network((7, 8, 4))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nn.dense(X, PARAMETERS[1][0], PARAMETERS[1][1]), "kernel must have shape"),
        (lambda: nn.dense(X, PARAMETERS[0][0], np.zeros(3)), "each of the 8 units"),
        (lambda: nn.dense(np.ones((2, 7), int), *PARAMETERS[0]), "x must hold floating point"),
        (lambda: nn.dense(np.full((2, 7), np.nan), *PARAMETERS[0]), "x must not hold NaN"),
        (lambda: nn.mean_squared_error(np.ones(3), np.ones((3, 1))), "same shape"),
        (lambda: nn.cross_entropy(np.eye(4), np.ones((4, 4))), "Are the labels one-hot"),
        (lambda: nn.cross_entropy(np.array([4]), np.ones((1, 4))), "from 0 to 3"),
        (lambda: nn.cross_entropy(np.array([0.0]), np.ones((1, 4))), "whole numbers"),
        (
            lambda: nn.cross_entropy(np.array([0]), np.full((1, 4), np.nan)),
            "logits must be an array of finite numbers of shape",
        ),
        (lambda: nn.forward(PARAMETERS, X, "gelu"), "activation must be one of"),
        (lambda: nn.backward(PARAMETERS, X, LABELS[:5]), "labels must have shape"),
        (lambda: nn.init_parameters((5,), 0), "sizes must be a list of at least 2"),
        (lambda: nn.init_parameters((5, 2), 0, "glorit"), "scheme must be"),
        (lambda: nn.init_parameters((5, 2), 0, -1.0), "scheme must be"),
        (lambda: nn.sgd(0), "learning_rate must be a number above 0 or a"),
        (lambda: nn.sgd(0.1, 1.0), "momentum must be a number at least 0 and"),
        (lambda: nn.sgd(0.1, nesterov=True), "nesterov needs a momentum"),
        (lambda: nn.adam(beta_2=1), "beta_2 must be"),
        (lambda: nn.adam(epsilon=0), "epsilon must be a number above 0"),
        (lambda: nn.adamw(weight_decay=-1), "weight_decay must be a number at least 0"),
        (
            lambda: nn.train(PARAMETERS, nn.sgd(), X, LABELS, epochs=1, batch_size=12, seed=0),
            "at least one batch",
        ),
        (lambda: Variable([1.0, 2.0]).backward(), "single number"),
        (lambda: Variable("a"), "value must be an array of finite numbers"),
        (lambda: Variable([np.nan]), "value must be an array of finite numbers"),
        (lambda: Variable([1.0]) @ Variable([2.0]), "@ needs matrices"),
        (lambda: Variable([1.0]) ** Variable([2.0]), "plain number"),
        (lambda: Variable([0.0]).log(), "above 0"),
    ],
)
def test_bad_input_is_refused_with_a_hint(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# The exercises' solutions, against something independent


def test_exercise_logit_gradient_is_the_backends():
    exercise = exercises.get("neural_networks.logit_gradient")
    for labels, logits in exercise.cases:
        reference = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        find = gradients.value_and_grad(lambda z, y=labels, loss=reference: loss(y, z))
        expected = to_numpy(find(logits.astype("float32"))[1])
        np.testing.assert_allclose(exercise.solution(labels, logits), expected, atol=1e-5)


def test_exercise_adam_steps_are_those_of_keras():
    exercise = exercises.get("neural_networks.adam_steps")
    for (slopes,) in exercise.cases:
        variable, optimizer = keras.Variable(0.0), keras.optimizers.Adam(0.001, epsilon=1e-12)
        places = [0.0]
        for slope in slopes:
            optimizer.apply([ops.convert_to_tensor(slope, "float32")], [variable])
            places.append(float(variable.value))
        np.testing.assert_allclose(exercise.solution(slopes), np.diff(places), atol=1e-6)


def test_exercise_count_is_keras_count_params():
    for sizes in ((784, 64, 10), (5, 9, 7, 3)):
        model = as_keras(nn.init_parameters(sizes, 0), "relu")
        assert exercises.get("neural_networks.count").solution(sizes) == model.count_params()
