"""Which example should be labeled next? Scores, queries, and the loop that uses them.

Each query looks at what a learner says about the *pool*, the examples without labels, and returns
the positions of those to label. Serves ``course_lib.label_efficiency``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from course_lib._checks import array, function, takes, whole
from course_lib._tables import generator

__all__ = [
    "label_loop",
    "mutual_information",
    "predictive_entropy",
    "query_bald",
    "query_core_set",
    "query_entropy",
    "query_margin",
    "query_random",
]


@takes(probabilities=array("...", "classes"))
def predictive_entropy(probabilities: Any) -> Any:
    """Compute how unsure each prediction is, in nats (chapter equation ``eq-labels-entropy``).

    Args:
        probabilities: floating point, shape ``(..., classes)``; each row sums to 1.

    Returns:
        Entropies from 0 to ``log(classes)``, tensor of shape ``(...)``.

    Raises:
        ValueError: ``probabilities`` are not probabilities.
    """
    return _entropy(_probabilities(probabilities))


@takes(probabilities=array("...", "classes"))
def mutual_information(probabilities: Any) -> Any:
    """Compute how much the passes of a network with dropout disagree, in nats.

    Chapter equation ``eq-labels-bald``: the entropy of the mean prediction minus the mean entropy
    (Houlsby and others 2011, equation 2; with dropout Gal, Islam and Ghahramani 2017). It is zero
    where all passes agree, even if they agree on being unsure.

    Args:
        probabilities: floating point, shape ``(passes, ..., classes)``.

    Returns:
        Tensor of shape ``(...)``, from 0 to ``log(classes)``, up to rounding.

    Raises:
        ValueError: ``probabilities`` are not probabilities, or there is no axis of passes.
    """
    several = _probabilities(probabilities)
    if len(several.shape) < 2:
        raise ValueError(
            "probabilities must have shape (passes, ..., classes), but their shape is "
            f"{tuple(several.shape)}."
        )
    return _entropy(ops.mean(several, axis=0)) - ops.mean(_entropy(several), axis=0)


@takes(pool_size=whole(1), count=whole(), seed=whole())
def query_random(pool_size: int, count: int, seed: int) -> np.ndarray:
    """Choose examples by lot: the baseline of every other query.

    Args:
        pool_size: number of examples without labels.
        count: number of examples to label, from 1 to ``pool_size``.
        seed: a whole number from 0 on.

    Returns:
        Positions in the pool, integers of shape ``(count,)``, all different.

    Raises:
        ValueError: ``count`` does not fit the pool, or ``seed`` is not such a number.
    """
    _check_count(count, pool_size)
    return generator(seed).permutation(pool_size)[:count]


@takes(probabilities=array())
def query_entropy(probabilities: Any, count: int) -> np.ndarray:
    """Choose the examples whose predictions have the largest entropy (Settles 2009, section 3.1).

    Args:
        probabilities: what the learner says about the pool, shape ``(pool, classes)``.
        count: number of examples to label.

    Returns:
        Positions in the pool, integers of shape ``(count,)``, the least sure first.

    Raises:
        ValueError: ``probabilities`` are not probabilities, or ``count`` does not fit the pool.
    """
    return _largest(_entropy(_pool_probabilities(probabilities)), count)


@takes(probabilities=array())
def query_margin(probabilities: Any, count: int) -> np.ndarray:
    """Choose the examples whose two likeliest classes are closest (Settles 2009, section 3.1).

    Chapter equation ``eq-labels-margin``. Other classes do not count, unlike in the entropy.

    Args:
        probabilities: what the learner says about the pool, shape ``(pool, classes)``.
        count: number of examples to label.

    Returns:
        Positions in the pool, integers of shape ``(count,)``, the smallest margin first.

    Raises:
        ValueError: ``probabilities`` are not probabilities, or ``count`` does not fit the pool.
    """
    best, _ = ops.top_k(_pool_probabilities(probabilities), 2)
    return _largest(best[:, 1] - best[:, 0], count)


@takes(probabilities=array())
def query_bald(probabilities: Any, count: int) -> np.ndarray:
    """Choose the examples on which passes with dropout disagree most (Gal and others 2017).

    Args:
        probabilities: predictions of the pool with dropout switched on, a new mask for each pass;
            shape ``(passes, pool, classes)``, at least two passes.
        count: number of examples to label.

    Returns:
        Positions in the pool, integers of shape ``(count,)``, the largest
        :func:`mutual_information` first.

    Raises:
        ValueError: the shape is another one, ``probabilities`` are not probabilities, or ``count``
            does not fit the pool.
    """
    several = _probabilities(probabilities)
    if len(several.shape) != 3 or several.shape[0] < 2:
        raise ValueError(
            "probabilities must have shape (passes, pool, classes) with two passes or more, but "
            f"their shape is {tuple(several.shape)}. Predict several times with training=True."
        )
    return _largest(mutual_information(several), count)


@takes(pool=array(), labeled=array())
def query_core_set(pool: Any, labeled: Any, count: int) -> np.ndarray:
    """Choose examples that leave no part of the pool far from a label.

    Chapter equation ``eq-labels-core-set``, by the greedy rule (Sener and Savarese 2018, algorithm
    1): take the example farthest from all that have a label, then count it as labeled. The radius
    that remains is at most twice the smallest possible.

    Args:
        pool: features of the examples without labels, floating point, shape ``(pool, features)``.
        labeled: features of those with labels, shape ``(examples, features)``, at least one.
        count: number of examples to label.

    Returns:
        Positions in the pool, integers of shape ``(count,)``, in the order of choice.

    Raises:
        ValueError: the shapes do not fit, a feature is not finite, or ``count`` does not fit.
    """
    pool, labeled = _features(pool, "pool"), _features(labeled, "labeled")
    if len(labeled) == 0 or pool.shape[1] != labeled.shape[1]:
        raise ValueError(
            "labeled must hold at least one example with as many features as pool, but the shapes "
            f"are {labeled.shape} and {pool.shape}."
        )
    _check_count(count, len(pool))
    center = pool.mean(axis=0)  # distances do not change, and lose fewer digits
    rows, others = (ops.convert_to_tensor(part - center) for part in (pool, labeled))
    squares = ops.sum(ops.square(rows), axis=1)  # (pool,)
    between = ops.matmul(rows, ops.transpose(others))
    nearest = squares + ops.min(ops.sum(ops.square(others), axis=1) - 2 * between, axis=1)
    nearest = ops.convert_to_numpy(nearest).copy()
    rows, squares = ops.convert_to_numpy(rows), ops.convert_to_numpy(squares)
    chosen = []
    for _ in range(count):
        place = int(nearest.argmax())
        chosen.append(place)
        nearest = np.minimum(nearest, squares + squares[place] - 2 * rows @ rows[place])
        nearest[chosen] = -np.inf  # rounding must not bring a chosen example back
    return np.array(chosen)


@takes(
    learn=function(),
    query=function(),
    pool_size=whole(1),
    start=array(),
    count=whole(),
    rounds=whole(),
)
def label_loop(
    learn: Callable[[np.ndarray], Any],
    query: Callable[[Any, np.ndarray, int], np.ndarray],
    pool_size: int,
    start: np.ndarray,
    count: int,
    rounds: int,
) -> Iterator[tuple[np.ndarray, Any]]:
    """Learn, ask for labels, learn again: the loop of active learning.

    Several runs may go side by side: then every array of positions has a first axis of runs.

    Args:
        learn: gets the positions of the examples with labels, shape ``([runs,] labeled)``, and
            returns a learner fitted to them, whatever that is.
        query: gets the learner, the positions of the examples without labels, ``([runs,]
            unlabeled)``, and ``count``; returns positions **among these**, ``([runs,] count)``.
        pool_size: number of examples in all.
        start: positions of the first examples with labels, ``([runs,] first)``.
        count: labels to ask for each round.
        rounds: how often to ask, from 0 on.

    Yields:
        The positions with labels and the learner fitted to them, ``rounds + 1`` times.

    Raises:
        ValueError: the positions are not in the pool or not different, the pool is too small, or
            the query returns another shape or an example twice.
    """
    labeled = np.array(start)
    if labeled.ndim not in (1, 2) or labeled.dtype.kind not in "iu":
        raise ValueError(
            "start must hold positions, whole numbers of shape (labeled,) or (runs, labeled), but "
            f"it is {labeled.dtype} of shape {labeled.shape}."
        )
    ordered = np.sort(labeled, axis=-1)
    if ordered.size and (ordered.min() < 0 or ordered.max() >= pool_size or _twice(ordered)):
        raise ValueError(
            f"start must hold different positions from 0 to {pool_size - 1}, but it holds "
            f"{ordered.reshape(-1)[:8]}."
        )
    if labeled.shape[-1] + count * rounds > pool_size or count < 1 or rounds < 0:
        raise ValueError(
            f"count and rounds must fit the pool of {pool_size}, but they are {count} and "
            f"{rounds} after {labeled.shape[-1]} labels to start with."
        )
    for number in range(rounds + 1):
        learner = learn(labeled.copy())
        yield labeled.copy(), learner
        if number == rounds:
            return
        unlabeled = _rest(labeled, pool_size)
        places = np.asarray(query(learner, unlabeled, count))
        if places.shape != (*labeled.shape[:-1], count) or _twice(np.sort(places, axis=-1)):
            raise ValueError(
                f"query must return {count} different positions for each run, but it returned "
                f"shape {places.shape}."
            )
        labeled = np.concatenate([labeled, np.take_along_axis(unlabeled, places, -1)], axis=-1)


def _rest(labeled: np.ndarray, pool_size: int) -> np.ndarray:
    """Return the positions that are not among ``labeled``, in order, for each run."""
    free = np.ones((*labeled.shape[:-1], pool_size), bool)
    np.put_along_axis(free, labeled, False, axis=-1)
    return np.nonzero(free)[-1].reshape(*labeled.shape[:-1], -1)


def _twice(ordered: np.ndarray) -> bool:
    return bool((np.diff(ordered, axis=-1) == 0).any())


def _entropy(probabilities: Any) -> Any:
    """Return ``-sum(p log p)`` over the last axis, where ``0 log 0`` is 0."""
    safe = ops.where(probabilities > 0, probabilities, ops.ones_like(probabilities))
    return -ops.sum(probabilities * ops.log(safe), axis=-1)


def _largest(scores: Any, count: int) -> np.ndarray:
    _check_count(count, scores.shape[0])
    return ops.convert_to_numpy(ops.top_k(scores, count)[1])


def _pool_probabilities(probabilities: Any) -> Any:
    rows = _probabilities(probabilities)
    if len(rows.shape) != 2 or rows.shape[1] < 2:
        raise ValueError(
            "probabilities must have shape (pool, classes) with two classes or more, but their "
            f"shape is {tuple(rows.shape)}."
        )
    return rows


def _probabilities(probabilities: Any) -> Any:
    values = ops.convert_to_numpy(probabilities)
    low, high = (values.min(), values.max()) if values.size else (np.nan, np.nan)
    sums = values.sum(axis=-1) if values.ndim else values
    if values.dtype.kind != "f" or not 0 <= low <= high < 1.001 or np.abs(sums - 1).max() > 1e-3:
        raise ValueError(
            "probabilities must hold floating point numbers from 0 to 1 whose last axis sums to 1, "
            f"but they are {values.dtype} from {low:.3g} to {high:.3g}. Did you pass logits? "
            "Take keras.ops.softmax first."
        )
    return ops.convert_to_tensor(values.astype(keras.backend.floatx()))


def _features(values: Any, name: str) -> np.ndarray:
    array = ops.convert_to_numpy(values)
    if array.ndim != 2 or array.dtype.kind != "f" or not np.isfinite(array).all():
        raise ValueError(
            f"{name} must hold finite floating point numbers of shape (examples, features), but it "
            f"is {array.dtype} of shape {array.shape}. Flatten images, and drop or repair NaN."
        )
    return array


def _check_count(count: int, pool_size: int) -> None:
    whole = isinstance(count, int | np.integer) and not isinstance(count, bool)
    if not whole or not 1 <= count <= pool_size:
        raise ValueError(
            f"count must be a whole number from 1 to the {pool_size} examples of the pool, but it "
            f"is {count!r}."
        )
