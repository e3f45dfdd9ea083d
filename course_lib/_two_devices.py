"""How does one process get two devices, and how does TensorFlow deal batches out to them?

Serves the chapter ``compute/distributed_training``. It teaches TensorFlow's own tools and therefore
imports TensorFlow, inside the functions.
"""

from __future__ import annotations

from typing import Any

import keras

from course_lib._checks import check_whole

__all__ = ["replica_batches", "split_cpu"]


def split_cpu(count: int) -> list[str]:
    """Divide the processor into logical devices, so that a strategy has more than one to use.

    GPUs are hidden from this process, so that all its runs round alike.

    Args:
        count: number of devices, at least 1.

    Returns:
        Their names, for ``tf.distribute.MirroredStrategy``.

    Raises:
        ValueError: ``count`` is below 1, or TensorFlow has computed something in this process
            already with another number of devices.
    """
    import tensorflow as tf

    check_whole("count", count, 1)
    names = [f"CPU:{place}" for place in range(count)]
    parts = [tf.config.LogicalDeviceConfiguration() for _ in names]
    try:
        tf.config.set_visible_devices([], "GPU")
        tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], parts)
        devices = len(tf.config.list_logical_devices("CPU"))
    except RuntimeError as error:
        devices = len(tf.config.list_logical_devices("CPU"))
        if devices != count:
            raise ValueError(
                f"count is {count}, but TensorFlow has started with {devices} devices, and that is "
                "fixed until the process ends. Restart the kernel and call split_cpu first."
            ) from error
    return names


def replica_batches(strategy: Any, data: Any) -> list[list[int]]:
    """Ask TensorFlow how it deals out batches to the replicas of this process.

    Args:
        strategy: a ``tf.distribute.Strategy``.
        data: a ``tf.data.Dataset`` of batches; what its elements hold does not matter.

    Returns:
        For each step, how many examples each replica gets.
    """
    dealt = []
    for step in strategy.experimental_distribute_dataset(data):
        first = keras.tree.flatten(step)[0]
        dealt.append([int(part.shape[0]) for part in strategy.experimental_local_results(first)])
    return dealt
