"""What is each feature's fair share of a prediction? Shapley values, exact and sampled.

Features are players, and what a coalition of them earns is what the model says when only they are
known. "Not known" means here: taken from rows of a background (the *interventional* value, Janzing,
Minorics and Bloebaum 2020). One rule divides the earnings that is efficient, symmetric and
additive and gives nothing to whoever adds nothing (Shapley 1953). Strumbelj and Kononenko (2014)
brought it to classifiers; Lundberg and Lee (2017) showed that a weighted regression finds it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from course_lib._black_box import (
    Predict,
    ask,
    ask_in_blocks,
    check_seed,
    rows_like,
    table,
)
from course_lib._checks import array, check_whole, function, takes, whole

__all__ = [
    "coalition_values",
    "coalitions",
    "divide_by_orders",
    "exact_shapley",
    "kernel_shap",
    "shapley_kernel",
]

_MOST_FEATURES = 20
_ROWS = 2**15  # rows given to predict at a time, unless told otherwise


@takes(value=function(), players=whole(1))
def divide_by_orders(value: Callable[[frozenset[int]], float], players: int) -> np.ndarray:
    """Divide a game's earnings: the mean of what a player adds, over all orders of arrival.

    The form to read (chapter equation ``eq-local-explanations-orders``). With ``players`` players
    there are ``players!`` orders: ten of them make 3.6 million.

    Args:
        value: what a coalition earns: a function of a frozenset of players' numbers.
        players: number of players, from 1 to 9.

    Returns:
        Each player's share, shape ``(players,)``.

    Raises:
        ValueError: there are too few or too many players.
    """
    check_whole("players", players, 1, 9)
    shares = np.zeros(players)
    for order in itertools.permutations(range(players)):
        present: frozenset[int] = frozenset()
        for player in order:
            joined = present | {player}
            shares[player] += value(joined) - value(present)
            present = joined
    return shares / math.factorial(players)


@takes(features=whole())
def coalitions(features: int) -> np.ndarray:
    """List all coalitions: row ``c`` holds the binary digits of ``c``.

    Args:
        features: number of features, from 1 to 20.

    Returns:
        Truth values, shape ``(2**features, features)``: who is in.

    Raises:
        ValueError: the number of features is out of range.
    """
    check_whole("features", features, 1, _MOST_FEATURES)
    return (np.arange(2**features)[:, None] >> np.arange(features)) % 2 == 1


@takes(
    predict=function(),
    x=array(finite=False),
    background=array(finite=False),
    members=array(),
    batch_size=whole(1),
)
def coalition_values(
    predict: Predict,
    x: Any,
    background: Any,
    members: Any,
    batch_size: int = _ROWS,
) -> np.ndarray:
    """Average the model's answer where some features are those of ``x`` and the rest background.

    Chapter equation ``eq-local-explanations-value``. All instances, coalitions and background rows
    are asked in a few large batches.

    Args:
        predict: maps an array ``(n, features)`` to scores of shape ``(n,)`` or ``(n, classes)``.
        x: one instance, shape ``(features,)``, or several, ``(batch, features)``.
        background: rows to take the unknown features from, shape ``(rows, features)``.
        members: truth values of shape ``(coalitions, features)``: who is in.
        batch_size: rows given to ``predict`` at a time.

    Returns:
        Values in float64, shape ``(coalitions[, classes])``, or ``(batch, coalitions[, classes])``
        for several instances.

    Raises:
        ValueError: shapes do not fit, or an array holds NaN.
    """
    background = table(background, "background")
    instances, alone = rows_like(x, background)
    members = np.asarray(members, bool)
    if members.ndim != 2 or members.shape[1] != instances.shape[1] or not len(members):
        raise ValueError(
            f"members must have shape (coalitions, {instances.shape[1]}), but its shape is "
            f"{members.shape}."
        )
    check_whole("batch_size", batch_size, 1)
    kind = np.result_type(instances, background)
    instances, background = instances.astype(kind), background.astype(kind)
    if len(background) > batch_size:  # the mean of a mean of parts
        parts = np.array_split(background, math.ceil(len(background) / batch_size))
        several = [coalition_values(predict, x, part, members, batch_size) for part in parts]
        return sum(
            value * (len(part) / len(background))
            for value, part in zip(several, parts, strict=True)
        )
    step = max(1, batch_size // len(background))  # (instance, coalition) pairs in a batch
    blocks = _hybrids(instances, background, members, step)
    means = [
        _mean_over_background(scores, len(background))
        for scores in ask_in_blocks(predict, blocks, step * len(background))
    ]
    values = np.concatenate(means)
    values = values.reshape(len(instances), len(members), *values.shape[1:])
    return values[0] if alone else values


@takes(
    predict=function(), x=array(finite=False), background=array(finite=False), batch_size=whole(1)
)
def exact_shapley(predict: Predict, x: Any, background: Any, batch_size: int = _ROWS) -> np.ndarray:
    """Compute Shapley values from all ``2**features`` coalitions.

    Chapter equation ``eq-local-explanations-shapley``. Each coalition's value is computed once, for
    all instances, and enters every feature's sum: the shares are one matrix product.

    Args:
        predict: maps an array ``(n, features)`` to scores of shape ``(n,)`` or ``(n, classes)``.
        x: one instance, shape ``(features,)``, or several, ``(batch, features)``; at most 20
            features.
        background: rows to take the unknown features from, shape ``(rows, features)``.
        batch_size: rows given to ``predict`` at a time.

    Returns:
        Shares in the unit of the scores, shape ``(features[, classes])`` for one instance and
        ``(batch, features[, classes])`` for several. Over the features they sum to
        ``predict(x) - mean(predict(background))``.

    Raises:
        ValueError: shapes do not fit, an array holds NaN, or there are more than 20 features.
    """
    background = table(background, "background")
    instances, alone = rows_like(x, background)
    features = instances.shape[1]
    if features > _MOST_FEATURES:
        raise ValueError(
            f"x must have at most {_MOST_FEATURES} features, since {features} have 2**{features} "
            "coalitions. Use kernel_shap, which samples them, or group the features."
        )
    members = coalitions(features)
    sizes = members.sum(axis=1)
    # A coalition of s of M features enters with (s-1)!(M-s)!/M! where the feature is a member and
    # with -s!(M-s-1)!/M! where it is not.
    joining = np.array([0.0] + [1 / (s * math.comb(features, s)) for s in range(1, features + 1)])
    absent = np.array(
        [1 / ((features - s) * math.comb(features, s)) for s in range(features)] + [0.0]
    )
    weights = np.where(members, joining[sizes][:, None], -absent[sizes][:, None])
    values = coalition_values(predict, instances, background, members, batch_size)
    shares = _matrix_product(weights.T, values)
    return shares[0] if alone else shares


@takes(features=whole(2))
def shapley_kernel(features: int) -> np.ndarray:
    """Return the weight of a coalition by its size, for the regression that finds Shapley values.

    Chapter equation ``eq-local-explanations-kernel`` (Lundberg and Lee 2017, theorem 2). The
    infinite weights of the empty and of the full coalition stand for two constraints.

    Args:
        features: number of features, from 2 on.

    Returns:
        The weight of one coalition of each size, shape ``(features + 1,)``.

    Raises:
        ValueError: there are fewer than two features.
    """
    check_whole("features", features, 2)
    inner = [
        (features - 1) / (math.comb(features, size) * size * (features - size))
        for size in range(1, features)
    ]
    return np.array([np.inf, *inner, np.inf])


@takes(
    predict=function(), x=array(finite=False), background=array(finite=False), batch_size=whole(1)
)
def kernel_shap(
    predict: Predict,
    x: Any,
    background: Any,
    samples: int = 2048,
    seed: int = 0,
    batch_size: int = _ROWS,
) -> np.ndarray:
    """Estimate Shapley values by a weighted regression on some of the coalitions.

    Chapter equation ``eq-local-explanations-regression`` (Lundberg and Lee 2017). Small and large
    coalitions weigh most, so they are all taken as long as ``samples`` reaches; the rest are drawn
    in pairs, a coalition and who is left out (Covert and Lee 2021). One set of coalitions serves
    all instances. Where ``samples`` reaches for all coalitions, the result is exact.

    Args:
        predict: maps an array ``(n, features)`` to scores of shape ``(n,)`` or ``(n, classes)``.
        x: one instance, shape ``(features,)``, or several, ``(batch, features)``.
        background: rows to take the unknown features from, shape ``(rows, features)``.
        samples: coalitions to ask for, besides the empty and the full one; at least twice the
            number of features.
        seed: of the draw.
        batch_size: rows given to ``predict`` at a time.

    Returns:
        Estimated shares, with the shapes and the sum of :func:`exact_shapley`.

    Raises:
        ValueError: shapes do not fit, an array holds NaN, or ``samples`` is too small.
    """
    background = table(background, "background")
    instances, alone = rows_like(x, background)
    features = instances.shape[1]
    check_whole("samples", samples, 2 * features)
    check_seed(seed)
    nobody = ask(predict, background).mean(axis=0)  # (classes,) or ()
    total = ask(predict, instances) - nobody  # (batch[, classes])
    if features == 1:
        shares = total[:, None]
        return shares[0] if alone else shares
    members, weights = _draw(features, samples, np.random.default_rng(seed))
    values = coalition_values(predict, instances, background, members, batch_size) - nobody
    # Minimize the weighted squared error under the constraint that the shares sum to the total:
    # put share_M = total - (the others) and solve for the others.
    z = members.astype(np.float64)
    last = z[:, -1]
    target = values - _outer(total, last)
    root = np.sqrt(weights)
    solve = np.linalg.pinv((z[:, :-1] - last[:, None]) * root[:, None]) * root
    others = _matrix_product(solve, target)
    shares = np.concatenate([others, (total - others.sum(axis=1))[:, None]], axis=1)
    return shares[0] if alone else shares


def _hybrids(
    instances: np.ndarray, background: np.ndarray, members: np.ndarray, step: int
) -> Iterator[np.ndarray]:
    """Yield rows (pairs * background rows, features): members' features from the instance."""
    rows, features = background.shape
    pairs = len(instances) * len(members)
    for start in range(0, pairs, step):
        instance, coalition = np.divmod(np.arange(start, min(start + step, pairs)), len(members))
        mixed = np.where(
            members[coalition][:, None, :], instances[instance][:, None, :], background[None]
        )
        yield mixed.reshape(-1, features)


