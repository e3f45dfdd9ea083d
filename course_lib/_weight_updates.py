"""What did tuning change, layer by layer: how much, and in how many directions?

Serves the chapter ``data/transfer_learning``. Reference for the effective rank: Roy and Vetterli
(2007), "The effective rank: A measure of effective dimensionality".
"""

from __future__ import annotations

from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from course_lib._checks import model, takes

__all__ = ["WeightUpdate", "weight_updates"]


class WeightUpdate(NamedTuple):
    """What tuning changed in one layer.

    Attributes:
        layer: the layer's name.
        relative_size: Frobenius norm of the change over that of the source's kernel.
        rank: singular values above a thousandth of the largest one.
        effective_rank: e to the entropy of the singular values, as shares of their sum (Roy and
            Vetterli 2007): how many directions the change really has.
        largest_rank: the smaller side of the kernel as a matrix.
    """

    layer: str
    relative_size: float
    rank: int
    effective_rank: float
    largest_rank: int


@takes(source=model(), target=model())
def weight_updates(source: keras.Model, target: keras.Model) -> list[WeightUpdate]:
    """Compare the kernels of two models, layer by layer, for the layers of one name and shape.

    A kernel counts as a matrix with one column for each output; low-rank additions count as part
    of their kernel.

    Args:
        source: the model before.
        target: the model after.

    Returns:
        One entry for each common layer with a kernel, in the source's order.

    Raises:
        ValueError: the models have no such layer in common.
    """
    before, after = ({x.name: x.kernel for x in m.layers if _has(x)} for m in (source, target))
    updates = []
    for name, kernel in before.items():
        if name not in after or after[name].shape != kernel.shape:
            continue
        old, new = (ops.convert_to_numpy(k).astype("float64") for k in (kernel, after[name]))
        change = (new - old).reshape(-1, old.shape[-1])
        values = np.linalg.svd(change, compute_uv=False)
        size = float(np.linalg.norm(change) / np.linalg.norm(old))
        rank = int((values > 1e-3 * values[0]).sum()) if values[0] > 0 else 0
        shares = values[values > 0] / max(values.sum(), 1e-300)
        effective = float(np.exp(-np.sum(shares * np.log(shares)))) if rank else 0.0
        updates.append(WeightUpdate(name, size, rank, effective, min(change.shape)))
    if not updates:
        raise ValueError(
            "source and target must have a layer with a kernel of one name and shape in common, "
            "but they have none. Did replace_head make the target from the source?"
        )
    return updates


def _has(layer: keras.Layer) -> bool:
    return hasattr(layer, "kernel")
