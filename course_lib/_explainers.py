"""How do very different explanation methods become comparable? Through one common interface.

The private room of ``crash_test`` for the methods of the three chapters before it. An explainer is
a function ``explain(subject, x, target)`` of a subject, some examples and the class to explain for
each. It returns one number for each unit, or for each number of the input: the larger, the more it
speaks *for* the class. Where a method gives both signs a meaning, they are kept; where it does not
(gradients), sizes count.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from course_lib import attention, local_explanations, saliency
from course_lib._checks import string, takes
from course_lib._faithfulness import fill_units, to_units
from course_lib._subjects import Subject

__all__ = ["METHODS", "Explainer", "serves"]

Explainer = Callable[[Subject, np.ndarray, np.ndarray], np.ndarray]

_SAMPLES = 256  # questions that LIME and Kernel SHAP ask for each example
_BACKGROUND = 20  # rows of a table that stand for a column that is away
_TEXT = ("text", "text, transformer")
_ALL = ("images", "sequences", *_TEXT, "table")


def _random(subject: Subject, x: np.ndarray, target: np.ndarray) -> np.ndarray:
    """A control: random numbers."""
    return np.random.default_rng(subject.seed).random((len(x), *subject.units))


def _input_alone(subject: Subject, x: np.ndarray, target: np.ndarray) -> np.ndarray:
    """A control that never looks at the model: edges, large values, rare words."""
    if subject.scene.name == "images":
        edges = [ndimage.sobel(x[..., 0], axis=axis) for axis in (1, 2)]
        return to_units(np.hypot(*edges), subject.units)
    if subject.scene.name == "text":
        counts = np.bincount(subject.scene.x_train.ravel(), minlength=len(subject.scene.words))
        return -np.log(np.maximum(counts[x], 1))
    return np.abs(x - x.mean(axis=0)) if subject.scene.name == "table" else np.abs(x)


def _gradient(subject: Subject, x: np.ndarray, target: np.ndarray) -> np.ndarray:
    return np.abs(saliency.gradient(subject.head, subject.embed(x), target))


def _gradient_times_input(subject: Subject, x: np.ndarray, target: np.ndarray) -> np.ndarray:
    return saliency.gradient_times_input(subject.head, subject.embed(x), target)


def _smooth_grad(subject: Subject, x: np.ndarray, target: np.ndarray) -> np.ndarray:
    floats = subject.embed(x)
    noise = 0.15 * float(floats.std())
    several = saliency.smooth_grad(subject.head, floats, target, 16, noise, subject.seed)
    return np.abs(several)


def _integrated_gradients(subject: Subject, x: np.ndarray, target: np.ndarray) -> np.ndarray:
    floats = subject.embed(x)
    return saliency.integrated_gradients(subject.head, floats, target, subject.baseline(), steps=32)


def _guided_backpropagation(subject: Subject, x: np.ndarray, target: np.ndarray) -> np.ndarray:
    return np.abs(saliency.guided_backpropagation(subject.head, x, target))


def _grad_cam(subject: Subject, x: np.ndarray, target: np.ndarray) -> np.ndarray:
    return saliency.grad_cam(subject.model, x, target, "conv3")


def _occlusion(subject: Subject, x: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Hide one unit after the other: how far does the class's logit fall?"""
    if subject.scene.name == "images":
        mean = subject.baseline()
        return saliency.occlusion(subject.head, x, target, patch=4, stride=4, baseline=mean)
    count = int(np.prod(subject.units))
    hidden = np.tile(np.eye(count, dtype=bool), (len(x), 1))
    many = fill_units(x.repeat(count, axis=0), hidden, _nothing(subject, x).repeat(count, axis=0))
    before = _score(subject, x, target)
    after = _score(subject, many, target.repeat(count)).reshape(len(x), count)
    return before[:, None] - after


def _lime(subject: Subject, x: np.ndarray, target: np.ndarray) -> np.ndarray:
    """LIME in the form that the chapter on local explanations gives each kind of data."""
    if subject.scene.name == "table":
        background = subject.scene.x_train[:500]
        settings = {"num_features": None, "samples": 4 * _SAMPLES, "seed": subject.seed}
        return np.stack(
            [
                local_explanations.lime_tabular(
                    subject.probabilities, row, background, target=int(label), **settings
                ).weights
                for row, label in zip(x, target, strict=True)
            ]
        )
    return np.stack([_lime_of_units(subject, *one) for one in zip(x, target, strict=True)])


def _lime_of_units(subject: Subject, x: np.ndarray, target: int) -> np.ndarray:
    """Hide random halves of the units and fit a linear model to what the network says."""
    count = int(np.prod(subject.units))
    z = np.random.default_rng(subject.seed).random((_SAMPLES, count)) < 0.5
    z[0] = True
    copies = np.repeat(x[None], _SAMPLES, axis=0)
    hidden = ~z.reshape(_SAMPLES, *subject.units)
    scores = _score(
        subject, fill_units(copies, hidden, _nothing(subject, copies)), np.full(_SAMPLES, target)
    )
    distances = 1 - np.sqrt(z.mean(axis=1))  # cosine distance to the whole input
    proximity = local_explanations.exponential_kernel(distances, 0.25)
    fit = local_explanations.fit_local(z, scores, proximity, None, "none")
    return fit.weights.reshape(subject.units)


