"""Valid calls of the rooms that chapters share."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from keras import ops

from course_lib import exercises, notebook, plots
from fuzzing.registry import LEFT_OUT, example
from fuzzing.values import classes, floats, images, perceptron, probabilities, small_network

# claims

example("claims.check", missing={"measured": "what was measured may be NaN, and the card says so"})(
    lambda: {"statement": "Two is more than one", "holds": True}
)
example("claims.slug")(lambda: {"statement": "Two is more than one"})
LEFT_OUT["claims.readable"] = "writes whatever it is given"

# datasets

example("datasets.load")(lambda: {"name": "mnist1d", "size": "small"})
example("datasets.load_weights", other_names={"name": ("named",)})(
    lambda: {"name": "small_cnn_fashion_mnist"}
)
LEFT_OUT["datasets.save_weights"] = (
    "writes into data/: tests/test_datasets.py shows what it refuses"
)
LEFT_OUT["datasets.Dataset"] = "a record, which load returns"
LEFT_OUT["datasets.TextDataset"] = "a record, which load returns"

# devices

LEFT_OUT["devices.Accelerator"] = "a record, which describe returns"
LEFT_OUT["devices.DeviceReport"] = "a record, which describe returns"

# exercises

example("exercises.get")(lambda: {"name": "neural_networks.count"})
example(
    "exercises.check", spare={"answer": "an answer that is wrong raises WrongAnswer, as it must"}
)(
    lambda: {
        "name": "neural_networks.count",
        "answer": exercises.get("neural_networks.count").solution,
    }
)
LEFT_OUT["exercises.Exercise"] = "made by the course, and tested with each exercise"

# gradients

example("gradients.compile")(lambda: {"function": ops.sum})
for name in ("value_and_grad", "per_example_gradients"):
    example(f"gradients.{name}", fine={"argnums": ("a number",)})(
        lambda: {"function": ops.sum, "argnums": (0, 1)}
    )

# notebook

example("notebook.show_source", other_names={"objects": ("source",)})(
    lambda: {"objects": (notebook.show_source,)}
)

# plots

SAID = {"description": "A figure."}
example("plots.curves")(
    lambda: (
        SAID
        | {
            "x": [1.0, 2.0, 3.0],
            "series": {"one": [1.0, 2.0, 3.0], "many": floats(2, 3)},
            "xlabel": "step",
            "ylabel": "loss",
            "log_x": False,
            "log_y": False,
        }
    )
)
example("plots.training_curves")(
    lambda: SAID | {"histories": {"one": {"accuracy": [0.1, 0.2]}}, "metric": "accuracy"}
)
example("plots.bars")(
    lambda: SAID | {"values": {"one": 1.0, "two": [1.0, 2.0]}, "xlabel": "loss", "log_x": False}
)
example("plots.image_grid")(lambda: SAID | {"images": images(), "titles": ["a", "b"], "columns": 2})
example("plots.heat_maps")(
    lambda: SAID | {"images": images(), "maps": floats(2, 4, 4), "titles": ["a", "b"], "columns": 2}
)
example("plots.text_maps")(
    lambda: SAID | {"text": "good film", "values": floats(2, 9), "titles": ["a", "b"]}
)
example("plots.attention_map")(
    lambda: (
        SAID
        | {
            "weights": probabilities(2, 3),
            "row_labels": ["a", "b"],
            "column_labels": ["a", "b", "c"],
        }
    )
)
example("plots.confusion_matrix")(
    lambda: (
        SAID
        | {"labels": classes(6), "predictions": classes(6)[::-1], "class_names": ["a", "b", "c"]}
    )
)
example("plots.figure")(lambda: {"rows": 1, "columns": 2, "width": 3.0, "height": 2.0})
example("plots.show")(lambda: SAID | {"figure": plots.figure()[0], "details": "More."})
LEFT_OUT["plots.style"] = "takes no argument"

# quizzes

for name in ("get", "show"):
    example(f"quizzes.{name}")(lambda: {"chapter": "convolution"})
for name in ("Answer", "Question"):
    LEFT_OUT[f"quizzes.{name}"] = "made by the course, and tested with each quiz"

# recorded


def folder():
    return Path(tempfile.mkdtemp())


TEXT_OR_NUMBER = ("['loss'] is text", "['steps'] is text", "['steps'] is a fraction")
example("recorded.save", fine={"values": TEXT_OR_NUMBER})(
    lambda: {
        "experiment": "a-run",
        "values": {"loss": 0.5, "steps": 3},
        "seeds": (0, 1),
        "folder": folder(),
    }
)
for name in ("load", "show", "table"):
    example(f"recorded.{name}")(lambda: {"experiment": "a-run", "folder": folder()})

# scorecard

LEFT_OUT["scorecard.record"] = "takes seconds a call; its test has what it refuses"
example("scorecard.calibration_by_chance")(
    lambda: {"probabilities": probabilities(6, 3), "draws": 2}
)
example("scorecard.deletion_areas", slow=True)(
    lambda: {
        "model": small_network(),
        "images": images(),
        "methods": {"brightness": lambda model, images, classes: images},
    }
)

# training

example("training.set_seed")(lambda: {"seed": 0})
example("training.scale_images")(lambda: {"images": np.full((2, 3, 3, 1), 7, np.uint8)})
example("training.fit", slow=True)(
    lambda: {
        "model": perceptron(),
        "x": floats(6, 4),
        "y": classes(6),
        "epochs": 1,
        "batch_size": 3,
        "validation_data": (floats(3, 4), classes(3)),
        "seed": 0,
        "callbacks": (),
        "progress": False,
    }
)
example("training.restart")(lambda: {"model": perceptron(), "weights": perceptron().get_weights()})
for name in ("OneCycle", "one_cycle"):
    example(f"training.{name}")(
        lambda: {"peak": 0.1, "steps": 10, "warmup": 0.3, "start": 0.1, "end": 0.01}
    )
