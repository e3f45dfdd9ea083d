"""How do two processes train one model with TensorFlow, and go on after one of them was killed?

Serves the chapter ``compute/distributed_training``. Every worker runs the same program,
``train_worker``; which one it is and where the others are it reads from ``TF_CONFIG``. TensorFlow's
``MultiWorkerMirroredStrategy`` keeps a copy of the variables in each process and adds up gradients.
Keras's own ``fit`` does not run over several processes (keras-team/keras issue 20585), so the loop
over steps stands here.

This room teaches TensorFlow's own tool and therefore imports TensorFlow, inside the functions.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from course_lib import training
from course_lib._checks import check_between, check_whole, instance, takes, whole
from course_lib._cluster import tf_config
from course_lib._processes import free_ports, run_together
from course_lib.convolution import small_cnn

__all__ = [
    "Job",
    "Run",
    "distributed_step",
    "epoch_order",
    "train_over_processes",
    "train_worker",
]


@dataclass(frozen=True, eq=False)
class Job:
    """What is to be trained; the same on every worker.

    Attributes:
        x: inputs, float32, shape ``(examples, ...)``.
        y: class indices, shape ``(examples,)``.
        batch_size: examples a step, over **all** workers together.
        epochs: how often to go through the examples.
        learning_rate: of SGD with momentum 0.9.
        seed: for the first weights and the order of the examples.
        build: makes the uncompiled model, with logits; a function a fresh process can import.
    """

    x: np.ndarray
    y: np.ndarray
    batch_size: int = 64
    epochs: int = 3
    learning_rate: float = 0.01
    seed: int = 0
    build: Callable[[], keras.Model] = small_cnn

    @property
    def steps(self) -> int:
        """Steps an epoch; the last one may have fewer examples."""
        return -(-len(self.x) // self.batch_size)

    def new_model(self) -> keras.Model:
        """Build and compile the model: the same weights in every process."""
        training.set_seed(self.seed)
        model = self.build()
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")
        model.compile(keras.optimizers.SGD(self.learning_rate, momentum=0.9), loss)
        model.optimizer.build(model.trainable_variables)
        return model


@dataclass(frozen=True, eq=False)
class Run:
    """What several workers did together.

    Attributes:
        weights: for each worker the weights it ended with, empty for one that died.
        losses: the mean loss of each epoch trained in this run.
        first_epoch: the epoch with which it began: above 0 after a recovery.
        exit_codes: 0 for a worker that ended well, ``-9`` for one that was killed.
        logs: where each worker's messages are.
        seconds: wall time, with the start of the processes.
        step_seconds: the median time of a step, without the first, on worker 0.
        cpu_seconds: processor time of all workers for their steps, without the first step.
    """

    weights: list[list[np.ndarray]]
    losses: list[float]
    first_epoch: int
    exit_codes: list[int]
    logs: list[Path]
    seconds: float
    step_seconds: float
    cpu_seconds: float


@takes(job=instance(Job, "a Job"), epoch=whole())
def epoch_order(job: Job, epoch: int) -> np.ndarray:
    """Return the order of the examples in an epoch: by seed and epoch alone.

    A worker that starts again in the middle of a training needs to know it without having drawn
    the orders of the epochs before.
    """
    return np.random.default_rng([job.seed, epoch]).permutation(len(job.x))


def train_over_processes(
    job: Job,
    workers: int,
    folder: Path | str,
    *,
    crash: tuple[int, int, int] | None = None,
    limit: float = 120.0,
) -> Run:
    """Train one model in several operating-system processes on this machine.

    Args:
        job: what to train.
        workers: number of processes.
        folder: holds the logs and, under ``backup``, the state after the last finished epoch. A
            later call with the same folder goes on from there.
        crash: ``(worker, epoch, step)`` at which a worker kills itself with a signal that cannot be
            caught, as a lost machine would.
        limit: wall seconds; then all are stopped.

    Returns:
        What they did. After a crash ``weights`` holds empty lists.

    Raises:
        ValueError: an argument is out of range.
        TimeoutError: the workers had not ended in time.
        RuntimeError: a worker failed although no crash was asked for; the message holds its log.
    """
    check_whole("workers", workers, 1)
    check_whole("job.batch_size", job.batch_size, workers)
    check_whole("job.epochs", job.epochs, 1)
    check_between("job.learning_rate", job.learning_rate, 0, np.inf, open_start=True)
    last = len(job.x) - (job.steps - 1) * job.batch_size
    if not np.isfinite(job.x).all():
        raise ValueError("job.x must be finite, but it holds NaN or infinite values.")
    if len(job.x) != len(job.y) or last < workers:
        raise ValueError(
            f"job.x and job.y must be equally long, and each step must have an example for each "
            f"of workers = {workers}, but there are {len(job.x)} inputs and {len(job.y)} labels, "
            f"{max(last, 0)} in the last step."
        )
    folder = Path(folder)
    hosts = [f"127.0.0.1:{port}" for port in free_ports(workers)]
    backup = str(folder / "backup")
    calls = [(job, tf_config(hosts, k), backup, crash, True) for k in range(workers)]
    outcome = run_together(train_worker, calls, folder, limit)
    if not outcome.whole and crash is None:
        failed = next(k for k, code in enumerate(outcome.exit_codes) if code)
        raise RuntimeError(f"Worker {failed} failed: {outcome.tail(failed, 8)}")
    chief = outcome.results.get(0, {"losses": [], "first_epoch": 0, "step_seconds": np.nan})
    weights = [outcome.results.get(k, {"weights": []})["weights"] for k in range(workers)]
    return Run(
        weights,
        chief["losses"],
        chief["first_epoch"],
        outcome.exit_codes,
        outcome.logs,
        outcome.seconds,
        chief["step_seconds"],
        sum(result["cpu_seconds"] for result in outcome.results.values()),
    )


def train_worker(
    job: Job,
    config: str,
    backup_folder: str,
    crash: tuple[int, int, int] | None = None,
    shared_machine: bool = False,
) -> dict[str, Any]:
    """Be one of the workers: the program that runs in each process.

    Args:
        job: what to train.
        config: the text of ``TF_CONFIG``.
        backup_folder: seen by all workers; worker 0 writes to it.
        crash: see :func:`train_over_processes`.
        shared_machine: whether the workers share one machine, and so get one thread each and no
            GPU.

    Returns:
        The weights, the losses, the first epoch and the time of a step.
    """
    import tensorflow as tf

    os.environ["TF_CONFIG"] = config
    if shared_machine:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.set_visible_devices([], "GPU")
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    me = strategy.cluster_resolver.task_id
    workers = strategy.num_replicas_in_sync
    with strategy.scope():
        model = job.new_model()
    step = distributed_step(model, strategy)
    backup = keras.callbacks.BackupAndRestore(backup_folder, delete_checkpoint=False)
    backup.set_model(model)
    backup.on_train_begin()  # reads the last state, if there is one, on every worker
    first = int(ops.convert_to_numpy(model.optimizer.iterations)) // job.steps
    losses, times, cpu_began = [], [], 0.0
    for epoch in range(first, job.epochs):
        order, total = epoch_order(job, epoch), 0.0
        for number in range(job.steps):
            if crash == (me, epoch, number):
                os.kill(os.getpid(), signal.SIGKILL)
            batch = order[number * job.batch_size : (number + 1) * job.batch_size]
            rows = batch[me::workers]  # my shard
            began = time.perf_counter()
            total += float(step(job.x[rows], job.y[rows], np.float32(len(batch))))
            times.append(time.perf_counter() - began)
            cpu_began = time.process_time() if len(times) == 1 else cpu_began
        losses.append(total / job.steps)
        if me == 0:
            backup.on_epoch_end(epoch)  # one worker writes, or two would write the same file
    return {
        "weights": model.get_weights(),
        "losses": losses,
        "first_epoch": first,
        "step_seconds": float(np.median(times[1:])) if len(times) > 1 else float("nan"),
        "cpu_seconds": time.process_time() - cpu_began,
    }


def distributed_step(model: keras.Model, strategy: Any) -> Callable[..., Any]:
    """Return one step of training that all workers make together.

    Args:
        model: compiled within the strategy's scope, its loss a **sum** over examples.
        strategy: a ``tf.distribute.Strategy``.

    Returns:
        A function of this worker's inputs, its labels, and the number of examples of **all**
        workers; it returns the mean loss over all of them.
    """
    import tensorflow as tf

    def one_replica(x: Any, y: Any, examples: Any) -> Any:
        with tf.GradientTape() as tape:
            # Divided by the examples of all workers, so that the sum of the gradients is the mean.
            loss = model.compute_loss(x, y, model(x, training=True)) / examples
        gradients = tape.gradient(loss, model.trainable_variables)
        model.optimizer.apply(gradients, model.trainable_variables)  # adds up over workers first
        return loss

    @tf.function(reduce_retracing=True)
    def step(x: Any, y: Any, examples: Any) -> Any:
        losses = strategy.run(one_replica, args=(x, y, examples))
        return strategy.reduce("SUM", losses, axis=None)

    return step
