"""Train the travelling model on the shipped Fashion-MNIST and write its weights to data/weights/.

    python data/scripts/train_small_cnn.py [--seeds 0 1 2]

The weights of the first seed are kept; the others only show how much luck there is. The recipe is
that of the chapter foundations/convolution: Adam with a one-cycle learning rate, batches of 128, 12
epochs. Afterwards run write_checksums.py, which enters the new file into data/checksums.sha256.
"""

import argparse

import keras

from course_lib import convolution, datasets, training


def main() -> None:
    """Train once for each seed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    seeds = parser.parse_args().seeds
    data = datasets.load("fashion_mnist", size="small")
    x, x_test = training.scale_images(data.x_train), training.scale_images(data.x_test)
    for seed in seeds:
        training.set_seed(seed)
        model = convolution.small_cnn()
        epochs, batch_size = 12, 128
        steps = epochs * -(-len(x) // batch_size)
        model.compile(
            keras.optimizers.Adam(training.one_cycle(3e-3, steps)),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
        with training.Stopwatch() as watch:
            training.fit(model, x, data.y_train, epochs=epochs, batch_size=batch_size, seed=seed)
        _, accuracy = model.evaluate(x_test, data.y_test, verbose=0)
        print(f"seed {seed}: test accuracy {accuracy:.4f} after {watch}", flush=True)
        if seed == seeds[0]:
            path = datasets.save_weights("small_cnn_fashion_mnist", model.get_weights())
            print(f"wrote {path.name}, {path.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
