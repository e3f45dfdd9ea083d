"""Race TensorFlow's tutorial recipe for CIFAR-10 against ours, one ingredient at a time.

    COURSE_SIZE=full python benchmarks/cifar10.py [--seeds 0] [--record]

The recipes run one after the other in one process; only the seconds inside ``fit`` count. Test
accuracy is measured once, at the end. Without COURSE_SIZE=full the race is run on the shipped
subset. With --record the table is kept under book/recorded/cifar10/.

The tutorial's recipe (tensorflow.org, "Convolutional Neural Network (CNN)"): convolutions of 32, 64
and 64 filters, a hidden layer of 64 units, Adam at its default learning rate, batches of 32.
"""

from dataclasses import dataclass, replace

import keras
import numpy as np
from keras import layers
from race import options

from course_lib import datasets, devices, recorded, training


@dataclass(frozen=True)
class Recipe:
    """What a recipe does beyond going through the data."""

    epochs: int = 3
    early: bool = False  # a network that shrinks the picture at once, instead of the tutorial's
    batch_size: int = 32
    peak: float | None = None  # of a one-cycle learning rate; None is Adam's constant 0.001
    normalize: bool = False  # batch normalization after each pooling
    standardize: bool = False  # pixels of mean 0 and standard deviation 1, instead of 0..1


SHORT = Recipe()
EARLY = replace(SHORT, early=True)
BATCHES = replace(EARLY, batch_size=256)
CYCLE = replace(BATCHES, peak=6e-3)
NORMALIZED = replace(CYCLE, normalize=True, peak=1.5e-2)
OURS = replace(NORMALIZED, standardize=True)
RECIPES = {
    "tutorial, 10 epochs": replace(SHORT, epochs=10),
    "tutorial, 3 epochs": SHORT,
    "+ shrinking early": EARLY,
    "+ batches of 256": BATCHES,
    "+ one-cycle learning rate": CYCLE,
    "+ batch normalization": NORMALIZED,
    "+ standardized pixels (ours)": OURS,
    "ours, 2 epochs": replace(OURS, epochs=2),
    "ours, 6 epochs": replace(OURS, epochs=6),
}


def tutorial_cnn(last: str | None = None) -> keras.Model:
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
            layers.Dense(10, activation=last),
        ]
    )


def early_cnn(normalize: bool) -> keras.Model:
    """Build three convolutions, the first of stride 2; normalizing after pooling is cheap."""
    blocks = [keras.Input((32, 32, 3))]
    for filters, kernel_size, stride in ((32, 5, 2), (64, 3, 1), (96, 3, 1)):
        blocks.append(
            layers.Conv2D(filters, kernel_size, stride, "same", kernel_initializer="he_normal")
        )
        blocks.append(layers.MaxPooling2D(2))
        if normalize:
            blocks.append(layers.BatchNormalization(momentum=0.9))
        blocks.append(layers.ReLU())
    return keras.Sequential([*blocks, layers.Flatten(), layers.Dense(10)])


def run(recipe: Recipe, data: datasets.Dataset, seed: int) -> tuple[int, float, float]:
    """Train a recipe; return the network's parameters, the seconds of training, the accuracy."""
    mean, spread = 0.0, 255.0
    if recipe.standardize:
        mean, spread = data.x_train.mean((0, 1, 2)), data.x_train.std((0, 1, 2))
    x, x_test = (
        ((images - mean) / spread).astype("float32") for images in (data.x_train, data.x_test)
    )
    training.set_seed(seed)
    model = early_cnn(recipe.normalize) if recipe.early else tutorial_cnn()
    steps = recipe.epochs * -(-len(x) // recipe.batch_size)
    rate = training.one_cycle(recipe.peak, steps) if recipe.peak else 1e-3
    model.compile(
        keras.optimizers.Adam(rate),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    with training.Stopwatch() as watch:
        training.fit(model, x, data.y_train, epochs=recipe.epochs, batch_size=recipe.batch_size)
    _, accuracy = model.evaluate(x_test, data.y_test, batch_size=500, verbose=0)
    return model.count_params(), watch.seconds, accuracy


def main() -> None:
    arguments = options(__doc__, seeds=[0]).parse_args()
    print(devices.describe(), "\n")
    data = datasets.load("cifar10")
    results = {name: [] for name in RECIPES}
    head = f"{'recipe':<30}{'seed':>5}{'parameters':>12}{'seconds':>9}{'accuracy':>10}"
    print(head + f"{'tutorial / time':>17}")
    for seed in arguments.seeds:
        for name, recipe in RECIPES.items():
            parameters, seconds, accuracy = run(recipe, data, seed)
            results[name].append((parameters, seconds, accuracy))
            ratio = results["tutorial, 10 epochs"][-1][1] / seconds
            row = f"{name:<30}{seed:>5}{parameters:>12,}{seconds:>9.1f}{accuracy:>10.4f}"
            print(row + f"{ratio:>17.1f}", flush=True)
    if arguments.record:
        recorded.save("cifar10", summary(results), arguments.seeds)


def summary(results: dict[str, list[tuple]]) -> dict[str, float]:
    """Average over the seeds, as ``recorded`` wants it: ``row: column`` to value."""
    values = {}
    for name, runs in results.items():
        parameters, seconds, accuracies = (np.array(column) for column in zip(*runs, strict=True))
        values[f"{name}: parameters"] = int(parameters[0])
        values[f"{name}: seconds of training"] = round(float(seconds.mean()), 1)
        values[f"{name}: test accuracy"] = round(float(accuracies.mean()), 4)
        values[f"{name}: lowest of the seeds"] = round(float(accuracies.min()), 4)
    return values


if __name__ == "__main__":
    main()
