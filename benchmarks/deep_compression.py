"""Compress LeNet-300-100 on MNIST as Han and others (2016) did, and measure the file on disk.

    COURSE_SIZE=full python benchmarks/deep_compression.py [--seeds 0 1 2] [--record]

For each seed: a dense network is trained; its kernels are pruned step by step while it goes on
training; what is left shares a few values, which are trained, too; and one file is written, read
again, and tested. That is done for two shares of weights kept. Beside it the dense network goes on
training for as many epochs as the compressed ones, so that the extra training alone cannot be what
helped. With --record the tables are kept, after each seed, under book/recorded/deep-compression/
and deep-compression-layers/. Some three minutes a seed on one core.

Two things differ from the paper. A weight counts by its magnitude times the root mean square of
what it multiplies (after Sun and others 2024), so that weights of pixels that are nearly always
black go first; and all training but that of the shared values decays the kernels. That, the shares
to drop and the number of values were chosen on the last 10,000 training images, not on the test.
"""

import math
import tempfile
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
from keras import ops
from race import options

from course_lib import compression, datasets, gradients, recorded, training
from course_lib._compressed_file import CompressedSize, load_compressed, save_compressed

DENSE, PRUNE, SHARE = 15, 20, 5  # epochs
# How much of each kernel goes, by its place among the weights.
SPARSITIES = {
    "7.1 % kept": {0: 0.935, 2: 0.9, 4: 0.5},
    "5.5 % kept": {0: 0.95, 2: 0.92, 4: 0.6},
}
CLUSTERS = 16
BATCH, RATE, SHARE_RATE, DECAY = 256, 2e-3, 5e-4, 0.05
PRUNINGS, REPAIR = 30, 0.4  # how often weights go; last share of the epochs in which none do


def logits(weights: list, x: object) -> object:
    """Compute the network: kernel and bias of each layer in turn."""
    for kernel, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        x = ops.relu(ops.matmul(x, kernel) + bias)
    return ops.matmul(x, weights[-2]) + weights[-1]


def masked(numbers: list, masks: list) -> list:
    """Return weights that are held at zero where a mask is."""
    return [number * mask for number, mask in zip(numbers, masks, strict=True)]


def looked_up(books: list, codes: list) -> list:
    """Return weights from codebooks; the first number of each is zero and stays so."""
    # Times 1, so that TensorFlow's gradient is an ordinary array.
    return [
        ops.take(ops.concatenate([ops.zeros((1,)), book * 1.0]), code)
        for book, code in zip(books, codes, strict=True)
    ]


def stepper(weights_from: Callable[[list, list], list], decay: float) -> Callable:
    """Return one compiled step of Adam with decoupled decay of kernels, on rows of the data."""

    def loss(numbers: list, fixed: list, x: object, y: object) -> object:
        found = logits(weights_from(numbers, fixed), x)
        return ops.mean(keras.losses.sparse_categorical_crossentropy(y, found, from_logits=True))

    slope = gradients.value_and_grad(loss)

    def step(numbers, first, second, fixed, data, rows, rate, count):
        x, y = (ops.take(part, rows, axis=0) for part in data)
        _, by = slope(numbers, fixed, x, y)
        first = [0.9 * old + 0.1 * new for old, new in zip(first, by, strict=True)]
        second = [0.999 * old + 0.001 * new**2 for old, new in zip(second, by, strict=True)]
        moved = []
        for number, mean, square in zip(numbers, first, second, strict=True):
            spread = ops.sqrt(square / (1 - 0.999**count)) + 1e-7
            pull = decay * number if len(number.shape) == 2 else 0.0
            moved.append(number - rate * (mean / (1 - 0.9**count) / spread + pull))
        return moved, first, second

    return gradients.compile(step)


def tensors(arrays: list) -> list:
    return [ops.convert_to_tensor(array) for array in arrays]


class Trainer:
    """Train lists of arrays on one data set, compiled once for masks and once for codebooks."""

    def __init__(self, x: np.ndarray, y: np.ndarray) -> None:
        self.data = tensors([x.reshape(len(x), -1), y])
        self.count = len(x)
        self.some = self.data[0][:5000]
        self.steps = {masked: stepper(masked, DECAY), looked_up: stepper(looked_up, 0.0)}

    def __call__(self, form, numbers, fixed, epochs, peak, seed, sparsity=None):
        """Train with Adam while the rate rises for a tenth of the steps and falls to nothing."""
        random, step = np.random.default_rng(seed), self.steps[form]
        numbers, fixed = tensors(numbers), tensors(fixed)
        first = second = [ops.zeros_like(number) for number in numbers]
        batches = self.count // BATCH
        end = int((1 - REPAIR) * epochs * batches)
        dates = set(np.linspace(0, end, PRUNINGS + 1).astype(int).tolist())
        total = epochs * batches
        for count in range(total):
            if count % batches == 0:
                order = random.permutation(self.count).astype("int32")
            if sparsity and count in dates:
                fixed = self.pruned(numbers, fixed, sparsity, count, end)
            place = count % batches * BATCH
            rate = peak * min(10 * (count + 1) / total, (1 + math.cos(math.pi * count / total)) / 2)
            now = tensors([np.float32(rate), np.float32(count + 1)])
            rows = ops.convert_to_tensor(order[place : place + BATCH])
            numbers, first, second = step(numbers, first, second, fixed, self.data, rows, *now)
        return [[ops.convert_to_numpy(array) for array in part] for part in (numbers, fixed)]

    def pruned(self, numbers: list, masks: list, sparsity: dict, count: int, end: int) -> list:
        """Return masks that drop what counts least, along the cubic schedule."""
        weights, masks, x = masked(numbers, masks), list(masks), self.some
        for place, final in sparsity.items():
            size = np.sqrt(np.mean(ops.convert_to_numpy(x) ** 2, axis=0))
            score = size[:, None] * ops.convert_to_numpy(weights[place])
            share = compression.cubic_sparsity(count, final, 0, end)
            keep = compression.magnitude_mask(score, share).astype("float32")
            masks[place] = ops.convert_to_tensor(keep)
            x = ops.relu(ops.matmul(x, weights[place]) + weights[place + 1])
        return masks


