"""Small valid arguments: the arrays and models of the examples."""

from __future__ import annotations

import functools

import keras
import numpy as np

from course_lib import gradients

__all__ = ["classes", "floats", "images", "perceptron", "probabilities", "small_network"]


def floats(*shape: int, seed: int = 0) -> np.ndarray:
    """Return float32 numbers from a standard Gaussian."""
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def images(count: int = 2, side: int = 8, channels: int = 1) -> np.ndarray:
    """Return images with brightness from 0 to 1."""
    random = np.random.default_rng(1)
    return random.uniform(0.05, 0.95, (count, side, side, channels)).astype("float32")


def classes(count: int, number: int = 3) -> np.ndarray:
    """Return class indices in which every class comes up."""
    return np.arange(count, dtype="int64") % number


def probabilities(*shape: int) -> np.ndarray:
    """Return numbers that add up to 1 along the last axis."""
    rows = np.random.default_rng(2).uniform(0.1, 1.0, shape)
    return (rows / rows.sum(axis=-1, keepdims=True)).astype("float32")


@functools.cache
def perceptron(features: int = 4, units: int = 5, outputs: int = 3) -> keras.Sequential:
    """Return a compiled network of two dense layers, the same one each time."""
    network = fresh_perceptron(features, units, outputs)
    network.compile(
        optimizer="sgd",
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=gradients.without_slow_start(),
    )
    return network


def fresh_perceptron(features: int = 4, units: int = 5, outputs: int = 3) -> keras.Sequential:
    """Return a new network of two dense layers."""
    start = keras.initializers.GlorotUniform(seed=3)
    return keras.Sequential(
        [
            keras.Input((features,)),
            keras.layers.Dense(units, "relu", kernel_initializer=start, name="hidden"),
            keras.layers.Dense(outputs, kernel_initializer=start, name="logits"),
        ]
    )


@functools.cache
def small_network() -> keras.Sequential:
    """Return a convolutional network for images of 8 by 8 pixels, the same one each time."""
    start = keras.initializers.GlorotUniform(seed=4)
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(4, 3, activation="relu", kernel_initializer=start, name="conv"),
            keras.layers.MaxPooling2D(2, name="pool"),
            keras.layers.Flatten(name="flatten"),
            keras.layers.Dense(3, kernel_initializer=start, name="logits"),
        ]
    )
