"""Time exact Shapley values, ours and those of shap, on the same function in one process.

    python benchmarks/local_explanations.py [--rounds 5] [--record]

Dense networks with ten features and three outputs, compiled, are explained before a background of
20 rows: once for one row, once for 32. With 8 hidden units a prediction costs next to nothing and
the time is that of the method; with twice 64 units it is mostly that of the network, which all must
ask as often. shap offers two exact ways: ``KernelExplainer`` with samples enough for all
coalitions, and ``ExactExplainer``. All get the same arrays of the networks' own type, float32, and
agree before they race. LIME is timed on one row with 5,000 samples. With --record the
figures are kept under book/recorded/local-explanations-speed/.
"""

import functools
import logging
import warnings

import keras
import numpy as np
from keras import ops
from race import heading, line, options, race

from course_lib import devices, gradients, local_explanations, recorded, training

FEATURES, BACKGROUND, OUTPUTS = 10, 20, 3


def predictor(hidden: tuple[int, ...]):
    """Return a function of NumPy rows, backed by a compiled network."""
    training.set_seed(0)
    model = keras.Sequential(
        [
            keras.Input((FEATURES,)),
            *(keras.layers.Dense(units, "tanh") for units in hidden),
            keras.layers.Dense(OUTPUTS, "softmax"),
        ]
    )
    network = gradients.compile(lambda x: model(x, training=False))
    return lambda x: ops.convert_to_numpy(network(ops.convert_to_tensor(x, "float32")))


def main() -> None:
    import shap
    from lime.lime_tabular import LimeTabularExplainer

    arguments = options(__doc__, rounds=5).parse_args()
    print(devices.describe(), "\n")
    logging.getLogger("shap").setLevel(logging.WARNING)
    warnings.simplefilter("ignore")
    random = np.random.default_rng(0)
    background = random.normal(size=(BACKGROUND, FEATURES)).astype("float32")
    values = {}
    heading("shap")
    for name, hidden in {"8 units": (8,), "64 + 64 units": (64, 64)}.items():
        predict = predictor(hidden)
        kernel = shap.KernelExplainer(predict, background)
        exact = shap.ExactExplainer(predict, shap.maskers.Independent(background, BACKGROUND))
        for rows in (1, 32):
            x = random.normal(size=(rows, FEATURES)).astype("float32")
            contenders = {
                "ours": functools.partial(local_explanations.exact_shapley, predict, x, background),
                "KernelExplainer": functools.partial(
                    kernel.shap_values, x, nsamples=2**FEATURES, silent=True
                ),
                "ExactExplainer": lambda x=x, exact=exact: exact(x).values,
            }
            answers = [call() for call in contenders.values()]
            for other in answers[1:]:  # they must agree before they race
                np.testing.assert_allclose(answers[0], other, atol=1e-3)
            seconds = race(contenders, arguments.rounds, repeats=1)
            for other in list(seconds)[1:]:
                case = f"{rows} row{'s' * (rows > 1)}, {name}"
                ratio = line(case, f"ours / {other}", seconds["ours"], seconds[other])
                values[f"exact Shapley values, {case}: ours / {other}"] = round(ratio, 3)
    predict = predictor((64, 64))
    table, row = random.normal(size=(1_000, FEATURES)), background[0]
    lime = LimeTabularExplainer(table, random_state=0)
    contenders = {
        "ours": lambda: local_explanations.lime_tabular(predict, row, table).weights,
        "lime": lambda: np.array(
            [w for _, w in lime.explain_instance(row, predict, num_samples=5_000).as_list()]
        ),
    }
    seconds = race(contenders, arguments.rounds, repeats=1)
    ratio = line("LIME, one row", "ours / lime", seconds["ours"], seconds["lime"])
    values["LIME for one row, 5,000 samples: ours / lime"] = round(ratio, 3)
    if arguments.record:
        recorded.save("local-explanations-speed", values)


if __name__ == "__main__":
    main()
