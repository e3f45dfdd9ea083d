"""Convolution against SciPy, scikit-image, Keras, closed forms, and properties that must hold."""

import keras
import numpy as np
import pytest
import scipy.signal
from keras import ops
from skimage.measure import block_reduce

from course_lib import convolution, gradients

SHAPES = [  # x, kernel
    ((1, 5, 5, 1), (3, 3, 1, 1)),
    ((2, 8, 6, 3), (3, 2, 3, 4)),
    ((3, 7, 9, 2), (1, 1, 2, 5)),
    ((2, 9, 9, 4), (5, 3, 4, 2)),
]
GEOMETRIES = [(1, "valid"), (1, "same"), (2, "valid"), (2, "same"), (3, "same"), ((2, 1), "valid")]


def random(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def to_numpy(x):
    return ops.convert_to_numpy(x)


@pytest.mark.parametrize(("strides", "padding"), GEOMETRIES)
@pytest.mark.parametrize(("x_shape", "kernel_shape"), SHAPES)
@pytest.mark.parametrize("seed", [0, 1])
def test_conv2d_equals_keras(x_shape, kernel_shape, strides, padding, seed):
    x, kernel, bias = (random(s, seed) for s in (x_shape, kernel_shape, kernel_shape[-1:]))
    expected = to_numpy(ops.conv(x, kernel, strides, padding)) + bias
    np.testing.assert_allclose(
        to_numpy(convolution.conv2d(x, kernel, bias, strides, padding)), expected, atol=2e-5
    )
    np.testing.assert_allclose(
        convolution.conv2d_loops(x, kernel, bias, strides, padding), expected, atol=2e-5
    )


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_conv2d_is_scipys_correlation_and_not_its_convolution(seed):
    image, kernel = random((9, 11), seed), random((3, 4), seed + 10)
    ours = to_numpy(convolution.conv2d(image[None, :, :, None], kernel[:, :, None, None]))[
        0, :, :, 0
    ]
    correlated = scipy.signal.correlate2d(image, kernel, mode="valid")
    np.testing.assert_allclose(ours, correlated, atol=1e-5)
    convolved = scipy.signal.convolve2d(image, kernel, mode="valid")
    assert np.abs(ours - convolved).max() > 0.1
    flipped = kernel[::-1, ::-1]
    ours = convolution.conv2d(image[None, :, :, None], flipped[:, :, None, None].copy())
    np.testing.assert_allclose(to_numpy(ours)[0, :, :, 0], convolved, atol=1e-5)


@pytest.mark.parametrize("padding", [0, 1, 3])
def test_whole_number_padding_equals_padding_by_hand(padding):
    x, kernel = random((2, 6, 7, 3)), random((3, 3, 3, 2), 1)
    padded = np.pad(x, [(0, 0), (padding, padding), (padding, padding), (0, 0)])
    expected = to_numpy(ops.conv(padded, kernel, 2, "valid"))
    for function in (convolution.conv2d, convolution.conv2d_loops):
        actual = to_numpy(function(x, kernel, strides=2, padding=padding))
        np.testing.assert_allclose(actual, expected, atol=1e-5)


def test_gradients_equal_those_through_keras():
    x, kernel, bias = random((2, 7, 6, 3)), random((3, 3, 3, 4), 1), random((4,), 2)

    def loss(convolve):
        return lambda x, kernel, bias: ops.sum(ops.sin(convolve(x, kernel, bias)))

    def reference(x, kernel, bias):
        return ops.conv(x, kernel, 2, "same") + bias

    def ours(x, kernel, bias):
        return convolution.conv2d(x, kernel, bias, 2, "same")

    arguments = [ops.convert_to_tensor(a) for a in (x, kernel, bias)]
    for argnum in range(3):
        value, gradient = gradients.value_and_grad(loss(ours), argnum)(*arguments)
        expected, expected_gradient = gradients.value_and_grad(loss(reference), argnum)(*arguments)
        np.testing.assert_allclose(to_numpy(value), to_numpy(expected), rtol=1e-5)
        np.testing.assert_allclose(to_numpy(gradient), to_numpy(expected_gradient), atol=2e-5)


def test_compiled_conv2d_is_the_same_function():
    x, kernel = random((2, 8, 8, 3)), random((3, 3, 3, 4), 1)
    compiled = gradients.compile(convolution.conv2d)
    np.testing.assert_allclose(
        to_numpy(compiled(ops.convert_to_tensor(x), ops.convert_to_tensor(kernel))),
        to_numpy(convolution.conv2d(x, kernel)),
        atol=1e-5,
    )


@pytest.mark.parametrize("shift", [(1, 0), (0, 2), (3, 1)])
def test_convolution_is_translation_equivariant(shift):
    x, kernel = np.zeros((1, 16, 16, 2), "float32"), random((3, 3, 2, 4))
    x[:, 4:9, 4:9] = random((1, 5, 5, 2))
    moved = np.roll(x, shift, axis=(1, 2))
    y = to_numpy(convolution.conv2d(x, kernel, padding="same"))
    y_moved = to_numpy(convolution.conv2d(moved, kernel, padding="same"))
    np.testing.assert_allclose(np.roll(y, shift, axis=(1, 2)), y_moved, atol=1e-6)


def test_convolution_is_linear():
    a, b, kernel = random((1, 6, 6, 2)), random((1, 6, 6, 2), 1), random((3, 3, 2, 3), 2)
    combined = convolution.conv2d(2 * a - 3 * b, kernel)
    parts = 2 * convolution.conv2d(a, kernel) - 3 * convolution.conv2d(b, kernel)
    np.testing.assert_allclose(to_numpy(combined), to_numpy(parts), atol=1e-4)


def test_conv2d_does_not_change_its_arguments():
    x, kernel, bias = random((1, 5, 5, 1)), random((3, 3, 1, 2), 1), random((2,), 2)
    copies = [a.copy() for a in (x, kernel, bias)]
    convolution.conv2d_loops(x, kernel, bias, padding="same")
    convolution.conv2d(x, kernel, bias, padding="same")
    for array, copy in zip((x, kernel, bias), copies, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("pool_size", "strides"), [(2, None), (3, 2), ((2, 3), (1, 2)), (2, 3)])
def test_pooling_equals_keras(pool_size, strides, padding):
    x = random((2, 9, 8, 3)) - 5  # all negative: a zero-padded maximum would show
    for ours, reference in (
        (convolution.max_pool2d, ops.max_pool),
        (convolution.average_pool2d, ops.average_pool),
    ):
        expected = to_numpy(reference(x, pool_size, strides or pool_size, padding))
        np.testing.assert_allclose(
            to_numpy(ours(x, pool_size, strides, padding)), expected, rtol=1e-5
        )


def test_pooling_equals_scikit_image():
    x = random((1, 8, 12, 1))
    for ours, function in ((convolution.max_pool2d, np.max), (convolution.average_pool2d, np.mean)):
        expected = block_reduce(x[0, :, :, 0], (2, 3), function)
        np.testing.assert_allclose(to_numpy(ours(x, (2, 3)))[0, :, :, 0], expected, rtol=1e-5)


@pytest.mark.parametrize("input_size", [5, 6, 28, 31])
@pytest.mark.parametrize("kernel_size", [1, 2, 3, 5])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_output_size_equals_what_keras_makes(input_size, kernel_size, stride, padding):
    x, kernel = np.zeros((1, input_size, 3, 1)), np.zeros((kernel_size, 1, 1, 1))
    expected = ops.conv(x, kernel, (stride, stride), padding).shape[1]
    assert convolution.output_size(input_size, kernel_size, stride, padding) == expected


def test_output_size_in_worked_examples():
    assert convolution.output_size(6, 3, 2, "same") == 3
    assert convolution.output_size(7, 3, 2, 1) == 4  # floor((7 + 2 - 3) / 2) + 1
    assert convolution.output_size(4, 4) == 1


@pytest.mark.parametrize(
    "layers", [[(3, 1)], [(3, 1), (2, 2)], [(3, 2), (3, 2), (5, 1)], [(3, 1), (2, 2)] * 3, []]
)
def test_receptive_field_equals_the_reach_of_a_gradient(layers):
    """Automatic differentiation says which input pixels have any influence on an output unit."""
    size, stride = convolution.receptive_field(layers)
    length = size + 2 * stride + 4

    def forward(x):
        for kernel_size, step in layers:
            kernel = ops.ones((1, kernel_size, 1, 1))
            x = ops.conv(x, kernel, (1, step), "valid")
        return x

    reach = []
    for unit in (0, 1):
        unit_value = gradients.value_and_grad(lambda x, unit=unit: forward(x)[0, 0, unit, 0])
        _, gradient = unit_value(ops.ones((1, 1, length, 1)))
        reach.append(np.flatnonzero(to_numpy(gradient)))
    assert reach[0].size == size
    assert reach[0][-1] - reach[0][0] + 1 == size
    assert reach[1][0] - reach[0][0] == stride


def test_small_cnn_has_the_promised_size_and_gives_logits():
    model = convolution.small_cnn()
    assert model.count_params() == 60_874
    logits = to_numpy(model(random((4, 28, 28, 1))))
    assert logits.shape == (4, 10)
    assert not np.allclose(logits.sum(axis=1), 1)
    assert convolution.small_cnn((32, 32, 3), 4)(random((1, 32, 32, 3))).shape == (1, 4)


def test_small_cnn_is_our_own_convolutions_and_pooling_put_together():
    keras.utils.set_random_seed(0)
    model = convolution.small_cnn()
    x = random((3, 28, 28, 1))
    w = [ops.convert_to_tensor(v) for v in model.get_weights()]
    y = x
    for block in range(3):
        y = ops.relu(convolution.conv2d(y, w[2 * block], w[2 * block + 1], padding="same"))
        y = convolution.max_pool2d(y)
    y = ops.relu(ops.matmul(ops.reshape(y, (3, -1)), w[6]) + w[7])
    y = ops.matmul(y, w[8]) + w[9]
    np.testing.assert_allclose(to_numpy(y), to_numpy(model(x)), atol=1e-4)


def test_multiply_adds_counted_by_hand():
    counts = convolution.multiply_adds(convolution.small_cnn())
    assert counts == {
        "conv1": 28 * 28 * 16 * 9 * 1,
        "conv2": 14 * 14 * 32 * 9 * 16,
        "conv3": 7 * 7 * 64 * 9 * 32,
        "hidden": 3 * 3 * 64 * 64,
        "logits": 64 * 10,
    }


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: convolution.conv2d(np.ones((5, 5)), np.ones((3, 3, 1, 1))),
            "x must have shape",
        ),
        (
            lambda: convolution.conv2d(np.ones((1, 5, 5, 1)), np.ones((3, 3))),
            "kernel must have shape",
        ),
        (
            lambda: convolution.conv2d(np.ones((1, 5, 5, 3)), np.ones((3, 3, 1, 1))),
            "expects 1 channels",
        ),
        (
            lambda: convolution.conv2d(np.ones((1, 5, 5, 1)), np.ones((3, 3, 1, 2)), np.ones(3)),
            "one number per filter",
        ),
        (
            lambda: convolution.conv2d(np.ones((1, 5, 5, 1), "uint8"), np.ones((3, 3, 1, 1))),
            "floating point numbers, got uint8",
        ),
        (lambda: convolution.conv2d(np.ones((1, 2, 2, 1)), np.ones((3, 3, 1, 1))), "does not fit"),
        (
            lambda: convolution.conv2d(
                np.ones((1, 5, 5, 1)), np.ones((3, 3, 1, 1)), padding="full"
            ),
            "padding must be one of .valid., .same. or a",
        ),
        (
            lambda: convolution.conv2d(np.ones((1, 5, 5, 1)), np.ones((3, 3, 1, 1)), strides=0),
            "strides must be",
        ),
        (
            lambda: convolution.conv2d_loops(np.full((1, 5, 5, 1), np.nan), np.ones((3, 3, 1, 1))),
            "x must be an array of finite numbers of shape",
        ),
        (
            lambda: convolution.max_pool2d(np.ones((5, 5, 1))),
            "x must be an array of finite numbers of shape",
        ),
        (
            lambda: convolution.max_pool2d(np.ones((1, 5, 5, 1)), padding=1),
            "padding must be one of .valid., .same.",
        ),
        (lambda: convolution.average_pool2d(np.ones((1, 2, 2, 1)), 3), "does not fit"),
        (lambda: convolution.output_size(0, 3), "input_size must be"),
        (lambda: convolution.output_size(5, 2.5), "kernel_size must be"),
        (lambda: convolution.output_size(5, 3, 1, -1), "padding must be"),
        (lambda: convolution.receptive_field([3]), "layers must be a list"),
        (lambda: convolution.receptive_field([(3, 0)]), "layers must be a list"),
        (lambda: convolution.small_cnn((4, 4, 1)), "sides of at least 8"),
        (
            lambda: convolution.small_cnn(num_classes=1),
            "num_classes must be a whole number from 2 on",
        ),
    ],
)
def test_bad_input_is_refused_with_a_hint(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_multiply_adds_refuses_layers_it_cannot_count():
    model = keras.Sequential([keras.Input((8, 3)), keras.layers.LSTM(4)])
    with pytest.raises(ValueError, match="LSTM"):
        convolution.multiply_adds(model)


@pytest.mark.gpu
def test_conv2d_equals_keras_on_a_gpu():
    x, kernel = random((8, 32, 32, 16)), random((3, 3, 16, 32), 1)
    expected = to_numpy(ops.conv(x, kernel, 1, "same"))
    compiled = gradients.compile(lambda x, k: convolution.conv2d(x, k, padding="same"))
    actual = to_numpy(compiled(ops.convert_to_tensor(x), ops.convert_to_tensor(kernel)))
    # Matrix units may round inputs to 10 bits of mantissa, in Keras's convolution and in ours.
    assert np.abs(actual - expected).max() / np.abs(expected).max() < 5e-3
