"""Which models are put on the bench, and have they learned what we think they have?

The private room of ``crash_test`` for its models. One small network for each kind of data. A
``Subject`` is a trained network with the openings through which explanation methods look at it.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import keras
import numpy as np
from keras import layers, ops
from scipy import special

from course_lib import attention, training
from course_lib._checks import array, input_of, instance, string, takes, whole
from course_lib._planted import Scene
from course_lib._transformer import Positions

__all__ = ["Subject", "reliance", "train", "untrained"]

# Inputs that a compiled model is shown at a time; always as many, so that it is compiled once.
_BATCHES = {
    "table": 4096,
    "images": 256,
    "text": 1024,
    "text, transformer": 256,
    "sequences": 256,
}
_EPOCHS = {"table": 10, "images": 8, "text": 4, "text, transformer": 3, "sequences": 4}
_RATES = {
    "table": 5e-3,
    "images": 2e-3,
    "text": 5e-3,
    "text, transformer": 2e-3,
    "sequences": 5e-3,
}


@dataclass(frozen=True, eq=False, repr=False)
class Subject:
    """A network on the bench, and what an explanation method may see of it.

    Attributes:
        scene: the data it is about.
        weights: the network's weights.
        seed: for whatever a method draws at random.
        reader: ``"transformer"`` for text that is read by one; else the network that belongs to
            the kind of data.
    """

    scene: Scene
    weights: list[np.ndarray]
    seed: int = 0
    reader: str = ""

    @property
    def kind(self) -> str:
        """What is read by what: the scene's name, and the reader where there is a choice."""
        return f"{self.scene.name}, {self.reader}" if self.reader else self.scene.name

    @property
    def model(self) -> keras.Model:
        """The network, from inputs to two logits, with this subject's weights.

        Subjects of one kind of data share it, so that it is compiled once: ask for it anew where
        you look at another subject in between.
        """
        return self._network.carrying(self).model

    @property
    def head(self) -> keras.Model:
        """The network from *floats* to logits: for text from embedded words, else the same."""
        return self._network.carrying(self).head

    @property
    def units(self) -> tuple[int, ...]:
        """The axes of an explanation: (8, 8) patches, (16,) words, (40,) steps, (10,) features."""
        return self.scene.cause.shape[1:]

    @takes(input_of("self.model", exact=True), x=array("examples", "...", filled=True))
    def logits(self, x: np.ndarray) -> np.ndarray:
        """Return the model's logits, float64, shape (examples, 2)."""
        return _in_batches(self.model, x, _BATCHES[self.kind]).astype(np.float64)

    @takes(input_of("self.model", exact=True), x=array("examples", "...", filled=True))
    def probabilities(self, x: np.ndarray) -> np.ndarray:
        """Return the model's probabilities, float64, shape (examples, 2)."""
        return special.softmax(self.logits(x), axis=1)

    @takes(input_of("self.model", exact=True), x=array("examples", "...", filled=True))
    def embed(self, x: np.ndarray) -> np.ndarray:
        """Return inputs as floats: embedded words for text, shape (examples, 16, features)."""
        if self.scene.name != "text":
            return x
        return ops.convert_to_numpy(self.model.get_layer("embedding")(x))

    def attention(self, x: np.ndarray) -> np.ndarray:
        """Return attention weights, shape (examples, units).

        Raises:
            ValueError: the model has no attention.
        """
        network = self._network.carrying(self)
        if network.attention is None:
            raise ValueError(f"The network for {self.scene.name} has no attention.")
        return _in_batches(network.attention, x, _BATCHES[self.kind])

    def layer_attention(self, x: np.ndarray) -> list[np.ndarray]:
        """Return the attention weights of each transformer block, first block first.

        Each has the shape (examples, heads, units that look, units that are looked at).

        Raises:
            ValueError: the model has no transformer block.
        """
        vectors, found = self.embed(x), []
        for layer in self.model.layers:
            if isinstance(layer, Positions):
                vectors = layer(vectors)
            if isinstance(layer, attention.TransformerBlock):
                vectors, weights = layer(vectors, return_weights=True)
                found.append(ops.convert_to_numpy(weights))
        if not found:
            raise ValueError(f"The network for {self.kind} has no transformer block.")
        return found

    def baseline(self) -> np.ndarray:
        """Return what stands for 'nothing there': the mean of training inputs, as floats."""
        x = self.scene.x_train[:1000]
        if self.scene.name != "text":
            return x.mean(axis=0)
        vectors = self.embed(x)
        return np.broadcast_to(vectors.mean(axis=(0, 1)), vectors.shape[1:])

    @property
    def _network(self) -> _Network:
        return _network(self.kind, max(len(self.scene.words), 1))


