"""Was the network that survives pruning a winner from the start?

Serves the chapter ``compute/compression``. Train, drop the smallest weights, rewind the others to
where they began, and train again: does it learn as well? And with the same places, but other
numbers to start from? All seeds and all ways run side by side in one model. Reference: Frankle and
Carbin (2019), "The Lottery Ticket Hypothesis".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import keras
import numpy as np

from course_lib import gradients, training
from course_lib._checks import (
    array,
    check_between,
    check_whole,
    function,
    real,
    sequence,
    takes,
    truths,
    whole,
)
from course_lib._pruning import kernel_layers, magnitude_mask
from course_lib._side_by_side import logits_side_by_side, loss_side_by_side, side_by_side
from course_lib._sparse_training import KeepZeros

__all__ = ["Lottery", "lottery", "surviving"]

WAYS = ("rewound", "new start", "other places", "trained on")


class Lottery(NamedTuple):
    """What became of the tickets: ``kept`` is the share of weights, shape ``(rounds,)``.

    ``accuracies`` has for each way of starting an array of shape ``(rounds, seeds)``. All train
    with equally many weights, each round equally long.
    """

    kept: np.ndarray
    accuracies: dict[str, np.ndarray]


@takes(kernels=array(filled=True), masks=truths(), drop=real(0, 1))
def surviving(kernels: np.ndarray, masks: np.ndarray, drop: float) -> np.ndarray:
    """Drop a share of the weights that are still there, in each network those of least magnitude.

    Args:
        kernels: shape ``(networks, ...)``.
        masks: bool, of the same shape: who is still there.
        drop: share of these to drop, from 0 to 1.

    Returns:
        Masks of the next round.

    Raises:
        ValueError: shapes differ, or ``drop`` is out of range.
    """
    check_between("drop", drop, 0, 1)
    kernels, masks = np.asarray(kernels), np.asarray(masks, bool)
    if kernels.shape != masks.shape or kernels.ndim < 2:
        raise ValueError(
            "kernels and masks must have one shape (networks, ...), but they have "
            f"{kernels.shape} and {masks.shape}."
        )
    new = np.zeros_like(masks)
    for place, (kernel, mask) in enumerate(zip(kernels, masks, strict=True)):
        if mask.any():
            new[place][mask] = magnitude_mask(kernel[mask], drop)
    return new


@takes(
    build=function(),
    data=sequence(array(), 4, 4),
    seeds=sequence(whole(), 1),
    rounds=whole(1),
    drop=real(),
    epochs=whole(1),
    batch_size=whole(1),
    learning_rate=real(0, open_start=True),
)
def lottery(
    build: Callable[[], keras.Sequential],
    data: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    seeds: Sequence[int],
    rounds: int,
    *,
    drop: float = 0.5,
    epochs: int = 10,
    batch_size: int = 128,
    learning_rate: float = 1e-2,
) -> Lottery:
    """Play the lottery: iterative magnitude pruning with rewinding, and three controls.

    In each round four networks a seed train for equally long with equally many weights:
    ``"rewound"`` starts from the first weights and masks found by its own earlier rounds (Frankle
    and Carbin 2019, strategy 1); ``"new start"`` has its masks and fresh weights; ``"other
    places"`` has fresh weights and masks that are shuffled within each kernel; ``"trained on"`` has
    its masks and goes on from the weights it had when it was last trained (ordinary pruning).

    Args:
        build: makes a network of dense layers from inputs to logits, see ``side_by_side``.
        data: training inputs and class indices, test inputs and class indices.
        seeds: one network of each way for each.
        rounds: trainings, at least 1; the first is with all weights.
        drop: share of the weights dropped after each round, above 0 and below 1; half of it in the
            last layer, as in the paper.
        epochs: of each training.
        batch_size: examples a step.
        learning_rate: the peak of Adam's one-cycle schedule.

    Raises:
        ValueError: an argument is out of range.
    """
    check_whole("rounds", rounds, 1)
    check_between("drop", drop, 0, 1, open_start=True, open_end=True)
    x, y, x_test, y_test = data
    first = _starts(build, seeds)
    fresh = _starts(build, [seed + 10_000 for seed in seeds])
    model, count = side_by_side([*first, *fresh, *fresh, *first]), len(seeds)
    steps = epochs * -(-len(x) // batch_size)
    model.compile(
        keras.optimizers.Adam(training.one_cycle(learning_rate, steps)),
        loss_side_by_side,
        jit_compile=gradients.without_slow_start(),
    )
    beginning, names = model.get_weights(), [layer.name for layer in kernel_layers(model)]
    masks = {x.name: np.ones(x.kernel.shape, bool) for x in kernel_layers(model)}
    wide_x = np.repeat(x[:, None], 4 * count, axis=1)
    wide_y = np.repeat(np.eye(y.max() + 1, dtype="float32")[y][:, None], 4 * count, axis=1)
    kept, scores, weights = [], [], beginning
    for turn in range(rounds):
        training.restart(model, weights)
        training.fit(
            *(model, wide_x, wide_y),
            epochs=epochs,
            batch_size=batch_size,
            seed=turn,
            callbacks=[KeepZeros(masks)],
            progress=False,
        )
        right = logits_side_by_side(model, x_test).argmax(axis=-1) == y_test
        scores.append(right.mean(axis=1).reshape(len(WAYS), count))
        kept.append(np.mean(np.concatenate([m[:count].ravel() for m in masks.values()])))
        masks = _next_masks(model, masks, names[-1], drop, count, turn)
        trained = model.get_weights()
        weights = [_with_last(old, new, count) for old, new in zip(beginning, trained, strict=True)]
    found = np.stack(scores, axis=1)
    return Lottery(np.array(kept), dict(zip(WAYS, found, strict=True)))


def _starts(build: Callable[[], keras.Sequential], seeds: Sequence[int]) -> list[keras.Sequential]:
    networks = []
    for seed in seeds:
        training.set_seed(seed)
        networks.append(build())
    return networks


def _next_masks(
    model: keras.Model, masks: dict, last: str, drop: float, count: int, turn: int
) -> dict[str, np.ndarray]:
    """Prune what was rewound and what was trained on; hand the former's masks to the controls."""
    random = np.random.default_rng(turn)
    new = {}
    for layer in kernel_layers(model):
        share = drop / 2 if layer.name == last else drop
        own = surviving(keras.ops.convert_to_numpy(layer.kernel), masks[layer.name], share)
        ticket, going_on = own[:count], own[3 * count :]
        shuffled = random.permuted(ticket.reshape(count, -1), axis=1).reshape(ticket.shape)
        new[layer.name] = np.concatenate([ticket, ticket, shuffled, going_on])
    return new


def _with_last(beginning: np.ndarray, trained: np.ndarray, count: int) -> np.ndarray:
    """Rewind all but the last quarter of the networks."""
    return np.concatenate([beginning[: 3 * count], trained[3 * count :]])
