"""Valid calls of ``saliency``, ``local_explanations`` and ``crash_test``."""

from __future__ import annotations

import functools

import numpy as np

from course_lib import crash_test, local_explanations
from fuzzing.registry import LEFT_OUT, example
from fuzzing.values import classes, floats, images, perceptron, probabilities, small_network

# saliency


def explained(**more):
    return lambda: (
        {
            "model": small_network(),
            "x": images(),
            "target": np.array([0, 2]),
            "batch_size": 4,
        }
        | more
    )


for name in ("gradient", "gradient_times_input", "guided_backpropagation", "target_scores"):
    example(f"saliency.{name}")(explained())
example("saliency.grad_cam")(explained(layer="conv"))
example("saliency.smooth_grad")(explained(samples=2, noise=0.1, seed=0))
example("saliency.occlusion", fine={"stride": ("a number",)})(
    explained(patch=4, stride=(2, 2), baseline=0.0)
)
example("saliency.integrated_gradients")(explained(baseline=0.0, steps=2, rule="gauss"))
example("saliency.integrated_gradients_loop")(
    lambda: {
        "model": perceptron(),
        "x": floats(2, 4),
        "target": np.array([0, 2]),
        "baseline": 0.0,
        "steps": 2,
        "rule": "gauss",
    }
)
example("saliency.completeness_error")(
    lambda: {
        "model": perceptron(),
        "x": floats(2, 4),
        "target": np.array([0, 2]),
        "attributions": floats(2, 4),
        "baseline": 0.0,
    }
)
example("saliency.unit_activations")(
    lambda: {"model": small_network(), "layer": "conv", "x": images(), "batch_size": 4}
)
example("saliency.activation_maximization", slow=True)(
    lambda: {
        "model": small_network(),
        "layer": "conv",
        "unit": (0, 1),
        "steps": 2,
        "step_size": 0.05,
        "jitter": 1,
        "blur": 0.5,
        "total_variation": 0.1,
        "l2": 0.1,
        "start": 0.5,
        "noise": 0.05,
        "seed": 0,
    }
)
example("saliency.randomize_layers", fine={"layers": ("a number",)})(
    lambda: {"model": perceptron(), "layers": ["logits"], "seed": 0}
)
example("saliency.rank_correlation")(
    # Large enough that no map becomes constant where it is rounded: a constant one has no order.
    lambda: {"maps": 9 * floats(2, 9), "others": 9 * floats(2, 9, seed=1)}
)
example("saliency.structural_similarity")(
    lambda: {"maps": floats(2, 6, 6), "others": floats(2, 6, 6, seed=1), "window": 3}
)

# local_explanations


def predict(rows):
    return np.asarray(rows, "float64").sum(axis=1)


def predict_images(some):
    return np.asarray(some, "float64").mean(axis=(1, 2, 3))


def predict_texts(texts):
    return np.array([len(text) for text in texts], "float64")


def table(rows=8, seed=0):
    return floats(rows, 3, seed=seed).astype("float64")


def segments():
    """Return four squares of an image of 8 by 8 pixels."""
    return np.kron(np.arange(4).reshape(2, 2), np.ones((4, 4), int))


@functools.cache
def explanation():
    return local_explanations.lime_image(
        predict_images, images(1)[0], segments=segments(), samples=20, seed=0
    )


@functools.cache
def tree():
    return local_explanations.surrogate_tree(predict, table(), 2)


example("local_explanations.coalition_values")(
    lambda: {
        "predict": predict,
        "x": table(1)[0],
        "background": table(),
        "members": np.array([[True, False, True], [False, False, False]]),
        "batch_size": 8,
    }
)
example("local_explanations.coalitions")(lambda: {"features": 3})
example("local_explanations.shapley_kernel")(lambda: {"features": 3})
example("local_explanations.divide_by_orders")(
    lambda: {"value": lambda team: float(len(team)), "players": 3}
)
example("local_explanations.exact_shapley")(
    lambda: {"predict": predict, "x": table(2), "background": table(), "batch_size": 64}
)
example("local_explanations.kernel_shap")(
    lambda: {
        "predict": predict,
        "x": table(2),
        "background": table(),
        "samples": 16,
        "seed": 0,
        "batch_size": 64,
    }
)
example("local_explanations.exponential_kernel")(
    lambda: {"distances": np.array([0.0, 1.0]), "width": 0.5}
)
example("local_explanations.fit_local")(
    lambda: {
        "z": table(),
        "scores": floats(8),
        "proximity": np.linspace(0.1, 1, 8),
        "num_features": 2,
        "selection": "forward",
        "strength": 0.5,
    }
)
example("local_explanations.select_features")(
    lambda: {
        "z": table(),
        "scores": floats(8).astype("float64"),
        "proximity": np.linspace(0.1, 1, 8),
        "num_features": 2,
        "selection": "forward",
    }
)
example("local_explanations.lime_image")(
    lambda: {
        "predict": predict_images,
        "image": images(1)[0],
        "segments": segments(),
        "num_features": 2,
        "samples": 20,
        "seed": 0,
        "fill": 0.5,
        "kernel_width": 0.25,
        "compactness": 0.1,
        "selection": "auto",
    }
)
example("local_explanations.lime_tabular")(
    lambda: {
        "predict": predict,
        "x": table(1)[0],
        "background": table(),
        "num_features": 2,
        "samples": 20,
        "seed": 0,
        "bins": 4,
        "categorical": (),
        "kernel_width": 1.0,
        "around": "background",
        "selection": "auto",
        "names": ("a", "b", "c"),
    }
)
example("local_explanations.lime_text")(
    lambda: {
        "predict": predict_texts,
        "text": "a good film",
        "num_features": 2,
        "samples": 20,
        "seed": 0,
        "kernel_width": 25.0,
        "selection": "auto",
    }
)
example("local_explanations.permutation_importance")(
    lambda: {
        "predict": predict,
        "x": table(),
        "y": floats(8),
        "metric": lambda truth, scores: -float(np.mean((truth - scores) ** 2)),
        "repeats": 2,
        "seed": 0,
    }
)
example("local_explanations.surrogate_tree")(
    lambda: {
        "predict": predict,
        "x": table(),
        "max_depth": 2,
        "x_test": table(4, 1),
        "names": ("a", "b", "c"),
        "seed": 0,
    }
)
example("local_explanations.two_faced")(
    lambda: {
        "hidden": predict,
        "shown": predict,
        "x": table(),
        "perturbed": table(8, 1),
        "trees": 3,
        "leaf": 2,
        "seed": 0,
    }
)
example("local_explanations.LocalExplanation.top", explanation().top)(lambda: {"count": 2})
LEFT_OUT["local_explanations.LocalExplanation.heat_map"] = "takes no argument"
example("local_explanations.SurrogateTree.predict", tree().predict)(lambda: {"x": table()})
example("local_explanations.SurrogateTree.rules", tree().rules)(lambda: {"decimals": 2})
for record in ("LocalExplanation", "Neighborhood", "SurrogateTree"):
    LEFT_OUT[f"local_explanations.{record}"] = "a record, which functions return"