class _Network:
    """One compiled network for all subjects of a kind, which carries one's weights at a time."""

    def __init__(self, kind: str, words: int) -> None:
        self.kind, self.build = kind, lambda: _BUILDERS[kind](words)
        self.model = self.head = self.build()
        self.attention, self._carried = None, None
        self.model.compile(
            keras.optimizers.Adam(_RATES[kind]),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
        if kind.startswith("text"):
            self.head = keras.Model(self.model.get_layer("embedding").output, self.model.output)
        if "attention" in [layer.name for layer in self.model.layers]:
            _, weights = self.model.get_layer("attention").output
            self.attention = keras.Model(self.model.inputs, weights)

    def carrying(self, subject: Subject) -> _Network:
        """Load a subject's weights, unless they are in place."""
        if self._carried is not subject.weights:
            self.model.set_weights(subject.weights)
            self._carried = subject.weights
        return self

    def fitted(self, start: list[np.ndarray], scene: Scene, seed: int) -> list[np.ndarray]:
        """Train from given weights and return the weights found."""
        self._carried = None
        training.restart(self.model, start)
        training.fit(
            *(self.model, scene.x_train, scene.y_train),
            epochs=_EPOCHS[self.kind],
            batch_size=64,
            seed=seed,
        )
        return self.model.get_weights()


_network = functools.cache(_Network)


@takes(scene=instance(Scene, "a Scene"), seed=whole(), reader=string())
def train(scene: Scene, seed: int = 0, reader: str = "") -> Subject:
    """Train the network that belongs to a scene.

    Args:
        scene: data from one of the ``planted_`` functions.
        seed: decides the first weights and the order of examples.
        reader: ``"transformer"``, for text alone, takes a transformer of two blocks instead.

    Returns:
        A trained subject. Whether it learned what it should, ``reliance`` says.

    Raises:
        ValueError: there is no such reader for these data.
    """
    start = untrained(scene, seed, reader)
    return Subject(scene, start._network.fitted(start.weights, scene, seed), seed, reader)


@takes(scene=instance(Scene, "a Scene"), seed=whole(), reader=string())
def untrained(scene: Scene, seed: int, reader: str = "") -> Subject:
    """Return the same network with fresh random weights: what ``sanity`` compares with.

    Args:
        scene: the data it would be trained on.
        seed: of the weights.
        reader: as for :func:`train`.

    Raises:
        ValueError: there is no such reader for these data.
    """
    empty = Subject(scene, [], seed, reader)
    if empty.kind not in _BUILDERS:
        raise ValueError(f"reader must make one of {', '.join(_BUILDERS)}, not {empty.kind!r}.")
    training.set_seed(seed)
    return Subject(scene, empty._network.build().get_weights(), seed, reader)


def _in_batches(model: keras.Model, x: np.ndarray, size: int) -> np.ndarray:
    """Run a model on batches of one size."""
    outputs = []
    for start in range(0, len(x), size):
        part = x[start : start + size]
        full = np.concatenate([part, np.repeat(part[:1], size - len(part), axis=0)])
        outputs.append(np.asarray(model.predict_on_batch(full))[: len(part)])
    return np.concatenate(outputs)


@takes(subject=instance(Subject, "a Subject"))
def reliance(subject: Subject) -> dict[str, np.ndarray]:
    """Measure what a model's answers rest on, by changing one part of each example.

    Returns:
        For ``"cause"``, ``"decoy"`` and ``"rest"``: whether the answer changes when that part is
        replaced, bool, shape (test examples,). And ``"right"``: whether the answer is what a model
        of this scene should give.
    """
    scene = subject.scene
    answers = subject.logits(scene.x_test).argmax(axis=1)
    changes = {
        part: subject.logits(x).argmax(axis=1) != answers for part, x in scene.changed.items()
    }
    return {**changes, "right": answers == scene.answers}


def _table(words: int) -> keras.Model:
    stack = [layers.Dense(64, "relu", name=f"hidden{n}") for n in (1, 2)]
    return keras.Sequential([keras.Input((10,)), *stack, layers.Dense(2, name="logits")])


def _images(words: int) -> keras.Model:
    """Find a thing wherever it lies: what the last maps see at most, anywhere."""

    def convolution(filters: int, size: int, stride: int, name: str) -> keras.Layer:
        return layers.Conv2D(filters, size, stride, "same", activation="relu", name=name)

    return keras.Sequential(
        [
            keras.Input((32, 32, 1)),
            convolution(8, 5, 2, "conv1"),
            convolution(16, 3, 2, "conv2"),
            convolution(32, 3, 1, "conv3"),
            layers.GlobalMaxPooling2D(),
            layers.Dense(2, name="logits"),
        ]
    )


def _text(words: int) -> keras.Model:
    numbers = keras.Input((16,), dtype="int32")
    vectors = layers.Embedding(words, 16, name="embedding")(numbers)
    return keras.Model(numbers, _pooled(vectors))


def _transformer(words: int) -> keras.Model:
    numbers = keras.Input((16,), dtype="int32")
    vectors = layers.Embedding(words, 16, name="embedding")(numbers)
    vectors = Positions(16)(vectors)
    for _ in range(2):
        vectors = attention.TransformerBlock(2, widening=2, causal=False)(vectors)
    return keras.Model(numbers, _pooled(vectors))


def _sequences(words: int) -> keras.Model:
    signal = keras.Input((40,))
    steps = layers.Reshape((-1, 1))(signal)
    local = layers.Conv1D(16, 5, padding="same", activation="relu", name="conv")(steps)
    return keras.Model(signal, _pooled(layers.GRU(16, return_sequences=True)(local)))


def _pooled(vectors: keras.KerasTensor) -> keras.KerasTensor:
    """Pool words or steps by additive attention (Bahdanau and others 2015) and classify."""
    context, _ = attention.AttentionPooling(16, name="attention")(vectors)
    return layers.Dense(2, name="logits")(context)


_BUILDERS = {
    "table": _table,
    "images": _images,
    "text": _text,
    "text, transformer": _transformer,
    "sequences": _sequences,
}
