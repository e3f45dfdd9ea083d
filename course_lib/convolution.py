"""How can a network look at an image with few parameters and find a thing wherever it is?

Serves the chapter ``foundations/convolution``. The sliding product that a convolutional layer
computes is written twice: :func:`conv2d_loops` to be read, :func:`conv2d` to be used. Pooling, the
arithmetic of output sizes and receptive fields, and :func:`small_cnn`, the classifier that travels
through the whole course, stand beside it.

Main references: Goodfellow, Bengio and Courville (2016), chapter 9, for the operation; Dumoulin and
Visin (2016) for the arithmetic of sizes; Araujo, Norris and Sim (2019) for receptive fields;
Chellapilla, Puri and Simard (2006) for unfolding a convolution into one matrix product.

Images are arrays of shape ``(batch, height, width, channels)``, kernels of shape
``(kernel_height, kernel_width, in_channels, filters)``: the layout of Keras and TensorFlow.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from course_lib._checks import array, choice, model, sequence, takes, whole
from course_lib._windows import (
    PADDING,
    PAIR,
    Pair,
    as_pair,
    axes_geometry,
    concatenate,
    conv_geometry,
    count_positions,
    float_tensor,
    margin_of,
    pad,
    slide,
)

__all__ = [
    "ReceptiveField",
    "average_pool2d",
    "conv2d",
    "conv2d_loops",
    "max_pool2d",
    "multiply_adds",
    "output_size",
    "receptive_field",
    "small_cnn",
]


@takes(
    input_size=whole(1),
    kernel_size=whole(1),
    stride=whole(1),
    padding=PADDING,
)
def output_size(input_size: int, kernel_size: int, stride: int = 1, padding: str | int = 0) -> int:
    """Count the positions at which a kernel fits along one axis.

    Implements ``floor((n + 2p - k) / s) + 1`` (chapter equation ``eq-output-size``; Dumoulin and
    Visin 2016, relationship 6). With ``"same"`` padding the answer is ``ceil(n / s)``, whatever the
    kernel.

    Args:
        input_size: Length ``n`` of the axis, in pixels.
        kernel_size: Length ``k`` of the kernel along it, in pixels.
        stride: Step ``s`` from one position to the next, in pixels.
        padding: Pixels ``p`` of zeros added at *each* end, or ``"valid"`` (none) or ``"same"``.

    Returns:
        The length of the output axis.

    Raises:
        ValueError: If a size is not a positive whole number, or the kernel does not fit even once.
    """
    for name, value in (
        ("input_size", input_size),
        ("kernel_size", kernel_size),
        ("stride", stride),
    ):
        if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
            raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}.")
    margin = margin_of(input_size, kernel_size, stride, padding)
    return count_positions(input_size, kernel_size, stride, margin)


class ReceptiveField(NamedTuple):
    """What one unit of a layer sees of the input, along one axis, in input pixels."""

    size: int
    stride: int


@takes(layers=sequence(sequence(whole(1))))
def receptive_field(layers: Sequence[tuple[int, int]]) -> ReceptiveField:
    """Compute how many input pixels one unit sees after a stack of layers.

    Walks the recurrence ``r += (k - 1) * j; j *= s`` from ``r = j = 1`` (chapter equation
    ``eq-receptive-field``; Araujo, Norris and Sim 2019, equation 2). Pooling layers count like
    convolutions.

    Args:
        layers: ``(kernel_size, stride)`` of each convolution or pooling layer, in the order of the
            data.

    Returns:
        ``size``, the width ``r`` of the window that one unit depends on, and ``stride``, the
        distance ``j`` in input pixels between the windows of two neighboring units.

    Raises:
        ValueError: If ``layers`` holds anything but pairs of positive whole numbers.
    """
    size, jump = 1, 1
    for index, layer in enumerate(layers):
        try:
            kernel_size, stride = layer
        except (TypeError, ValueError):
            raise ValueError(
                f"layers[{index}] must be a pair (kernel_size, stride), got {layer!r}."
            ) from None
        if kernel_size < 1 or stride < 1:
            raise ValueError(f"layers[{index}] must hold numbers of at least 1, got {layer!r}.")
        size += (kernel_size - 1) * jump
        jump *= stride
    return ReceptiveField(int(size), int(jump))


@takes(
    x=array("batch", "height", "width", "channels"),
    kernel=array("height", "width", "channels", "filters"),
    bias=array("filters"),
    strides=PAIR,
    padding=PADDING,
)
def conv2d_loops(
    x: np.ndarray,
    kernel: np.ndarray,
    bias: np.ndarray | None = None,
    strides: Pair = 1,
    padding: str | int = "valid",
) -> np.ndarray:
    """Cross-correlate images with kernels, one number at a time (chapter equation ``eq-conv``).

    The form to read: it is hundreds of times slower than :func:`conv2d`, and computes the same.

    Args:
        x: Images, shape ``(batch, height, width, channels)``.
        kernel: Weights, shape ``(kernel_height, kernel_width, channels, filters)``.
        bias: One number per filter, shape ``(filters,)``, or None.
        strides: Step in pixels, one number or ``(down, right)``.
        padding: ``"valid"``, ``"same"``, or the pixels of zeros to add at each edge.

    Returns:
        Feature maps, float array of shape ``(batch, out_height, out_width, filters)``.

    Raises:
        ValueError: If shapes do not fit together, or an array holds NaN.
    """
    x, kernel = np.asarray(x), np.asarray(kernel)
    (down, right), (out_height, out_width), margins = conv_geometry(
        x, kernel, bias, strides, padding
    )
    if np.isnan(x).any() or np.isnan(kernel).any():
        raise ValueError("x and kernel must not hold NaN: repair or drop the missing pixels first.")
    batch, filters = x.shape[0], kernel.shape[-1]
    kernel_height, kernel_width = kernel.shape[:2]
    x = np.pad(x, [(0, 0), *margins, (0, 0)])
    y = np.zeros((batch, out_height, out_width, filters), np.result_type(x, kernel, np.float32))
    for n in range(batch):
        for i in range(out_height):
            for j in range(out_width):
                top, left = i * down, j * right
                window = x[n, top : top + kernel_height, left : left + kernel_width, :]
                for f in range(filters):
                    y[n, i, j, f] = np.sum(window * kernel[:, :, :, f])
    return y if bias is None else y + np.asarray(bias)


@takes(
    x=array(finite=False),
    kernel=array(finite=False, filled=True),
    bias=array("filters"),
    strides=PAIR,
    padding=PADDING,
)
def conv2d(
    x: Any,
    kernel: Any,
    bias: Any | None = None,
    strides: Pair = 1,
    padding: str | int = "valid",
) -> Any:
    """Cross-correlate images with kernels as one matrix product (chapter equation ``eq-conv``).

    Unfolds every window into a row ("im2col", Chellapilla, Puri and Simard 2006) and multiplies by
    the kernel as a matrix. Runs on any Keras backend and device, may be compiled and
    differentiated. Only shapes are checked: a NaN pixel makes every output that sees it NaN, as in
    Keras.

    Args:
        x: Images, shape ``(batch, height, width, channels)``, floating point.
        kernel: Weights, shape ``(kernel_height, kernel_width, channels, filters)``.
        bias: One number per filter, shape ``(filters,)``, or None.
        strides: Step in pixels, one number or ``(down, right)``.
        padding: ``"valid"``, ``"same"``, or the pixels of zeros to add at each edge.

    Returns:
        Feature maps, tensor of shape ``(batch, out_height, out_width, filters)``.

    Raises:
        ValueError: If shapes do not fit together.
    """
    x, kernel = float_tensor(x, "x"), float_tensor(kernel, "kernel")
    (down, right), (out_height, out_width), margins = conv_geometry(
        x, kernel, bias, strides, padding
    )
    kernel_height, kernel_width, channels, filters = kernel.shape
    x = pad(x, margins)
    # Unfold along the width, then along the height: kernel_height + kernel_width copies instead of
    # kernel_height * kernel_width, and the values of a window end up in the kernel's own order.
    x = concatenate(slide(x, 2, kernel_width, right, out_width))
    x = concatenate(slide(x, 1, kernel_height, down, out_height))
    rows = ops.reshape(
        x, (-1, kernel_height * kernel_width * channels)
    )  # (positions, window values)
    y = ops.matmul(rows, ops.reshape(kernel, (-1, filters)))  # (positions, filters)
    y = ops.reshape(y, (-1, out_height, out_width, filters))
    return y if bias is None else y + ops.convert_to_tensor(bias, dtype=y.dtype)


@takes(
    x=array("batch", "height", "width", "channels", filled=True),
    pool_size=PAIR,
    strides=PAIR,
    padding=choice(("valid", "same")),
)
def max_pool2d(
    x: Any, pool_size: Pair = 2, strides: Pair | None = None, padding: str = "valid"
) -> Any:
    """Keep the largest value of each window, channel by channel (chapter equation ``eq-pool``).

    Args:
        x: Feature maps, shape ``(batch, height, width, channels)``, floating point.
        pool_size: Height and width of the window in pixels.
        strides: Step in pixels; None means ``pool_size``, so that windows do not overlap.
        padding: ``"valid"``, or ``"same"``, where padding never wins (it counts as minus infinity).

    Returns:
        Tensor of shape ``(batch, out_height, out_width, channels)``.

    Raises:
        ValueError: If ``x`` has not four axes, or a window does not fit.
    """
    x = float_tensor(x, "x")
    return _pool(x, ops.maximum, -math.inf, pool_size, strides, padding)


@takes(
    x=array("batch", "height", "width", "channels", filled=True),
    pool_size=PAIR,
    strides=PAIR,
    padding=choice(("valid", "same")),
)
def average_pool2d(
    x: Any, pool_size: Pair = 2, strides: Pair | None = None, padding: str = "valid"
) -> Any:
    """Average each window, channel by channel (chapter equation ``eq-pool``).

    Args:
        x: Feature maps, shape ``(batch, height, width, channels)``, floating point.
        pool_size: Height and width of the window in pixels.
        strides: Step in pixels; None means ``pool_size``, so that windows do not overlap.
        padding: ``"valid"``, or ``"same"``, where the mean is taken over real pixels only.

    Returns:
        Tensor of shape ``(batch, out_height, out_width, channels)``.

    Raises:
        ValueError: If ``x`` has not four axes, or a window does not fit.
    """
    x = float_tensor(x, "x")
    pool = functools.partial(
        _pool, function=ops.add, fill=0.0, pool_size=pool_size, strides=strides, padding=padding
    )
    pixels = pool(ops.ones_like(x[:1, :, :, :1]))  # real pixels in each window
    return pool(x) / pixels


@takes(input_shape=sequence(whole(1)), num_classes=whole(2))
def small_cnn(
    input_shape: tuple[int, int, int] = (28, 28, 1), num_classes: int = 10
) -> keras.Model:
    """Build the classifier that travels through the course.

    Three 3x3 convolutions with 16, 32 and 64 filters, each halved by 2x2 max pooling, and a hidden
    layer of 64
    units: 60,874 parameters for Fashion-MNIST. Trained weights ship with the course:
    ``model.set_weights(datasets.load_weights("small_cnn_fashion_mnist"))``.

    Args:
        input_shape: ``(height, width, channels)`` of one image; both sides at least 8 pixels.
        num_classes: Number of classes.

    Returns:
        An uncompiled model from images scaled to 0..1, shape ``(batch, height, width, channels)``,
        to **logits**, shape ``(batch, num_classes)``: train it with ``from_logits=True``.

    Raises:
        ValueError: If the images are too small to be halved three times, or there are fewer than
            two classes.
    """
    if len(input_shape) != 3 or min(input_shape[:2]) < 8 or input_shape[2] < 1:
        raise ValueError(
            "input_shape must be (height, width, channels) with sides of at least 8, "
            f"got {input_shape!r}."
        )
    if num_classes < 2:
        raise ValueError(f"num_classes must be at least 2, got {num_classes!r}.")
    layers: list[Any] = [keras.Input(input_shape, name="image")]
    for number, filters in enumerate((16, 32, 64), start=1):
        layers += [
            keras.layers.Conv2D(
                filters,
                3,
                padding="same",
                activation="relu",
                kernel_initializer="he_normal",
                name=f"conv{number}",
            ),
            keras.layers.MaxPooling2D(2, name=f"pool{number}"),
        ]
    layers += [
        keras.layers.Flatten(name="flatten"),
        keras.layers.Dense(64, activation="relu", kernel_initializer="he_normal", name="hidden"),
        keras.layers.Dense(num_classes, name="logits"),
    ]
    return keras.Sequential(layers, name="small_cnn")


@takes(model=model())
def multiply_adds(model: keras.Model) -> dict[str, int]:
    """Count the multiply-adds of one forward pass of one image, layer by layer.

    A convolution needs ``kernel_height * kernel_width * in_channels`` of them for each output
    number, a dense layer one for each weight. Biases, activations and pooling are left out, as is
    usual.

    Args:
        model: A built model of ``Conv2D``, ``Dense`` and weightless layers.

    Returns:
        Layer name to count, for the layers that have any.

    Raises:
        ValueError: If a layer with weights is of another kind, whose cost this function does not
            know.
    """
    counts = {}
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D) and type(layer).__name__ == "Conv2D":
            _, height, width, filters = layer.output.shape
            counts[layer.name] = height * width * filters * int(np.prod(layer.kernel.shape[:3]))
        elif isinstance(layer, keras.layers.Dense):
            positions = int(np.prod(layer.output.shape[1:-1]))
            counts[layer.name] = positions * int(np.prod(layer.kernel.shape))
        elif layer.weights and not isinstance(layer, keras.layers.BatchNormalization):
            raise ValueError(
                f"The cost of layer {layer.name!r} ({type(layer).__name__}) is not known here: "
                "count models of Conv2D, Dense and weightless layers."
            )
    return counts


def _pool(
    x: Any, function: Any, fill: float, pool_size: Pair, strides: Pair | None, padding: str
) -> Any:
    """Fold ``function`` over each window: down the columns first, then along the rows."""
    if len(x.shape) != 4:
        raise ValueError(
            f"x must have shape (batch, height, width, channels), got {tuple(x.shape)}."
        )
    if padding not in ("valid", "same"):
        raise ValueError(f'padding of a pooling layer must be "valid" or "same", got {padding!r}.')
    pool_size = as_pair(pool_size, "pool_size")
    strides = pool_size if strides is None else as_pair(strides, "strides")
    out_sizes, margins = axes_geometry(x.shape, pool_size, strides, padding)
    x = pad(x, margins, fill)
    for axis in (1, 2):
        geometry = (pool_size[axis - 1], strides[axis - 1], out_sizes[axis - 1])
        x = functools.reduce(function, slide(x, axis, *geometry))
    return x