# crash_test


@functools.cache
def scene():
    return crash_test.planted_table(0, examples=40, test=6)


@functools.cache
def subject():
    return crash_test.untrained(scene(), 0)


def row(model="plain", method="gradient"):
    return crash_test.Row("table", model, method, 0, 0.5, 0.5, 0.1, 0.2, 0.3, 0.4, 0.4, 0.9, 1.0)


def rows():
    return [row(), row("shortcut"), row(method="occlusion")]


for name in ("planted_table", "planted_images", "planted_text", "planted_sequences"):
    example(f"crash_test.{name}")(
        lambda: {"seed": 0, "shortcut": True, "examples": 12, "test": 4, "agreement": 0.8}
    )
example("crash_test.untrained")(lambda: {"scene": scene(), "seed": 0, "reader": ""})
example("crash_test.train", slow=True)(lambda: {"scene": scene(), "seed": 0, "reader": ""})
for name in ("reliance", "verified"):
    example(f"crash_test.{name}")(lambda: {"subject": subject()})
for name in ("logits", "probabilities", "embed"):
    example(f"crash_test.Subject.{name}", getattr(subject(), name))(lambda: {"x": scene().x_test})
for name in ("attention", "layer_attention"):
    LEFT_OUT[f"crash_test.Subject.{name}"] = "takes inputs as logits does"
LEFT_OUT["crash_test.Subject.baseline"] = "takes no argument"
example("crash_test.explain")(
    lambda: {
        "method": crash_test.METHODS["occlusion"],
        "subject": subject(),
        "x": scene().x_test,
        "target": classes(6, 2),
    }
)
example("crash_test.nudged")(
    lambda: {
        "scene": scene(),
        "x": scene().x_test,
        "planted": scene().cause | scene().decoy,
        "seed": 0,
    }
)
example("crash_test.similarity")(lambda: {"one": floats(2, 9), "other": floats(2, 9, seed=1)})
LEFT_OUT["crash_test.run"] = "takes seconds; its parts, explain and filler, have examples"
example("crash_test.serves")(lambda: {"method": "occlusion", "kind": "table"})
example("crash_test.ranking")(lambda: {"scores": floats(2, 6), "seed": 0})
for name in ("recall_at", "precision_at"):
    example(f"crash_test.{name}")(
        lambda: {
            "scores": floats(2, 6),
            "truth": np.arange(12).reshape(2, 6) % 3 == 0,
            "k": 2,
            "seed": 0,
        }
    )
example("crash_test.filler")(
    lambda: {"scene": scene(), "x": scene().x_test, "kind": "another", "seed": 0}
)
example("crash_test.fill_units")(
    lambda: {
        "x": scene().x_test,
        "hidden": scene().cause,
        "fill": np.zeros_like(scene().x_test),
    }
)
example("crash_test.to_units")(lambda: {"values": floats(2, 8, 8, 1), "units": (4, 4)})
example("crash_test.removal_curve")(
    lambda: {
        "predict": lambda some: probabilities(len(some), 2),
        "x": scene().x_test,
        "target": classes(6, 2),
        "order": np.tile(np.arange(10), (6, 1)),
        "fill": np.zeros_like(scene().x_test),
        "units": (10,),
        "insert": False,
        "steps": 2,
    }
)
example("crash_test.area")(lambda: {"shares": np.array([0.0, 0.5, 1.0]), "values": floats(2, 3)})
example("crash_test.values")(lambda: {"rows": rows(), "score": "recall"})
example("crash_test.table", other_names={"scores": ("score",)})(
    lambda: {"rows": rows(), "scores": ("recall", "first")}
)
example("crash_test.draw")(
    lambda: {"rows": rows(), "score": "recall", "xlabel": "recall", "description": "A figure."}
)
example("crash_test.write", missing={"summary": "a score that does not apply is NaN"})(
    lambda: {"summary": crash_test.table(rows(), ("recall", "first"))}
)
for record in ("Row", "Scene", "Subject"):
    LEFT_OUT[f"crash_test.{record}"] = "a record, which functions return"
