"""How likely is an example under a model with hidden causes? The formulas of variational inference.

All are sums over the last axis, so that any number of axes may stand before it: examples, networks
side by side, samples.

Main references: Kingma and Welling (2014) for the bound and the way to differentiate through it;
Burda, Grosse and Salakhutdinov (2016) for the bound with several samples.
"""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from course_lib._checks import array, takes
from course_lib._draws import Seed, as_seed, float_tensor

__all__ = [
    "bernoulli_log_likelihood",
    "elbo",
    "gaussian_kl",
    "gaussian_log_likelihood",
    "importance_weighted_bound",
    "reparameterize",
]


@takes(mean=array(), log_variance=array())
def gaussian_kl(mean: Any, log_variance: Any) -> Any:
    """Compute the Kullback-Leibler divergence of a Gaussian from the standard one, in nats.

    Chapter equation ``eq-autoencoders-kl`` (Kingma and Welling 2014, appendix B): ``0.5 *
    sum(exp(log_variance) + mean**2 - 1 - log_variance)``. The Gaussian's entries are independent.

    Args:
        mean: floating point, shape ``(..., code)``.
        log_variance: natural logarithms of the variances, of a shape that fits ``mean``.

    Returns:
        Shape ``(...)``: at least 0, and 0 only where the mean is 0 and the variance 1.

    Raises:
        ValueError: an argument is not floating point, or the shapes do not fit.
    """
    mean, log_variance = _fitting(mean=mean, log_variance=log_variance)
    return 0.5 * ops.sum(ops.exp(log_variance) + ops.square(mean) - 1 - log_variance, axis=-1)


@takes(mean=array(), log_variance=array())
def reparameterize(mean: Any, log_variance: Any, seed: Seed) -> Any:
    """Draw from a Gaussian in a way that can be differentiated by its mean and its variance.

    Chapter equation ``eq-autoencoders-reparameterize`` (Kingma and Welling 2014, section 2.4): the
    noise comes from outside, from the standard Gaussian, and is scaled and moved.

    Args:
        mean: floating point, shape ``(..., code)``.
        log_variance: natural logarithms of the variances, of the same shape.
        seed: a whole number makes the same draw at every call; a ``keras.random.SeedGenerator``
            makes a new one each time.

    Returns:
        One draw for each mean, of its shape.

    Raises:
        ValueError: an argument is not floating point, the shapes do not fit, or ``seed`` is None.
    """
    mean, log_variance = _fitting(mean=mean, log_variance=log_variance)
    noise = keras.random.normal(ops.shape(mean), dtype=mean.dtype, seed=as_seed(seed))
    return mean + ops.exp(0.5 * log_variance) * noise


@takes(x=array(finite=False), logits=array())
def bernoulli_log_likelihood(x: Any, logits: Any) -> Any:
    """Compute the log-probability of pixels that are on with probability ``sigmoid(logits)``.

    Chapter equation ``eq-autoencoders-bernoulli``. A gray value between 0 and 1 is read as the
    probability that the pixel is on, and the result is the mean over such black-and-white images.

    Args:
        x: values from 0 to 1, shape ``(..., features)``.
        logits: any real numbers, of a shape that fits ``x``.

    Returns:
        Shape ``(...)``, in nats, never above 0.

    Raises:
        ValueError: an argument is not floating point, an array holds values outside 0 to 1, or the
            shapes do not fit.
    """
    if isinstance(x, np.ndarray) and x.size and not (x.min() >= 0 and x.max() <= 1):
        raise ValueError(
            f"x must lie between 0 and 1, but it runs from {x.min():g} to {x.max():g}. "
            "Scale images first: training.scale_images."
        )
    x, logits = _fitting(x=x, logits=logits)
    return ops.sum(x * logits - ops.softplus(logits), axis=-1)


