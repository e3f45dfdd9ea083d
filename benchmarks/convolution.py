"""Time ``conv2d`` and the pooling functions beside Keras's, compiled, in one process.

    python benchmarks/convolution.py [--rounds 30] [--record]

Prints one table.
"""

import time

import numpy as np
from keras import ops
from race import bind, heading, line, options, race

from course_lib import convolution, devices, recorded

CASES = {  # name: (x shape, kernel shape)
    "small layer": ((16, 28, 28, 8), (3, 3, 8, 16)),
    "first layer": ((64, 32, 32, 3), (3, 3, 3, 32)),
    "deep layer": ((64, 15, 15, 32), (3, 3, 32, 64)),
    "one channel": ((128, 28, 28, 1), (3, 3, 1, 16)),
}


def main() -> None:
    arguments = options(__doc__, rounds=30).parse_args()
    values = {}
    print(devices.describe(), "\n")
    heading("Keras")
    random = np.random.default_rng(0)
    for case, (x_shape, kernel_shape) in CASES.items():
        x, kernel = (
            ops.convert_to_tensor(random.normal(size=s).astype("float32"))
            for s in (x_shape, kernel_shape)
        )
        pairs = {
            "conv2d": (
                bind(lambda x, k: convolution.conv2d(x, k), x, kernel),
                bind(lambda x, k: ops.conv(x, k, 1, "valid"), x, kernel),
            ),
            "max_pool2d": (
                bind(lambda x: convolution.max_pool2d(x), x),
                bind(lambda x: ops.max_pool(x, 2, 2), x),
            ),
            "average_pool2d": (
                bind(lambda x: convolution.average_pool2d(x), x),
                bind(lambda x: ops.average_pool(x, 2, 2), x),
            ),
        }
        for name, (ours, reference) in pairs.items():
            times = race({"ours": ours, "reference": reference}, arguments.rounds)
            ratio = line(case, name, times["ours"], times["reference"])
            values[f"{name}, ours / Keras: {case}"] = round(ratio, 2)
    x_shape, kernel_shape = CASES["small layer"]
    x, kernel = (random.normal(size=s).astype("float32") for s in (x_shape, kernel_shape))
    start = time.perf_counter()
    convolution.conv2d_loops(x, kernel)
    print(f"conv2d_loops once, on the small layer: {1e3 * (time.perf_counter() - start):.0f} ms")
    if arguments.record:
        recorded.save("convolution-speed", values)


if __name__ == "__main__":
    main()