def shared(weights: list[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return codebooks and codes of all weights, biases included; zero has the code 0."""
    books, codes = [], []
    for array in weights:
        alive, code = array != 0, np.zeros(array.shape, "int32")
        found, book = compression.share_weights(array[alive], CLUSTERS)
        code[alive] = found + 1
        books.append(book), codes.append(code)
    return books, codes


def compressed(
    train: Trainer, dense: list, sparsity: dict, seed: int, error: Callable
) -> tuple[dict, CompressedSize]:
    """Compress a trained network and return what was measured on the way."""
    ones = [np.ones_like(array) for array in dense]
    numbers, masks = train(masked, dense, ones, PRUNE, RATE, seed + 1000, sparsity)
    sparse = masked(numbers, masks)
    books, codes = shared(sparse)
    tuned, _ = train(looked_up, books, codes, SHARE, SHARE_RATE, seed + 2000)
    before, after = (
        [np.append(np.float32(0), book)[code] for book, code in zip(several, codes, strict=True)]
        for several in (books, tuned)
    )
    model = compression.lenet_300_100(seed)
    model.set_weights(after)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lenet"
        paper = save_compressed(model, path, index_bits=5)
        size = save_compressed(model, path)
        on_disk, loaded = path.stat().st_size, load_compressed(path).get_weights()
    if not all(np.array_equal(a, b) for a, b in zip(loaded, after, strict=True)):
        raise RuntimeError("The file does not give the weights back.")
    found = {"pruned": error(sparse), "shared": error(before), "from the file": error(loaded)}
    found |= {"file, bytes": on_disk, "times smaller": size.uncompressed / on_disk}
    return found | {"without Huffman": size.uncompressed / fixed_width(paper)}, size


def fixed_width(size: CompressedSize) -> float:
    """Return the bytes of a file whose codes all had log2(CLUSTERS) bits and its gaps 5 bits."""
    total = size.architecture + size.frame
    for tensor in size.tensors:
        bits = math.log2(CLUSTERS) + tensor.index_bits if tensor.distinct else 32
        total += tensor.codebook + tensor.entries * bits / 8
    return total


def layers(size: CompressedSize) -> dict:
    """Return the table of what each tensor takes."""
    values = {}
    for tensor in size.tensors:
        name = "/".join(tensor.name.split("/")[-2:])
        columns = {
            "weights": tensor.weights,
            "kept %": 100 * tensor.kept / tensor.weights,
            "bits a value": 8 * tensor.values / tensor.entries,
            "bits a gap": 8 * tensor.indices / tensor.entries,
            "codebook B": tensor.codebook,
            "tables B": tensor.tables,
            "values B": tensor.values,
            "gaps B": tensor.indices,
            "all B": tensor.size,
        }
        values |= {f"{name}: {column}": value for column, value in columns.items()}
    values |= {"architecture: all B": size.architecture, "frame: all B": size.frame}
    return values | {"file: all B": size.total, "file: weights": size.uncompressed // 4}


def main() -> None:
    """Run all seeds, print the tables, and keep them where asked to."""
    given = options(__doc__, seeds=[0, 1, 2]).parse_args()
    data = datasets.load("mnist", size=datasets.course_size())
    train = Trainer(training.scale_images(data.x_train), data.y_train.astype("int32"))
    x = ops.convert_to_tensor(training.scale_images(data.x_test).reshape(len(data.x_test), -1))

    def error(weights: list) -> float:
        found = ops.convert_to_numpy(logits(tensors(weights), x)).argmax(axis=1)
        return 100 * float((found != data.y_test).mean())

    values, tables = {}, {}
    for done, seed in enumerate(given.seeds, 1):
        start = compression.lenet_300_100(seed).get_weights()
        ones = [np.ones_like(array) for array in start]
        dense, _ = train(masked, start, ones, DENSE, RATE, seed)
        longer, _ = train(masked, dense, ones, PRUNE + SHARE, RATE, seed + 1000)
        known = {"dense": error(dense), "dense, trained on": error(longer)}
        for name, sparsity in SPARSITIES.items():
            found, size = compressed(train, dense, sparsity, seed, error)
            found = known | found
            values |= {f"{name}, seed {seed}: {what}": value for what, value in found.items()}
            if done == 1:
                tables |= {f"{name}, {cell}": value for cell, value in layers(size).items()}
            print(f"{name}, seed {seed}:", ", ".join(f"{k} {v:,.5g}" for k, v in found.items()))
        if given.record:
            everything = values | means(values)
            print(recorded.save("deep-compression", everything, given.seeds[:done]), flush=True)
            recorded.save("deep-compression-layers", tables, given.seeds[:1])
    for name, value in (means(values) | tables).items():
        print(f"{name:<40}{value:>12,.5g}")


def means(values: dict) -> dict:
    """Return the mean over the seeds of each column of each setting."""
    groups = {}
    for name, value in values.items():
        row, column = name.split(": ")
        groups.setdefault(f"{row.split(', ')[0]}, mean: {column}", []).append(value)
    return {name: float(np.mean(several)) for name, several in groups.items()}


if __name__ == "__main__":
    main()
