"""Valid calls of ``neural_networks``, ``convolution``, ``recurrence``, ``attention`` and
``autoencoders``.
"""

from __future__ import annotations

import functools

import numpy as np
from keras import ops

from course_lib import attention, autoencoders, neural_networks, recurrence
from fuzzing.registry import example
from fuzzing.values import classes, floats, fresh_perceptron, images, perceptron, probabilities

SPREADS = "a NaN makes what depends on it NaN, as in Keras: the docstring says so"


def parameters():
    return [(floats(4, 5), floats(5)), (floats(5, 3), floats(3))]


# neural_networks

example("neural_networks.Variable")(lambda: {"value": floats(2, 3), "name": "w"})
variable = neural_networks.Variable(floats(2, 3) + 5.0, "w")
example("neural_networks.Variable.sum", variable.sum)(lambda: {"axis": 1, "keepdims": False})
example("neural_networks.Variable.mean", variable.mean)(lambda: {"axis": 1, "keepdims": False})
example("neural_networks.Variable.reshape", variable.reshape)(lambda: {"shape": (3, 2)})
example("neural_networks.computation_graph")(lambda: {"result": (variable * variable).sum()})
example("neural_networks.draw_graph")(
    lambda: {"result": (variable * variable).sum(), "description": "A graph."}
)
example("neural_networks.init_parameters", fine={"scheme": ("a number",)})(
    lambda: {"sizes": (4, 5, 3), "seed": 0, "scheme": "he", "dtype": "float32"}
)
example("neural_networks.forward", other_names={"parameters": ("kernel", "bias")})(
    lambda: {"parameters": parameters(), "x": floats(6, 4), "activation": "tanh"},
)
example("neural_networks.backward", other_names={"parameters": ("kernel", "bias")})(
    lambda: {
        "parameters": parameters(),
        "x": floats(6, 4),
        "labels": classes(6),
        "activation": "tanh",
        "weight_penalty": 0.1,
    }
)
example("neural_networks.central_differences")(
    lambda: {"function": lambda x: (x**2).sum(), "x": floats(2, 3), "step": 1e-4}
)
example("neural_networks.cross_entropy")(lambda: {"labels": classes(6), "logits": floats(6, 3)})
example("neural_networks.dense")(
    lambda: {"x": floats(6, 4), "kernel": floats(4, 3), "bias": floats(3)}
)
example("neural_networks.mean_squared_error")(
    lambda: {"targets": floats(6), "predictions": floats(6, seed=1)}
)
for activation in ("relu", "sigmoid", "tanh"):
    example(f"neural_networks.{activation}")(lambda: {"x": floats(2, 3)})
example("neural_networks.softmax")(lambda: {"logits": floats(2, 3)})
example("neural_networks.sgd")(lambda: {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True})
example("neural_networks.adam")(
    lambda: {"learning_rate": 0.1, "beta_1": 0.9, "beta_2": 0.99, "epsilon": 1e-7}
)
example("neural_networks.adamw")(
    lambda: {
        "learning_rate": 0.1,
        "weight_decay": 0.01,
        "beta_1": 0.9,
        "beta_2": 0.99,
        "epsilon": 1e-7,
    }
)
example("neural_networks.train", slow=True, other_names={"parameters": ("kernel", "bias")})(
    lambda: {
        "parameters": parameters(),
        "optimizer": neural_networks.sgd(0.1),
        "x": floats(6, 4),
        "labels": classes(6),
        "epochs": 1,
        "batch_size": 3,
        "seed": 0,
        "activation": "tanh",
    }
)

# convolution

example("convolution.output_size", fine={"padding": ("a number",)})(
    lambda: {"input_size": 28, "kernel_size": 3, "stride": 1, "padding": "same"}
)
example("convolution.receptive_field")(lambda: {"layers": [(3, 1), (2, 2)]})
for name in ("conv2d", "conv2d_loops"):
    example(
        f"convolution.{name}",
        missing=dict.fromkeys(("x", "kernel"), SPREADS),
        fine={"strides": ("a number",)},
    )(
        lambda: {
            "x": images(2, 6, 2),
            "kernel": floats(3, 3, 2, 3),
            "bias": floats(3),
            "strides": (1, 2),
            "padding": 1,
        }
    )
