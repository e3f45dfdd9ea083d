"""Train the model that the chapter on transfer learning starts from; write it to data/weights/.

    COURSE_SIZE=full python data/scripts/train_source_model.py [--epochs 16] [--seed 0]

The network is `transfer_learning.source_cnn`. It learns CIFAR-10 in grey, 28 by 28 pixels, so that
it can look at Fashion-MNIST and MNIST. In each epoch every photo is cut out anew at random from its
32 by 32 pixels, and mirrored half of the time; for the test the middle is cut out. Adam with a
one-cycle learning rate, batches of 128. The weights that ship come from the *full* set and are kept
in half precision, to save space; the accuracy printed is measured after rounding. Afterwards run
write_checksums.py, which enters the new file into data/checksums.sha256.
"""

import argparse

import keras
import numpy as np

from course_lib import datasets, training, transfer_learning

NAME = "source_cnn_cifar10_grey"
BATCH_SIZE, PEAK, SIDE = 128, 8e-3, 28


def cut_at_random(photos: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Cut a square out of each photo at a random place; mirror half of the squares."""
    count, height = photos.shape[:2]
    top, left = random.integers(0, height - SIDE + 1, size=(2, count, 1))
    steps = np.arange(SIDE)
    columns = np.where(random.random((count, 1)) < 0.5, steps, steps[::-1])
    rows, columns = (top + steps)[:, :, None], (left + columns)[:, None, :]
    return photos[np.arange(count)[:, None, None], rows, columns]


def main() -> None:
    """Train once, round, measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    data = datasets.load("cifar10")
    photos = transfer_learning.grey_photos(data.x_train, data.x_train.shape[1])
    x_test = transfer_learning.grey_photos(data.x_test, SIDE)
    training.set_seed(given.seed)
    model = transfer_learning.source_cnn((SIDE, SIDE, 1))
    steps = given.epochs * -(-len(photos) // BATCH_SIZE)
    model.compile(
        keras.optimizers.Adam(training.one_cycle(PEAK, steps)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    random = np.random.default_rng(given.seed)
    with training.Stopwatch() as watch:
        for epoch in range(given.epochs):
            x = cut_at_random(photos, random)
            seen = training.fit(model, x, data.y_train, epochs=1, batch_size=BATCH_SIZE)
            print(f"epoch {epoch + 1}: {seen.history['accuracy'][0]:.4f} {watch}", flush=True)
    rounded = [array.astype("float16") for array in model.get_weights()]
    model.set_weights(rounded)
    _, accuracy = model.evaluate(x_test, data.y_test, batch_size=500, verbose=0)
    print(f"{model.count_params():,} parameters, test accuracy {accuracy:.4f} after {watch}")
    path = datasets.save_weights(NAME, rounded)
    print(f"wrote {path.name}, {path.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
