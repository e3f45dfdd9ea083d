"""How does a model become a fast function that an explanation can call a thousand times?

A Keras model is turned into a function of its weights and its inputs, and compiled once. The
weights are arguments, not constants: what JAX compiles would otherwise never see new ones. What was
compiled is kept for as long as the model lives. A plain function may hide anything, so it is never
compiled. From a model of layers, others are made that share its weights: one that ends at a layer,
one that starts there, and one whose ReLUs pass gradients back in another way.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from course_lib import gradients

__all__ = [
    "function_of",
    "guided",
    "layer_and_rest",
    "named_layer",
    "scored",
    "sloped",
    "sloped_on_line",
    "unit_model",
]

_compiled: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()  # model: {purpose: function}


def scored(model: Any) -> Callable[..., Any]:
    """Return ``(x, targets) -> the score of each input's target, (batch,)``."""
    return function_of(model, "score", _itself, _scores)


def sloped(model: Any) -> Callable[..., Any]:
    """Return ``(x, targets) -> gradients`` of each input's score, of the shape of ``x``."""
    return function_of(model, "slope", _itself, _slopes)


def sloped_on_line(model: Any) -> Callable[..., Any]:
    """Return ``(x, targets, start, places, shares) -> weighted sums of gradients``.

    They are taken on the line from ``start`` (place 0) to ``x`` (place 1), for each input.
    """
    return function_of(model, "line", _itself, _slopes_on_line)


def guided(model: keras.Model) -> Callable[..., Any]:
    """Return ``(x, targets) -> gradients`` through ReLUs that pass back only what is positive."""
    return function_of(_layered(model), "guided", _with_guided_relus, _slopes)


def layer_and_rest(model: keras.Model, layer: str) -> Callable[..., Any]:
    """Return ``(x, targets) -> (a layer's outputs, the score's gradients by these outputs)``."""
    named_layer(model, layer)

    def split(model: keras.Model) -> list[_Call]:
        middle = named_layer(model, layer).output
        # What bypasses the layer still comes from the input, which is held fixed.
        return [
            _Call(keras.Model(model.inputs, middle)),
            _Call(keras.Model([middle, *model.inputs], model.outputs[0])),
        ]

    return function_of(model, f"split at {layer}", split, _outputs_and_slopes)


def unit_model(model: keras.Model, layer: str, purpose: str) -> Callable[..., Any]:
    """Return a function of the units of a layer: see :func:`function_of`.

    A unit's score is what goes into its activation, so that a silent ReLU has a slope, too;
    averaged over all axes but the last.

    Args:
        model: a Keras model made of layers.
        layer: the name of one.
        purpose: ``"score"``: ``(x, units) -> (batch,)``; ``"slope"``: ``(x, units) -> gradients``;
            ``"all"``: ``x -> (batch, units)``.
    """
    named_layer(model, layer)

    def units(model: keras.Model) -> list[_Call]:
        def straight(each: keras.Layer) -> keras.Layer:
            return _with_activation(each, "linear") if each.name == layer else _copied(each)

        copy = keras.models.clone_model(model, clone_function=straight)
        outputs = copy.get_layer(layer).output
        axes = tuple(range(1, len(outputs.shape) - 1))
        pooled = ops.mean(outputs, axis=axes) if axes else outputs
        return [_Call(keras.Model(copy.inputs, pooled), _paired(copy, model))]

    compute = {"score": _scores, "slope": _slopes, "all": _all_scores}[purpose]
    return function_of(model, f"units of {layer}: {purpose}", units, compute)


def named_layer(model: keras.Model, layer: str) -> keras.Layer:
    """Return a layer by its name, or say which there are."""
    names = [each.name for each in _layered(model).layers]
    if layer not in names:
        raise ValueError(f"layer must be one of {', '.join(names)}, but it is {layer!r}.")
    return model.get_layer(layer)


def function_of(
    model: Any,
    purpose: str,
    parts: Callable[[Any], list[_Call]],
    compute: Callable[..., Any],
) -> Callable[..., Any]:
    """Return a fast function of arrays that computes with a model and its present weights.

    Args:
        model: a Keras model, or any function, which is then used as it is.
        purpose: a name for what is computed; what is compiled for it is kept.
        parts: makes, from the model, the functions that ``compute`` needs.
        compute: ``(calls, weights, *arrays) -> result``, where ``calls[i](weights[i], x)`` is the
            result of part ``i``.
    """
    if not isinstance(model, keras.Layer):
        return functools.partial(compute, [lambda _, x: model(x)], [None])
    if not model.built:
        raise ValueError("model has no weights yet: call it once on data, or give it an Input.")
    known = _compiled.setdefault(model, {})
    if purpose not in known:
        known[purpose] = parts(model), {}
    calls, compiled = known[purpose]
    weights = [call.weights() for call in calls]

    def fast(x: Any, *arrays: Any) -> Any:
        axes = len(x.shape)  # TensorFlow forgets how many there are if one record serves several
        if axes not in compiled:
            compiled[axes] = gradients.compile(functools.partial(compute, calls))
        return compiled[axes](weights, x, *arrays)

    return fast


