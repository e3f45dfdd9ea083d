"""Time ``conv2d`` and the pooling functions beside Keras's, compiled, in one process.

    python benchmarks/convolution.py [--rounds 30] [--record]

Prints one table. Each round times every contender once, in turn, so that a machine that slows down
slows all of them; the figures are medians over the rounds, and the ratios are what to quote.
"""

import argparse
import functools
import time
from collections.abc import Callable

import numpy as np
from keras import ops

from course_lib import convolution, devices, gradients, recorded

CASES = {  # name: (x shape, kernel shape)
    "small layer": ((16, 28, 28, 8), (3, 3, 8, 16)),
    "first layer": ((64, 32, 32, 3), (3, 3, 3, 32)),
    "deep layer": ((64, 15, 15, 32), (3, 3, 32, 64)),
    "one channel": ((128, 28, 28, 1), (3, 3, 1, 16)),
}


def seconds(call: Callable[[], object], repeats: int = 10) -> float:
    """Return the seconds of one call, the mean of several, waiting for the device at the end."""
    start = time.perf_counter()
    for _ in range(repeats):
        result = call()
    ops.convert_to_numpy(result[0, 0, 0, 0])  # one number: copying all would be timed too
    return (time.perf_counter() - start) / repeats


def race(contenders: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the median seconds of each contender, timed in turn."""
    for call in contenders.values():
        call(), call()  # compile and warm up
    times = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, call in contenders.items():
            times[name].append(seconds(call))
    return {name: float(np.median(values)) for name, values in times.items()}


def bind(function: Callable, *arguments: object) -> Callable[[], object]:
    return functools.partial(gradients.compile(function), *arguments)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--record", action="store_true", help="keep the figures in book/recorded/")
    arguments = parser.parse_args()
    values = {}
    print(devices.describe(), "\n")
    print(f"{'case':<14}{'what':<24}{'ours ms':>10}{'Keras ms':>10}{'ours / Keras':>14}")
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
            ratio = times["ours"] / times["reference"]
            mine, theirs = 1e3 * times["ours"], 1e3 * times["reference"]
            print(f"{case:<14}{name:<24}{mine:>10.3f}{theirs:>10.3f}{ratio:>14.2f}")
            values[f"{name}, ours / Keras: {case}"] = round(ratio, 2)
    x_shape, kernel_shape = CASES["small layer"]
    x, kernel = (random.normal(size=s).astype("float32") for s in (x_shape, kernel_shape))
    start = time.perf_counter()
    convolution.conv2d_loops(x, kernel)
    print(
        f"{'small layer':<14}{'conv2d_loops, once':<24}{1e3 * (time.perf_counter() - start):>10.0f}"
    )
    if arguments.record:
        recorded.save("convolution-speed", values)


if __name__ == "__main__":
    main()
