"""Valid calls of ``regularization``, ``data_quality``, ``augmentation``, ``transfer_learning`` and
``label_efficiency``.
"""

from __future__ import annotations

import functools

import keras
import numpy as np

from course_lib import augmentation, transfer_learning
from fuzzing.registry import LEFT_OUT, example
from fuzzing.values import (
    classes,
    floats,
    fresh_perceptron,
    images,
    perceptron,
    probabilities,
    small_network,
)

# regularization

example("regularization.l2_penalty")(
    lambda: {"weights": [floats(2, 3), floats(3)], "strength": 0.1}
)
example("regularization.dropout")(
    lambda: {"x": floats(2, 3), "rate": 0.5, "seed": 0, "training": True}
)
example("regularization.label_smoothing")(
    lambda: {"labels": classes(4), "num_classes": 3, "amount": 0.1}
)
example("augmentation.mixup")(
    lambda: {"x": floats(4, 2), "y": probabilities(4, 3), "alpha": 0.4, "seed": 0}
)
example("regularization.ensemble_predict")(
    lambda: {"models": [perceptron(), perceptron()], "x": floats(3, 4), "batch_size": 2}
)
for name in ("reliability", "expected_calibration_error"):
    example(
        f"regularization.{name}",
        missing={"bins": "a bin without examples has no accuracy: NaN, as the docstring says"},
    )(lambda: {"probabilities": probabilities(12, 3), "labels": classes(12), "bins": 1})
example("regularization.temperature_scaling")(
    lambda: {
        "logits": floats(12, 3) + 0.5 * np.eye(3, dtype="float32")[classes(12)],
        "labels": classes(12),
    }
)

# data_quality

MISSING = "NaN is a missing value here"


def table():
    return floats(12, 3).astype("float64")


example("data_quality.drop_values", makes_nan="NaN stands for what it makes missing")(
    lambda: {
        "x": table(),
        "share": 0.2,
        "mechanism": "at random",
        "seed": 0,
        "driver": 1,
        "columns": [0, 2],
    },
)
example("data_quality.add_noise")(lambda: {"x": table(), "scale": 0.1, "seed": 0})
example("data_quality.add_outliers")(lambda: {"x": table(), "share": 0.1, "size": 5.0, "seed": 0})
example("data_quality.flip_labels")(
    lambda: {"y": classes(12), "noise": 0.2, "seed": 0, "num_classes": 3}
)
example("data_quality.imbalance", missing={"x": MISSING})(
    lambda: {"x": table(), "y": classes(12), "shares": {0: 1.0, 1: 0.5}, "seed": 0}
)
example("data_quality.class_weights")(lambda: {"y": classes(12)})
example("data_quality.confident_joint")(
    lambda: {"labels": classes(12), "probabilities": probabilities(12, 3)}
)
example("data_quality.find_label_errors")(
    lambda: {"labels": classes(12), "probabilities": probabilities(12, 3)}
)
for name in ("normalize", "standardize", "robust_scale"):
    example(f"data_quality.{name}", missing=dict.fromkeys(("x_train", "others"), MISSING))(
        lambda: {"x_train": table(), "others": (table(),)}
    )
example("data_quality.find_outliers", missing=dict.fromkeys(("x_train", "others"), MISSING))(
    lambda: {"x_train": table(), "others": (table(),), "threshold": 3.5}
)
example("data_quality.impute", missing=dict.fromkeys(("x_train", "others"), MISSING))(
    lambda: {
        "x_train": table(),
        "others": (table(),),
        "method": "median",
        "neighbors": 2,
        "seed": 0,
    }
)
example("data_quality.oversample")(
    lambda: {"x": table(), "y": (classes(12) > 1).astype(int), "seed": 0, "neighbors": 2}
)
example("data_quality.report", missing=dict.fromkeys(("x", "x_test"), MISSING))(
    lambda: {"x": table(), "y": classes(12), "x_test": floats(4, 3, seed=1)}
)
LEFT_OUT["data_quality.DataReport"] = "a record, which report returns"

