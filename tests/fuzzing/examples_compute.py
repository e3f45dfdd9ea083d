"""Valid calls of ``distillation``, ``compression``, ``acceleration`` and
``distributed_training``.
"""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

import keras
import numpy as np
from keras import ops

from course_lib import acceleration, compression, distillation, distributed_training, gradients
from fuzzing.registry import LEFT_OUT, example
from fuzzing.values import classes, floats, fresh_perceptron, perceptron

SPEAKS_TENSORFLOW = gradients.active_backend() == "tensorflow"

# distillation


@functools.cache
def classroom():
    room = distillation.Classroom([fresh_perceptron()], np.array([[2.0, 0.5]]))
    room.open_books(floats(6, 4), classes(6), floats(6, 3))
    return room


def three_logits():
    return {"student_logits": floats(4, 3), "teacher_logits": floats(4, 3, seed=1)}


example("distillation.Classroom")(
    lambda: {"starts": [fresh_perceptron()], "dials": np.array([[2.0, 0.5]])}
)
example("distillation.Classroom.open_books", classroom().open_books)(
    lambda: {"x": floats(6, 4), "labels": classes(6), "teacher_logits": floats(6, 3)}
)
example("distillation.Classroom.logits", classroom().logits)(
    lambda: {"x": floats(6, 4), "batch_size": 4}
)
example("distillation.Classroom.student_weights", classroom().student_weights)(
    lambda: {"start": 0, "dial": 0}
)
example("compression.Distiller")(
    lambda: {"student": fresh_perceptron(), "temperature": 2.0, "alpha": 0.5}
)
example("distillation.agreement")(three_logits)
example("compression.distillation_loss")(
    lambda: three_logits() | {"labels": classes(4), "temperature": 2.0, "alpha": 0.5}
)
example("distillation.inherited_mistakes")(lambda: three_logits() | {"labels": classes(4)})
example("distillation.soft_gradient")(lambda: three_logits() | {"temperature": 2.0})
example("distillation.soften")(lambda: {"logits": floats(4, 3), "temperature": 2.0})
example("distillation.ensemble_logits")(lambda: {"logits": floats(2, 4, 3)})
example("distillation.fitting_bias")(
    lambda: {"logits": floats(12, 3), "class_index": 1, "share": 0.4}
)
example("distillation.teach", slow=True)(
    lambda: {
        "starts": [fresh_perceptron()],
        "x": floats(6, 4),
        "labels": classes(6),
        "teacher_logits": floats(6, 3),
        "temperature": 2.0,
        "alpha": (0.5,),
        "epochs": 1,
        "batch_size": 3,
        "learning_rate": 0.01,
        "seed": 0,
    }
)

# Formats of the edge speak TensorFlow and ONNX; tests/test_edge.py calls them.

if SPEAKS_TENSORFLOW:

    @functools.cache
    def litert():
        return compression.export_litert(perceptron(), Path(tempfile.mkdtemp()) / "m.tflite")

    example("compression.export_litert", slow=True)(
        lambda: {
            "model": perceptron(),
            "path": Path(tempfile.mkdtemp()) / "m.tflite",
            "representative": floats(8, 4),
        }
    )
    example("compression.run_litert")(lambda: {"path": litert(), "x": floats(3, 4), "threads": 1})
    example("compression.litert_latency", slow=True)(
        lambda: {"path": litert(), "x": floats(3, 4), "rounds": 2, "threads": (1,)}
    )
else:
    for name in ("export_litert", "run_litert", "litert_latency"):
        LEFT_OUT[f"compression.{name}"] = "needs the TensorFlow backend"
for name in ("export_onnx", "run_onnx"):
    LEFT_OUT[f"compression.{name}"] = "takes seconds; tests/test_edge.py shows what it refuses"

# compression


def kernel():
    return floats(6, 5)


@functools.cache
def ranges():
    return compression.calibrate(perceptron(), floats(8, 4))


def saved():
    path = Path(tempfile.mkdtemp()) / "m.small"
    compression.save_compressed(perceptron(), path)
    return path


LEFT_OUT["compression.CompressedSize"] = "a record, which save_compressed returns"
LEFT_OUT["compression.StoredTensor"] = "a record, which save_compressed returns"
example("compression.FakeQuantize")(lambda: {"low": -1.0, "high": 1.0, "bits": 8})
example("compression.GradualPruning")(
    lambda: {"sparsity": 0.5, "begin": 0, "end": 4, "every": 2, "scope": "layer"}
)
example("compression.KeepZeros")(lambda: {"masks": {"hidden": np.ones((4, 5), bool)}})
example("compression.QuantizationAware")(
    lambda: {"layer": fresh_perceptron().layers[0], "bits": 4, "per_channel": True}
)
example("compression.SharedKernel")(lambda: {"layer": fresh_perceptron().layers[0], "clusters": 3})
for name in ("QuantizationAware", "SharedKernel"):
    LEFT_OUT[f"compression.{name}.effective_kernel"] = "takes no argument"
