"""How can a network be tuned by a few numbers? Add a product of two thin matrices to each kernel.

``LowRank`` is the plain form, a layer around a layer, to be read. ``low_rank_adapt`` uses Keras's
own ``enable_lora`` on every layer of a model. ``merge_low_rank`` adds the products to the kernels,
after which nothing is left that costs time.

Reference: Hu and others (2022), "LoRA: Low-Rank Adaptation of Large Language Models".
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from course_lib._checks import check_whole, instance, model, real, takes, whole
from course_lib._model_parts import copy_of, is_head, normalizations

__all__ = ["LowRank", "low_rank_adapt", "merge_low_rank"]


@keras.saving.register_keras_serializable(package="course_lib")
class LowRank(keras.Layer):
    """A dense or convolutional layer whose kernel is frozen and gets a trainable low-rank addition.

    Chapter equation ``eq-transfer-lora``: ``h = W x + (alpha / rank) B A x`` (Hu and others 2022,
    equation 3, and the scale of section 4.1), with the two factors in Keras's order: ``a`` comes
    first and maps the input to ``rank`` numbers, ``b`` maps these to the output. ``b`` starts at
    zero, so at first the layer computes what the wrapped one does.

    Args:
        layer: a built ``Dense`` or ``Conv2D`` layer. Its weights are shared, and frozen here.
        rank: how many numbers the addition passes through, at least 1.
        alpha: the scale's numerator; ``rank`` by default, so that the scale is 1.
        seed: for the initial values of ``a``.
    """

    @takes(layer=instance(keras.Layer, "a Keras layer"), rank=whole(1), alpha=real(), seed=whole())
    def __init__(
        self, layer: keras.Layer, rank: int, alpha: float | None = None, seed: int = 0, **options
    ) -> None:
        """Take the layer to adapt and the rank."""
        super().__init__(**options)
        if not isinstance(layer, layers.Dense | layers.Conv2D) or not layer.built:
            raise ValueError(
                "layer must be a built Dense or Conv2D layer, but it is "
                f"{'an unbuilt ' if isinstance(layer, keras.Layer) and not layer.built else 'a '}"
                f"{type(layer).__name__}. Call it on an input first."
            )
        check_whole("rank", rank, 1)
        self.layer, self.rank, self.seed = layer, rank, seed
        self.alpha = float(rank if alpha is None else alpha)
        layer.trainable = False

    def build(self, input_shape: Any) -> None:
        """Create ``a`` with the kernel's shape but ``rank`` outputs, and ``b`` (rank, outputs)."""
        *window, outputs = self.layer.kernel.shape
        start = keras.initializers.HeUniform(self.seed)
        self.a = self.add_weight(name="a", shape=(*window, self.rank), initializer=start)
        self.b = self.add_weight(name="b", shape=(self.rank, outputs), initializer="zeros")
        self.built = True

    def call(self, x: Any) -> Any:
        """Add the detour to what the frozen layer computes, before its activation."""
        if isinstance(self.layer, layers.Dense):
            straight, narrow = ops.matmul(x, self.layer.kernel), ops.matmul(x, self.a)
        else:  # the detour is a convolution with few filters, then one of 1x1
            straight = self.layer.convolution_op(x, self.layer.kernel)
            narrow = self.layer.convolution_op(x, self.a)
        h = straight + self.alpha / self.rank * ops.dot(narrow, self.b)
        h = h if self.layer.bias is None else h + self.layer.bias
        return self.layer.activation(h)

    def merged_kernel(self) -> Any:
        """Return ``W + (alpha / rank) A B``, of the shape of the layer's kernel."""
        return self.layer.kernel + self.alpha / self.rank * ops.dot(self.a, self.b)


@takes(model=model(), rank=whole(1), alpha=real())
def low_rank_adapt(model: keras.Model, rank: int, alpha: float | None = None) -> keras.Model:
    """Freeze a model and give the kernel of each layer before its head a low-rank addition.

    Uses Keras's ``layer.enable_lora``. What remains trainable: the two factors of each ``Dense``
    and ``Conv2D`` layer, and the head in full. Biases and batch normalization are frozen, too.

    Args:
        model: a built functional or sequential model.
        rank: rank of each addition, at least 1 (the paper's r).
        alpha: the additions are scaled by ``alpha / rank``; ``rank`` by default.

    Returns:
        A copy; ``model`` stays as it is. Before training it computes the same as ``model``.

    Raises:
        ValueError: ``rank`` is not a whole number from 1 on, or no layer can be adapted.
    """
    check_whole("rank", rank, 1)
    adapted = copy_of(model)
    kinds = (layers.Dense, layers.Conv2D)
    chosen = [x for x in adapted.layers if type(x) in kinds and not is_head(adapted, x)]
    if not chosen:
        raise ValueError(
            "model must have a Dense or Conv2D layer before its head, but it has none of them."
        )
    for layer in chosen:
        layer.enable_lora(rank, lora_alpha=alpha)
        if layer.use_bias:
            layer.bias.trainable = False
    for layer in normalizations(adapted):
        layer.trainable = False
    return adapted


@takes(model=model())
def merge_low_rank(model: keras.Model) -> keras.Model:
    """Return a plain model whose kernels have the low-rank additions built in.

    Args:
        model: a model from :func:`low_rank_adapt`, trained or not.

    Returns:
        A model that computes the same, without factors: as large and as fast as the one before.
    """

    def plain(layer: keras.Layer) -> keras.Layer:
        config = layer.get_config()
        for name in ("lora_rank", "lora_alpha"):
            config.pop(name, None)
        return type(layer).from_config(config)

    merged = keras.models.clone_model(model, clone_function=plain)
    for new, old in zip(merged.layers, model.layers, strict=True):
        if getattr(old, "lora_enabled", False):
            bias = [old.bias] if old.use_bias else []
            new.set_weights([ops.convert_to_numpy(w) for w in (old.kernel, *bias)])
        else:
            new.set_weights(old.get_weights())
    return merged
