"""How many operations does a layer compute, and how many bytes must it move?

Serves the chapter ``compute/acceleration``. Counts follow the shapes alone, so they are the same on
every machine. A product and its sum count as two operations, as is usual. Of a convolution with
``"same"`` padding only the products with real pixels count, as in XLA's own cost analysis: zeros in
the margin need no arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import keras
from keras import layers

from course_lib._checks import check_whole, flag, model, takes

__all__ = ["LayerCost", "layer_costs", "step_cost"]

# Adam, for each number: two running means (3 and 4 operations), and the step they give (5).
_ADAM_OPERATIONS, _ADAM_PASSES = 12, 7  # it reads weight, gradient, two means; writes three
_FREE = (layers.InputLayer, layers.Flatten, layers.Reshape)


class LayerCost(NamedTuple):
    """What one layer costs for one batch.

    Attributes:
        name: the layer's name.
        kind: the layer's class.
        parameters: numbers that it learns.
        operations: floating-point operations.
        moved: bytes that pass between memory and processor if every array is read or written
            once: what goes in, what comes out, the weights.
    """

    name: str
    kind: str
    parameters: int
    operations: int
    moved: int

    @property
    def intensity(self) -> float:
        """Operations for each byte moved."""
        return self.operations / self.moved if self.moved else 0.0


@takes(model=model(), training=flag())
def layer_costs(
    model: keras.Model, batch_size: int = 1, *, training: bool = False, number_bytes: int = 4
) -> list[LayerCost]:
    """Count what each layer of a model costs, forward alone or with the gradients.

    Backward, a layer with a kernel computes two products as large as its forward one: the gradient
    of its kernel and that of its input (``eq-acceleration-backward``). The first layer's input
    needs no gradient. Layers without a kernel are counted twice. A gradient reads what came in, the
    gradient of what went out and the weights, and writes the gradients of both.

    Args:
        model: a built functional or sequential model of Dense, Conv2D, MaxPooling2D,
            AveragePooling2D, GlobalAveragePooling2D, BatchNormalization, Activation, ReLU, Add,
            Dropout, Flatten and Reshape layers.
        batch_size: examples.
        training: whether the gradients count, too.
        number_bytes: bytes of one number: 4 for float32, 2 for the 16-bit formats.

    Returns:
        One cost for each layer but the input, in the model's order.

    Raises:
        ValueError: a layer is of another kind, or a number is not a whole one from 1 on.
    """
    check_whole("batch_size", batch_size, 1)
    check_whole("number_bytes", number_bytes, 1)
    costs, first = [], True
    for layer in model.layers:
        if isinstance(layer, layers.InputLayer):
            continue
        products, others = _operations(layer)
        products, others = batch_size * products, batch_size * others
        read, written = _numbers(layer.input), _numbers(layer.output)
        weights = sum(math.prod(v.shape) for v in layer.trainable_variables)
        operations, moved = products + others, batch_size * (read + written) + weights
        if training:
            inward = 0 if first and products else 1  # no gradient of the images themselves
            operations += (1 + inward) * products + others
            moved += batch_size * ((1 + inward) * read + written) + 2 * weights
        if isinstance(layer, _FREE):
            moved = 0  # another view of the same numbers
        first = first and not products
        kind = type(layer).__name__
        costs.append(LayerCost(layer.name, kind, weights, operations, moved * number_bytes))
    return costs


@takes(model=model())
def step_cost(model: keras.Model, batch_size: int, *, number_bytes: int = 4) -> LayerCost:
    """Count what one training step costs: forward, backward, and Adam on every weight.

    Loss and metrics are left out; they are a few operations for each class.

    Args:
        model: see :func:`layer_costs`.
        batch_size: examples.
        number_bytes: bytes of one number in the layers; Adam keeps float32.

    Raises:
        ValueError: see :func:`layer_costs`.
    """
    costs = layer_costs(model, batch_size, training=True, number_bytes=number_bytes)
    weights = sum(cost.parameters for cost in costs)
    return LayerCost(
        "training step",
        type(model).__name__,
        weights,
        sum(cost.operations for cost in costs) + _ADAM_OPERATIONS * weights,
        sum(cost.moved for cost in costs) + 4 * _ADAM_PASSES * weights,
    )


def _operations(layer: layers.Layer) -> tuple[int, int]:
    """Return one example's operations: those of the kernel's products, and all others."""
    if isinstance(layer, (*_FREE, layers.Dropout)):
        return 0, 0
    out = _numbers(layer.output)
    if isinstance(layer, layers.Dense):
        products = 2 * out * layer.kernel.shape[0]
        return products, out * (layer.use_bias + _activates(layer))
    if type(layer) is layers.Conv2D and layer.groups == 1:
        taps = _taps(layer, layer.kernel_size, layer.dilation_rate)
        products = 2 * taps * layer.kernel.shape[2] * layer.filters
        return products, out * (layer.use_bias + _activates(layer))
    if isinstance(layer, layers.MaxPooling2D):  # comparisons: one fewer than there are pixels
        return 0, out * (math.prod(layer.pool_size) - 1)
    if isinstance(layer, layers.AveragePooling2D):  # sums, and one division
        return 0, out * math.prod(layer.pool_size)
    if isinstance(layer, layers.GlobalAveragePooling2D):
        return 0, _numbers(layer.input)
    if isinstance(layer, layers.BatchNormalization):  # with its constants folded: scale and shift
        return 0, 2 * out
    if isinstance(layer, layers.Activation | layers.ReLU):
        return 0, out * (isinstance(layer, layers.ReLU) or _activates(layer))
    if isinstance(layer, layers.Add):
        return 0, out * (len(layer.input) - 1)
    raise ValueError(
        f"The cost of layer {layer.name!r} ({type(layer).__name__}) is not known here. "
        "layer_costs lists the kinds that it counts."
    )


def _activates(layer: layers.Layer) -> bool:
    """Tell whether a layer ends in an activation; any kind counts as one operation a number."""
    return layer.activation is not keras.activations.linear


def _taps(layer: layers.Layer, kernel_size: Sequence[int], dilation: Sequence[int]) -> int:
    """Count the pairs of an output position and a kernel position that meet a real pixel."""
    total = 1
    for axis in (0, 1):
        size, result = layer.input.shape[1 + axis], layer.output.shape[1 + axis]
        stride, spread = layer.strides[axis], dilation[axis]
        reach = (kernel_size[axis] - 1) * spread + 1
        missing = max((result - 1) * stride + reach - size, 0) if layer.padding == "same" else 0
        starts = (place * stride - missing // 2 for place in range(result))
        total *= sum(
            0 <= start + spread * k < size for start in starts for k in range(kernel_size[axis])
        )
    return total


def _numbers(tensors: object) -> int:
    """Count the numbers of one example in a tensor or several."""
    return sum(math.prod(tensor.shape[1:]) for tensor in keras.tree.flatten(tensors))
