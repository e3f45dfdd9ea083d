"""Does Keras rescue a model that ends in softmax and is trained with ``from_logits=True``?

    KERAS_BACKEND=jax python benchmarks/from_logits.py [--seed 0] [--record]

Asks the active backend: trains document 004's network, which is the tutorial's of ``cifar10.py``,
three ways on the shipped CIFAR-10, as the chapter on convolution does. With --record the figures
are kept under book/recorded/from-logits/.
"""

import argparse

import keras
import numpy as np
from cifar10 import tutorial_cnn

from course_lib import datasets, devices, gradients, recorded, training


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--record", action="store_true", help="keep the figures in book/recorded/")
    arguments = parser.parse_args()
    seed = arguments.seed
    print(devices.describe(), "\n")
    data = datasets.load("cifar10", size="small")
    x, x_test = training.scale_images(data.x_train), training.scale_images(data.x_test)
    crossentropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    variants = {
        "as written": ("softmax", crossentropy),
        "softmax twice": ("softmax", lambda labels, outputs: crossentropy(labels, 1.0 * outputs)),
        "repaired": (None, crossentropy),
    }
    values = {"backend": gradients.active_backend()}
    for name, (last, loss) in variants.items():
        training.set_seed(seed)
        model = tutorial_cnn(last)
        model.compile("adam", loss, metrics=["accuracy"])
        history = training.fit(model, x, data.y_train, epochs=10, batch_size=32, seed=seed)
        accuracy = np.mean(model.predict(x_test, verbose=0).argmax(axis=1) == data.y_test)
        values[f"{name}: last loss"] = round(history.history["loss"][-1], 3)
        values[f"{name}: test accuracy"] = round(float(accuracy), 3)
        print(name, history.history["loss"], accuracy)
    if arguments.record:
        recorded.save("from-logits", values, seeds=[seed])


if __name__ == "__main__":
    main()