def _kernel_shap(subject: Subject, x: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Kernel SHAP on units: a player is a unit, and stays away by showing nothing.

    In a table it stays away by showing the columns of other rows, as for exact Shapley values.
    """
    if subject.scene.name == "table":
        background = subject.scene.x_train[:_BACKGROUND]
        settings = {"samples": _SAMPLES, "seed": subject.seed}
        shares = local_explanations.kernel_shap(subject.logits, x, background, **settings)
        return _of_target(shares, target)
    count = int(np.prod(subject.units))
    sources = np.concatenate([x, _nothing(subject, x[:1]).astype(x.dtype)])

    def logits(rows: np.ndarray) -> np.ndarray:
        """Put together inputs whose units come from the examples that a row names."""
        return subject.logits(_gathered(sources, rows.astype(int).reshape(-1, *subject.units)))

    names = np.repeat(np.arange(len(sources))[:, None], count, axis=1).astype(np.float64)
    shares = local_explanations.kernel_shap(logits, names[:-1], names[-1:], _SAMPLES, subject.seed)
    return _of_target(shares, target).reshape(len(x), *subject.units)


def _exact_shapley(subject: Subject, x: np.ndarray, target: np.ndarray) -> np.ndarray:
    background = subject.scene.x_train[:_BACKGROUND]
    return _of_target(local_explanations.exact_shapley(subject.logits, x, background), target)


def _attention(subject: Subject, x: np.ndarray, target: np.ndarray) -> np.ndarray:
    return subject.attention(x)


def _attention_rollout(subject: Subject, x: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Follow the pooling's attention through the transformer's blocks down to the words."""
    rollout = attention.attention_rollout(subject.layer_attention(x))
    return np.einsum("nt,ntu->nu", subject.attention(x), rollout)


def _permutation(subject: Subject, x: np.ndarray, target: np.ndarray) -> np.ndarray:
    """One answer for all rows: what shuffling a column does to the model's answers."""
    rows = subject.scene.x_train[:500]
    answers = subject.logits(rows).argmax(axis=1)

    def agreement(labels: np.ndarray, scores: np.ndarray) -> float:
        return float((scores.argmax(axis=1) == labels).mean())

    drops = local_explanations.permutation_importance(
        subject.logits, rows, answers, agreement, repeats=3, seed=subject.seed
    )
    return np.repeat(drops.mean[None], len(x), axis=0)


def _surrogate(subject: Subject, x: np.ndarray, target: np.ndarray) -> np.ndarray:
    """One answer for all rows: how much each column serves a tree that imitates the model."""
    rows = subject.scene.x_train[:2000]
    tree = local_explanations.surrogate_tree(subject.logits, rows, 4, seed=subject.seed).tree
    return np.repeat(tree.feature_importances_[None], len(x), axis=0)


METHODS: dict[str, Explainer] = {
    "random": _random,
    "input alone": _input_alone,
    "gradient": _gradient,
    "gradient × input": _gradient_times_input,
    "SmoothGrad": _smooth_grad,
    "integrated gradients": _integrated_gradients,
    "guided backprop": _guided_backpropagation,
    "Grad-CAM": _grad_cam,
    "occlusion": _occlusion,
    "LIME": _lime,
    "Kernel SHAP": _kernel_shap,
    "exact Shapley": _exact_shapley,
    "attention": _attention,
    "attention rollout": _attention_rollout,
    "permutation": _permutation,
    "surrogate tree": _surrogate,
}

# Guided backpropagation is about ReLUs, Grad-CAM about maps of an image, rollout about several
# layers of attention; 2 to the power of the units can be asked for ten columns alone; and what a
# column is worth to a whole model needs columns.
_ONLY = {
    "guided backprop": ("images", "table"),
    "Grad-CAM": ("images",),
    "exact Shapley": ("table",),
    "attention": ("sequences", *_TEXT),
    "attention rollout": ("text, transformer",),
    "permutation": ("table",),
    "surrogate tree": ("table",),
}


@takes(method=string(), kind=string())
def serves(method: str, kind: str) -> bool:
    """Say whether a method can explain models of a kind; a new method is assumed to."""
    return kind in _ONLY.get(method, _ALL)


def _of_target(shares: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Pick each example's class: (examples, units, classes) to (examples, units)."""
    return np.take_along_axis(shares, target[:, None, None], axis=2)[..., 0]


def _score(subject: Subject, x: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the logit of each example's class."""
    return subject.logits(x)[np.arange(len(x)), target]


def _nothing(subject: Subject, x: np.ndarray) -> np.ndarray:
    """Return what hidden units show: the mean example, or the rare word."""
    if subject.scene.name == "text":
        return np.zeros_like(x)
    return np.broadcast_to(subject.baseline(), x.shape)


def _gathered(sources: np.ndarray, names: np.ndarray) -> np.ndarray:
    """Compose inputs: unit u of input n is that of the source ``names[n, u]``."""
    if sources.ndim == 4:
        patch = sources.shape[1] // names.shape[1]
        names = names.repeat(patch, axis=1).repeat(patch, axis=2)
    places = np.indices(names.shape)[1:]
    return sources[(names, *places)]
