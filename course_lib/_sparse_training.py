"""How do pruned weights stay away while the others learn?

Serves the chapter ``compute/compression``. A cubic schedule decides how many go at which step (Zhu
and Gupta 2017), and a callback holds what is gone at zero, whatever the optimizer does.
"""

from __future__ import annotations

from collections.abc import Mapping

import keras
import numpy as np
from keras import ops

from course_lib._checks import (
    check_between,
    check_whole,
    either,
    mapping,
    real,
    string,
    takes,
    truths,
    whole,
)
from course_lib._pruning import check_scope, each_layer, kernel_layers, kernel_masks

__all__ = ["GradualPruning", "KeepZeros", "cubic_sparsity"]


@takes(step=real(), final=real(), begin=whole(), end=whole(), initial=real())
def cubic_sparsity(step: float, final: float, begin: int, end: int, initial: float = 0.0) -> float:
    """Return the share to be gone at a step: fast at first, ever slower toward the end.

    Chapter equation ``eq-compression-cubic`` (Zhu and Gupta 2017, equation 1).

    Args:
        step: the training step, counted from 0.
        final: share from step ``end`` on, from 0 to 1.
        begin: last step with the share ``initial``, at least 0.
        end: first step with the share ``final``, above ``begin``.
        initial: share at the start, from 0 to ``final``.

    Raises:
        ValueError: an argument is out of range.
    """
    check_between("final", final, 0, 1)
    check_between("initial", initial, 0, final)
    check_whole("begin", begin, 0)
    check_whole("end", end, begin + 1)
    done = min(max((step - begin) / (end - begin), 0.0), 1.0)
    return final + (initial - final) * (1 - done) ** 3


class KeepZeros(keras.callbacks.Callback):
    """Hold pruned weights at zero while a model trains, under any optimizer.

    A gradient of zero is not enough: momentum, Adam's averages and weight decay move weights that
    get none. So the kernels are multiplied by their masks after every step.

    Args:
        masks: for each layer's name the mask of its kernel, True where it may learn. None takes
            what is not zero when the training starts.

    Raises:
        ValueError: at the start of ``fit``: a mask has another shape than its kernel, a layer has
            no kernel, or several steps are run in one go (``steps_per_execution``).
    """

    @takes(masks=mapping(truths()))
    def __init__(self, masks: Mapping[str, np.ndarray] | None = None) -> None:
        """Take masks, or None."""
        super().__init__()
        self.masks = None if masks is None else {name: np.asarray(m) for name, m in masks.items()}

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Find the kernels and apply the masks."""
        if getattr(self.model, "steps_per_execution", 1) != 1:
            raise ValueError(
                "steps_per_execution must be 1 while weights are held at zero, but it is "
                f"{self.model.steps_per_execution}: between steps nothing would hold them."
            )
        masks = self.masks
        self._layers = kernel_layers(self.model, masks)
        if masks is None:
            masks = {x.name: ops.convert_to_numpy(x.kernel) != 0 for x in self._layers}
        for layer in self._layers:
            if masks[layer.name].shape != tuple(layer.kernel.shape):
                raise ValueError(
                    f"masks[{layer.name!r}] must have the kernel's shape "
                    f"{tuple(layer.kernel.shape)}, but it has {masks[layer.name].shape}."
                )
        self._set(masks)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Put back to zero what the step moved away from it."""
        _sync(self.model)
        self._apply()

    def _set(self, masks: Mapping[str, np.ndarray]) -> None:
        self._tensors = [ops.cast(masks[x.name], x.kernel.dtype) for x in self._layers]
        self._apply()

    def _apply(self) -> None:
        for layer, mask in zip(self._layers, self._tensors, strict=True):
            layer.kernel.assign(ops.multiply(layer.kernel, mask))


class GradualPruning(KeepZeros):
    """Prune while training, along a cubic schedule, and hold at zero what is gone.

    Args:
        sparsity: share to drop in the end, of each kernel, or for each layer by name.
        begin: step after which pruning starts, see :func:`cubic_sparsity`.
        end: step from which on the final share holds; later steps only repair.
        every: steps between two prunings.
        scope: ``"layer"`` or ``"global"``, as for :func:`prune_model`.

    Raises:
        ValueError: an argument is out of range; the layers are checked when ``fit`` starts.
    """

    @takes(
        sparsity=either(real(0, 1), mapping(real(0, 1))),
        begin=whole(),
        end=whole(),
        every=whole(),
        scope=string(),
    )
    def __init__(
        self,
        sparsity: float | Mapping[str, float],
        begin: int,
        end: int,
        every: int = 10,
        scope: str = "layer",
    ) -> None:
        """Take the final share and the steps."""
        super().__init__()
        check_scope(scope, sparsity)
        for share in sparsity.values() if isinstance(sparsity, Mapping) else [sparsity]:
            cubic_sparsity(0, share, begin, end)  # it checks them all
        check_whole("every", every, 1)
        self.sparsity, self.begin, self.end = sparsity, begin, end
        self.every, self.scope = every, scope

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Start counting steps; weights that are zero already stay so."""
        super().on_train_begin(logs)
        self._layers, self._finals = zip(*each_layer(self.model, self.sparsity), strict=True)
        self.step = 0
        self._prune()

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Drop more where it is time, else hold."""
        _sync(self.model)
        self._apply()
        self.step += 1
        due = self.begin < self.step <= self.end
        if due and ((self.step - self.begin) % self.every == 0 or self.step == self.end):
            self._prune()

    def _prune(self) -> None:
        kernels = [ops.convert_to_numpy(layer.kernel) for layer in self._layers]
        masks = kernel_masks(kernels, [self._share(f) for f in self._finals], self.scope)
        names = [layer.name for layer in self._layers]
        self._set({n: m & (k != 0) for n, m, k in zip(names, masks, kernels, strict=True)})

    def _share(self, final: float) -> float:
        return cubic_sparsity(self.step, final, self.begin, self.end)


def _sync(model: keras.Model) -> None:
    """Bring the variables up to date where a backend keeps them elsewhere during an epoch."""
    if hasattr(model, "jax_state_sync"):
        model.jax_state_sync()