example("compression.absolute_indices")(lambda: {"gaps": np.array([0, 2, 3])})
example("compression.relative_indices")(lambda: {"positions": np.array([0, 3, 7]), "bits": 3})
example("compression.accuracy")(lambda: {"model": perceptron(), "x": floats(6, 4), "y": classes(6)})
example("compression.logits_of")(
    lambda: {"model": perceptron(), "x": floats(6, 4), "batch_size": 4}
)
example("compression.calibrate")(
    lambda: {"model": perceptron(), "x": floats(6, 4), "percentile": 90.0}
)
example("compression.channel_norms")(lambda: {"kernel": kernel()})
example("compression.channels_to_keep")(lambda: {"model": perceptron(), "sparsity": 0.4})
for name in ("mask_channels", "remove_channels"):
    example(f"compression.{name}")(
        lambda: {"model": perceptron(), "keep": {"hidden": np.array([0, 2])}}
    )
example("compression.cubic_sparsity")(
    lambda: {"step": 2.0, "final": 0.5, "begin": 0, "end": 4, "initial": 0.1}
)
example("compression.quantize")(
    lambda: {"weights": kernel(), "bits": 4, "axis": -1, "symmetric": True}
)
example("compression.dequantize")(lambda: {"quantized": compression.quantize(kernel())})
example("compression.round_straight_through")(lambda: {"x": kernel()})
example("compression.magnitude_mask")(lambda: {"weights": kernel(), "sparsity": 0.5})
example("compression.global_masks")(lambda: {"several": [kernel(), kernel()], "sparsity": 0.5})
example("compression.huffman_encode")(lambda: {"symbols": np.array([1, 1, 2, 3])})
example("compression.huffman_decode")(
    lambda: {"data": compression.huffman_encode(np.array([1, 1, 2, 3])), "most": 100}
)
example("compression.huffman_lengths")(lambda: {"counts": np.array([2, 1, 1])})
example("compression.kept")(lambda: {"model": perceptron()})
example("compression.plain_model")(lambda: {"model": perceptron()})
example("compression.lenet_300_100")(lambda: {"seed": 0})
example("compression.save_compressed")(
    lambda: {
        "model": perceptron(),
        "path": Path(tempfile.mkdtemp()) / "m.small",
        "index_bits": 4,
    }
)
example("compression.load_compressed")(lambda: {"path": saved()})
example("compression.lottery", slow=True)(
    lambda: {
        "build": fresh_perceptron,
        "data": (floats(6, 4), classes(6), floats(6, 4), classes(6)),
        "seeds": (0,),
        "rounds": 1,
        "drop": 0.5,
        "epochs": 1,
        "batch_size": 3,
        "learning_rate": 0.01,
    }
)
example("compression.prune_model")(
    lambda: {"model": fresh_perceptron(), "sparsity": 0.5, "scope": "layer"}
)
example("compression.quantization_aware")(
    lambda: {"model": perceptron(), "bits": 4, "per_channel": True}
)
example("compression.quantize_activations")(
    lambda: {"model": perceptron(), "ranges": ranges(), "bits": 8}
)
example("compression.quantize_model")(
    lambda: {"model": fresh_perceptron(), "bits": 8, "axis": -1, "symmetric": True}
)
example("compression.sensitivity")(
    lambda: {"model": perceptron(), "score": lambda model: 1.0, "sparsities": (0.0, 0.5)}
)
for name in ("share_model", "shared_codebooks"):
    example(f"compression.{name}")(lambda: {"model": fresh_perceptron(), "clusters": 3})
example("compression.share_weights")(lambda: {"weights": kernel(), "clusters": 3, "rounds": 5})
example("compression.surviving")(
    lambda: {"kernels": floats(2, 3, 4), "masks": np.ones((2, 3, 4), bool), "drop": 0.5}
)
example("compression.tune", slow=True)(
    lambda: {
        "model": fresh_perceptron(),
        "x": floats(6, 4),
        "y": classes(6),
        "epochs": 1,
        "learning_rate": 0.01,
        "batch_size": 3,
        "seed": 0,
        "callbacks": (),
    }
)

# acceleration