for name in ("max_pool2d", "average_pool2d"):
    example(f"convolution.{name}", fine={"pool_size": ("a number",)})(
        lambda: {"x": images(2, 6, 2), "pool_size": (2, 2), "strides": 2, "padding": "same"}
    )
example("convolution.small_cnn")(lambda: {"input_shape": (8, 8, 1), "num_classes": 3})
example("convolution.multiply_adds")(lambda: {"model": perceptron()})

# recurrence


def recurrent(gates, bias=None, state=None):
    return lambda: {
        "x": floats(2, 3, 4),
        "kernel": floats(4, 2 * gates),
        "recurrent_kernel": floats(2, 2 * gates),
        "bias": floats(2 * gates) if bias is None else bias,
        "initial_state": (floats(2, 2), floats(2, 2)) if state is None else state,
    }


@functools.cache
def vocabulary():
    return recurrence.Vocabulary("hello world\n")


@functools.cache
def lstm_writer():
    return recurrence.character_lstm(vocabulary(), units=3, embedding=2)


example(
    "recurrence.rnn",
    missing=dict.fromkeys(("x", "kernel", "recurrent_kernel", "bias", "initial_state"), SPREADS),
)(recurrent(1, state=floats(2, 2)))
example(
    "recurrence.lstm",
    missing=dict.fromkeys(("x", "kernel", "recurrent_kernel", "bias", "initial_state"), SPREADS),
)(recurrent(4))
example(
    "recurrence.open_lstm",
    missing=dict.fromkeys(("x", "kernel", "recurrent_kernel", "bias", "initial_state"), SPREADS),
)(recurrent(4))
example(
    "recurrence.gru",
    missing=dict.fromkeys(("x", "kernel", "recurrent_kernel", "bias", "initial_state"), SPREADS),
)(recurrent(3, bias=floats(2, 6), state=floats(2, 2)))
example("recurrence.Vocabulary")(lambda: {"text": "hello"})
example("recurrence.Vocabulary.encode", recurrence.Vocabulary("hello").encode)(
    lambda: {"text": "hell"}
)
example("recurrence.Vocabulary.decode", recurrence.Vocabulary("hello").decode)(
    lambda: {"ids": np.array([1, 0, 2])}
)
example("recurrence.character_windows")(
    lambda: {"text_ids": np.arange(12), "length": 3, "stride": 2}
)
example("recurrence.character_lstm", fine={"vocabulary": ("a number",)})(
    lambda: {
        "vocabulary": vocabulary(),
        "units": 3,
        "embedding": 2,
        "layers": 1,
        "dropout": 0.1,
        "stateful": False,
        "batch_size": 2,
    }
)
example("recurrence.advance", slow=True)(
    lambda: {"model": lstm_writer(), "ids": np.array([[1, 2, 3]]), "states": None}
)
example("recurrence.generate")(
    lambda: {
        "model": lstm_writer(),
        "prompt": "hell",
        "length": 2,
        "temperature": 0.7,
        "top_k": 2,
        "seed": 0,
    }
)
example("recurrence.ngram_bits")(
    lambda: {
        "train_ids": np.arange(12) % 3,
        "test_ids": np.arange(7) % 3,
        "order": 2,
        "vocabulary_size": 3,
    }
)

# attention


@functools.cache
def words():
    return attention.Words(["a good film", "a bad film"])


@functools.cache
def reader():
    model = attention.TextClassifier(7, "words", 4, 4)
    model(np.array([[2, 3, 0]]))
    return model


@functools.cache
def transformer_writer():
    return attention.character_transformer(vocabulary(), 4, 1, 2, 6)


def seen(*leading):
    return {
        "query": floats(*leading, 3, 4),
        "key": floats(*leading, 5, 4, seed=1),
        "value": floats(*leading, 5, 2, seed=2),
    }


