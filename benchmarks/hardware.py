"""What do this machine, this backend and each number format make of the course's own functions?

    python benchmarks/hardware.py [--seeds 0 1 2] [--record]
    KERAS_BACKEND=jax python benchmarks/hardware.py --record
    KERAS_BACKEND=torch python benchmarks/hardware.py --record

Runs on whatever is there, a CPU or a GPU, with TensorFlow, JAX or PyTorch, and prints one table: a
row for each measurement, a column for each number format. For products, convolution, attention and
gradients the format is that of the numbers; for training it is Keras's mixed precision, whose
weights stay float32. What a backend refuses is left out. On a GPU it also takes larger inputs,
trains the small CNN for some epochs, once a seed and format, and reads the card's power. With
--record the figures are kept under book/recorded/hardware/.
"""

import time
from collections.abc import Callable

import keras
import numpy as np
from keras import ops
from race import options

from course_lib import (
    acceleration,
    attention,
    convolution,
    datasets,
    devices,
    gradients,
    recorded,
    training,
)

FORMATS = {
    "float32": "float32",
    "bfloat16": "mixed_bfloat16",
    "float16": "mixed_float16",
}
GPU = bool(gradients.visible_gpus())
SIZES = {"small": 1, "large": 16}  # a CPU gets the small ones alone


def tensors(dtype: str, *shapes: tuple[int, ...]) -> list:
    """Draw a tensor of each shape, in a number format."""
    random = np.random.default_rng(0)
    return [ops.cast(0.1 * random.normal(size=s).astype("float32"), dtype) for s in shapes]


def functions(dtype: str, scale: int) -> dict[str, tuple[Callable, list]]:
    """Return the course's functions by name, each with arguments of a size and format."""
    x, kernel, head = tensors(dtype, (128 * scale, 28, 28, 16), (3, 3, 16, 32), (32, 10))
    query = tensors(dtype, *[(4 * scale, 8, 256, 64)] * 3)

    def loss(kernel, head, x):
        maps = convolution.conv2d(x, kernel)
        return ops.mean(ops.square(ops.matmul(ops.mean(ops.relu(maps), axis=(1, 2)), head)))

    return {
        "conv2d": (lambda x, kernel: convolution.conv2d(x, kernel), [x, kernel]),
        "attention": (
            lambda q, k, v: attention.scaled_dot_product_attention(q, k, v)[0],
            query,
        ),
        "gradients": (gradients.value_and_grad(loss, (0, 1)), [kernel, head, x]),
    }


def wide_cnn() -> keras.Model:
    """Build a network that gives a GPU something to do: 16 times the channels of the small CNN."""
    layers = [keras.Input((32, 32, 3))]
    for filters in (128, 256, 512):
        layers += [
            keras.layers.Conv2D(filters, 3, padding="same", activation="relu"),
            keras.layers.MaxPooling2D(2),
        ]
    layers += [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(10)]
    return keras.Sequential(layers, name="wide_cnn")


def compiled(build: Callable[[], keras.Model], policy: str, **options: object) -> keras.Model:
    """Build a model in a number format and compile it."""
    model = acceleration.with_precision(build, policy)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss, metrics=["accuracy"], **options)
    return model


def main() -> None:
    arguments = options(__doc__, seeds=(0, 1, 2)).parse_args()
    began = time.perf_counter()
    print(devices.describe(), "\n")
    values = {}

    def note(row: str, column: str, measure: Callable[[], float]) -> None:
        """Measure, print and keep a figure; say so where the backend refuses."""
        try:
            values[f"{row}: {column}"] = float(f"{measure():.4g}")
        except Exception as error:  # noqa: BLE001 - backends refuse in many ways
            print(f"{row:<44}{column:<12} refused ({type(error).__name__})", flush=True)
            return
        since = time.perf_counter() - began
        print(
            f"{row:<44}{column:<12}{values[f'{row}: {column}']:>12.4g}{since:>8.0f} s", flush=True
        )

    values["memory in GB/s"] = round(
        acceleration.stream_rate(1024 if GPU else 128, rounds=10) / 1e9, 1
    )
    print(f"memory: {values['memory in GB/s']} GB/s")
    for column in FORMATS:
        size = 8192 if GPU else 1024
        note(
            "matrix product, TFLOP/s",
            column,
            lambda f=column, n=size: acceleration.product_rate(n, f, 10 if GPU else 5) / 1e12,
        )
        note(
            "matrix product, relative error", column, lambda f=column: acceleration.product_error(f)
        )
    for size, scale in SIZES.items():
        wanted = ["float32"] if GPU and scale == 1 else FORMATS if GPU or scale == 1 else []
        for column in wanted:
            forget_compiled()
            for name, (function, inputs) in functions(column, scale).items():
                fast = gradients.compile(function)
                note(
                    f"{name}, {size}, ms",
                    column,
                    lambda f=fast, a=inputs: 1e3 * median(lambda: f(*a)),
                )
                if size == "small" and column == "float32":
                    note(
                        f"{name}, {size}, ms, not compiled",
                        column,
                        lambda f=function, a=inputs: 1e3 * median(lambda: f(*a)),
                    )
    train(note)
    if GPU:
        learn(note, arguments.seeds)
    print(f"{time.perf_counter() - began:.0f} s in all")
    if arguments.record:
        print(recorded.save("hardware", values, arguments.seeds if GPU else ()))


