"""How can a network of fixed size read a sequence of any length, and what does it remember?

Serves the chapter ``foundations/recurrence``. The three recurrent layers are written as one scan
over time each: :func:`rnn`, :func:`lstm` and :func:`gru`, in the weight layout of Keras, so that
weights may be carried from one to the other. :func:`open_lstm` shows what happens inside. What
makes a language model of characters stands beside them: :class:`Vocabulary`,
:func:`character_windows`, :func:`character_lstm`, :func:`advance` and :func:`generate`, and the
baseline to beat, :func:`ngram_bits`.

Main references: Hochreiter and Schmidhuber (1997) for the cell; Gers, Schmidhuber and Cummins
(2000) for its forget gate; Cho and others (2014) for the gated recurrent unit.

Sequences are arrays of shape ``(batch, time, features)``, states of shape ``(batch, units)``.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from course_lib import gradients
from course_lib._characters import (
    Vocabulary,
    character_lstm,
    character_windows,
    check_known,
    check_writing,
    draw,
)
from course_lib._checks import array, floats, model, real, sequence, string, takes, whole
from course_lib._ngrams import ngram_bits
from course_lib._sequences import batch_first, checked, project, start

__all__ = [
    "LSTMTrace",
    "Vocabulary",
    "advance",
    "character_lstm",
    "character_windows",
    "generate",
    "gru",
    "lstm",
    "ngram_bits",
    "open_lstm",
    "rnn",
]

# How many steps of a scan may be in flight at once. The values do not depend on it; the gradient on
# TensorFlow is a tenth faster than with one.
_UNROLL = 8


@takes(
    x=array(finite=False),
    kernel=array("features", "units", finite=False),
    recurrent_kernel=array("units", "units", finite=False),
    bias=array(finite=False),
    initial_state=array(finite=False),
)
def rnn(
    x: Any,
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any | None = None,
    initial_state: Any | None = None,
) -> tuple[Any, Any]:
    """Run the plain recurrent layer over a sequence (chapter equation ``eq-recurrence-rnn``).

    Computes ``h_t = tanh(x_t W + h_{t-1} U + b)``, as ``keras.layers.SimpleRNN`` does. Runs on any
    backend, may be compiled and differentiated. Only shapes are checked: a NaN makes every later
    state NaN.

    Args:
        x: Sequences, shape ``(batch, time, features)``, floating point.
        kernel: ``W``, shape ``(features, units)``.
        recurrent_kernel: ``U``, shape ``(units, units)``.
        bias: ``b``, shape ``(units,)``, or None.
        initial_state: ``h_0``, shape ``(batch, units)``; zeros by default.

    Returns:
        The states at all times, shape ``(batch, time, units)``, and the last one, shape
        ``(batch, units)``.

    Raises:
        ValueError: If shapes do not fit together.
    """
    x, kernel, recurrent_kernel, bias = checked(x, kernel, recurrent_kernel, bias, gates=1)
    state = start(x, recurrent_kernel, initial_state, "initial_state")

    def step(hidden: Any, z: Any) -> tuple[Any, Any]:
        hidden = ops.tanh(z + ops.matmul(hidden, recurrent_kernel))
        return hidden, hidden

    last, states = ops.scan(step, state, project(x, kernel, bias), unroll=_UNROLL)
    return batch_first(states), last


@takes(
    x=array(finite=False),
    kernel=array("features", "4 * units", finite=False),
    recurrent_kernel=array("units", "4 * units", finite=False),
    bias=array(finite=False),
    initial_state=sequence(array(finite=False)),
)
def lstm(
    x: Any,
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any | None = None,
    initial_state: tuple[Any, Any] | None = None,
) -> tuple[Any, tuple[Any, Any]]:
    """Run a long short-term memory over a sequence (chapter equation ``eq-recurrence-lstm``).

    Computes what ``keras.layers.LSTM`` does, with its weights: the columns of both kernels and of
    the bias hold the input gate, the forget gate, the candidate and the output gate, in this order.
    Hochreiter and Schmidhuber (1997) for the cell; Gers, Schmidhuber and Cummins (2000), equation
    3.1, for the forget gate.

    Args:
        x: Sequences, shape ``(batch, time, features)``, floating point.
        kernel: ``W``, shape ``(features, 4 * units)``.
        recurrent_kernel: ``U``, shape ``(units, 4 * units)``.
        bias: ``b``, shape ``(4 * units,)``, or None.
        initial_state: ``(h_0, c_0)``, each of shape ``(batch, units)``; zeros by default.

    Returns:
        The hidden states at all times, shape ``(batch, time, units)``, and the last state: a pair
        of the hidden state and the cell, each of shape ``(batch, units)``.

    Raises:
        ValueError: If shapes do not fit together.
    """
    (hidden, _), last = _scan_lstm(x, kernel, recurrent_kernel, bias, initial_state)
    return batch_first(hidden), last


@takes(
    x=array(finite=False),
    kernel=array("features", "3 * units", finite=False),
    recurrent_kernel=array("units", "3 * units", finite=False),
    bias=array(finite=False),
    initial_state=array(finite=False),
)
def gru(
    x: Any,
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any | None = None,
    initial_state: Any | None = None,
) -> tuple[Any, Any]:
    """Run a gated recurrent unit over a sequence (chapter equation ``eq-recurrence-gru``).

    Computes what ``keras.layers.GRU`` does by default (``reset_after=True``), with its weights: the
    columns of both kernels hold the update gate, the reset gate and the candidate, in this order,
    and the bias has two rows, for the input and for the state. The cell of Cho and others (2014)
    applies the reset gate *before* the product with ``U``; this one after it, which lets one
    product serve all three.

    Args:
        x: Sequences, shape ``(batch, time, features)``, floating point.
        kernel: ``W``, shape ``(features, 3 * units)``.
        recurrent_kernel: ``U``, shape ``(units, 3 * units)``.
        bias: Shape ``(2, 3 * units)``, or None.
        initial_state: ``h_0``, shape ``(batch, units)``; zeros by default.

    Returns:
        The states at all times, shape ``(batch, time, units)``, and the last one, shape
        ``(batch, units)``.

    Raises:
        ValueError: If shapes do not fit together.
    """
    x, kernel, recurrent_kernel, bias = checked(
        x, kernel, recurrent_kernel, bias, gates=3, bias_rows=2
    )
    state = start(x, recurrent_kernel, initial_state, "initial_state")
    input_bias, state_bias = (None, 0.0) if bias is None else (bias[0], bias[1])

    def step(hidden: Any, z: Any) -> tuple[Any, Any]:
        update_x, reset_x, candidate_x = ops.split(z, 3, axis=-1)
        from_state = ops.matmul(hidden, recurrent_kernel) + state_bias
        update_h, reset_h, candidate_h = ops.split(from_state, 3, axis=-1)
        update = ops.sigmoid(update_x + update_h)
        reset = ops.sigmoid(reset_x + reset_h)
        candidate = ops.tanh(candidate_x + reset * candidate_h)
        hidden = update * hidden + (1 - update) * candidate
        return hidden, hidden

    last, states = ops.scan(step, state, project(x, kernel, input_bias), unroll=_UNROLL)
    return batch_first(states), last


class LSTMTrace(NamedTuple):
    """What an LSTM did at each step; every array has the shape ``(batch, time, units)``."""

    hidden: Any
    cell: Any
    input_gate: Any
    forget_gate: Any
    candidate: Any
    output_gate: Any


@takes(
    x=array(finite=False),
    kernel=array("features", "4 * units", finite=False),
    recurrent_kernel=array("units", "4 * units", finite=False),
    bias=array(finite=False),
    initial_state=sequence(array(finite=False)),
)
def open_lstm(
    x: Any,
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any | None = None,
    initial_state: tuple[Any, Any] | None = None,
) -> LSTMTrace:
    """Run :func:`lstm` and return its cells and gates at all times, too.

    Args:
        x: Sequences, shape ``(batch, time, features)``, floating point.
        kernel: As for :func:`lstm`.
        recurrent_kernel: As for :func:`lstm`.
        bias: As for :func:`lstm`.
        initial_state: As for :func:`lstm`.

    Returns:
        Hidden states, cells (unbounded), the three gates (between 0 and 1) and the candidate
        (between -1 and 1).

    Raises:
        ValueError: If shapes do not fit together.
    """
    (hidden, cell), _ = _scan_lstm(x, kernel, recurrent_kernel, bias, initial_state)
    x, kernel, recurrent_kernel, bias = checked(x, kernel, recurrent_kernel, bias, gates=4)
    first = None if initial_state is None else initial_state[0]
    first = start(x, recurrent_kernel, first, "initial_state[0]")
    before = ops.concatenate([first[None], hidden[:-1]], axis=0)  # (time, batch, units)
    z = project(x, kernel, bias) + ops.matmul(before, recurrent_kernel)
    i, f, g, o = ops.split(z, 4, axis=-1)
    traces = (hidden, cell, ops.sigmoid(i), ops.sigmoid(f), ops.tanh(g), ops.sigmoid(o))
    return LSTMTrace(*map(batch_first, traces))


@takes(model=model(), ids=array(filled=True), states=sequence(sequence(floats("batch", "units"))))
def advance(model: keras.Model, ids: Any, states: list | None = None) -> tuple[Any, list]:
    """Read on: return the logits at each character, and the states to read on from.

    Reading a text in two pieces, the second with the states of the first, gives the same logits as
    reading it at once.

    Args:
        model: A model made by :func:`character_lstm`. Its own states, if it is stateful, are not
            used.
        ids: Characters as numbers, shape ``(batch, time)``.
        states: What this function returned for the text before; None at the start of a text.

    Returns:
        Logits, shape ``(batch, time, vocabulary_size)``, and the states: for each LSTM layer a pair
        (hidden, cell), each of shape ``(batch, units)``.

    Raises:
        ValueError: If ``ids`` is of another form, or ``model`` is of another kind.
    """
    ids = np.asarray(ids)
    if ids.ndim != 2 or ids.dtype.kind not in "iu" or ids.shape[1] == 0:
        raise ValueError(
            f"ids must be whole numbers of shape (batch, time), got {ids.dtype} of shape "
            f"{ids.shape}."
        )
    weights, units = _weights(model, ids)
    if states is None:
        states = [(np.zeros((len(ids), n), "float32"),) * 2 for n in units]
    tensors = keras.tree.map_structure(ops.convert_to_tensor, (ids.astype("int32"), states))
    return _compiled_reading()(weights, *tensors)


@takes(
    model=model(),
    prompt=string(),
    length=whole(),
    temperature=real(0),
    top_k=whole(1),
    seed=whole(),
)
def generate(
    model: keras.Model,
    prompt: str,
    length: int = 300,
    temperature: float = 1.0,
    top_k: int | None = None,
    seed: int = 0,
) -> str:
    """Write on from a prompt, one character at a time.

    The prompt is read once. After that every character costs one step: the states are carried on.

    Args:
        model: A model made by :func:`character_lstm` with a vocabulary.
        prompt: The text to go on from, at least one character.
        length: Characters to write.
        temperature: What the logits are divided by before a character is drawn. Below 1 the likely
            ones get likelier; 0 always takes the likeliest.
        top_k: Draw only from this many likeliest characters; None draws from all.
        seed: Seed of the drawing.

    Returns:
        The characters that were written, without the prompt.

    Raises:
        ValueError: If an argument is outside its range, the prompt holds an unknown character, or
            the model carries no vocabulary or one of another size.
    """
    check_writing(prompt, length, temperature, top_k)
    vocabulary = getattr(model, "vocabulary", None)
    if vocabulary is None:
        raise ValueError(
            "model must carry its vocabulary to write text. Build it with "
            "character_lstm(vocabulary, ...), or set model.vocabulary."
        )
    random = np.random.default_rng(seed)
    logits, states = advance(model, vocabulary._numbers(prompt, "prompt")[None])
    if logits.shape[-1] != len(vocabulary):
        raise ValueError(
            f"model knows {logits.shape[-1]} characters and its vocabulary {len(vocabulary)}: "
            "set model.vocabulary to the one that it was trained with."
        )
    weights, read_on = (
        _weights(model, vocabulary._numbers(prompt, "prompt"))[0],
        _compiled_reading(),
    )
    written = []
    while len(written) < length:
        last = ops.convert_to_numpy(logits)[0, -1]
        written.append(draw(last, temperature, top_k, random))
        logits, states = read_on(weights, ops.convert_to_tensor([written[-1:]], "int32"), states)
    return vocabulary.decode(np.array(written, "int32"))


def _scan_lstm(
    x: Any, kernel: Any, recurrent_kernel: Any, bias: Any | None, initial_state: Any | None
) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Return hidden states and cells, each (time, batch, units), and the last of both."""
    x, kernel, recurrent_kernel, bias = checked(x, kernel, recurrent_kernel, bias, gates=4)
    if initial_state is None:
        initial_state = (None, None)
    elif not isinstance(initial_state, tuple | list) or len(initial_state) != 2:
        raise ValueError(
            "initial_state must be a pair (hidden, cell), got "
            f"{type(initial_state).__name__}. An LSTM carries two states."
        )
    begin = tuple(
        start(x, recurrent_kernel, state, f"initial_state[{place}]")
        for place, state in enumerate(initial_state)
    )

    def step(state: tuple[Any, Any], z: Any) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
        hidden, cell = state
        i, f, g, o = ops.split(z + ops.matmul(hidden, recurrent_kernel), 4, axis=-1)
        cell = ops.sigmoid(f) * cell + ops.sigmoid(i) * ops.tanh(g)
        hidden = ops.sigmoid(o) * ops.tanh(cell)
        return (hidden, cell), (hidden, cell)

    last, states = ops.scan(step, begin, project(x, kernel, bias), unroll=_UNROLL)
    return tuple(states), tuple(last)


