"""What can be learned in attention? Layers with kernels of their own, for ``attention``."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from course_lib._checks import flag, real, takes, whole
from course_lib._weighting import additive_attention, scaled_dot_product_attention

__all__ = ["AttentionPooling", "MultiHeadAttention"]


@keras.saving.register_keras_serializable(package="course_lib")
class MultiHeadAttention(keras.layers.Layer):
    """Several attentions side by side, each in a projection of its own (``eq-attention-heads``).

    Section 3.2.2 of Vaswani and others (2017). The weights have the shapes and the order of
    ``keras.layers.MultiHeadAttention``, so ``ours.set_weights(theirs.get_weights())`` makes the two
    layers equal. Both start from Glorot's uniform distribution; Keras takes the three axes of a
    kernel for those of a convolution and so starts smaller.

    Attributes:
        num_heads: Number of heads.
        key_dim: Features of a query, a key and a value within one head.
    """

    @takes(num_heads=whole(1), key_dim=whole(1), use_bias=flag(), output_scale=real(0))
    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        use_bias: bool = True,
        output_scale: float = 1.0,
        **options: Any,
    ) -> None:
        """Take the sizes.

        Args:
            num_heads: Number of heads.
            key_dim: Features of a query, a key and a value within one head.
            use_bias: Whether the four projections have biases.
            output_scale: Factor on the initial kernel of the last projection. Networks of many
                blocks start better with less than 1.
            **options: Passed to ``keras.layers.Layer``: ``name``, ``dtype``.

        Raises:
            ValueError: If a size is not a positive whole number.
        """
        super().__init__(**options)
        for name, size in (("num_heads", num_heads), ("key_dim", key_dim)):
            if not isinstance(size, int) or isinstance(size, bool) or size < 1:
                raise ValueError(f"{name} must be a whole number of at least 1, got {size!r}.")
        self.num_heads, self.key_dim, self.use_bias = num_heads, key_dim, use_bias
        self.output_scale = output_scale
        self.supports_masking = True

    def build(self, query_shape: Any, value_shape: Any = None, key_shape: Any = None) -> None:
        """Make the kernels for inputs of these shapes, ``(batch, time, features)``."""
        features = query_shape[-1]
        value_shape = value_shape or query_shape
        inside = (self.num_heads, self.key_dim)
        projections = {
            "query": (features, *inside),
            "key": ((key_shape or value_shape)[-1], *inside),
            "value": (value_shape[-1], *inside),
            "output": (*inside, features),
        }
        self.projections = {}
        for name, shape in projections.items():
            rows = shape[0] if name != "output" else shape[0] * shape[1]
            scale = self.output_scale**2 if name == "output" else 1.0
            limit = (6 * scale / (rows + self.num_heads * self.key_dim)) ** 0.5
            if name == "output":
                limit = (6 * scale / (rows + features)) ** 0.5
            start = keras.initializers.RandomUniform(-limit, limit)
            kernel = self.add_weight(shape=shape, initializer=start, name=f"{name}_kernel")
            bias = None
            if self.use_bias:
                bias_shape = shape[1:] if name != "output" else shape[2:]
                bias = self.add_weight(shape=bias_shape, initializer="zeros", name=f"{name}_bias")
            self.projections[name] = (kernel, bias)

    def call(
        self,
        query: Any,
        value: Any | None = None,
        key: Any | None = None,
        attention_mask: Any | None = None,
        causal: bool = False,
        return_weights: bool = False,
    ) -> Any:
        """Attend from each query.

        Args:
            query: Shape ``(batch, query_time, features)``.
            value: Shape ``(batch, key_time, value_features)``; the query by default, which makes it
                self-attention.
            key: Shape ``(batch, key_time, key_features)``; the value by default.
            attention_mask: Boolean, True where a query may look at a key, of a shape that
                broadcasts to ``(batch, query_time, key_time)``.
            causal: Whether query ``t`` may look at the keys ``0`` to ``t`` only.
            return_weights: Whether to return the weights, too.

        Returns:
            The output, shape ``(batch, query_time, features)``; with ``return_weights`` a pair of
            it and the weights, shape ``(batch, heads, query_time, key_time)``.

        Raises:
            ValueError: If shapes do not fit together, or the mask is not boolean.
        """
        value = query if value is None else value
        key = value if key is None else key
        mask = attention_mask
        if mask is not None:
            mask = ops.convert_to_tensor(mask)
            mask = ops.expand_dims(mask, -3) if len(mask.shape) >= 3 else mask  # for all heads
        heads = (
            self._to_heads(x, name)
            for name, x in (("query", query), ("key", key), ("value", value))
        )
        seen, weights = scaled_dot_product_attention(*heads, mask=mask, causal=causal)
        output = self._from_heads(seen)
        return (output, weights) if return_weights else output

    def _to_heads(self, x: Any, name: str) -> Any:
        """Project (batch, time, features) to (batch, heads, time, key_dim)."""
        kernel, bias = self.projections[name]
        flat = ops.matmul(x, ops.reshape(kernel, (kernel.shape[0], -1)))
        if bias is not None:
            flat = flat + ops.reshape(bias, (-1,))
        batch, time = ops.shape(x)[:2]
        heads = ops.reshape(flat, (batch, time, self.num_heads, self.key_dim))
        return ops.transpose(heads, (0, 2, 1, 3))

    def _from_heads(self, heads: Any) -> Any:
        """Put heads (batch, heads, time, key_dim) side by side and project to the features."""
        kernel, bias = self.projections["output"]
        batch, _, time, _ = ops.shape(heads)
        joined = ops.reshape(ops.transpose(heads, (0, 2, 1, 3)), (batch, time, -1))
        output = ops.matmul(joined, ops.reshape(kernel, (-1, kernel.shape[-1])))
        return output if bias is None else output + bias

    def compute_output_shape(self, query_shape: Any, *_: Any, **__: Any) -> Any:
        """Return the shape of the output, which is the query's."""
        return query_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to build the layer anew."""
        names = ("num_heads", "key_dim", "use_bias", "output_scale")
        return super().get_config() | {name: getattr(self, name) for name in names}


@keras.saving.register_keras_serializable(package="course_lib")
class AttentionPooling(keras.layers.Layer):
    """Turn a sequence into one vector: its weighted average (``eq-attention-pooling``).

    The scores are additive, ``v . tanh(W x_t + b)``, with a softmax **over time**. It is Bahdanau's
    attention with a single query that does not depend on the input: the bias ``b``. This is the
    attention of the text classifiers of Jain and Wallace (2019).
    """

    @takes(units=whole(1))
    def __init__(self, units: int = 32, **options: Any) -> None:
        """Take the number of hidden units of the scores; options go to ``keras.layers.Layer``."""
        super().__init__(**options)
        if not isinstance(units, int) or isinstance(units, bool) or units < 1:
            raise ValueError(f"units must be a whole number of at least 1, got {units!r}.")
        self.units = units
        self.supports_masking = True

    def build(self, x_shape: Any) -> None:
        """Make ``W``, ``b`` and ``v`` for sequences of shape ``(batch, time, features)``."""
        self.kernel = self.add_weight(shape=(x_shape[-1], self.units), name="kernel")
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")
        limit = (6 / (self.units + 1)) ** 0.5  # Glorot's, for a kernel of shape (units, 1)
        start = keras.initializers.RandomUniform(-limit, limit)
        self.scale = self.add_weight(shape=(self.units,), initializer=start, name="scale")

    def call(self, x: Any, mask: Any | None = None) -> tuple[Any, Any]:
        """Average over time.

        Args:
            x: Shape ``(batch, time, features)``.
            mask: Boolean, shape ``(batch, time)``, True where there is something to look at.

        Returns:
            The averages, shape ``(batch, features)``, and the weights, shape ``(batch, time)``.
        """
        mask = None if mask is None else ops.expand_dims(mask, -2)
        query = ops.reshape(ops.convert_to_tensor(self.bias), (1, 1, -1))
        output, weights = additive_attention(query, x @ self.kernel, x, self.scale, mask)
        return ops.squeeze(output, -2), ops.squeeze(weights, -2)

    def compute_mask(self, *_: Any, **__: Any) -> None:
        """Return no mask: the averages have no time."""
        return None

    def compute_output_shape(self, x_shape: Any) -> tuple[Any, Any]:
        """Return the shapes of the averages and of the weights."""
        return (x_shape[0], x_shape[-1]), tuple(x_shape[:2])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to build the layer anew."""
        return super().get_config() | {"units": self.units}
