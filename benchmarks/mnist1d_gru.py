"""Train the GRU of the published MNIST-1D table, as published and with a cycled learning rate.

    python benchmarks/mnist1d_gru.py [--seeds 0 1 2 3] [--recipes published ours] [--record]

Test accuracy is measured once, at the end. The published recipe (Greydanus and Kobak 2024;
``notebooks/models.py`` and ``train.py`` of greydanus/mnist1d) is a GRU of 6 units in each
direction, whose states at all 40 steps go into one dense layer; Adam at 0.01, batches of 100, 6,000
steps, the examples always in the same order. With --record the table is kept under
book/recorded/mnist1d-gru/.
"""

import keras
import numpy as np
from race import options

from course_lib import datasets, devices, recorded, training

# name: epochs of 40 steps, learning rate (a peak where it is cycled), whether it is cycled
RECIPES = {"published": (150, 1e-2, False), "ours": (50, 3e-2, True)}
NAMES = {"published": "published recipe, 6,000 steps", "ours": "one-cycle rate, 2,000 steps"}
BATCH = 100


def gru_classifier(steps: int = 40, units: int = 6, classes: int = 10) -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((steps, 1)),
            keras.layers.Bidirectional(keras.layers.GRU(units, return_sequences=True)),
            keras.layers.Flatten(),
            keras.layers.Dense(classes),
        ]
    )


def run(recipe: str, data: datasets.Dataset, seed: int) -> tuple[int, float, float, float]:
    """Train once; return parameters, seconds, accuracy on the training and on the test set."""
    epochs, rate, cycled = RECIPES[recipe]
    training.set_seed(seed)
    model = gru_classifier()
    x, x_test = data.x_train[..., None], data.x_test[..., None]
    if cycled:
        rate = training.one_cycle(rate, epochs * len(x) // BATCH)
    model.compile(
        keras.optimizers.Adam(rate),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=True,
    )
    with training.Stopwatch() as watch:
        model.fit(x, data.y_train, batch_size=BATCH, epochs=epochs, shuffle=cycled, verbose=0)
    accuracies = [
        model.evaluate(inputs, labels, batch_size=500, verbose=0)[1]
        for inputs, labels in ((x, data.y_train), (x_test, data.y_test))
    ]
    return model.count_params(), watch.seconds, *accuracies


def main() -> None:
    parser = options(__doc__, seeds=range(4))
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, default=list(RECIPES))
    arguments = parser.parse_args()
    print(devices.describe(), "\n")
    data = datasets.load("mnist1d")
    values = {}
    for recipe in arguments.recipes:
        runs = []
        for seed in arguments.seeds:
            runs.append(run(recipe, data, seed))
            parameters, seconds, fitted, accuracy = runs[-1]
            print(
                f"{NAMES[recipe]:<32} seed {seed}: {parameters:,} parameters, {seconds:.1f} s, "
                f"training {fitted:.3f}, test {accuracy:.3f}",
                flush=True,
            )
        parameters, seconds, fitted, accuracies = map(np.array, zip(*runs, strict=True))
        values[f"{NAMES[recipe]}: parameters"] = int(parameters[0])
        values[f"{NAMES[recipe]}: seconds of training"] = round(float(seconds.mean()), 1)
        values[f"{NAMES[recipe]}: training accuracy"] = round(float(fitted.mean()), 3)
        values[f"{NAMES[recipe]}: test accuracy"] = round(float(accuracies.mean()), 3)
        values[f"{NAMES[recipe]}: lowest of the seeds"] = round(float(accuracies.min()), 3)
    if arguments.record:
        recorded.save("mnist1d-gru", values, arguments.seeds)


if __name__ == "__main__":
    main()
