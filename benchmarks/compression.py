"""Weigh every way of compressing the travelling model against what it costs.

    python benchmarks/compression.py [--seeds 0 1 2] [--record]

All start from the shipped Fashion-MNIST weights, but for the narrow networks, which start at
random. A seed sets the order of the images wherever something is tuned, and the narrow networks'
first weights; what is only rounded has no luck in it. Bytes are those of a file that
``save_compressed`` wrote, accuracy is measured on the 2,000 shipped test images with the model read
back from it. Beside it: the share of answers that differ from the dense model's, the largest loss
of a class in points of its accuracy, the expected calibration error, and the mean rank correlation
of gradients with the dense model's (200 test images). With --record the table is kept under
book/recorded/compression/. Some ten minutes on one core.
"""

import tempfile
from pathlib import Path

import keras
import numpy as np
from keras import layers
from race import options
from scipy import special

from course_lib import (
    compression,
    convolution,
    datasets,
    distillation,
    recorded,
    regularization,
    saliency,
    training,
)

data = datasets.load("fashion_mnist", size="small")
x, y = training.scale_images(data.x_train), data.y_train
x_test, y_test = training.scale_images(data.x_test), data.y_test


def dense() -> keras.Model:
    model = convolution.small_cnn()
    model.set_weights(datasets.load_weights("small_cnn_fashion_mnist"))
    return model


def narrow(seed: int) -> keras.Model:
    """Half the channels of the travelling model everywhere, from the start."""
    training.set_seed(seed)
    stack = [keras.Input((28, 28, 1))]
    for filters in (8, 16, 32):
        convolved = {"padding": "same", "activation": "relu", "kernel_initializer": "he_normal"}
        stack += [layers.Conv2D(filters, 3, **convolved), layers.MaxPooling2D(2)]
    hidden = layers.Dense(32, "relu", kernel_initializer="he_normal")
    return keras.Sequential([*stack, layers.Flatten(), hidden, layers.Dense(10)])


def tuned(model: keras.Model, epochs: int, seed: int, *callbacks) -> keras.Model:
    return compression.tune(model, x, y, epochs=epochs, seed=seed, callbacks=callbacks)


def distilled(seed: int, epochs: int) -> keras.Model:
    student = narrow(seed)
    distiller = distillation.Distiller(student, temperature=4.0, alpha=0.9)
    steps = epochs * -(-len(x) // 128)
    distiller.compile(keras.optimizers.Adam(training.one_cycle(3e-3, steps)), jit_compile=False)
    teacher = dense().predict(x, batch_size=500, verbose=0)
    targets = {"labels": y, "teacher": teacher}
    keras.utils.set_random_seed(seed)
    distiller.fit(x, targets, batch_size=128, epochs=epochs, verbose=0)
    return student


def variants(seed: int):
    """Yield the name and the model of each way; what has no luck only for the first seed."""
    start, steps = dense(), -(-len(x) // 128)
    if seed == 0:
        yield "dense", start
        for bits in (8, 6, 5, 4, 3, 2):
            yield f"{bits} bits", compression.quantize_model(start, bits)
    yield "tuned on, 3 epochs", tuned(dense(), 3, seed)
    for bits in (4, 3, 2):
        aware = tuned(compression.quantization_aware(start, bits), 2, seed)
        yield f"{bits} bits, trained", compression.plain_model(aware)
    for percent in (50, 70, 80, 90):
        gradual = compression.GradualPruning(percent / 100, 0, 2 * steps, scope="global")
        pruned = tuned(dense(), 3, seed, gradual)
        yield f"pruned {percent} %", pruned
        shared = tuned(compression.shared_codebooks(pruned, 15), 1, seed)
        yield f"pruned {percent} %, 15 shared values", compression.plain_model(shared)
    half = compression.channels_to_keep(start, 0.5)
    cut = tuned(compression.remove_channels(start, half), 3, seed)
    yield "half the channels", cut
    aware = tuned(compression.quantization_aware(cut, 4), 1, seed)
    yield "half the channels, 4 bits", compression.plain_model(aware)
    gradual = compression.GradualPruning(0.5, 0, 2 * steps, scope="global")
    shared = tuned(compression.shared_codebooks(tuned(cut, 3, seed, gradual), 15), 1, seed)
    yield "half the channels, pruned 50 %, 15 values", compression.plain_model(shared)
    small = narrow(seed)
    compression.tune(small, x, y, epochs=10, learning_rate=3e-3, seed=seed)
    yield "narrow from the start", small
    student = distilled(seed, 10)
    yield "narrow, distilled", student
    aware = tuned(compression.quantization_aware(student, 4), 1, seed)
    yield "narrow, distilled, 4 bits", compression.plain_model(aware)


def by_class(logits: np.ndarray) -> np.ndarray:
    right = logits.argmax(axis=1) == y_test
    return np.array([right[y_test == k].mean() for k in range(10)])


def measure(model: keras.Model, reference: tuple[np.ndarray, np.ndarray]) -> dict[str, float]:
    """Write the model down, read it back, and see what is left."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.bin"
        compression.save_compressed(model, path)
        size, model = path.stat().st_size, compression.load_compressed(path)
    logits = model.predict(x_test, batch_size=500, verbose=0)
    before, maps = reference
    own = saliency.gradient(model, x_test[:200], before[:200].argmax(axis=1))
    return {
        "bytes": size,
        "accuracy": float((logits.argmax(axis=1) == y_test).mean()),
        "answers changed": float((logits.argmax(axis=1) != before.argmax(axis=1)).mean()),
        "largest loss of a class": float((by_class(before) - by_class(logits)).max()),
        "ECE": regularization.expected_calibration_error(special.softmax(logits, axis=1), y_test),
        "maps alike": float(np.nanmean(saliency.rank_correlation(np.abs(own), np.abs(maps)))),
    }


def main() -> None:
    """Measure all, print the table, and keep it where asked to."""
    given = options(__doc__, seeds=[0, 1, 2]).parse_args()
    logits = dense().predict(x_test, batch_size=500, verbose=0)
    maps = saliency.gradient(dense(), x_test[:200], logits[:200].argmax(axis=1))
    found: dict[str, list[dict[str, float]]] = {}
    for seed in given.seeds:
        for name, model in variants(seed):
            found.setdefault(name, []).append(measure(model, (logits, maps)))
            print(seed, name, {k: round(v, 4) for k, v in found[name][-1].items()}, flush=True)
    values = {}
    for name, runs in found.items():
        values[f"{name}: bytes"] = int(np.mean([run["bytes"] for run in runs]))
        accuracies = [run["accuracy"] for run in runs]
        values[f"{name}: accuracy"] = float(np.mean(accuracies))
        values[f"{name}: lowest"] = float(np.min(accuracies))
        values[f"{name}: highest"] = float(np.max(accuracies))
        for what in list(runs[0])[2:]:
            values[f"{name}: {what}"] = round(float(np.mean([run[what] for run in runs])), 4)
    if given.record:
        print(recorded.save("compression", values, given.seeds))


if __name__ == "__main__":
    main()
