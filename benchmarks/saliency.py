"""Time 64-step integrated gradients: a batch at once, one by one, and by Xplique.

    python benchmarks/saliency.py [--rounds 7] [--record]

A batch of 64 images goes through the travelling model and through the dense network of document
002. The plain loop takes one image and one step at a time; it is timed on two images and quoted for
64. Xplique runs on TensorFlow alone. With --record the figures are kept under
book/recorded/saliency-speed/.
"""

import functools
import importlib.util

import keras
import numpy as np
from race import heading, line, options, race

from course_lib import convolution, datasets, devices, gradients, recorded, saliency, training

IMAGES, STEPS, IN_LOOP = 64, 64, 2


def networks() -> dict[str, keras.Model]:
    """Return the travelling model and a dense network, both from images to logits."""
    cnn = convolution.small_cnn()
    cnn.set_weights(datasets.load_weights("small_cnn_fashion_mnist"))
    dense = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(64, "relu"),
            keras.layers.Dense(10),
        ]
    )
    return {"small CNN": cnn, "dense, 64 units": dense}


def xplique(model: keras.Model, x: np.ndarray, y: np.ndarray):
    """Return a call of Xplique's integrated gradients."""
    from xplique.attributions import IntegratedGradients

    functional = keras.Model(model.inputs, model.outputs)  # it does not take a Sequential
    explainer = IntegratedGradients(functional, steps=STEPS, batch_size=256)
    return functools.partial(explainer, x, np.eye(10, dtype="float32")[y])


def main() -> None:
    arguments = options(__doc__, rounds=7).parse_args()
    print(devices.describe(), "\n")
    data = datasets.load("fashion_mnist", size="small")
    x, y = training.scale_images(data.x_test[:IMAGES]), data.y_test[:IMAGES]
    few = x[:IN_LOOP], y[:IN_LOOP]
    values = {}
    heading("other")
    for name, model in networks().items():
        contenders = {
            "ours": lambda model=model: saliency.integrated_gradients(model, x, y, steps=STEPS),
            "loop": lambda model=model: saliency.integrated_gradients_loop(
                model, *few, steps=STEPS
            ),
        }
        if gradients.active_backend() == "tensorflow" and importlib.util.find_spec("xplique"):
            contenders["Xplique"] = xplique(model, x, y)
        seconds = race(contenders, arguments.rounds, repeats=1)
        seconds["loop"] *= IMAGES / IN_LOOP
        for other in list(seconds)[1:]:
            ratio = line(name, f"ours / {other}", seconds["ours"], seconds[other])
            values[f"{name}: ours / {other}"] = float(f"{ratio:.2g}")
        values[f"{name}: times as fast as the loop"] = round(seconds["loop"] / seconds["ours"])
    if arguments.record:
        recorded.save("saliency-speed", values)


if __name__ == "__main__":
    main()