def _mean_over_background(scores: np.ndarray, rows: int) -> np.ndarray:
    """Average (pairs * rows[, classes]) over the rows of each pair.

    A matrix product does it ten times as fast as NumPy's mean over a short axis in the middle.
    """
    classes = scores.shape[1:]
    averaging = np.kron(np.full((rows, 1), 1 / rows), np.eye(math.prod(classes)))
    return (scores.reshape(len(scores) // rows, -1) @ averaging).reshape(-1, *classes)


def _draw(
    features: int, samples: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Choose coalitions (rows) and the weights that make them stand for all."""
    mass = shapley_kernel(features)[1:-1]
    mass = mass * [math.comb(features, size) for size in range(1, features)]  # of all of one size
    mass = mass / mass.sum()
    taken, weights, left = [], [], samples
    small, large = 1, features - 1
    while small <= large:
        sizes = sorted({small, large})
        count = sum(math.comb(features, size) for size in sizes)
        if count > left:
            break
        for size in sizes:
            rows = _of_size(features, size)
            taken.append(rows)
            weights.append(np.full(len(rows), mass[size - 1] / len(rows)))
        left -= count
        small, large = small + 1, large - 1
    if small > large or left < 2:
        return np.concatenate(taken), np.concatenate(weights)
    rest = mass[small - 1 : large]
    drawn = random.choice(np.arange(small, large + 1), size=left // 2, p=rest / rest.sum())
    rank = random.random((len(drawn), features)).argsort(axis=1).argsort(axis=1)
    half = rank < drawn[:, None]  # a random coalition of the drawn size
    pairs = np.concatenate([half, ~half])
    unique, counts = np.unique(pairs, axis=0, return_counts=True)
    taken.append(unique)
    weights.append(rest.sum() * counts / counts.sum())
    return np.concatenate(taken), np.concatenate(weights)


def _of_size(features: int, size: int) -> np.ndarray:
    """List all coalitions of one size as truth values."""
    places = np.array(list(itertools.combinations(range(features), size)))
    rows = np.zeros((len(places), features), bool)
    np.put_along_axis(rows, places, True, axis=1)
    return rows


def _matrix_product(matrix: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Multiply (features, coalitions) by values (batch, coalitions[, classes])."""
    shares = np.tensordot(values, matrix, axes=(1, 1))  # (batch[, classes], features)
    return np.moveaxis(shares, -1, 1)


def _outer(total: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Return ``total * last`` as (batch, coalitions[, classes])."""
    return last.reshape(1, -1, *[1] * (total.ndim - 1)) * total[:, None]
