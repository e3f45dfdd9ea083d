"""The coding exercises of the chapter on autoencoders: bounds, games, and data made from data."""

from __future__ import annotations

import numpy as np

from course_lib.exercises import Exercise

__all__ = ["EXERCISES"]


def _random(shape: tuple[int, ...], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


_TABLES = [
    (_random((8, 4), 0) + 1, 2),
    (_random((12, 5), 1) * np.array([5, 3, 1, 0.5, 0.1]), 1),
    (_random((6, 3), 2) - 2, 2),
]

_CODES = [
    (_random((4,), 3), np.exp(_random((4,), 4))),
    (np.array([0.0, 1.0]), np.array([1.0, 0.25])),
    (_random((3,), 5), np.full(3, 2.0)),
]

_CAUSES = [(2.0, 1.0, 0.5), (-1.0, 3.0, 2.0), (0.5, 0.2, 0.1)]

_GAMES = [
    (np.array([0.5, 0.5]), np.array([0.5, 0.5])),
    (np.array([0.7, 0.2, 0.1]), np.array([0.1, 0.3, 0.6])),
    (np.array([0.5, 0.5, 0.0]), np.array([0.0, 0.5, 0.5])),
]

_GENERATIONS = [(1.0, 10, 1), (4.0, 20, 10), (1.0, 100, 50)]


def _squares(x: np.ndarray) -> np.ndarray:
    """Return the squared singular values of the centered table, largest first."""
    return np.linalg.svd(x - x.mean(axis=0), compute_uv=False) ** 2


def _kl(mean: np.ndarray, variance: np.ndarray) -> float:
    return float(0.5 * np.sum(variance + mean**2 - 1 - np.log(variance)))


def _posterior(weight: float, x: float, noise: float) -> np.ndarray:
    precision = 1 + weight**2 / noise**2
    return np.array([weight * x / noise**2 / precision, 1 / precision])


def _logs(p: np.ndarray, q: np.ndarray) -> float:
    """Return the sum of ``p log q``, where 0 times the logarithm of 0 is 0."""
    return float(np.sum(p[p > 0] * np.log(np.maximum(q[p > 0], 1e-300))))


def _game_value(p: np.ndarray, q: np.ndarray) -> float:
    return _logs(p, p / (p + q)) + _logs(q, q / (p + q))


EXERCISES = {
    "best_linear_error": Exercise(
        solution=lambda x, code: _squares(x)[code:].sum(),
        cases=_TABLES,
        mistakes=[
            (
                lambda x, code: (np.linalg.svd(x, compute_uv=False) ** 2)[code:].sum(),
                "the biases can move the origin to the mean. Subtract it first.",
            ),
            (
                lambda x, code: np.sqrt(_squares(x))[code:].sum(),
                "the error is squared: add the squares of the singular values.",
            ),
            (
                lambda x, code: _squares(x)[:code].sum(),
                "this is what the code keeps. The error is what it drops.",
            ),
            (
                lambda x, code: _squares(x)[code:].sum() / len(x),
                "document 004 sums over the examples; this is the mean.",
            ),
        ],
    ),
    "kl": Exercise(
        solution=_kl,
        cases=_CODES,
        mistakes=[
            (
                lambda mean, variance: 0.5 * np.sum(variance + mean**2 - 1 + np.log(variance)),
                "the logarithm comes with a minus: a narrow code is far from the standard one.",
            ),
            (
                lambda mean, variance: 2 * _kl(mean, variance),
                "you forgot the factor of one half.",
            ),
            (
                lambda mean, variance: _kl(mean, variance) / len(mean),
                "entries are independent, so their divergences add up: a sum, not a mean.",
            ),
            (
                lambda mean, variance: _kl(mean, np.exp(variance)),
                "you are given variances here, not their logarithms.",
            ),
        ],
    ),
    "posterior": Exercise(
        solution=_posterior,
        cases=_CAUSES,
        mistakes=[
            (
                lambda weight, x, noise: np.array([x / weight, noise**2 / weight**2]),
                "this ignores the prior, which pulls the code toward 0.",
            ),
            (
                lambda weight, x, noise: np.array(
                    [weight * x / (weight**2 + noise), noise / (weight**2 + noise)]
                ),
                "noise is a standard deviation. Square it.",
            ),
            (
                lambda weight, x, noise: _posterior(weight, x, noise) ** np.array([1, 0.5]),
                "return the variance, not the standard deviation.",
            ),
        ],
    ),
    "game_value": Exercise(
        solution=_game_value,
        cases=_GAMES,
        mistakes=[
            (
                lambda p, q: -_game_value(p, q),
                "this is the discriminator's loss: the value has the other sign.",
            ),
            (
                lambda p, q: 0.5 * _game_value(p, q),
                "the value is a sum of two means, one over each distribution.",
            ),
            (
                lambda p, q: _game_value(p, q) + np.log(4),
                "you left out - log 4. This is twice the Jensen-Shannon divergence.",
            ),
            (
                lambda p, q: _logs(p, p / (p + q)) + _logs(q, p / (p + q)),
                "on generated points the discriminator is paid for log(1 - D).",
            ),
        ],
    ),
    "variance_after": Exercise(
        solution=lambda variance, n, generations: variance * (1 - 1 / n) ** generations,
        cases=_GENERATIONS,
        mistakes=[
            (
                lambda variance, n, generations: variance,
                "dividing by n, not n - 1, gives a variance that is too small on average.",
            ),
            (
                lambda variance, n, generations: variance * (1 - generations / n),
                "each generation shrinks what the one before left: multiply.",
            ),
            (
                lambda variance, n, generations: variance / n**generations,
                "one generation keeps the share (n - 1) / n.",
            ),
        ],
    ),
}
