"""Race two workers against one, and time the ring by size and by number of workers.

    python benchmarks/distributed_training.py [--seeds 0 1 2] [--record]

The travelling classifier is trained on 2,048 shipped pictures for three epochs by fit, by one
worker process and by two, at two learning rates. Then arrays from a kilobyte to eight megabytes are
summed by two, three and four processes, in a ring and through a server, over the loopback address.
Times mean something only if nothing else runs. With --record the tables are kept under
book/recorded/distributed-training/ and book/recorded/ring-all-reduce/. Some three minutes on two
cores.
"""

import tempfile

import keras
import numpy as np
from race import options

from course_lib import datasets, recorded, training
from course_lib import distributed_training as distributed

SIZES = {"1 kB": 1e3, "100 kB": 1e5, "1 MB": 1e6, "8 MB": 8e6}
EXAMPLES, BATCH = 2048, 64


def apart(some: list[np.ndarray], others: list[np.ndarray]) -> float:
    """Return the distance between two lists of weights."""
    return float(np.sqrt(sum(np.sum((a - b) ** 2) for a, b in zip(some, others, strict=True))))


def fit_alone(job: distributed.Job) -> tuple[list[np.ndarray], float]:
    """Train with Keras's fit in this process: the weights, and how far they moved."""
    training.set_seed(job.seed)
    model = job.build()
    start = model.get_weights()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(job.learning_rate, momentum=0.9), loss, jit_compile=False)
    for epoch in range(job.epochs):
        order = distributed.epoch_order(job, epoch)
        model.fit(job.x[order], job.y[order], job.batch_size, shuffle=False, verbose=0)
    return model.get_weights(), apart(model.get_weights(), start)


def race_workers(seeds: list[int]) -> dict[str, float]:
    """Train with one worker and with two; return times, and differences from fit."""
    data = datasets.load("fashion_mnist", size="small")
    x, y = training.scale_images(data.x_train[:EXAMPLES]), data.y_train[:EXAMPLES]
    values = {}
    for rate in (0.01, 0.05):
        for seed in seeds:
            job = distributed.Job(x, y, BATCH, learning_rate=rate, seed=seed)
            weights, way = fit_alone(job)
            for workers in (1, 2):
                with tempfile.TemporaryDirectory() as folder:
                    run = distributed.train_over_processes(job, workers, folder, limit=300)
                name = f"{workers} worker{'s' * (workers > 1)}, rate {rate}, seed {seed}"
                values[f"{name}: milliseconds a step"] = 1e3 * run.step_seconds
                values[f"{name}: processor seconds"] = run.cpu_seconds
                values[f"{name}: difference from fit / way"] = apart(run.weights[0], weights) / way
                print(name, *(f"{values[key]:.4g}" for key in list(values)[-3:]), flush=True)
    return values


def race_rings() -> dict[str, float]:
    """Time all-reduces; return milliseconds by method, workers and size."""
    values = {}
    for method in ("ring", "server"):
        for workers in (2, 3, 4):
            for name, size in SIZES.items():
                shards = np.ones((workers, int(size / 4)), "float32")
                found = distributed.reduce_over_processes(shards, method, repeats=21)
                milliseconds = 1e3 * float(np.median(found.seconds))
                values[f"{method}, {workers} processes: ms for {name}"] = milliseconds
                print(method, workers, name, f"{milliseconds:.3f} ms", flush=True)
    return values


def main() -> None:
    """Run both races, print them, and keep them where asked to."""
    given = options(__doc__, seeds=[0, 1, 2]).parse_args()
    distributed.prepare_processes()
    workers, rings = race_workers(given.seeds), race_rings()
    if given.record:
        print(recorded.save("distributed-training", workers, given.seeds))
        print(recorded.save("ring-all-reduce", rings, [0]))


if __name__ == "__main__":
    main()
