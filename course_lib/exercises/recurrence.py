"""The coding exercises of the chapter on recurrence: weights, steps, targets, sampling, memory."""

from __future__ import annotations

import numpy as np

from course_lib.exercises import Exercise

__all__ = ["EXERCISES"]

_LAYERS = [(1, 1), (64, 192), (10, 32), (3, 7)]  # features, units


def _sequence(time: int, features: int, units: int, seed: int) -> tuple[np.ndarray, ...]:
    """Return x, W, U and b of a plain recurrent layer."""
    rng = np.random.default_rng(seed)
    shapes = ((time, features), (features, units), (units, units), (units,))
    return tuple(0.5 * rng.normal(size=shape) for shape in shapes)


_SEQUENCES = [_sequence(5, 2, 3, 0), _sequence(1, 1, 4, 1), _sequence(8, 4, 4, 2)]
_TEXTS = [(np.arange(10, 23), 4), (np.arange(9)[::-1].copy(), 4), (np.arange(100) % 7, 10)]
_LOGITS = [
    (np.array([0.0, 1.0, 2.0]), 1.0),
    (np.array([3.0, -1.0, 0.5, 0.5]), 0.5),
    (np.array([1.0, 2.0]), 4.0),
    (np.array([1000.0, 999.0, 0.0]), 2.0),
]
_BIASES = [(0.0,), (1.0,), (3.0,), (-2.0,)]


def _states(x: np.ndarray, W: np.ndarray, U: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Run the plain layer over one sequence, shape (time, features), from a state of zeros."""
    h, collected = np.zeros(len(U)), []
    for x_t in x:
        h = np.tanh(x_t @ W + h @ U + b)
        collected.append(h)
    return np.array(collected)


def _linear_states(x: np.ndarray, W: np.ndarray, U: np.ndarray, b: np.ndarray) -> np.ndarray:
    h, collected = np.zeros(len(U)), []
    for x_t in x:
        h = x_t @ W + h @ U + b
        collected.append(h)
    return np.array(collected)


def _targets(ids: np.ndarray, length: int) -> np.ndarray:
    windows = (len(ids) - 1) // length
    return ids[1 : windows * length + 1].reshape(windows, length)


def _inputs(ids: np.ndarray, length: int) -> np.ndarray:
    windows = (len(ids) - 1) // length
    return ids[: windows * length].reshape(windows, length)


def _softmax(logits: np.ndarray) -> np.ndarray:
    weights = np.exp(logits - np.max(logits))
    return weights / weights.sum()


def _sigmoid(b: float) -> float:
    return 1 / (1 + np.exp(-b))


EXERCISES = {
    "lstm_parameters": Exercise(
        solution=lambda features, units: 4 * units * (features + units + 1),
        cases=_LAYERS,
        mistakes=[
            (
                lambda features, units: units * (features + units + 1),
                "this is the plain layer. An LSTM has three gates and a candidate.",
            ),
            (
                lambda features, units: 4 * units * (features + units),
                "each of the four blocks has a bias for every unit, too.",
            ),
            (
                lambda features, units: 3 * units * (features + units + 1),
                "beside the three gates, the candidate has weights of its own.",
            ),
            (
                lambda features, units: 4 * units * (features + 1),
                "the state before is an input of every gate: it has weights, too.",
            ),
        ],
    ),
    "states": Exercise(
        solution=_states,
        cases=_SEQUENCES,
        mistakes=[
            (
                lambda x, W, U, b: np.tanh(x @ W + b),
                "the state is not carried: h U is missing, or h stays zero.",
            ),
            (_linear_states, "the sum has to go through tanh before it becomes the state."),
            (
                lambda x, W, U, b: _states(x, W, U.T, b),
                "U stands on the right of a row: h @ U, not U @ h.",
            ),
            (
                lambda x, W, U, b: _states(x, W, U, b)[-1],
                "this is the last state. Collect those of all times.",
            ),
        ],
    ),
    "targets": Exercise(
        solution=_targets,
        cases=_TEXTS,
        mistakes=[
            (_inputs, "these are the inputs. The target of a character is the one after it."),
            (
                lambda ids, length: np.roll(_inputs(ids, length), -1, axis=1),
                "the last target of a window is the first character of the next window, not of "
                "this one.",
            ),
            (
                lambda ids, length: _targets(ids, length)[:, -1],
                "this is one target for each window. Every character has one.",
            ),
            (
                lambda ids, length: ids[1:][np.arange(len(ids) - length)[:, None] + range(length)],
                "these windows start at every character. Put them side by side.",
            ),
        ],
    ),
    "temperature": Exercise(
        solution=lambda logits, temperature: _softmax(np.asarray(logits) / temperature),
        cases=_LOGITS,
        tolerance=1e-6,
        mistakes=[
            (
                lambda logits, temperature: _softmax(np.asarray(logits) * temperature),
                "divide by the temperature: a high one makes the characters more alike.",
            ),
            (
                lambda logits, temperature: _softmax(logits),
                "the temperature is not used.",
            ),
            (
                lambda logits, temperature: _softmax(_softmax(logits) / temperature),
                "divide the logits, not the probabilities, and take one softmax.",
            ),
            (
                lambda logits, temperature: np.eye(len(logits))[np.argmax(logits)],
                "this is greedy decoding, the limit of a temperature of 0.",
            ),
        ],
    ),
    "half_life": Exercise(
        solution=lambda b: np.log(0.5) / np.log(_sigmoid(b)),
        cases=_BIASES,
        mistakes=[
            (
                lambda b: np.log(_sigmoid(b)) / np.log(0.5),
                "upside down: solve f ** k = 1/2 for k.",
            ),
            (
                lambda b: np.log2(_sigmoid(b)),
                "upside down and with the wrong sign: solve f ** k = 1/2 for k.",
            ),
            (
                lambda b: 1 / (1 - _sigmoid(b)),
                "this is the time to fall to about 1/e. Solve f ** k = 1/2 for k.",
            ),
            (
                lambda b: 0.5 / (1 - _sigmoid(b)),
                "the cell loses a share of what is left at each step, not of what it began with.",
            ),
        ],
    ),
}