LEFT_OUT["acceleration.EnergyReport"] = "a record, which EnergyMeter returns"
example("acceleration.EnergyMeter")(lambda: {"watts_per_core": 8.0, "overhead": 1.5})
example("acceleration.StepTimer")(lambda: {"warm_up": 1, "block": 2})
roof = acceleration.Roof(1e9, 1e8)
example("acceleration.Roof.attainable", roof.attainable)(
    lambda: {"intensity": np.array([0.5, 20.0])}
)
example("acceleration.Roof.seconds", roof.seconds)(lambda: {"operations": 1e6, "moved": 1e6})
example("acceleration.compile_for")(
    lambda: {
        "model": fresh_perceptron(),
        "mode": next(iter(acceleration.MODES)),
        "optimizer": keras.optimizers.SGD(0.1),
        "metrics": (),
    }
)
example("acceleration.fit_batch_cost")(
    lambda: {"batch_sizes": (1, 2, 4), "step_times": (1.0, 1.5, 2.6)}
)
example("acceleration.layer_costs")(
    lambda: {"model": perceptron(), "batch_size": 2, "training": True, "number_bytes": 2}
)
example("acceleration.step_cost")(
    lambda: {"model": perceptron(), "batch_size": 2, "number_bytes": 2}
)
half = acceleration.NumberFormat(5, 10)
example("acceleration.lost_share", missing={"values": "NaN stays NaN in every format"})(
    lambda: {"values": floats(9), "number_format": half, "scale": 2.0}
)
example("acceleration.round_to", missing={"values": "NaN stays NaN in every format"})(
    lambda: {"values": floats(9), "number_format": half}
)
example("acceleration.measure_roof", spare={"mebibytes": "large ones take all memory"})(
    lambda: {"size": 8, "dtype": "float32", "mebibytes": 1.0, "rounds": 1}
)
example("acceleration.product_error")(lambda: {"dtype": "float32", "size": 8})
example("acceleration.product_rate")(lambda: {"size": 8, "dtype": "float32", "rounds": 1})
example("acceleration.stream_rate", spare={"mebibytes": "large ones take all memory"})(
    lambda: {"mebibytes": 1.0, "rounds": 1}
)
example("acceleration.next_loss_scale")(
    lambda: {"state": acceleration.LossScale(), "finite": True, "growth_steps": 10}
)
example("acceleration.prefetch", fine={"batches": ("text",)})(
    lambda: {"batches": range(2), "depth": 1}
)
example("acceleration.watch_feed", fine={"batches": ("text",)})(
    lambda: {"batches": range(2), "work": lambda batch: None}
)
example("acceleration.price_of_accuracy")(
    lambda: {"joules": (1.0, 2.0, 4.0), "accuracy": (0.5, 0.6, 0.7)}
)
example("acceleration.race")(
    lambda: {"contenders": {"one": lambda: 1, "two": lambda: 2}, "rounds": 1, "repeats": 1}
)
example("acceleration.seconds")(lambda: {"call": lambda: 1, "repeats": 1})
example("acceleration.step_seconds", slow=True)(
    lambda: {
        "model": perceptron(),
        "x": floats(6, 4),
        "y": classes(6),
        "batch_size": 3,
        "blocks": 1,
        "block": 1,
        "warm_up": 1,
    }
)
example("acceleration.with_precision")(lambda: {"build": fresh_perceptron, "policy": "float32"})

# distributed_training


@functools.cache
def runs():
    return distributed_training.ManyRuns(floats(6, 4), classes(6), floats(4, 4), classes(4))


def loss_sum(weights, x, y):
    total = ops.cast(ops.sum(x), "float32") * ops.sum(weights[0])
    return (total - ops.cast(ops.sum(y), "float32")) ** 2


def sharded(**more):
    return lambda: (
        {
            "loss_sum": loss_sum,
            "weights": [floats(4, 1)],
            "x": floats(6, 4),
            "y": floats(6),
        }
        | more
    )


def job():
    return distributed_training.Job(floats(6, 4), classes(6), 3, 1)


LEFT_OUT |= dict.fromkeys(
    (
        "distributed_training.Job",
        "distributed_training.Outcome",
        "distributed_training.Run",
    ),
    "a record",
)
LEFT_OUT |= dict.fromkeys(
    (
        "distributed_training.distributed_step",
        "distributed_training.exchange",
        "distributed_training.prepare_processes",
        "distributed_training.reduce_over_processes",
        "distributed_training.replica_batches",
        "distributed_training.ring_worker",
        "distributed_training.run_program",
        "distributed_training.run_together",
        "distributed_training.tf_config_from_kubernetes",
        "distributed_training.tf_config_from_slurm",
        "distributed_training.train_over_processes",
        "distributed_training.train_worker",
        "distributed_training.Outcome.tail",
    ),
    "starts, or is called in, processes of its own, or reads their environment: "
    "tests/test_distributed_training.py shows what it refuses",
)
LEFT_OUT["distributed_training.Job.new_model"] = "takes no argument"
for name in ("accumulated_gradient", "data_parallel_gradient"):
    part = "parts" if name.startswith("acc") else "workers"
    example(f"distributed_training.{name}")(sharded(**{part: 2}))
