"""Prune LeNet-300-100 at once or gradually, on the shipped digits: does it matter when the last go?

    python benchmarks/gradual_pruning.py [--seeds 0 1 ...] [--record]

For each seed a dense network is trained for eight epochs. Copies of it are pruned and train on for
seven more: at once, with the zeros held, or along the cubic schedule (Zhu and Gupta 2017) that
reaches its final share after one to six epochs. That is done under a rate that rises to 0.002 in
the third epoch and then falls, and under a low one that stays; and, under the first, for a share
that keeps only a fiftieth of the weights. The dense network trains on, too. Figures are errors in
percent on the 1,000 shipped test digits, minus those of the dense network before. With --record
they are kept, after each seed, under book/recorded/gradual-pruning/. At the end the mean and its
standard error over the seeds are printed. Some forty seconds a seed on one core.
"""

import itertools

import keras
import numpy as np
from race import options

from course_lib import compression, datasets, gradients, recorded, training

DENSE, REPAIR, BATCH = 8, 7, 128  # epochs, epochs, images
PEAK, LOW = 2e-3, 3e-4
PAPER = {"fc1": 0.92, "fc2": 0.91, "fc3": 0.74}  # Han and others (2016)
FEW = {"fc1": 0.985, "fc2": 0.96, "fc3": 0.74}
SETTINGS = {
    "a twelfth kept, rate rises and falls": (PAPER, "rises and falls"),
    "a twelfth kept, low rate": (PAPER, "low"),
    "a fiftieth kept, rate rises and falls": (FEW, "rises and falls"),
}


def main() -> None:
    """Run all seeds, print the table, and keep it where asked to."""
    given = options(__doc__, seeds=list(range(12))).parse_args()
    data = datasets.load("mnist", size="small")
    x, x_test = map(training.scale_images, (data.x_train, data.x_test))
    batches = -(-len(x) // BATCH)
    rates = {"rises and falls": training.one_cycle(PEAK, REPAIR * batches), "low": LOW}

    def error(model: keras.Model) -> float:
        return 100 * (1 - compression.accuracy(model, x_test, data.y_test))

    def repair(model: keras.Model, rate: str, seed: int, *callbacks: object) -> float:
        model.compile(
            keras.optimizers.Adam(rates[rate]),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            jit_compile=gradients.without_slow_start(),
        )
        training.fit(
            *(model, x, data.y_train),
            epochs=REPAIR,
            batch_size=BATCH,
            seed=seed,
            callbacks=callbacks,
        )
        return error(model)

    values = {}
    for done, seed in enumerate(given.seeds, 1):
        dense = compression.lenet_300_100(seed)
        compression.tune(dense, x, data.y_train, epochs=DENSE, learning_rate=PEAK, seed=seed)
        before = error(dense)
        longer = {rate: repair(compression.prune_model(dense, 0.0), rate, seed) for rate in rates}
        for name, (shares, rate) in SETTINGS.items():
            cut = compression.prune_model(dense, shares)
            after = {"not repaired": error(cut)}
            after["at once"] = repair(cut, rate, seed, compression.KeepZeros())
            for end in range(1, REPAIR):
                slowly = compression.GradualPruning(shares, 0, end * batches)
                copy = compression.prune_model(dense, 0.0)
                after[f"by epoch {end}"] = repair(copy, rate, seed, slowly)
            after["not pruned"] = longer[rate]
            for column, value in after.items():
                values[f"{name}, seed {seed}: {column}"] = round(value - before, 6)
        print(f"seed {seed}: dense {before:.1f} percent", flush=True)
        if given.record:
            recorded.save("gradual-pruning", values, given.seeds[:done])
    for name, column in itertools.product(SETTINGS, after):
        several = [values[f"{name}, seed {seed}: {column}"] for seed in given.seeds]
        spread = np.std(several, ddof=1) / np.sqrt(len(several))
        print(f"{name + ': ' + column:<60}{np.mean(several):>8.2f}{spread:>8.2f}")


if __name__ == "__main__":
    main()
