"""Time ``lstm`` and ``gru`` beside Keras's layers, compiled, in one process.

    python benchmarks/recurrence.py [--rounds 20] [--record]

Both read the same batch with the same weights: once forward alone, once with the gradients by all
weights. With --record the ratios are kept under book/recorded/recurrence-speed/.
"""

import keras
import numpy as np
from keras import ops
from race import bind, heading, line, options, race

from course_lib import devices, gradients, recorded, recurrence

CASES = {  # batch, time, features, units
    "32 x 64 x 32 -> 64": (32, 64, 32, 64),
    "32 x 64 x 64 -> 256": (32, 64, 64, 256),
}
PAIRS = {
    "lstm": (recurrence.lstm, keras.layers.LSTM),
    "gru": (recurrence.gru, keras.layers.GRU),
}


def gradient_of(layer):
    """Return a function of weights and input: a loss and its gradients by the weights."""

    def loss(weights, x):
        return ops.mean(layer(weights, x) ** 2)

    return gradients.value_and_grad(loss)


def main() -> None:
    arguments = options(__doc__, rounds=20).parse_args()
    values = {}
    print(devices.describe(), "\n")
    heading("Keras")
    random = np.random.default_rng(0)
    for case, (batch, time, features, units) in CASES.items():
        x = ops.convert_to_tensor(random.normal(size=(batch, time, features)).astype("float32"))
        for name, (function, kind) in PAIRS.items():
            layer = kind(units, return_sequences=True)
            layer.build(x.shape)
            weights = [ops.convert_to_tensor(weight) for weight in layer.weights]

            def ours(weights, x, function=function):
                return function(x, *weights)[0]

            def keras_layer(weights, x, layer=layer):
                rest = [variable.value for variable in layer.non_trainable_variables]
                return layer.stateless_call(weights, rest, x)[0]

            for what, wrap in (("forward", lambda f: f), ("forward and gradient", gradient_of)):
                contenders = {
                    "ours": bind(wrap(ours), weights, x),
                    "Keras": bind(wrap(keras_layer), weights, x),
                }
                seconds = race(contenders, arguments.rounds)
                ratio = line(case, f"{name}, {what}", seconds["ours"], seconds["Keras"])
                values[f"{name} {what}, ours / Keras: {case}"] = round(ratio, 2)
    if arguments.record:
        recorded.save("recurrence-speed", values)


if __name__ == "__main__":
    main()
