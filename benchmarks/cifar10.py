"""Race TensorFlow's tutorial recipe for CIFAR-10 against ours, one ingredient at a time.

    COURSE_SIZE=full python benchmarks/cifar10.py [--epochs 10] [--seeds 0] [--only NAME ...]

Every recipe trains for the same number of epochs on the 50,000 training images (on the 5,000
shipped ones without COURSE_SIZE=full). They take turns, an epoch each, in one process, so that
whatever else the machine does slows all of them alike; only the seconds inside ``fit`` count. Test
accuracy is measured once, at the end. The table is printed and kept under book/recorded/cifar10/.

The tutorial's recipe (tensorflow.org, "Convolutional Neural Network (CNN)"): convolutions of 32, 64
and 64 filters, a hidden layer of 64 units, Adam at its default learning rate, batches of 32.
"""

import argparse
from dataclasses import dataclass, replace

import keras
import numpy as np
from keras import layers

from course_lib import convolution, datasets, devices, recorded, training


@dataclass(frozen=True)
class Recipe:
    """What a recipe does beyond going through the data."""

    small: bool = False  # the travelling model instead of the tutorial's network
    batch_size: int = 32
    one_cycle: bool = False
    mirror: bool = False  # show each image mirrored half of the time
    standardize: bool = False  # mean 0 and standard deviation 1 per channel, instead of 0..1


TUTORIAL = Recipe()
SMALL = replace(TUTORIAL, small=True)
BATCHES = replace(SMALL, batch_size=128)
CYCLE = replace(BATCHES, one_cycle=True)
STANDARD = replace(CYCLE, standardize=True)
OURS = replace(STANDARD, mirror=True)
RECIPES = {
    "tutorial": TUTORIAL,
    "+ smaller network": SMALL,
    "+ batches of 128": BATCHES,
    "+ one-cycle learning rate": CYCLE,
    "+ standardized pixels": STANDARD,
    "+ mirrored images (ours)": OURS,
}


class Batches(keras.utils.PyDataset):
    """Shuffled batches, each image mirrored with probability one half."""

    def __init__(self, x: np.ndarray, y: np.ndarray, batch_size: int, seed: int) -> None:
        super().__init__()
        self.x, self.y, self.batch_size = x, y, batch_size
        self.random = np.random.default_rng(seed)
        self.on_epoch_end()

    def on_epoch_end(self) -> None:
        self.order = self.random.permutation(len(self.x))
        self.mirrored = self.random.random(len(self.x)) < 0.5

    def __len__(self) -> int:
        return -(-len(self.x) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        chosen = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        x, mirrored = self.x[chosen], self.mirrored[chosen]
        x[mirrored] = x[mirrored, :, ::-1]
        return x, self.y[chosen]


def tutorial_cnn() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(10),
        ]
    )


class Run:
    """One recipe in training, an epoch at a time."""

    def __init__(self, recipe: Recipe, data: datasets.Dataset, epochs: int, seed: int) -> None:
        self.recipe, self.seconds, self.epoch = recipe, 0.0, 0
        x = data.x_train.astype("float32")
        mean, spread = (x.mean((0, 1, 2)), x.std((0, 1, 2))) if recipe.standardize else (0.0, 255.0)
        x, self.x_test = (x - mean) / spread, (data.x_test.astype("float32") - mean) / spread
        self.y_test = data.y_test
        self.batches = Batches(x, data.y_train, recipe.batch_size, seed) if recipe.mirror else None
        self.x, self.y = x, data.y_train
        training.set_seed(seed)
        self.model = convolution.small_cnn((32, 32, 3)) if recipe.small else tutorial_cnn()
        steps = epochs * -(-len(x) // recipe.batch_size)
        rate = training.one_cycle(3e-3, steps) if recipe.one_cycle else 1e-3
        self.model.compile(
            keras.optimizers.Adam(rate),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )

    def train_epoch(self) -> None:
        options = {"initial_epoch": self.epoch, "epochs": self.epoch + 1, "verbose": 0}
        with training.Stopwatch() as watch:
            if self.batches is not None:
                self.model.fit(self.batches, **options)
            else:
                self.model.fit(self.x, self.y, batch_size=self.recipe.batch_size, **options)
        self.seconds += watch.seconds
        self.epoch += 1

    def accuracy(self) -> float:
        return self.model.evaluate(self.x_test, self.y_test, batch_size=500, verbose=0)[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--only", nargs="+", choices=list(RECIPES), default=list(RECIPES))
    arguments = parser.parse_args()
    print(devices.describe(), "\n")
    data = datasets.load("cifar10")
    results = {name: [] for name in arguments.only}
    for seed in arguments.seeds:
        runs = {name: Run(RECIPES[name], data, arguments.epochs, seed) for name in results}
        for epoch in range(arguments.epochs):
            for run in runs.values():
                run.train_epoch()
            seconds = ", ".join(f"{name} {run.seconds:.0f} s" for name, run in runs.items())
            print(f"seed {seed}, epoch {epoch + 1}: {seconds}", flush=True)
        for name, run in runs.items():
            results[name].append((run.model.count_params(), run.seconds, run.accuracy()))
        print_table(results)
    recorded.save("cifar10", summary(results), arguments.seeds)


def print_table(results: dict[str, list[tuple]]) -> None:
    print(
        f"\n{'recipe':<28}{'parameters':>11}{'seconds':>9}{'accuracy':>10}{'time / tutorial':>17}"
    )
    reference = results.get("tutorial", [(0, float("nan"), 0)])
    for name, runs in results.items():
        parameters, seconds, accuracy = runs[-1]
        ratio = seconds / reference[-1][1]
        print(f"{name:<28}{parameters:>11,}{seconds:>9.1f}{accuracy:>10.4f}{ratio:>17.3f}")


def summary(results: dict[str, list[tuple]]) -> dict[str, float]:
    """Average over the seeds, as ``recorded`` wants it: ``row: column`` to value."""
    values = {}
    for name, runs in results.items():
        parameters, seconds, accuracies = (np.array(column) for column in zip(*runs, strict=True))
        values[f"{name}: parameters"] = int(parameters[0])
        values[f"{name}: seconds of training"] = round(float(seconds.mean()), 1)
        values[f"{name}: test accuracy"] = round(float(accuracies.mean()), 4)
        values[f"{name}: lowest"] = round(float(accuracies.min()), 4)
    return values


if __name__ == "__main__":
    main()