class _Call:
    """A model as a function of its weights and its input."""

    def __init__(self, model: keras.Layer, source: dict[int, Any] | None = None) -> None:
        """Take a model and, if it is made of copied layers, whose weights to use instead."""
        self._model, self._source = model, source or {}

    def weights(self) -> tuple[list[Any], list[Any]]:
        """Return the present values, trainable and not."""
        kinds = self._model.trainable_variables, self._model.non_trainable_variables
        return tuple([self._value(variable) for variable in kind] for kind in kinds)

    def __call__(self, weights: tuple[list[Any], list[Any]], x: Any) -> Any:
        return self._model.stateless_call(*weights, x, training=False)[0]

    def _value(self, variable: Any) -> Any:
        return ops.convert_to_tensor(self._source.get(id(variable), variable))


def _itself(model: keras.Layer) -> list[_Call]:
    # Weakly, or what is kept for a model would keep the model.
    return [_Call(weakref.proxy(model))]


def _with_guided_relus(model: keras.Model) -> list[_Call]:
    changed = []

    def guided_layer(layer: keras.Layer) -> keras.Layer:
        plain_relu = isinstance(layer, keras.layers.ReLU) and layer.get_config() == {
            **layer.get_config(),
            **{"max_value": None, "negative_slope": 0.0, "threshold": 0.0},
        }
        if plain_relu:
            changed.append(layer)
            return keras.layers.Activation(_guided_relu, name=layer.name)
        if getattr(layer, "activation", None) is keras.activations.relu:
            changed.append(layer)
            return _with_activation(layer, _guided_relu)
        return _copied(layer)

    copy = keras.models.clone_model(model, clone_function=guided_layer)
    if not changed:
        raise ValueError("model must have ReLUs for guided backpropagation, but no layer has one.")
    return [_Call(copy, _paired(copy, model))]


@ops.custom_gradient
def _guided_relu(x: Any) -> Any:
    """Compute a ReLU that passes back a gradient only where it and the input are positive."""

    def backward(*args: Any, upstream: Any = None) -> Any:
        (upstream,) = args if upstream is None else (upstream,)
        return ops.where(x > 0, ops.relu(upstream), ops.zeros_like(upstream))

    return ops.relu(x), backward


def _scores(calls: list, weights: list, x: Any, targets: Any) -> Any:
    scores = calls[0](weights[0], ops.convert_to_tensor(x))  # (batch, classes)
    return ops.sum(scores * ops.one_hot(targets, scores.shape[-1], dtype=scores.dtype), axis=-1)


def _all_scores(calls: list, weights: list, x: Any) -> Any:
    return calls[0](weights[0], x)


def _slopes(calls: list, weights: list, x: Any, targets: Any) -> Any:
    def total(x: Any) -> Any:  # no input changes another one's score, so one gradient serves all
        return ops.sum(_scores(calls, weights, x, targets))

    return gradients.value_and_grad(total)(x)[1]


def _slopes_on_line(
    calls: list, weights: list, x: Any, targets: Any, start: Any, places: Any, shares: Any
) -> Any:
    column = (1, -1, *[1] * (len(x.shape) - 1))  # (points,) -> (1, points, 1, ...)
    places, shares = ops.reshape(places, column), ops.reshape(shares, column)
    x, start = ops.convert_to_tensor(x)[:, None], ops.convert_to_tensor(start)[:, None]
    points = start + places * (x - start)  # (batch, points, ...)
    shape = ops.shape(points)
    rows = ops.reshape(points, (-1, *shape[2:]))
    repeated = ops.repeat(ops.convert_to_tensor(targets), shape[1], axis=0)
    slopes = ops.reshape(_slopes(calls, weights, rows, repeated), shape)
    return ops.sum(shares * slopes, axis=1)


def _outputs_and_slopes(calls: list, weights: list, x: Any, targets: Any) -> tuple[Any, Any]:
    first, rest = calls
    outputs = first(weights[0], x)

    def from_outputs(weights: Any, outputs: Any) -> Any:
        return rest(weights, [outputs, x])

    return outputs, _slopes([from_outputs], weights[1:], outputs, targets)


def _layered(model: Any) -> keras.Model:
    """Return the model if it is made of layers, with one input and one output."""
    parts = [getattr(model, name, None) for name in ("layers", "inputs", "outputs")]
    if not isinstance(model, keras.Model) or not all(isinstance(p, list) for p in parts):
        raise ValueError(
            "model must be a Sequential or functional Keras model that has been built, but it is "
            f"a {type(model).__name__}."
        )
    if len(parts[1]) != 1 or len(parts[2]) != 1:
        raise ValueError(
            f"model must have one input and one output, but has {len(parts[1])} and "
            f"{len(parts[2])}."
        )
    return model


def _with_activation(layer: keras.Layer, activation: Any) -> keras.Layer:
    config = layer.get_config()
    if "activation" not in config:
        return _copied(layer)
    return layer.__class__.from_config({**config, "activation": activation})


def _copied(layer: keras.Layer) -> keras.Layer:
    return layer.__class__.from_config(layer.get_config())


def _paired(copy: keras.Model, original: keras.Model) -> dict[int, Any]:
    pairs = zip(copy.variables, original.variables, strict=True)
    return {id(ours): theirs for ours, theirs in pairs}