def mask():
    return np.arange(15).reshape(3, 5) % 4 != 1


example("attention.scaled_dot_product_attention")(
    lambda: seen(2) | {"mask": mask(), "causal": False}
)
example("attention.additive_attention")(
    lambda: seen(2) | {"scale": floats(4), "mask": mask(), "causal": False}
)
example("attention.chunked_attention")(
    lambda: seen(2) | {"mask": mask(), "causal": False, "block": 2}
)
example("attention.MultiHeadAttention")(
    lambda: {"num_heads": 2, "key_dim": 2, "use_bias": True, "output_scale": 0.5}
)
example("attention.AttentionPooling")(lambda: {"units": 3})
example("attention.TransformerBlock")(
    lambda: {"num_heads": 2, "widening": 2, "causal": True, "dropout": 0.1, "output_scale": 0.5}
)
example("attention.Words")(lambda: {"texts": ["a good film", "a bad one"], "least": 1})
example("attention.Words.tokens", words().tokens)(lambda: {"text": "A film."})
example("attention.Words.encode", words().encode)(lambda: {"texts": ["a film"], "length": 3})
example("attention.Words.mask", words().mask)(lambda: {"ids": np.array([[2, 3, 0]])})
example("attention.Words.decode", words().decode)(lambda: {"ids": np.array([2, 3, 0])})
example("attention.TextClassifier")(
    lambda: {
        "words": 7,
        "encoder": "words",
        "features": 4,
        "units": 4,
        "uniform": False,
        "dropout": 0.5,
    }
)
example("attention.TextClassifier.embed", reader().embed)(lambda: {"ids": np.array([[2, 3, 0]])})
example("attention.TextClassifier.encode", reader().encode)(
    lambda: {"vectors": floats(1, 3, 4), "mask": np.array([[True, True, False]])}
)
example("attention.TextClassifier.attend", reader().attend)(
    lambda: {"encoded": floats(1, 3, 4), "mask": np.array([[True, True, False]])}
)
example("attention.TextClassifier.decide", reader().decide)(
    lambda: {"encoded": floats(1, 3, 4), "weights": probabilities(1, 3)}
)
example("attention.sinusoidal_positions")(lambda: {"length": 5, "features": 4})
example("attention.character_transformer", fine={"vocabulary": ("a number",)})(
    lambda: {
        "vocabulary": vocabulary(),
        "features": 4,
        "layers": 1,
        "num_heads": 2,
        "length": 6,
        "widening": 2,
        "positions": "sinusoidal",
        "dropout": 0.1,
    }
)
example("attention.attention_weights")(
    lambda: {"model": transformer_writer(), "ids": np.array([[1, 2, 3]])}
)
example("attention.attention_rollout")(
    lambda: {"weights": [probabilities(2, 2, 3, 3), probabilities(2, 2, 3, 3)]}
)
example("attention.generate")(
    lambda: {
        "model": transformer_writer(),
        "prompt": "hell",
        "length": 2,
        "temperature": 0.7,
        "top_k": 2,
        "seed": 0,
    }
)
example("attention.leave_one_out")(
    lambda: {
        "predict": lambda ids: ids.mean(axis=1),
        "ids": np.array([[2, 3, 0], [4, 0, 0]]),
        "batch_size": 4,
    }
)
example("attention.jensen_shannon")(
    lambda: {"one": probabilities(2, 3), "other": probabilities(2, 3)[::-1].copy()}
)
example("attention.adversarial_attention", slow=True)(
    lambda: {
        "decide": lambda weights: ops.sigmoid(weights[:, 0]),
        "weights": probabilities(2, 3),
        "tolerance": 0.1,
        "steps": 2,
        "seed": 0,
    }
)

# autoencoders


@functools.cache
def variational():
    return autoencoders.VariationalAutoencoder.dense(4, 2, (3,), classes=1)


