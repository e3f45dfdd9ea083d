"""Train the travelling model and write its weights to data/weights/.

    python data/scripts/train_small_cnn.py [--data cifar10 --epochs 10] [--seeds 0 1 2]
    python data/scripts/train_small_cnn.py --seeds 0 1 2 3 4 --record

By default it learns the shipped Fashion-MNIST, in 12 epochs. Its sister for color learns CIFAR-10;
the weights that ship come from the *full* set (COURSE_SIZE=full) and 10 epochs. The weights of the
first seed are kept, in half precision for CIFAR-10 (to save space); the others only show how much
luck there is. The recipe is that of the chapter foundations/convolution: Adam with a one-cycle
learning rate, batches of 128; images of CIFAR-10 are mirrored at random. Afterwards run
write_checksums.py, which enters the new file into data/checksums.sha256.

With --record no weights are written: what each seed reached on Fashion-MNIST is kept under
book/recorded/travelling-model/.
"""

import argparse

import keras
import numpy as np
from scipy import special

from course_lib import convolution, datasets, recorded, regularization, training

SIZES = {"fashion_mnist": "small", "cifar10": None}  # None: as $COURSE_SIZE says


def train(data: datasets.Dataset, epochs: int, seed: int) -> tuple[keras.Model, str]:
    """Return a trained model and a line about it."""
    x, x_test = training.scale_images(data.x_train), training.scale_images(data.x_test)
    y = data.y_train
    training.set_seed(seed)
    model = convolution.small_cnn(x.shape[1:])
    if data.name == "cifar10":  # each photo and its mirror image
        x, y = np.concatenate([x, x[:, :, ::-1]]), np.concatenate([y, y])
        epochs = epochs // 2
    batch_size = 128
    steps = epochs * -(-len(x) // batch_size)
    model.compile(
        keras.optimizers.Adam(training.one_cycle(3e-3, steps)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    with training.Stopwatch() as watch:
        training.fit(model, x, y, epochs=epochs, batch_size=batch_size, seed=seed)
    _, accuracy = model.evaluate(x_test, data.y_test, verbose=0)
    return model, f"seed {seed}: test accuracy {accuracy:.4f} after {watch}"


def record(seeds: list[int], epochs: int) -> None:
    """Train once for each seed and keep what each reached on the test images."""
    data, values = datasets.load("fashion_mnist", "small"), {}
    x_test = training.scale_images(data.x_test)
    for seed in seeds:
        model, line = train(data, epochs, seed)
        print(line, flush=True)
        logits = model.predict(x_test, batch_size=500, verbose=0)
        shares = special.softmax(logits.astype("float64"), axis=1)
        error = regularization.expected_calibration_error(shares, data.y_test)
        right = float((logits.argmax(axis=1) == data.y_test).mean())
        values |= {f"seed {seed}: accuracy": right, f"seed {seed}: calibration error": error}
    print(recorded.save("travelling-model", values, seeds))


def main() -> None:
    """Train once for each seed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", choices=SIZES, default="fashion_mnist")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--record", action="store_true", help="keep figures, write no weights")
    given = parser.parse_args()
    if given.record:
        if given.data != "fashion_mnist":
            parser.error("--record is for fashion_mnist alone")
        record(given.seeds, given.epochs)
        return
    data = datasets.load(given.data, SIZES[given.data])
    for seed in given.seeds:
        model, line = train(data, given.epochs, seed)
        print(line, flush=True)
        if seed == given.seeds[0]:
            weights = model.get_weights()
            if given.data == "cifar10":
                weights = [array.astype(np.float16) for array in weights]
            path = datasets.save_weights(f"small_cnn_{given.data}", weights)
            print(f"wrote {path.name}, {path.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