@takes(x=array(), mean=array(), log_variance=array())
def gaussian_log_likelihood(x: Any, mean: Any, log_variance: Any) -> Any:
    """Compute the logarithm of the density of a Gaussian with independent entries.

    Args:
        x: floating point, shape ``(..., features)``.
        mean: of a shape that fits ``x``.
        log_variance: natural logarithms of the variances, of a shape that fits ``x``.

    Returns:
        Shape ``(...)``, in nats. A density may exceed 1, and its logarithm 0.

    Raises:
        ValueError: an argument is not floating point, or the shapes do not fit.
    """
    x, mean, log_variance = _fitting(x=x, mean=mean, log_variance=log_variance)
    squares = ops.square(x - mean) * ops.exp(-log_variance)
    return -0.5 * ops.sum(squares + log_variance + math.log(2 * math.pi), axis=-1)


@takes(log_likelihood=array(), kl=array(), beta=array(finite=False))
def elbo(log_likelihood: Any, kl: Any, beta: Any = 1.0) -> Any:
    """Compute the evidence lower bound of each example from its two parts.

    Chapter equation ``eq-autoencoders-elbo`` (Kingma and Welling 2014, equation 3). With ``beta``
    other than 1 it is the objective of Higgins and others (2017); below 1 it is no lower bound.

    Args:
        log_likelihood: of the input, given a code drawn from the encoder's Gaussian: for example
            from :func:`bernoulli_log_likelihood`. Any shape.
        kl: from :func:`gaussian_kl`, of the same shape.
        beta: the weight of ``kl``, at least 0; one number, or one for each network.

    Returns:
        ``log_likelihood - beta * kl``, in nats, of the same shape.

    Raises:
        ValueError: ``beta`` is negative or not finite, or the shapes do not fit.
    """
    strengths = np.asarray(beta, dtype="float32")
    if not np.isfinite(strengths).all() or (strengths < 0).any():
        raise ValueError(f"beta must be at least 0 and finite, but it is {beta!r}.")
    log_likelihood, kl = _fitting(log_likelihood=log_likelihood, kl=kl)
    return log_likelihood - ops.cast(strengths, kl.dtype) * kl


@takes(log_weights=array())
def importance_weighted_bound(log_weights: Any) -> Any:
    """Compute the lower bound that several samples of the code give.

    Chapter equation ``eq-autoencoders-iwae`` (Burda, Grosse and Salakhutdinov 2016, equation 8):
    the logarithm of the mean of the weights ``p(x, z) / q(z | x)``. With one sample it is an
    estimate of the evidence lower bound; with more it rises, on average, toward ``log p(x)``.

    Args:
        log_weights: logarithms of the weights, shape ``(samples, ...)``.

    Returns:
        Shape ``(...)``, in nats.

    Raises:
        ValueError: there are no samples, or ``log_weights`` is not floating point.
    """
    (log_weights,) = _fitting(log_weights=log_weights)
    samples = log_weights.shape[0] if len(log_weights.shape) else 0
    if not samples:
        raise ValueError(
            "log_weights must have a first axis of at least one sample, but its shape is "
            f"{tuple(log_weights.shape)}."
        )
    return ops.logsumexp(log_weights, axis=0) - math.log(samples)


def _fitting(**arrays: Any) -> tuple[Any, ...]:
    """Return floating point tensors of one type, after checking that their shapes fit."""
    tensors = [_float(values, name) for name, values in arrays.items()]
    shapes = [tuple(tensor.shape) for tensor in tensors]
    for ends in zip(*(reversed(shape) for shape in shapes), strict=False):
        lengths = {length for length in ends if length not in (None, 1)}
        if len(lengths) > 1:
            raise ValueError(f"The shapes of {', '.join(arrays)} must fit, but they are {shapes}.")
    return tuple(tensors)


def _float(values: Any, name: str) -> Any:
    """Return values as a tensor, plain numbers and lists too."""
    plain = isinstance(values, float | list | tuple | np.generic)
    return float_tensor(np.asarray(values) if plain else values, name)