# augmentation

LEFT_OUT["augmentation.Augmented"] = "hands its settings to the function, which checks them"


def drawn(**settings):
    return lambda: {"images": images(), "seed": 0} | settings


example("augmentation.add_noise")(drawn(deviation=0.1))
example("augmentation.color_jitter")(drawn(brightness=0.1, contrast=0.1, saturation=0.1))
example("augmentation.crop_and_pad")(drawn(padding=1, fill=0.5))
example("augmentation.cutout")(drawn(size=2, fill=0.5))
example("augmentation.flip")(drawn(direction="vertical", rate=0.5))
example("augmentation.rotate")(drawn(degrees=10.0, fill=0.5))
example("augmentation.translate")(drawn(pixels=1.5, fill=0.5))
example("augmentation.random_augment")(
    drawn(operations=("rotate", "noise"), num_operations=1, magnitude=0.5)
)
example("augmentation.rotate_by")(lambda: {"images": images(), "degrees": floats(2), "fill": 0.5})
example("augmentation.translate_by")(
    lambda: {"images": images(), "down": floats(2), "right": floats(2), "fill": 0.5}
)
example("augmentation.cutmix")(
    lambda: {"x": images(4), "y": probabilities(4, 3), "alpha": 0.5, "seed": 0}
)
example("augmentation.check_augmentation")(
    lambda: {
        "function": lambda some: augmentation.flip(some, 0),
        "images": images(4),
        "least": 0.002,
    }
)

# transfer_learning


@functools.cache
def adapted():
    return transfer_learning.low_rank_adapt(fresh_perceptron(), 1)


example("transfer_learning.source_cnn")(lambda: {"input_shape": (8, 8, 1), "num_classes": 3})
example("transfer_learning.grey_photos")(
    lambda: {"images": np.full((2, 9, 9, 3), 7, np.uint8), "side": 8}
)
example("transfer_learning.load_pretrained", slow=True)(
    lambda: {"name": "MobileNetV3Small", "input_shape": (32, 32, 3), "weights": None}
)
example("transfer_learning.feature_extractor")(
    lambda: {"model": small_network(), "layer": "conv", "positions": 1}
)
example("transfer_learning.fit_head")(
    lambda: {"features": floats(12, 2), "labels": classes(12), "num_classes": 3, "penalty": 1.0}
)
example("transfer_learning.linear_probe", other_names={"data": ("labels", "features")})(
    lambda: {
        "model": perceptron(),
        "data": (floats(12, 4), classes(12)),
        "layer": "hidden",
        "penalty": 1.0,
    }
)
example("transfer_learning.replace_head")(
    lambda: {"model": perceptron(), "num_classes": 2, "seed": 0}
)
example("transfer_learning.freeze")(lambda: {"model": fresh_perceptron(), "until": "hidden"})
example("transfer_learning.layer_rates")(lambda: {"model": perceptron(), "decay": 0.5})
example("transfer_learning.LayerwiseAdam")(
    lambda: {"learning_rate": 0.01, "shares": {"hidden": 0.5}}
)
example("transfer_learning.compile_classifier")(
    lambda: {"model": fresh_perceptron(), "optimizer": keras.optimizers.SGD(0.1)}
)
example("transfer_learning.FineTuner")(
    lambda: {
        "model": perceptron(),
        "num_classes": 3,
        "steps": 2,
        "learning_rate": 0.01,
        "rate_decay": 0.5,
        "batch_size": 4,
        "head_first": False,
        "keep_statistics": True,
    }
)
example("transfer_learning.fine_tune", slow=True, other_names={"data": ("labels",)})(
    lambda: {
        "model": perceptron(),
        "data": (floats(12, 4), classes(12)),
        "seed": 0,
    }
)
example("transfer_learning.LowRank")(
    lambda: {"layer": fresh_perceptron().layers[0], "rank": 1, "alpha": 2.0, "seed": 0}
)
example("transfer_learning.low_rank_adapt")(
    lambda: {"model": perceptron(), "rank": 1, "alpha": 2.0}
)
example("transfer_learning.merge_low_rank")(lambda: {"model": adapted()})
example("transfer_learning.weight_updates")(lambda: {"source": perceptron(), "target": adapted()})

