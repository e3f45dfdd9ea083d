"""What do more workers cost, and what can they gain? The laws on one page.

Serves the chapter ``compute/distributed_training``. Sizes are in bytes, times in seconds,
bandwidths in bytes a second. Main references: Patarasuk and Yuan (2009) for the ring, Amdahl
(1967), Gustafson (1988), and McCandlish and others (2018) for the critical batch size.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from course_lib._checks import array, broadcastable, check_between, check_whole, real, takes, whole

__all__ = [
    "CriticalBatch",
    "amdahl",
    "delay_limit",
    "fit_critical_batch",
    "fit_wire",
    "gustafson",
    "ring_seconds",
    "server_seconds",
    "step_seconds",
]


class CriticalBatch(NamedTuple):
    """How the steps to a target depend on the batch: ``least_steps * (1 + critical / batch)``.

    Attributes:
        least_steps: steps that no batch, however large, can save.
        critical: the batch at which twice the least steps are needed, in examples.
    """

    least_steps: float
    critical: float

    @takes(batch=array(low=0))
    def steps(self, batch: Any) -> np.ndarray:
        """Return the steps to the target at a batch size."""
        return self.least_steps * (1 + self.critical / np.asarray(batch, float))


@takes(workers=array(), size=array(low=0), latency=real(0), bandwidth=real(0, open_start=True))
def ring_seconds(workers: Any, size: Any, latency: float, bandwidth: float) -> np.ndarray:
    """Return the time of a ring all-reduce: ``2 (n - 1) (latency + size / (n bandwidth))``.

    Args:
        workers: n, a number or an array of them, at least 1.
        size: bytes that every worker holds.
        latency: seconds a message.
        bandwidth: bytes a second of each link.
    """
    n, size = _workers(workers), np.asarray(size, float)
    return 2 * (n - 1) * (latency + size / (n * bandwidth))


@takes(workers=array(), size=array(low=0), latency=real(0), bandwidth=real(0, open_start=True))
def server_seconds(workers: Any, size: Any, latency: float, bandwidth: float) -> np.ndarray:
    """Return the time through one server: ``2 n (latency + size / bandwidth)``.

    All bytes of all workers pass through the server's one link, in and out.
    """
    return 2 * _workers(workers) * (latency + np.asarray(size, float) / bandwidth)


@takes(broadcastable("workers", "size", "seconds"), workers=array(), size=array(), seconds=array())
def fit_wire(workers: Any, size: Any, seconds: Any) -> tuple[float, float]:
    """Fit latency and bandwidth of :func:`ring_seconds` to measured times.

    The squared differences of the **logarithms** are made least, so that a measurement of
    microseconds counts as much as one of milliseconds; neither number may become negative.

    Args:
        workers: for each measurement the number of workers, at least 2; or one number for all.
        size: for each the bytes.
        seconds: for each the time, above 0.

    Returns:
        Seconds a message, and bytes a second.

    Raises:
        ValueError: shapes differ, there are fewer than two measurements, or a value is out of
            range.
    """
    n, size, seconds = np.broadcast_arrays(_workers(workers), np.asarray(size, float), seconds)
    if n.ndim != 1 or len(n) < 2 or (n < 2).any() or not (seconds > 0).all():
        raise ValueError(
            "workers, size and seconds must be at least two measurements, shape (measurements,), "
            f"with 2 workers or more and times above 0, but they are {n}, {size}, {seconds}."
        )
    latency, slope = _fit_two_terms(2 * (n - 1), 2 * (n - 1) / n * size, seconds)
    return latency, 1 / slope if slope > 0 else float("inf")


@takes(workers=array(), parallel=real())
def amdahl(workers: Any, parallel: float) -> np.ndarray:
    """Return the speedup on a problem of fixed size (Amdahl 1967).

    Args:
        workers: n, at least 1.
        parallel: the share of the work, on one worker, that can be divided; from 0 to 1.
    """
    check_between("parallel", parallel, 0, 1)
    return 1 / (1 - parallel + parallel / _workers(workers))


@takes(workers=array(), parallel=real())
def gustafson(workers: Any, parallel: float) -> np.ndarray:
    """Return the speedup when the problem grows with the workers (Gustafson 1988).

    Args:
        workers: n, at least 1.
        parallel: the share of the time, on n workers, that is spent in parallel; from 0 to 1.
    """
    check_between("parallel", parallel, 0, 1)
    return 1 - parallel + parallel * _workers(workers)


@takes(
    workers=array(),
    compute=array(low=0),
    size=real(0),
    latency=real(0),
    bandwidth=real(0, open_start=True),
    hidden=real(0, 1),
)
def step_seconds(
    workers: Any,
    compute: Any,
    size: float,
    latency: float,
    bandwidth: float,
    hidden: float = 0.0,
) -> np.ndarray:
    """Return the time of a training step: computing, then the ring.

    Args:
        workers: n, at least 1.
        compute: seconds each worker computes: the whole step divided by n if the global batch is
            fixed, the same for every n if the batch of a worker is.
        size: bytes of the gradient.
        latency: seconds a message.
        bandwidth: bytes a second of each link.
        hidden: the share of the computing during which bytes can already travel, from 0 to 1:
            gradients of the last layers are known before those of the first.
    """
    check_between("hidden", hidden, 0, 1)
    compute = np.asarray(compute, float)
    seen = ring_seconds(workers, size, latency, bandwidth) - hidden * compute
    return compute + np.maximum(seen, 0)


@takes(batches=array(), steps=array())
def fit_critical_batch(batches: Any, steps: Any) -> CriticalBatch:
    """Fit the law of steps to a target (McCandlish and others 2018, section 2).

    Differences of logarithms are made least, as in :func:`fit_wire`.

    Args:
        batches: batch sizes, shape (measurements,), at least two different ones.
        steps: steps to the target at each.

    Raises:
        ValueError: there are fewer than two batch sizes, or a value is not above 0.
    """
    batches, steps = np.asarray(batches, float), np.asarray(steps, float)
    positive = np.isfinite(steps).all() and (steps > 0).all() and (batches > 0).all()
    if batches.shape != steps.shape or len(np.unique(batches)) < 2 or not positive:
        raise ValueError(
            "batches and steps must be equally many numbers above 0, for at least two different "
            f"batch sizes, but they are {batches} and {steps}."
        )
    least, slope = _fit_two_terms(np.ones_like(batches), 1 / batches, steps)
    return CriticalBatch(least, slope / least if least > 0 else float("inf"))


@takes(delay=whole(), curvature=real(0, open_start=True))
def delay_limit(delay: int, curvature: float = 1.0) -> float:
    """Return the largest stable learning rate of gradient descent with old gradients.

    For ``w[t + 1] = w[t] - rate * curvature * w[t - delay]`` the largest root of
    ``z**(d + 1) = z**d - rate * curvature`` reaches the unit circle at
    ``2 sin(pi / (2 (2 d + 1))) / curvature``.

    Args:
        delay: steps between computing a gradient and using it, at least 0.
        curvature: second derivative of the loss, above 0.
    """
    check_whole("delay", delay, 0)
    check_between("curvature", curvature, 0, np.inf, open_start=True)
    return float(2 * np.sin(np.pi / (2 * (2 * delay + 1))) / curvature)


def _fit_two_terms(
    first: np.ndarray, second: np.ndarray, values: np.ndarray
) -> tuple[float, float]:
    """Fit ``values`` by a sum of two positive terms times factors from 0 on, in logarithms."""
    from scipy.optimize import least_squares, nnls

    terms = np.stack([first, second], axis=1)
    # In relative size both factors are about 1, though they differ by many orders of magnitude.
    scale = 1 / np.max(terms / values[:, None], axis=0)
    start = nnls(terms * scale / values[:, None], np.ones(len(values)))[0]
    found = least_squares(
        lambda factors: np.log(terms @ (scale * factors)) - np.log(values),
        np.maximum(start, 1e-6),
        bounds=(0, np.inf),
        xtol=1e-15,
        ftol=1e-15,
        gtol=1e-15,
    )
    factors = scale * found.x
    return float(factors[0]), float(factors[1])


def _workers(workers: Any) -> np.ndarray:
    n = np.asarray(workers, float)
    if n.size == 0 or not (n >= 1).all():
        raise ValueError(f"workers must be at least 1, but it is {workers!r}.")
    return n
