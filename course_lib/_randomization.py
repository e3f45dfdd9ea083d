"""Does an explanation depend on what the network learned?

The test of Adebayo and others (2018): replace trained weights by fresh ones, from the top layer
down, and see whether the maps change. If they do not, they do not show what was learned.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
from scipy import stats
from skimage import metrics

from course_lib._checks import array, either, sequence, string, takes, whole

__all__ = ["randomize_layers", "rank_correlation", "structural_similarity"]


@takes(layers=either(whole(), sequence(string())), seed=whole())
def randomize_layers(
    model: keras.Model, layers: int | Sequence[str] | None = None, seed: int = 0
) -> keras.Model:
    """Copy a model and draw the weights of some layers anew, by the layers' own initializers.

    Cascading randomization (Adebayo and others 2018, section 3) is ``layers=1``, ``2``, and so on:
    from the top, the output's side, down.

    Args:
        model: a Sequential or functional Keras model with weights. It is not changed.
        layers: how many layers with weights, counted from the output; or the names of some; None
            means all.
        seed: where the new weights start. Different layers get different ones.

    Returns:
        An uncompiled model of the same layers and names.

    Raises:
        ValueError: ``model`` has no layers with weights, or ``layers`` names or counts some that
            it does not have.
    """
    weighted = [layer.name for layer in getattr(model, "layers", []) if layer.weights]
    if not weighted:
        raise ValueError("model must be a built Keras model of layers with weights.")
    chosen = _chosen(weighted, layers)
    states = np.random.SeedSequence(int(seed)).generate_state(10_000)
    seeds = (int(state) for state in states % 2**31)

    def fresh(layer: keras.Layer) -> keras.Layer:
        return layer.__class__.from_config(_reseeded(layer.get_config(), seeds))

    copy = keras.models.clone_model(model, clone_function=fresh)
    for old, new in zip(model.layers, copy.layers, strict=True):
        if old.name not in chosen:
            new.set_weights(old.get_weights())
    return copy


@takes(maps=array(finite=False), others=array(finite=False))
def rank_correlation(maps: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Correlate the ranks of two maps' values, map by map (Spearman's coefficient).

    Args:
        maps: shape ``(batch, ...)``. For the correlation of sizes, without signs, give
            ``np.abs(maps)``.
        others: of the same shape.

    Returns:
        Array of shape ``(batch,)``: 1 for the same order, 0 for unrelated ones. Where a map is
        constant, it has no order: NaN.

    Raises:
        ValueError: the shapes differ, or values are not finite.
    """
    both = [stats.rankdata(each, axis=1) for each in _alike(maps, others)]
    ours, theirs = (ranks - ranks.mean(axis=1, keepdims=True) for ranks in both)
    with np.errstate(invalid="ignore"):
        sizes = np.sqrt((ours**2).sum(axis=1) * (theirs**2).sum(axis=1))
        return (ours * theirs).sum(axis=1) / sizes


@takes(maps=array(finite=False), others=array(finite=False), window=whole(3))
def structural_similarity(maps: np.ndarray, others: np.ndarray, window: int = 5) -> np.ndarray:
    """Compare two maps as pictures, map by map, with the index SSIM (Wang and others 2004).

    Each map is stretched to values from 0 to 1 first, as it would be to be drawn.

    Args:
        maps: shape ``(batch, height, width)``.
        others: of the same shape.
        window: side of the square in which pictures are compared, odd, in pixels.

    Returns:
        Array of shape ``(batch,)``: 1 for the same picture.

    Raises:
        ValueError: the shapes differ or are not those of maps, or values are not finite.
    """
    _alike(maps, others)
    if np.ndim(maps) != 3:
        raise ValueError(
            f"maps must have shape (batch, height, width), but their shape is {np.shape(maps)}. "
            "Add up the channels first."
        )
    pairs = zip(_stretched(maps), _stretched(others), strict=True)
    return np.array(
        [metrics.structural_similarity(*pair, win_size=window, data_range=1.0) for pair in pairs]
    )


def _chosen(weighted: list[str], layers: int | Sequence[str] | None) -> list[str]:
    if layers is None:
        return weighted
    if isinstance(layers, int | np.integer) and 0 <= layers <= len(weighted):
        return weighted[len(weighted) - int(layers) :]
    if not isinstance(layers, int | np.integer | str) and set(layers) <= set(weighted):
        return list(layers)
    raise ValueError(
        f"layers must be a number from 0 to {len(weighted)}, or a list of names out of "
        f"{', '.join(weighted)}, but it is {layers!r}."
    )


def _reseeded(config: Any, seeds: Iterator[int]) -> Any:
    """Copy a layer's configuration with another seed in each place that has one."""
    if isinstance(config, dict):
        return {
            key: next(seeds) if key == "seed" else _reseeded(value, seeds)
            for key, value in config.items()
        }
    if isinstance(config, list):
        return [_reseeded(value, seeds) for value in config]
    return config


def _alike(maps: Any, others: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return both as float64, shape (batch, values)."""
    maps, others = np.asarray(maps, np.float64), np.asarray(others, np.float64)
    if maps.shape != others.shape or maps.ndim < 2 or maps.size == 0:
        raise ValueError(
            f"maps and others must have one shape (batch, ...), but have {maps.shape} and "
            f"{others.shape}."
        )
    if not (np.isfinite(maps).all() and np.isfinite(others).all()):
        raise ValueError("maps and others must be finite, but there are NaN or infinite values.")
    return maps.reshape(len(maps), -1), others.reshape(len(others), -1)


def _stretched(maps: Any) -> np.ndarray:
    maps = np.asarray(maps, np.float64)
    low, high = maps.min(axis=(1, 2), keepdims=True), maps.max(axis=(1, 2), keepdims=True)
    return (maps - low) / np.where(high > low, high - low, 1.0)