for name in ("amdahl", "gustafson"):
    example(f"distributed_training.{name}")(
        lambda: {"workers": np.array([1, 2, 4]), "parallel": 0.9}
    )
example("distributed_training.ManyRuns")(
    lambda: {"x": floats(6, 4), "y": classes(6), "x_test": floats(4, 4), "y_test": classes(4)}
)
example("distributed_training.ManyRuns.start", runs().start)(lambda: {"seeds": (0, 1)})
example(
    "distributed_training.ManyRuns.measure",
    runs().measure,
    missing={"weights": "a run that diverges has such weights, and an infinite loss"},
)(lambda: {"weights": runs().start((0, 1))})
example("distributed_training.ManyRuns.train", runs().train)(
    lambda: {
        "seeds": (0, 1),
        "rates": (0.1, 0.1),
        "batch_size": 2,
        "steps": 2,
        "every": 1,
        "delay": 1,
        "workers": 2,
        "share": 0.5,
        "feedback": True,
        "target": 0.1,
    }
)
example("distributed_training.delay_limit")(lambda: {"delay": 2, "curvature": 0.5})
example("distributed_training.epoch_order")(lambda: {"job": job(), "epoch": 0})
example("distributed_training.expand_nodes")(lambda: {"nodes": "n[1-3]"})
example("distributed_training.first_below")(
    lambda: {"losses": np.array([[3.0, 3.0], [2.0, 1.0], [0.5, 0.4]]), "target": 1.5, "every": 2},
)
example("distributed_training.fit_critical_batch")(
    lambda: {"batches": np.array([8, 16, 32, 64]), "steps": np.array([900.0, 500.0, 300.0, 200.0])}
)
example("distributed_training.fit_wire")(
    lambda: {
        "workers": np.array([2, 2, 4, 4]),
        "size": np.array([1e3, 1e6, 1e3, 1e6]),
        "seconds": np.array([0.1, 1.1, 0.3, 1.8]),
    }
)
example("distributed_training.free_ports")(lambda: {"count": 2})
example("distributed_training.keep_largest")(lambda: {"vectors": floats(2, 6), "share": 0.5})
example("distributed_training.kubernetes_job")(
    lambda: {
        "name": "run-1",
        "image": "image:2",
        "command": ["python", "x.py"],
        "workers": 2,
        "gpus": 1,
        "claim": "backup",
        "port": 9000,
    }
)
example("distributed_training.ray_program")(lambda: {"workers": 2, "use_gpu": False})
example("distributed_training.ring_all_reduce")(lambda: {"shards": [floats(5), floats(5)]})
example("distributed_training.ring_states")(lambda: {"shards": [floats(5), floats(5)]})
example("distributed_training.ring_schedule")(lambda: {"workers": 3})
for name in ("ring_seconds", "server_seconds"):
    example(f"distributed_training.{name}")(
        lambda: {"workers": np.array([2, 4]), "size": 1e6, "latency": 0.001, "bandwidth": 1e9}
    )
example("distributed_training.shard_rows")(lambda: {"examples": 7, "workers": 2})
example("distributed_training.slurm_script")(
    lambda: {
        "name": "run",
        "command": "python x.py",
        "nodes": 2,
        "tasks_per_node": 1,
        "gpus_per_task": 1,
    }
)
LEFT_OUT["distributed_training.split_cpu"] = "must be called before TensorFlow starts"
example("distributed_training.step_seconds")(
    lambda: {
        "workers": np.array([2, 4]),
        "compute": 0.5,
        "size": 1e6,
        "latency": 0.001,
        "bandwidth": 1e9,
        "hidden": 0.2,
    }
)
example("distributed_training.tf_config")(lambda: {"hosts": ["a:1", "b:1"], "index": 0})
example("distributed_training.worker_program")(
    lambda: {"cluster": "slurm", "examples": 7, "backup": "/backup", "port": 99}
)
critical = distributed_training.CriticalBatch(100.0, 32.0)
example("distributed_training.CriticalBatch.steps", critical.steps)(
    lambda: {"batch": np.array([8, 16])}
)
LEFT_OUT["distributed_training.Wire.wait"] = "sleeps for as long as a wire would take"