# label_efficiency


def task_weights(*leading):
    return [
        (floats(*leading, 1, 3), floats(*leading, 1, 3)),
        (floats(*leading, 3, 1), floats(*leading, 1, 1)),
    ]


POINTS = (2, 2, 4, 1)  # runs, tasks, points, inputs
EACH = {"other_names": dict.fromkeys(("start", "support", "query"), ("parameters", "x", "y"))}

example("label_efficiency.prototypes")(
    lambda: {"embeddings": floats(6, 2), "labels": classes(6), "num_classes": 3}
)
example("label_efficiency.prototype_logits")(
    lambda: {"queries": floats(4, 2), "centers": floats(3, 2)}
)
example("label_efficiency.prototypes_as_linear")(lambda: {"centers": floats(3, 2)})
example("label_efficiency.episode")(
    lambda: {"labels": classes(12), "classes": (0, 1), "shots": 1, "queries": 2, "seed": 0}
)
example("label_efficiency.sinusoid_tasks")(lambda: {"shape": (2, 2), "points": 4, "seed": 0})
example("label_efficiency.forward_tasks")(
    lambda: {"parameters": task_weights(2, 2), "x": floats(*POINTS)}
)
example("label_efficiency.task_loss")(
    lambda: {"parameters": task_weights(2, 2), "x": floats(*POINTS), "y": floats(*POINTS)}
)
example("label_efficiency.adapt")(
    lambda: {
        "parameters": task_weights(2, 2),
        "x": floats(*POINTS),
        "y": floats(*POINTS),
        "rate": 0.01,
        "steps": 1,
        "first_order": True,
    }
)
example("label_efficiency.maml_loss", **EACH)(
    lambda: {
        "start": task_weights(2),
        "support": (floats(*POINTS), floats(*POINTS)),
        "query": (floats(*POINTS), floats(*POINTS)),
        "rate": 0.01,
        "steps": 1,
        "first_order": False,
    }
)
for name in ("predictive_entropy", "mutual_information"):
    example(f"label_efficiency.{name}")(lambda: {"probabilities": probabilities(2, 4, 3)})
for name in ("query_entropy", "query_margin"):
    example(f"label_efficiency.{name}")(lambda: {"probabilities": probabilities(5, 3), "count": 2})
example("label_efficiency.query_bald")(
    lambda: {"probabilities": probabilities(2, 5, 3), "count": 2}
)
example("label_efficiency.query_random")(lambda: {"pool_size": 5, "count": 2, "seed": 0})
example("label_efficiency.query_core_set")(
    lambda: {"pool": floats(5, 2), "labeled": floats(2, 2), "count": 2}
)
example("label_efficiency.label_loop")(
    lambda: {
        "learn": lambda labeled: None,
        "query": lambda learner, unlabeled, count: np.arange(count),
        "pool_size": 9,
        "start": np.array([3, 4]),
        "count": 2,
        "rounds": 1,
    }
)
example("label_efficiency.random_resized_crop")(
    lambda: {"images": images(), "smallest": 0.5, "seed": 0}
)
example("label_efficiency.rotation_task")(lambda: {"images": images(), "seed": 0})
for name in ("nt_xent_loss", "nt_xent_loops"):
    example(f"label_efficiency.{name}")(
        lambda: {"first": floats(3, 2), "second": floats(3, 2, seed=1), "temperature": 0.5}
    )
example("label_efficiency.contrastive_pretraining", slow=True)(
    lambda: {
        "network": small_network(),
        "images": images(4),
        "view": lambda some, seed: augmentation.flip(some, seed),
        "epochs": 1,
        "batch_size": 4,
        "temperature": 0.5,
        "learning_rate": 0.001,
        "seed": 0,
    }
)
