"""How small can a network become before anybody notices, and who notices first?

Serves the chapter ``compute/compression``. Weights are dropped (``magnitude_mask``,
``GradualPruning``), whole channels are cut out (``remove_channels``), numbers are rounded
(``quantize``, ``quantization_aware``) or shared (``share_weights``, ``shared_codebooks``), and what
is left is coded into one file. ``tune`` repairs what each step broke.

Main references: Han, Mao and Dally (2016), "Deep Compression", for the whole way; Zhu and Gupta
(2017) for gradual pruning; Jacob and others (2018) for quantization; Frankle and Carbin (2019) for
the lottery; Hooker and others (2019) for whom compression forgets.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from course_lib import gradients, training
from course_lib._channels import channel_norms, channels_to_keep, mask_channels, remove_channels
from course_lib._checks import (
    array,
    indices,
    input_of,
    model,
    real,
    same_length,
    sequence,
    takes,
    whole,
)
from course_lib._coding import (
    absolute_indices,
    huffman_decode,
    huffman_encode,
    huffman_lengths,
    relative_indices,
)
from course_lib._compressed_file import (
    CompressedSize,
    StoredTensor,
    load_compressed,
    save_compressed,
)
from course_lib._edge import (
    export_litert,
    export_onnx,
    litert_latency,
    run_litert,
    run_onnx,
)
from course_lib._kernel_wrappers import (
    QuantizationAware,
    SharedKernel,
    plain_model,
    quantization_aware,
    shared_codebooks,
)
from course_lib._lottery import Lottery, lottery, surviving
from course_lib._pruning import (
    global_masks,
    in_batches,
    kept,
    magnitude_mask,
    prune_model,
    sensitivity,
)
from course_lib._quantization import (
    FakeQuantize,
    Quantized,
    calibrate,
    dequantize,
    quantize,
    quantize_activations,
    quantize_model,
    round_straight_through,
)
from course_lib._sparse_training import GradualPruning, KeepZeros, cubic_sparsity
from course_lib._weight_sharing import Shared, share_model, share_weights
from course_lib.distillation import Distiller, distillation_loss

__all__ = [
    "CompressedSize",
    "Distiller",
    "FakeQuantize",
    "GradualPruning",
    "KeepZeros",
    "Lottery",
    "QuantizationAware",
    "Quantized",
    "Shared",
    "SharedKernel",
    "StoredTensor",
    "absolute_indices",
    "accuracy",
    "calibrate",
    "channel_norms",
    "channels_to_keep",
    "cubic_sparsity",
    "dequantize",
    "distillation_loss",
    "export_litert",
    "export_onnx",
    "global_masks",
    "huffman_decode",
    "huffman_encode",
    "huffman_lengths",
    "kept",
    "lenet_300_100",
    "litert_latency",
    "load_compressed",
    "logits_of",
    "lottery",
    "magnitude_mask",
    "mask_channels",
    "plain_model",
    "prune_model",
    "quantization_aware",
    "quantize",
    "quantize_activations",
    "quantize_model",
    "relative_indices",
    "remove_channels",
    "round_straight_through",
    "run_litert",
    "run_onnx",
    "save_compressed",
    "sensitivity",
    "share_model",
    "share_weights",
    "shared_codebooks",
    "surviving",
    "tune",
]


@takes(seed=whole())
def lenet_300_100(seed: int = 0) -> keras.Sequential:
    """Build the network that papers on compression measure themselves by.

    Two hidden layers of 300 and 100 units on the 784 pixels of a digit (LeCun and others 1998):
    266,200 weights and 410 biases.

    Args:
        seed: for the initial weights.

    Returns:
        An uncompiled model from images ``(batch, 28, 28, 1)`` to logits ``(batch, 10)``.
    """
    training.set_seed(seed)
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(300, "relu", name="fc1"),
            keras.layers.Dense(100, "relu", name="fc2"),
            keras.layers.Dense(10, name="fc3"),
        ],
        name="lenet_300_100",
    )


@takes(
    model=model(),
    x=array("examples", "...", filled=True),
    y=indices("examples"),
    epochs=whole(1),
    learning_rate=real(0, open_start=True),
    batch_size=whole(1),
    seed=whole(),
    callbacks=sequence(),
)
def tune(
    model: keras.Model,
    x: np.ndarray,
    y: np.ndarray,
    *,
    epochs: int,
    learning_rate: float = 1e-3,
    batch_size: int = 128,
    seed: int = 0,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> keras.Model:
    """Train a model on class indices, or repair one, with Adam and a one-cycle learning rate.

    Args:
        model: gives logits; it is compiled and trained **in place**.
        x: inputs, shape ``(examples, ...)``.
        y: class indices, shape ``(examples,)``.
        epochs: how often to go through the examples.
        learning_rate: the peak of the schedule.
        batch_size: examples a step.
        seed: for the order of the examples.
        callbacks: such as :class:`GradualPruning` or :class:`KeepZeros`.

    Returns:
        ``model`` itself.
    """
    steps = epochs * -(-len(x) // batch_size)
    model.compile(
        keras.optimizers.Adam(training.one_cycle(learning_rate, max(steps, 2))),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=gradients.without_slow_start(),
    )
    training.fit(
        *(model, x, y), epochs=epochs, batch_size=batch_size, seed=seed, callbacks=callbacks
    )
    return model


@takes(
    input_of("model"),
    same_length("x", "y"),
    model=model(),
    x=array("examples", "...", filled=True),
    y=array("examples"),
)
def accuracy(model: keras.Model, x: np.ndarray, y: np.ndarray) -> float:
    """Return the share of examples whose largest logit is that of the right class."""
    return float((logits_of(model, x).argmax(axis=1) == y).mean())


@takes(
    input_of("model"), model=model(), x=array("examples", "...", filled=True), batch_size=whole(1)
)
def logits_of(model: keras.Model, x: np.ndarray, batch_size: int = 500) -> np.ndarray:
    """Run a model that is used once, such as one of many variants.

    Unlike ``predict`` it does not compile the model first, which would take longer than the run.

    Args:
        model: gives one output.
        x: inputs, shape ``(examples, ...)``.
        batch_size: examples at a time.

    Returns:
        Outputs, shape ``(examples, classes)``.
    """
    return in_batches(model, x, batch_size)
