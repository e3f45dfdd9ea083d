"""Time the travelling model on the edge: zeros, channels and whole numbers, in LiteRT and ONNX.

    python benchmarks/edge.py [--rounds 20] [--record]

Each model is exported, run on the 2,000 shipped test images, and timed on one image, with one
thread. Every round times all models in turn; the figures are medians over rounds, in microseconds
a call, beside the size of the file in bytes and the accuracy in that runtime. Models: the dense
one; the same with 90 % of its weights at zero; the same wholly in int8; half of the channels cut
out and repaired for three epochs, in both forms. With --record the table is kept under
book/recorded/edge-speed/.
"""

import tempfile
import time
from pathlib import Path

import numpy as np
from race import options

from course_lib import compression, convolution, datasets, recorded, training


def models() -> dict[str, tuple]:
    """Return for each name a model and, for whole numbers, the images that set the ranges."""
    data = datasets.load("fashion_mnist", size="small")
    x = training.scale_images(data.x_train)
    dense = convolution.small_cnn()
    dense.set_weights(datasets.load_weights("small_cnn_fashion_mnist"))
    half = compression.remove_channels(dense, compression.channels_to_keep(dense, 0.5))
    compression.tune(half, x, data.y_train, epochs=3)
    return {
        "dense": (dense, None),
        "90 % zeros": (compression.prune_model(dense, 0.9, "global"), None),
        "half the channels": (half, None),
        "dense, int8": (dense, x[:200]),
        "half the channels, int8": (half, x[:200]),
    }


def main() -> None:
    """Export, run, time, print, and keep the table where asked to."""
    given = options(__doc__, rounds=20).parse_args()
    data = datasets.load("fashion_mnist", size="small")
    x, y = training.scale_images(data.x_test), data.y_test
    values, timed = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, (model, examples)) in enumerate(models().items()):
            path = compression.export_litert(model, f"{folder}/{number}.tflite", examples)
            logits = compression.run_litert(path, x)
            values[f"{name}: bytes"] = Path(path).stat().st_size
            values[f"{name}: accuracy"] = float((logits.argmax(axis=1) == y).mean())
            timed[name] = lambda path=path: compression.litert_latency(path, x[:1], 50, (1,))[1]
            if name == "dense":
                onnx = compression.export_onnx(model, f"{folder}/{number}.onnx")
                values["dense, ONNX: bytes"] = onnx.stat().st_size
                right = compression.run_onnx(onnx, x).argmax(axis=1) == y
                values["dense, ONNX: accuracy"] = float(right.mean())
        times = {name: [] for name in timed}
        for _ in range(given.rounds):
            for name, call in timed.items():
                times[name].append(1e6 * call().median)
    for name, rounds in times.items():
        values[f"{name}: microseconds"] = float(np.median(rounds))
        values[f"{name}: of the dense"] = float(np.median(np.divide(rounds, times["dense"])))
        print(f"{name:<26} {np.median(rounds):8.1f} us", flush=True)
    if given.record:
        print(recorded.save("edge-speed", values))


if __name__ == "__main__":
    start = time.perf_counter()
    main()
    print(f"{time.perf_counter() - start:.0f} s")
