"""How few different values do the weights of a layer need?

Serves the chapter ``compute/compression``. ``share_weights`` finds a codebook by k-means, so that
each weight becomes a short number of an entry. Reference: Han, Mao and Dally (2016), "Deep
Compression", section 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from course_lib._checks import array, check_whole, either, mapping, model, takes, whole
from course_lib._model_parts import copy_of
from course_lib._pruning import each_layer, finite_weights

__all__ = ["Shared", "share_kernel", "share_model", "share_weights"]


class Shared(NamedTuple):
    """Weights as places in a codebook: they are ``codebook[codes]``.

    ``codes`` are int32 of the shape of the weights; ``codebook`` is float32, shape
    ``(clusters,)``, in increasing order.
    """

    codes: np.ndarray
    codebook: np.ndarray


@takes(weights=array(finite=False), clusters=whole(), rounds=whole(1))
def share_weights(weights: Any, clusters: int, rounds: int = 300) -> Shared:
    """Group weights by k-means, so that each group shares one value: the mean of its members.

    Chapter equation ``eq-compression-kmeans`` (Han and others 2016, equation 2), with the linear
    start that the paper found best (section 3.2): centroids evenly spaced from the smallest to the
    largest weight, so that the few large weights get some. On a line the groups are intervals:
    sorting once makes a round of Lloyd's algorithm a few look-ups in running sums.

    Args:
        weights: finite numbers of any shape. Zeros are weights like others: leave pruned ones out.
        clusters: number of groups, at least 1. Fewer different weights make fewer groups.
        rounds: at most so many rounds; it stops when nothing moves.

    Returns:
        Codes and codebook. A group that nobody joined keeps the value it had.

    Raises:
        ValueError: ``weights`` is empty or not finite, or a number is out of range.
    """
    weights = finite_weights(weights)
    check_whole("clusters", clusters, 1)
    check_whole("rounds", rounds, 1)
    values = np.sort(weights.ravel().astype(np.float64))
    distinct = np.unique(values)
    if len(distinct) <= clusters:
        codebook = distinct
    else:
        codebook = _lloyd(values, np.linspace(values[0], values[-1], clusters), rounds)
    codes = np.searchsorted(_borders(codebook), weights.astype(np.float64), side="left")
    return Shared(codes.astype(np.int32), codebook.astype(np.float32))


def share_kernel(kernel: Any, clusters: int) -> np.ndarray:
    """Return a kernel of few different values, float32; what was zero stays exactly zero.

    Raises:
        ValueError: see :func:`share_weights`.
    """
    kernel = finite_weights(kernel, "kernel").astype(np.float32)
    alive = kernel != 0
    shared = np.zeros_like(kernel)
    if alive.any():
        codes, codebook = share_weights(kernel[alive], clusters)
        shared[alive] = codebook[codes]
    return shared


@takes(model=model(), clusters=either(whole(), mapping(whole())))
def share_model(model: keras.Model, clusters: int | Mapping[str, int]) -> keras.Model:
    """Return a copy in which each kernel has few different values; zeros and biases stay.

    Args:
        model: a built functional or sequential model.
        clusters: values a kernel may have besides zero, or a number for each layer by name, the
            other layers staying as they are.

    Raises:
        ValueError: see :func:`share_weights`; or a layer has no kernel.
    """
    shared = copy_of(model)
    for layer, own in each_layer(shared, clusters):
        layer.kernel.assign(share_kernel(ops.convert_to_numpy(layer.kernel), own))
    return shared


def _lloyd(values: np.ndarray, codebook: np.ndarray, rounds: int) -> np.ndarray:
    """Move centroids to the means of their intervals until they rest; values are sorted."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    for _ in range(rounds):
        ends = np.searchsorted(values, _borders(codebook), side="right")
        ends = np.concatenate([[0], ends, [len(values)]])
        counts = np.diff(ends)
        means = np.diff(sums[ends]) / np.maximum(counts, 1)
        moved = np.where(counts > 0, means, codebook)
        if np.array_equal(moved, codebook):
            break
        codebook = moved
    return codebook


def _borders(codebook: np.ndarray) -> np.ndarray:
    """Return the points halfway between neighbors; a value on a border belongs below."""
    return (codebook[1:] + codebook[:-1]) / 2
