"""What do more workers cost, and what can they gain? The laws on one page.

Serves the chapter ``compute/distributed_training``. Sizes are in bytes, times in seconds,
bandwidths in bytes a second. Main references: Patarasuk and Yuan (2009) for the ring, Amdahl
(1967), Gustafson (1988), and McCandlish and others (2018) for the critical batch size.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from course_lib._checks import check_between, check_whole

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

    def steps(self, batch: Any) -> np.ndarray:
        """Return the steps to the target at a batch size."""
        return self.least_steps * (1 + self.critical / np.asarray(batch, float))


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


def server_seconds(workers: Any, size: Any, latency: float, bandwidth: float) -> np.ndarray:
    """Return the time through one server: ``2 n (latency + size / bandwidth)``.

    All bytes of all workers pass through the server's one link, in and out.
    """
    return 2 * _workers(workers) * (latency + np.asarray(size, float) / bandwidth)


def fit_wire(workers: Any, size: Any, seconds: Any) -> tuple[float, float]:
    """Fit latency and bandwidth of :func:`ring_seconds` to measured times.

    The squares of the **relative** errors are made least, so that a measurement of microseconds
    counts as much as one of milliseconds; neither number may become negative.

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
    from scipy.optimize import nnls

    n, size, seconds = np.broadcast_arrays(_workers(workers), np.asarray(size, float), seconds)
    if n.ndim != 1 or len(n) < 2 or (n < 2).any() or not (seconds > 0).all():
        raise ValueError(
            "workers, size and seconds must be at least two measurements, shape (measurements,), "
            f"with 2 workers or more and times above 0, but they are {n}, {size}, {seconds}."
        )
    terms = np.stack([2 * (n - 1), 2 * (n - 1) / n * size], axis=1) / seconds[:, None]
    scale = terms.max(axis=0)  # the two columns differ by many orders of magnitude
    found = nnls(terms / scale, np.ones(len(n)))[0] / scale
    return float(found[0]), float(1 / found[1]) if found[1] > 0 else float("inf")


def amdahl(workers: Any, parallel: float) -> np.ndarray:
    """Return the speedup on a problem of fixed size (Amdahl 1967).

    Args:
        workers: n, at least 1.
        parallel: the share of the work, on one worker, that can be divided; from 0 to 1.
    """
    check_between("parallel", parallel, 0, 1)
    return 1 / (1 - parallel + parallel / _workers(workers))


def gustafson(workers: Any, parallel: float) -> np.ndarray:
    """Return the speedup when the problem grows with the workers (Gustafson 1988).

    Args:
        workers: n, at least 1.
        parallel: the share of the time, on n workers, that is spent in parallel; from 0 to 1.
    """
    check_between("parallel", parallel, 0, 1)
    return 1 - parallel + parallel * _workers(workers)


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


def fit_critical_batch(batches: Any, steps: Any) -> CriticalBatch:
    """Fit the law of steps to a target (McCandlish and others 2018, section 2).

    Relative errors are made least, as in :func:`fit_wire`.

    Args:
        batches: batch sizes, shape (measurements,), at least two different ones.
        steps: steps to the target at each.

    Raises:
        ValueError: there are fewer than two batch sizes, or a value is not above 0.
    """
    from scipy.optimize import nnls

    batches, steps = np.asarray(batches, float), np.asarray(steps, float)
    positive = np.isfinite(steps).all() and (steps > 0).all() and (batches > 0).all()
    if batches.shape != steps.shape or len(np.unique(batches)) < 2 or not positive:
        raise ValueError(
            "batches and steps must be equally many numbers above 0, for at least two different "
            f"batch sizes, but they are {batches} and {steps}."
        )
    terms = np.stack([np.ones_like(batches), 1 / batches], axis=1) / steps[:, None]
    scale = terms.max(axis=0)
    least, slope = nnls(terms / scale, np.ones(len(batches)))[0] / scale
    return CriticalBatch(float(least), float(slope / least) if least > 0 else float("inf"))


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


def _workers(workers: Any) -> np.ndarray:
    n = np.asarray(workers, float)
    if n.size == 0 or not (n >= 1).all():
        raise ValueError(f"workers must be at least 1, but it is {workers!r}.")
    return n
