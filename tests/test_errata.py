"""Do the programs and formulas of the source documents fail as the errata page says?

Each test runs one entry of `book/reference/errata.md` in the smallest form that shows it. When a
new version of Keras or TensorFlow changes what happens, the page has to change with it.
"""

import re
import warnings
from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras")
if keras.backend.backend() != "tensorflow":
    pytest.skip("the documents' programs are written for TensorFlow", allow_module_level=True)
import tensorflow as tf  # noqa: E402

PAGE = Path(__file__).parents[1] / "book" / "reference" / "errata.md"


@pytest.fixture
def rng() -> np.random.Generator:
    """Random numbers that are the same in every run."""
    keras.utils.set_random_seed(0)
    return np.random.default_rng(0)


def document_000_attention(q, k, v):
    """The attention of document 000, section 5.1."""
    scale = tf.sqrt(tf.cast(tf.shape(k)[-1], tf.float32))
    return tf.matmul(tf.nn.softmax(tf.matmul(q, k, transpose_b=True) / scale), v)


class Document003Attention(keras.layers.Layer):
    """The attention layer of document 003, section 5, with the missing import supplied."""

    def __init__(self, output_dim):
        """Take the number of units."""
        super().__init__()
        self.output_dim = output_dim

    def build(self, input_shape):
        """Create the kernel (features, units)."""
        self.kernel = self.add_weight(
            shape=(input_shape[-1], self.output_dim), initializer="glorot_uniform"
        )

    def call(self, inputs):
        """Multiply as the document does."""
        weights = tf.nn.softmax(tf.matmul(inputs, self.kernel), axis=-1)
        return tf.matmul(weights, inputs)