@functools.cache
def coders():
    return fresh_perceptron(5, 3, 4), fresh_perceptron(3, 3, 4)


example("autoencoders.autoencoder")(
    lambda: {"features": 4, "code": 2, "hidden": (3,), "activation": "relu", "seed": 0}
)
example("autoencoders.VariationalAutoencoder")(
    lambda: {
        "encoder": coders()[0],
        "decoder": coders()[1],
        "classes": 1,
        "beta": 0.5,
        "log_likelihood": autoencoders.bernoulli_log_likelihood,
        "seed": 0,
    }
)
example("autoencoders.VariationalAutoencoder.dense")(
    lambda: {"features": 4, "code": 2, "hidden": (3,), "classes": 1, "seed": 0}
)
example("autoencoders.VariationalAutoencoder.encode", variational().encode)(
    lambda: {"x": floats(2, 5)}
)
example("autoencoders.VariationalAutoencoder.decode", variational().decode)(
    lambda: {"codes": floats(2, 2), "condition": floats(2, 1)}
)
example(
    "autoencoders.VariationalAutoencoder.bound",
    variational().bound,
    other_names={"target": ("x",), "outputs": ("logits", "mean", "log_variance")},
)(
    lambda: {
        "target": probabilities(2, 4),
        "outputs": (floats(2, 4), floats(2, 2), floats(2, 2)),
    }
)
example("autoencoders.VariationalAutoencoder.log_weights", variational().log_weights)(
    lambda: {"x": floats(2, 5), "target": probabilities(2, 4), "samples": 2, "seed": 0}
)
example("autoencoders.gaussian_kl")(
    lambda: {"mean": floats(2, 3), "log_variance": floats(2, 3, seed=1)}
)
example("autoencoders.reparameterize")(
    lambda: {"mean": floats(2, 3), "log_variance": floats(2, 3, seed=1), "seed": 0}
)
example("autoencoders.bernoulli_log_likelihood")(
    lambda: {"x": probabilities(2, 3), "logits": floats(2, 3)}
)
example("autoencoders.gaussian_log_likelihood")(
    lambda: {"x": floats(2, 3), "mean": floats(2, 3, seed=1), "log_variance": floats(2, 3)}
)
example("autoencoders.elbo")(
    lambda: {"log_likelihood": floats(3), "kl": floats(3, seed=1), "beta": 0.5}
)
example("autoencoders.importance_weighted_bound")(lambda: {"log_weights": floats(3, 2)})
example("autoencoders.discriminator_loss")(
    lambda: {"real_logits": floats(3), "fake_logits": floats(4)}
)
example("autoencoders.generator_loss")(lambda: {"fake_logits": floats(3), "kind": "minimax"})
example("autoencoders.optimal_discriminator")(
    lambda: {"real_density": probabilities(3), "fake_density": probabilities(3)}
)
example("autoencoders.generate")(
    lambda: {
        "generator": [(floats(1, 2, 3), floats(1, 1, 3)), (floats(1, 3, 2), floats(1, 1, 2))],
        "codes": floats(1, 5, 2),
    }
)
example("autoencoders.train_gan", slow=True)(
    lambda: {
        "x": floats(6, 2),
        "steps": 2,
        "seeds": (0, 1),
        "code": 2,
        "hidden": (3,),
        "batch_size": 4,
        "rate": 0.01,
        "kind": "minimax",
    }
)
example("autoencoders.frechet_distance")(lambda: {"a": floats(5, 2), "b": floats(6, 2, seed=1)})
example("autoencoders.side_by_side")(lambda: {"networks": [fresh_perceptron(), fresh_perceptron()]})
example("autoencoders.loss_side_by_side")(
    lambda: {"y": probabilities(2, 2, 3), "logits": floats(2, 2, 3)}
)


@functools.cache
def pair():
    return autoencoders.side_by_side([fresh_perceptron(), fresh_perceptron()])


example("autoencoders.logits_side_by_side")(
    lambda: {"model": pair(), "x": floats(3, 4), "batch_size": 2}
)