def forget_compiled() -> None:
    """Let PyTorch compile anew for each size; otherwise it makes one slower form for all."""
    if gradients.active_backend() == "torch":
        import torch

        torch._dynamo.reset()


def median(call: Callable[[], object]) -> float:
    """Return the median seconds of a compiled call."""
    repeats = 10 if GPU else 1
    return float(np.median(acceleration.race({"it": call}, rounds=5, repeats=repeats)["it"]))


def train(note: Callable) -> None:
    """Time training steps: two networks, several batch sizes and formats, and uncompiled."""
    clothes = datasets.load("fashion_mnist", size="small")
    images, labels = training.scale_images(clothes.x_train), clothes.y_train
    photos = np.random.default_rng(0).random((256, 32, 32, 3)).astype("float32")
    blocks = {"blocks": 5, "block": 10, "warm_up": 5}
    if not GPU:
        blocks = {"blocks": 3, "block": 2, "warm_up": 2}
    sizes = (32, 256, 2048) if GPU else (32, 256)
    cases = [("small CNN", convolution.small_cnn, images, labels, b) for b in sizes]
    wide = 1024 if GPU else 16
    cases.append(("wide CNN", wide_cnn, photos, labels[:256], wide))
    models = {}
    for column, policy in FORMATS.items():
        for name, build, x, y, batch in cases:
            if name == "wide CNN" and column == "float16" and not GPU:
                continue  # a minute and more on many CPUs
            if (name, column) not in models:
                models[name, column] = compiled(build, policy)

            def rate(model=models[name, column], x=x, y=y, batch=batch):
                steps = acceleration.step_seconds(model, x, y, batch_size=batch, **blocks)
                return batch / float(np.median(steps))

            note(f"{name}, images/s, batch {batch:,}", column, rate)
    eager = compiled(convolution.small_cnn, "float32", run_eagerly=True)
    note(
        "small CNN, images/s, batch 256, not compiled",
        "float32",
        lambda: (
            256
            / np.median(
                acceleration.step_seconds(
                    eager, images, labels, batch_size=256, blocks=3, block=2, warm_up=2
                )
            )
        ),
    )


def learn(note: Callable, seeds: list[int], epochs: int = 5) -> None:
    """Train to the end in each format: the same accuracy, at what energy?"""
    clothes = datasets.load("fashion_mnist", size="small")
    images, labels = training.scale_images(clothes.x_train), clothes.y_train
    x_test = training.scale_images(clothes.x_test)
    photos = np.random.default_rng(0).random((8192, 32, 32, 3)).astype("float32")
    some = np.arange(8192) % 10
    for column, policy in FORMATS.items():
        for seed in seeds:

            def accuracy(policy=policy, seed=seed):
                training.set_seed(seed)
                model = compiled(convolution.small_cnn, policy)
                model.fit(images, labels, batch_size=128, epochs=epochs, verbose=0)
                guesses = model.predict(x_test, batch_size=500, verbose=0).argmax(axis=1)
                return float(np.mean(guesses == clothes.y_test))

            note(f"small CNN, accuracy after {epochs} epochs, seed {seed}", column, accuracy)
        found = {}

        def joules(policy=policy, found=found):
            model = compiled(wide_cnn, policy)
            model.fit(photos[:2048], some[:2048], batch_size=1024, verbose=0)
            with acceleration.EnergyMeter() as meter:
                model.fit(photos, some, batch_size=1024, epochs=24, verbose=0)
            if not meter.report.measured:
                raise ValueError("the power of this accelerator cannot be read")
            found["watts"] = meter.report.card_watts
            return meter.report.card_watts * meter.report.seconds / (24 * len(photos))

        note("wide CNN, card's joules an image", column, joules)
        note("wide CNN, card's watts", column, lambda found=found: found["watts"])


if __name__ == "__main__":
    main()