def _weights(model: keras.Model, ids: np.ndarray) -> tuple[tuple, list[int]]:
    """Return embedding, LSTM and dense weights as tensors, and the units of each LSTM."""
    kinds = (keras.layers.Embedding, keras.layers.LSTM, keras.layers.Dense)
    layers = [layer for layer in model.layers if isinstance(layer, kinds)]
    names = [type(layer).__name__ for layer in layers]
    if names != ["Embedding", *["LSTM"] * (len(names) - 2), "Dense"] or len(names) < 3:
        raise ValueError(
            "model must be made by character_lstm: an Embedding, LSTM layers, and a Dense layer; "
            f"got {', '.join(names) or 'none of these'}."
        )
    check_known(ids, layers[0])
    tensors = [tuple(ops.copy(variable.value) for variable in layer.weights) for layer in layers]
    return tuple(tensors), [layer.units for layer in layers[1:-1]]


@functools.cache
def _compiled_reading() -> Any:
    """Return ``_read``, compiled once for all models."""
    return gradients.compile(_read)


def _read(weights: tuple, ids: Any, states: list) -> tuple[Any, list]:
    (vectors,), *cells, (kernel, bias) = weights
    x = ops.take(vectors, ids, axis=0)  # (batch, time, embedding)
    after = []
    for cell, state in zip(cells, states, strict=True):
        x, state = lstm(x, *cell, initial_state=state)
        after.append(state)
    return ops.matmul(x, kernel) + bias, after
