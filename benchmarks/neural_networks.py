"""Time our gradients and our Adam beside the backend's and Keras's, in one process.

    python benchmarks/neural_networks.py [--rounds 20] [--record]

The network is document 002's, 784-64-10. ``backward`` and the backend's automatic differentiation
are compiled; the engine is plain NumPy, so it is put beside the same reference. Keras's optimizer
runs as it does inside ``fit``: compiled, on its own variables. With --record the ratios are kept
under book/recorded/neural-networks-speed/.
"""

import functools

import keras
import numpy as np
from keras import ops
from race import bind, heading, line, options, race

from course_lib import devices, gradients, neural_networks, recorded

SIZES = (784, 64, 10)
BATCHES = (32, 128, 512)


def loss_of(parameters, x, labels):
    return neural_networks.cross_entropy(labels, neural_networks.forward(parameters, x))


def with_engine(parameters, x, labels):
    """Return the gradients that the engine finds."""
    variables = [tuple(map(neural_networks.Variable, layer)) for layer in parameters]
    for kernel, bias in variables[:-1]:
        x = (x @ kernel + bias).relu()
    kernel, bias = variables[-1]
    logits = x @ kernel + bias
    shifted = logits - logits.value.max(axis=-1, keepdims=True)
    log_sum = shifted.exp().sum(axis=-1).log()
    loss = (log_sum - shifted[np.arange(len(labels)), labels]).mean()
    loss.backward()
    return [(kernel.gradient, bias.gradient) for kernel, bias in variables]


def adam_steps(parameters):
    """Return one compiled step of our Adam and one of Keras's, with the same gradients."""
    tensors = [tuple(map(ops.convert_to_tensor, layer)) for layer in parameters]
    slopes = keras.tree.map_structure(ops.ones_like, tensors)
    init, update = neural_networks.adam(1e-3)
    optimizer = keras.optimizers.Adam(1e-3)
    variables = [keras.Variable(array) for array in keras.tree.flatten(parameters)]
    optimizer.build(variables)
    flat = keras.tree.flatten(slopes)
    ours = bind(update, slopes, init(tensors), tensors)
    if gradients.active_backend() != "tensorflow":
        state = [
            [variable.value for variable in group] for group in (optimizer.variables, variables)
        ]
        return ours, bind(optimizer.stateless_apply, state[0], flat, state[1])

    def apply(flat):
        optimizer.apply(flat, variables)
        return [variable.value for variable in variables]

    return ours, bind(apply, flat)


def main() -> None:
    arguments = options(__doc__, rounds=20).parse_args()
    values = {}
    print(devices.describe(), "\n")
    heading()
    random = np.random.default_rng(0)
    parameters = neural_networks.init_parameters(SIZES, seed=0)
    for batch in BATCHES:
        x = random.random((batch, SIZES[0])).astype("float32")
        labels = random.integers(0, SIZES[-1], batch).astype("int32")
        tensors = keras.tree.map_structure(ops.convert_to_tensor, (parameters, x, labels))
        contenders = {
            "backward": bind(neural_networks.backward, *tensors),
            "engine": functools.partial(with_engine, parameters, x, labels),
            "automatic": bind(gradients.value_and_grad(loss_of), *tensors),
        }
        times = race(contenders, arguments.rounds, repeats=30)
        for what in ("backward", "engine"):
            ratio = line(f"gradient, batch of {batch}", what, times[what], times["automatic"])
            values[f"{what}, ours / automatic: batch of {batch}"] = round(ratio, 2)
    ours, reference = adam_steps(parameters)
    times = race({"ours": ours, "Keras": reference}, arguments.rounds, repeats=30)
    ratio = line("784-64-10", "one step of Adam", times["ours"], times["Keras"])
    values["one step of Adam, ours / Keras: 784-64-10"] = round(ratio, 2)
    if arguments.record:
        recorded.save("neural-networks-speed", values)


if __name__ == "__main__":
    main()