def document_001_generator(vocabulary: int = 5):
    """The text generator of document 001, section 5.2, with its names defined."""
    model = keras.Sequential(
        [
            keras.layers.Embedding(vocabulary, 4),
            keras.layers.LSTM(8),
            keras.layers.Dense(vocabulary, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    return model


TEXT = PAGE.read_text(encoding="utf-8")
ENTRIES = dict(
    zip(*[iter(re.split(r"^\(erratum-([\w-]+)\)=\n", TEXT, flags=re.M)[1:])] * 2, strict=True)
)
PARTS = ("Where", "Says", "What happens", "Measured", "Right form", "Authority", "Shown in")


def test_the_overview_lists_every_entry_once_and_in_order():
    listed = re.findall(r"^\| \[([\w-]+)\]\(#erratum-([\w-]+)\) \|", TEXT, flags=re.M)
    assert [name for name, _ in listed] == [target for _, target in listed]
    assert [name for name, _ in listed] == list(ENTRIES)
    documents = [(name.rpartition("-")[0], int(name.rpartition("-")[2])) for name in ENTRIES]
    assert documents == sorted(documents)
    assert len(ENTRIES) >= 60


@pytest.mark.parametrize("name", ENTRIES)
def test_every_entry_is_complete(name):
    body = ENTRIES[name].split("\n## ")[0]
    assert body.startswith(f"### {name}: ")
    assert re.findall(r"^- \*\*([\w ]+)\.\*\* ", body, flags=re.M) == list(PARTS)


@pytest.mark.parametrize("name", ENTRIES)
def test_every_entry_says_where_it_was_measured_or_why_not(name):
    measured = re.search(r"- \*\*Measured\.\*\* (.*)", ENTRIES[name])[1]
    reasons = ("Run by the test", "Nothing to", "Not here")
    assert "{claim}`" in measured or measured.startswith(reasons)
    if measured.startswith("Not here yet"):  # then the chapter must not exist
        planned = re.search(r"\*\*Shown in\.\*\* Planned: `([\w/]+)`", ENTRIES[name])[1]
        assert not (PAGE.parents[1] / f"{planned}.ipynb").exists()


@pytest.mark.parametrize("name", [name for name in ENTRIES if "un by the test" in ENTRIES[name]])
def test_what_the_page_says_that_a_test_runs_is_run(name):
    document, number = name.split("-")
    pattern = rf"^def test_{document}_(\d+_and_)?{number}_"
    assert re.search(pattern, Path(__file__).read_text(encoding="utf-8"), flags=re.M)


def test_000_11_with_one_vector_each_attention_returns_the_value(rng):
    query, key, value = rng.normal(size=(3, 1, 4)).astype("float32")
    np.testing.assert_allclose(document_000_attention(query, key, value), value, rtol=1e-6)
    np.testing.assert_allclose(document_000_attention(-9 * query, key, value), value, rtol=1e-6)


def test_004_4_the_best_of_many_guessers_looks_good_on_the_set_that_chose_it():
    random = np.random.default_rng(0)
    right = random.random(size=(300, 50, 400)) < 0.5  # (repetition, model, example)
    best = right[:, :, :100].mean(axis=2).argmax(axis=1)
    chosen = right[np.arange(300), best]
    assert chosen[:, :100].mean() > 0.6
    assert chosen[:, 100:].mean() == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
def test_000_1_attention_accepts_float32_only(rng, dtype):
    x = tf.cast(rng.normal(size=(2, 3, 4)), dtype)
    assert document_000_attention(*[tf.cast(x, tf.float32)] * 3).shape == (2, 3, 4)
    with pytest.raises(TypeError, match="dtype"):
        document_000_attention(x, x, x)


def test_000_4_frozen_batch_normalization_uses_its_stored_statistics(rng):
    x = rng.normal(3.0, 2.0, size=(64, 5)).astype("float32")
    layer = keras.layers.BatchNormalization()
    layer(x, training=True)
    assert not np.allclose(layer.moving_mean, 0)
    layer.trainable = False
    before = keras.ops.convert_to_numpy(layer.moving_mean)
    layer(x, training=True)
    np.testing.assert_array_equal(layer.moving_mean, before)


def test_004_1_and_2_the_index_formulas_leave_the_image_and_skip_rows():
    window = range(1, 4)
    convolution_rows = {i: [k - i + 1 for k in window] for i in range(1, 5)}
    assert convolution_rows[1] == [1, 2, 3]
    assert min(convolution_rows[2]) == 0  # rows are counted from 1
    assert max(convolution_rows[4]) <= 0
    pooling_rows = [[i * k for k in (1, 2)] for i in (1, 2, 3)]
    assert pooling_rows == [[1, 2], [2, 4], [3, 6]]
    assert not {5} <= {row for rows in pooling_rows for row in rows}


def test_001_1_the_formula_is_cross_correlation_not_convolution(rng):
    signal = pytest.importorskip("scipy.signal")
    x, w = rng.normal(size=(6, 7)), rng.normal(size=(3, 2))
    rows, columns = 4, 6
    formula = np.zeros((rows, columns))
    for i in range(1, rows + 1):
        for j in range(1, columns + 1):
            for m in range(1, 4):
                for n in range(1, 3):
                    formula[i - 1, j - 1] += w[m - 1, n - 1] * x[i + m - 2, j + n - 2]
    np.testing.assert_allclose(formula, signal.correlate2d(x, w, mode="valid"))
    assert not np.allclose(formula, signal.convolve2d(x, w, mode="valid"))


def test_001_2_unscaled_pixels_start_far_above_chance(rng):
    model = keras.Sequential(
        [
            keras.Input(shape=(32, 32, 3)),
            keras.layers.Conv2D(32, 3, activation="relu"),
            keras.layers.MaxPooling2D(2),
            keras.layers.Conv2D(64, 3, activation="relu"),
            keras.layers.MaxPooling2D(2),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    pixels = rng.integers(0, 256, size=(64, 32, 32, 3))
    labels = rng.integers(0, 10, size=64)
    loss = keras.losses.SparseCategoricalCrossentropy()
    unscaled = float(loss(labels, model(pixels.astype("float32"))))
    scaled = float(loss(labels, model((pixels / 255).astype("float32"))))
    assert abs(scaled - np.log(10)) < 0.5
    assert unscaled > 2 * np.log(10)


def test_001_3_the_generator_cannot_train_or_generate():
    with pytest.raises(ValueError, match="Unrecognized data type"):
        document_001_generator().fit(["to be or not"] * 4, verbose=0)
    ids = np.zeros((4, 9), "int32")
    with pytest.raises(ValueError, match="None"):
        document_001_generator().fit(ids, verbose=0)
    with pytest.raises(ValueError, match="Unrecognized data type"):
        document_001_generator().predict([1, 2, 3], verbose=0)
    assert document_001_generator()(ids).shape == (4, 5)  # one prediction a window, not nine


def test_002_2_the_formula_is_half_the_mean_squared_error(rng):
    truth, guess = rng.normal(size=(2, 8))
    formula = np.sum((truth - guess) ** 2) / (2 * truth.size)
    keras_loss = float(keras.losses.MeanSquaredError()(truth, guess))
    assert keras_loss == pytest.approx(2 * formula, rel=1e-5)


@pytest.mark.parametrize(("steps", "units"), [(10, 32), (7, 5)])
def test_003_2_the_attention_layer_fails_unless_units_equal_time(rng, steps, units):
    x = rng.normal(size=(2, steps, 16)).astype("float32")
    with pytest.raises(tf.errors.InvalidArgumentError, match="incompatible"):
        Document003Attention(units)(x)
    assert Document003Attention(steps)(x).shape == x.shape


def test_003_2_one_unit_gives_weights_that_are_all_one(rng):
    scores = tf.constant(rng.normal(size=(2, 7, 1)))
    np.testing.assert_array_equal(tf.nn.softmax(scores, axis=-1), np.ones((2, 7, 1)))


def test_003_3_the_model_mixes_the_examples_of_a_batch(rng):
    model = keras.Sequential(
        [keras.layers.Input(shape=(100,)), Document003Attention(32), keras.layers.Dense(1)]
    )
    x = rng.normal(size=(70, 100)).astype("float32")
    assert model.predict(x[:64], verbose=0).shape == (64, 1)
    with pytest.raises(tf.errors.InvalidArgumentError):
        model.predict(x, verbose=0)
    before = np.array(model(x[:32]))
    x[5] += 3
    after = np.array(model(x[:32]))
    assert np.sum(np.abs(after - before) > 1e-6) == 32


def test_003_5_and_6_the_l2_model_is_affine_and_penalizes_one_layer(rng):
    model = keras.Sequential(
        [
            keras.Input(shape=(7,)),
            keras.layers.Dense(64, kernel_regularizer=keras.regularizers.L2(0.01)),
            keras.layers.Dense(32),
            keras.layers.Dense(1),
        ]
    )
    assert len(model.losses) == 1
    np.testing.assert_allclose(
        model.losses[0], 0.01 * np.sum(np.square(model.layers[0].kernel)), rtol=1e-5
    )
    for layer in model.layers:
        layer.bias.assign(rng.normal(size=layer.bias.shape))
    x, y = rng.normal(size=(2, 5, 7)).astype("float32")
    mixed = model(0.3 * x + 0.7 * y)
    np.testing.assert_allclose(mixed, 0.3 * model(x) + 0.7 * model(y), rtol=1e-4, atol=1e-4)


def test_004_3_softmax_before_a_loss_for_logits_has_a_floor():
    labels, perfect = np.arange(10), np.eye(10, dtype="float32")
    floor = float(keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, perfect))
    right = float(keras.losses.SparseCategoricalCrossentropy(from_logits=False)(labels, perfect))
    assert floor == pytest.approx(np.log(1 + 9 / np.e), abs=1e-5)
    assert right == pytest.approx(0, abs=1e-5)
    undecided = np.full((10, 10), 0.1, "float32")
    start = float(keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, undecided))
    assert start == pytest.approx(np.log(10), abs=1e-5)


def test_004_5_the_gate_equations_are_those_of_keras_lstm(rng):
    x = rng.normal(size=(1, 6, 3)).astype("float32")
    layer = keras.layers.LSTM(4, return_sequences=True)
    expected = np.array(layer(x))[0]
    kernel, recurrent, bias = map(keras.ops.convert_to_numpy, layer.weights)

    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    hidden = cell = np.zeros(4)
    for step in range(6):
        gates = x[0, step] @ kernel + hidden @ recurrent + bias
        i, f, candidate, o = np.split(gates, 4)
        cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(candidate)
        hidden = sigmoid(o) * np.tanh(cell)
        np.testing.assert_allclose(hidden, expected[step], atol=1e-5)


def test_004_6_the_best_linear_autoencoder_is_principal_component_analysis(rng):
    x = rng.normal(size=(200, 6)) @ rng.normal(size=(6, 6))
    x -= x.mean(axis=0)
    directions = np.linalg.svd(x, full_matrices=False)[2][:2]
    pca_error = np.sum((x - x @ directions.T @ directions) ** 2)
    decoder = rng.normal(size=(2, 6))
    for _ in range(300):  # each half in turn is the least-squares best for the other
        codes = x @ np.linalg.pinv(decoder)
        decoder = np.linalg.lstsq(codes, x, rcond=None)[0]
    autoencoder_error = np.sum((x - x @ np.linalg.pinv(decoder) @ decoder) ** 2)
    assert autoencoder_error == pytest.approx(pca_error, rel=1e-6)


def test_all_2_input_shape_on_a_layer_warns():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        keras.layers.Dense(3, input_shape=(5,))
    assert any("input_shape" in str(warning.message) for warning in caught)


def test_004_12_boosted_trees_take_missing_values():
    from sklearn.ensemble import HistGradientBoostingClassifier

    random = np.random.default_rng(0)
    x = random.normal(size=(300, 4))
    y = (x[:, 0] + x[:, 1] > 0).astype(int)
    x[random.random(x.shape) < 0.2] = np.nan
    model = HistGradientBoostingClassifier(max_iter=30).fit(x[:200], y[:200])
    assert model.score(x[200:], y[200:]) > 0.75


def test_004_13_outliers_make_a_linear_model_underfit():
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression

    from course_lib import data_quality

    x, y = load_digits(return_X_y=True)
    damaged = data_quality.add_outliers(x[:600], 0.1, seed=0)[0]
    damaged, x_test = data_quality.standardize(damaged, x[600:])
    model = LogisticRegression(C=0.05, max_iter=200).fit(damaged, y[:600])
    assert model.score(damaged, y[:600]) < model.score(x_test, y[600:]) < 0.9


def test_004_14_trees_do_not_need_scales_and_deletion_leaves_nothing():
    from sklearn.datasets import load_digits
    from sklearn.tree import DecisionTreeClassifier

    from course_lib import data_quality

    x, y = load_digits(return_X_y=True)
    tree = DecisionTreeClassifier(random_state=0)
    scaled = data_quality.standardize(x[:900], x[900:])
    raw_answers = tree.fit(x[:900], y[:900]).predict(x[900:])
    scaled_answers = tree.fit(scaled[0], y[:900]).predict(scaled[1])
    assert (raw_answers == scaled_answers).mean() > 0.97  # ties between splits may fall otherwise
    missing = data_quality.drop_values(x, 0.1, seed=0)[1]
    assert (~missing.any(axis=1)).mean() < 0.01
