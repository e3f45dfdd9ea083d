"""Where does the time of a training step go, and which of the promised accelerations pay here?

Serves the chapter ``compute/acceleration``. ``layer_costs`` counts operations and bytes,
``measure_roof`` measures what the machine can do with them, ``step_seconds`` times the steps of
Keras's ``fit``, ``compile_for`` switches between running a step line by line, as a graph, and
through XLA. ``round_to`` and ``next_loss_scale`` show what 16-bit numbers keep, ``watch_feed`` and
``prefetch`` whether a step waits for its data, ``EnergyMeter`` and ``price_of_accuracy`` what a
run costs. ``ring_all_reduce``, which adds up gradients over many workers, can be had from here too;
the chapter ``compute/distributed_training`` teaches it, and its page has the description.

Main references: Williams, Waterman and Patterson (2009) for the roofline; Micikevicius and others
(2018) for mixed precision; Murray and others (2021) for input pipelines; Henderson and others
(2020) for reporting energy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from course_lib._checks import choice, function, instance, model, sequence, string, takes
from course_lib._cost import LayerCost, layer_costs, step_cost
from course_lib._energy import EnergyMeter, EnergyReport, price_of_accuracy
from course_lib._feeding import FeedReport, prefetch, watch_feed
from course_lib._formats import (
    FORMATS,
    LossScale,
    NumberFormat,
    lost_share,
    next_loss_scale,
    round_to,
)
from course_lib._ring import ring_all_reduce as ring_all_reduce
from course_lib._roofline import Roof, measure_roof, product_error, product_rate, stream_rate
from course_lib._timing import BatchCost, StepTimer, fit_batch_cost, race, seconds, step_seconds

__all__ = [
    "FORMATS",
    "MODES",
    "BatchCost",
    "EnergyMeter",
    "EnergyReport",
    "FeedReport",
    "LayerCost",
    "LossScale",
    "NumberFormat",
    "Roof",
    "StepTimer",
    "compile_for",
    "fit_batch_cost",
    "layer_costs",
    "lost_share",
    "measure_roof",
    "next_loss_scale",
    "prefetch",
    "price_of_accuracy",
    "product_error",
    "product_rate",
    "race",
    "round_to",
    "seconds",
    "step_cost",
    "step_seconds",
    "stream_rate",
    "watch_feed",
    "with_precision",
]

MODES = {
    "eager": {"run_eagerly": True, "jit_compile": False},
    "graph": {"run_eagerly": False, "jit_compile": False},
    "xla": {"run_eagerly": False, "jit_compile": True},
}


@takes(
    model=model(),
    mode=choice(MODES),
    optimizer=instance(keras.optimizers.Optimizer, "a Keras optimizer"),
    metrics=sequence(string()),
)
def compile_for(
    model: keras.Model,
    mode: str,
    optimizer: keras.optimizers.Optimizer | None = None,
    metrics: tuple[str, ...] = (),
) -> keras.Model:
    """Compile a classifier so that its steps run in one of three ways.

    ``"eager"`` runs the step's lines one after another in Python. ``"graph"`` records them once and
    runs the record. ``"xla"`` hands the record to the compiler XLA, which fuses operations. (On JAX
    there is no graph without XLA: both are the same.)

    Args:
        model: gives logits of shape ``(batch, classes)``; it is compiled in place.
        mode: ``"eager"``, ``"graph"`` or ``"xla"``.
        optimizer: Adam with Keras's learning rate if None.
        metrics: names of Keras metrics.

    Returns:
        The same model.

    Raises:
        ValueError: ``mode`` is another word.
    """
    if mode not in MODES:
        raise ValueError(f"mode must be one of {', '.join(MODES)}, but it is {mode!r}.")
    model.compile(
        optimizer or keras.optimizers.Adam(),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=list(metrics),
        **MODES[mode],
    )
    return model


@takes(
    build=function(),
    policy=choice(("float16", "bfloat16", "float32", "float64", "mixed_float16", "mixed_bfloat16")),
)
def with_precision(build: Callable[[], keras.Model], policy: str) -> keras.Model:
    """Build a model whose layers compute in another number format.

    Under ``"mixed_bfloat16"`` and ``"mixed_float16"`` weights stay float32 and are rounded for each
    use. The logits become float32 again, because the loss takes logarithms and sums of them. Where
    the policy *of the model* is ``"mixed_float16"``, Keras scales the loss by itself; a model put
    together after the global policy was set back has layers in float16 and no loss scaling. The
    global policy is as before when this returns.

    Args:
        build: makes a functional or sequential model when it is called.
        policy: the name of a Keras dtype policy.

    Returns:
        An uncompiled model with float32 outputs.

    Raises:
        ValueError: Keras knows no such policy.
    """
    before: Any = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        body = build()
        logits = keras.layers.Activation("linear", dtype="float32", name="float32")(body.outputs[0])
        return keras.Model(body.inputs[0], logits)  # its own policy decides on loss scaling
    finally:
        keras.config.set_dtype_policy(before)
