"""Recurrent layers against Keras, NumPy and closed forms; the character model against itself."""

import keras
import numpy as np
import pytest
from keras import ops

from course_lib import gradients, recurrence
from course_lib._characters import draw

LAYERS = {
    "rnn": (recurrence.rnn, keras.layers.SimpleRNN),
    "lstm": (recurrence.lstm, keras.layers.LSTM),
    "gru": (recurrence.gru, keras.layers.GRU),
}
SHAPES = [(1, 1, 1, 1), (2, 5, 3, 4), (3, 12, 2, 7)]  # batch, time, features, units
TEXT = "To be, or not to be: that is the question.\nWhether 'tis nobler in the mind to suffer\n" * 3


def random(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def arrays(values):
    return [ops.convert_to_numpy(value) for value in keras.tree.flatten(values)]


def layer_and_weights(name, features, units, seed=0):
    """Return a Keras layer that returns all states, and its weights, biases included, random."""
    layer = LAYERS[name][1](units, return_sequences=True, return_state=True)
    layer.build((None, None, features))
    weights = [0.6 * random(w.shape, seed + n) for n, w in enumerate(layer.weights)]
    layer.set_weights(weights)
    return layer, weights


def initial_state(name, batch, units):
    states = [random((batch, units), 7), random((batch, units), 8)]
    return tuple(states) if name == "lstm" else states[0]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", LAYERS)
def test_layers_equal_keras(name, shape, compiled):
    batch, time, features, units = shape
    layer, weights = layer_and_weights(name, features, units)
    ours = gradients.compile(LAYERS[name][0]) if compiled else LAYERS[name][0]
    for state in (None, initial_state(name, batch, units)):
        x = random((batch, time, features), 3)
        expected = layer(x, initial_state=state)
        actual = arrays(ours(x, *weights, initial_state=state))
        assert len(actual) == (3 if name == "lstm" else 2)
        for one, other in zip(actual, arrays(expected), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("name", LAYERS)
def test_one_compiled_layer_serves_all_shapes(name):
    compiled = gradients.compile(LAYERS[name][0])  # TensorFlow forgets lengths that change
    for batch, time, features, units in SHAPES:
        layer, weights = layer_and_weights(name, features, units)
        x = random((batch, time, features), 3)
        for one, other in zip(arrays(compiled(x, *weights)), arrays(layer(x)), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", LAYERS)
def test_gradients_equal_those_through_keras(name, seed):
    layer, weights = layer_and_weights(name, 3, 4, seed)
    x = random((2, 6, 3), seed + 5)

    def ours(x, *weights):
        return ops.sum(ops.sin(LAYERS[name][0](x, *weights)[0]))

    def reference(x, *weights):
        outputs, _ = layer.stateless_call(weights, layer.non_trainable_variables, x)
        return ops.sum(ops.sin(outputs[0]))

    argnums = tuple(range(1 + len(weights)))
    value, slopes = gradients.value_and_grad(ours, argnums)(x, *weights)
    expected, expected_slopes = gradients.value_and_grad(reference, argnums)(x, *weights)
    np.testing.assert_allclose(*arrays([value, expected]), rtol=1e-5)
    for one, other in zip(arrays(slopes), arrays(expected_slopes), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-5)


@pytest.mark.parametrize("name", LAYERS)
def test_two_halves_with_the_state_carried_equal_the_whole(name):
    function, (_, weights) = LAYERS[name][0], layer_and_weights(name, 3, 5)
    x = random((2, 9, 3))
    whole, last = function(x, *weights)
    first, state = function(x[:, :4], *weights)
    second, last_of_second = function(x[:, 4:], *weights, initial_state=state)
    halves = np.concatenate(arrays([first, second]), axis=1)
    np.testing.assert_allclose(halves, ops.convert_to_numpy(whole), atol=1e-6)
    for one, other in zip(arrays(last), arrays(last_of_second), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize("name", LAYERS)
def test_no_state_depends_on_what_comes_later(name):
    function, (_, weights) = LAYERS[name][0], layer_and_weights(name, 3, 5)
    x = random((2, 9, 3))
    changed = x.copy()
    changed[:, 6:] += 1
    before, after = (ops.convert_to_numpy(function(value, *weights)[0]) for value in (x, changed))
    np.testing.assert_array_equal(before[:, :6], after[:, :6])
    assert np.abs(before[:, 6:] - after[:, 6:]).min(axis=(0, 2)).max() > 0


@pytest.mark.parametrize("name", LAYERS)
def test_without_a_bias_it_counts_as_zero_and_nothing_is_changed(name):
    function, (_, weights) = LAYERS[name][0], layer_and_weights(name, 2, 3)
    x, copies = random((2, 4, 2)), [w.copy() for w in weights]
    without = arrays(function(x, *weights[:2]))
    zero = arrays(function(x, *weights[:2], np.zeros_like(weights[2])))
    for one, other in zip(without, zero, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-7)
    for array, copy in zip(weights, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_a_linear_memory_keeps_its_cell_for_ever():
    """With the forget gate open and the input gate shut the cell must stay what it was."""
    units, steps = 3, 50
    bias = np.repeat([-40.0, 40.0, 0.0, 0.0], units).astype("float32")  # i, f, candidate, o
    kernels = 0.01 * random((2, 4 * units)), 0.01 * random((units, 4 * units), 1)
    cell = random((2, units), 2)
    start = (np.zeros_like(cell), cell)
    trace = recurrence.open_lstm(random((2, steps, 2), 3), *kernels, bias, start)
    cells = ops.convert_to_numpy(trace.cell)
    np.testing.assert_allclose(cells, np.repeat(cell[:, None], steps, axis=1), atol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("given", [False, True])
def test_the_trace_satisfies_the_equations(shape, given):
    batch, time, features, units = shape
    _, weights = layer_and_weights("lstm", features, units)
    x, state = random((batch, time, features)), initial_state("lstm", batch, units)
    state = state if given else None
    hidden, cell, i, f, g, o = arrays(recurrence.open_lstm(x, *weights, initial_state=state))
    expected, last = recurrence.lstm(x, *weights, initial_state=state)
    np.testing.assert_allclose(hidden, ops.convert_to_numpy(expected), atol=1e-6)
    np.testing.assert_allclose(cell[:, -1], ops.convert_to_numpy(last[1]), atol=1e-6)
    start = np.zeros((batch, units)) if state is None else state[1]
    before = np.concatenate([start[:, None], cell[:, :-1]], axis=1)
    np.testing.assert_allclose(cell, f * before + i * g, atol=1e-6)
    np.testing.assert_allclose(hidden, o * np.tanh(cell), atol=1e-6)
    assert all(0 <= gate.min() <= gate.max() <= 1 for gate in (i, f, o))


def test_the_gradient_through_a_scaled_rotation_is_bounded_by_its_powers():
    units, steps, scale = 8, 30, 0.9
    rotation = np.linalg.qr(random((units, units)))[0]
    direction = random((1, units), 4)

    def last_state(x):
        states, _ = recurrence.rnn(x, np.eye(units), scale * rotation)
        return ops.sum(states[:, -1] * direction)

    _, slope = gradients.value_and_grad(last_state)(0.3 * random((1, steps, units), 5))
    norms = np.linalg.norm(ops.convert_to_numpy(slope)[0], axis=-1)[::-1]
    assert (norms <= norms[0] * scale ** np.arange(steps) * 1.001).all()
    assert norms[-1] > 0


WRONG = [
    (lambda x, k, r, b: (x[0], k, r, b), "x must hold floating point"),
    (lambda x, k, r, b: (x.astype(int), k, r, b), "x must hold floating point"),
    (lambda x, k, r, b: (x[:, :0], k, r, b), "at least one time step"),
    (lambda x, k, r, b: (x, k[:-1], r, b), "kernel must have shape"),
    (lambda x, k, r, b: (x, k, r[:, :-1], b), "recurrent_kernel must have shape"),
    (lambda x, k, r, b: (x, k, r, b[..., :-1]), "bias must have shape"),
    (lambda x, k, r, b: (x, k, r, b, x[:, 0]), r"initial_state(\[0\])? must"),
]


@pytest.mark.parametrize(("spoil", "message"), WRONG)
@pytest.mark.parametrize("name", LAYERS)
def test_wrong_shapes_are_refused(name, spoil, message):
    _, weights = layer_and_weights(name, 3, 4)
    with pytest.raises(ValueError, match=message):
        LAYERS[name][0](*spoil(random((2, 5, 3)), *weights))


def test_an_lstm_wants_two_states():
    _, weights = layer_and_weights("lstm", 3, 4)
    with pytest.raises(ValueError, match="a pair"):
        recurrence.lstm(random((2, 5, 3)), *weights, random((2, 4)))


def test_nan_spreads_to_all_later_states_and_to_no_earlier_one():
    _, weights = layer_and_weights("lstm", 3, 4)
    x = random((1, 6, 3))
    x[0, 3, 1] = np.nan
    states = ops.convert_to_numpy(recurrence.lstm(x, *weights)[0])
    assert np.isnan(states[:, 3:]).all()
    assert not np.isnan(states[:, :3]).any()


# Characters


def test_a_vocabulary_turns_text_into_numbers_and_back():
    vocabulary = recurrence.Vocabulary(TEXT)
    assert vocabulary.characters == "".join(sorted(set(TEXT)))
    ids = vocabulary.encode(TEXT)
    assert ids.dtype == np.int32
    assert ids.tolist() == [vocabulary.characters.index(c) for c in TEXT]
    assert vocabulary.decode(ids) == TEXT
    assert vocabulary.decode(vocabulary.encode("")) == ""
    assert str(len(vocabulary)) in repr(vocabulary)


def test_characters_beyond_ascii_have_one_number_each():
    text = "naïve 深度学习 🙂"
    vocabulary = recurrence.Vocabulary(text)
    assert len(vocabulary.encode(text)) == len(text)
    assert vocabulary.decode(vocabulary.encode(text)) == text


def test_a_vocabulary_names_what_it_does_not_know():
    vocabulary = recurrence.Vocabulary("abc")
    with pytest.raises(ValueError, match="'d' at position 2"):
        vocabulary.encode("abd")
    with pytest.raises(ValueError, match="' ' at position 0"):
        vocabulary.encode(" ")
    for ids, message in ((np.array([0, 3]), "0..2"), (np.array([-1]), "0..2")):
        with pytest.raises(ValueError, match=message):
            vocabulary.decode(ids)
    with pytest.raises(ValueError, match="whole numbers"):
        vocabulary.decode(np.zeros((1, 2), int))
    for text in ("", 3):
        with pytest.raises(ValueError, match="text must be"):
            recurrence.Vocabulary(text)


@pytest.mark.parametrize(("characters", "length", "stride"), [(50, 7, None), (50, 7, 1), (8, 7, 3)])
def test_windows_are_views_whose_targets_come_one_later(characters, length, stride):
    ids = np.random.default_rng(0).integers(0, 60, characters).astype("int32")
    x, y = recurrence.character_windows(ids, length, stride)
    step = length if stride is None else stride
    assert x.shape == y.shape == ((characters - length - 1) // step + 1, length)
    assert np.shares_memory(x, ids)
    assert np.shares_memory(y, ids)
    for n in range(len(x)):
        np.testing.assert_array_equal(x[n], ids[n * step : n * step + length])
        np.testing.assert_array_equal(y[n], ids[n * step + 1 : n * step + length + 1])


def test_windows_side_by_side_make_each_character_a_target_once():
    ids = np.arange(101)
    _, y = recurrence.character_windows(ids, 10)
    np.testing.assert_array_equal(np.sort(y, axis=None), np.arange(1, 101))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.arange(5), 5), "length \\+ 1 = 6"),
        ((np.arange(5), 0), "length must be a whole number from 1 on"),
        ((np.arange(5), 2, 0), "stride must be a whole number from 1 on"),
        ((np.arange(5.0), 2), "Vocabulary.encode"),
        ((np.zeros((2, 9), int), 2), "Vocabulary.encode"),
    ],
)
def test_windows_that_cannot_be_cut_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        recurrence.character_windows(*arguments)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    model = recurrence.character_lstm(recurrence.Vocabulary(TEXT), 12, 8, layers=2)
    for n, variable in enumerate(model.weights):  # far from zero, so that errors would show
        variable.assign(0.8 * random(variable.shape, n))
    return model


def test_the_character_model_has_the_parts_it_names():
    model = recurrence.character_lstm(65, 32, 16, layers=2, dropout=0.1)
    assert [type(layer).__name__ for layer in model.layers] == [
        *("Embedding", "LSTM", "Dropout", "LSTM", "Dropout", "Dense")
    ]
    assert model.output_shape == (None, None, 65)
    lstm_parameters = 4 * 32 * (16 + 32 + 1) + 4 * 32 * (32 + 32 + 1)
    assert model.count_params() == 65 * 16 + lstm_parameters + 33 * 65


def test_a_stateful_model_goes_on_where_it_stopped():
    keras.utils.set_random_seed(0)
    stateful = recurrence.character_lstm(9, 6, 4, stateful=True, batch_size=2)
    free = recurrence.character_lstm(9, 6, 4)
    free.set_weights(stateful.get_weights())
    ids = np.random.default_rng(0).integers(0, 9, (2, 10))
    halves = [ops.convert_to_numpy(stateful(ids[:, part])) for part in (slice(4), slice(4, 10))]
    whole = ops.convert_to_numpy(free(ids))
    np.testing.assert_allclose(np.concatenate(halves, axis=1), whole, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"vocabulary": 0}, "vocabulary"),
        ({"vocabulary": 9, "units": 1.5}, "units"),
        ({"vocabulary": 9, "layers": 0}, "layers"),
        ({"vocabulary": 9, "dropout": 1.0}, "dropout"),
        ({"vocabulary": 9, "stateful": True}, "batch_size"),
    ],
)
def test_impossible_models_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        recurrence.character_lstm(**arguments)


@pytest.mark.parametrize("cut", [1, 17, 39])
def test_reading_on_equals_reading_again(model, cut):
    ids = recurrence.Vocabulary(TEXT).encode(TEXT)[:80].reshape(2, 40)
    expected = ops.convert_to_numpy(model(ids))
    whole, _ = recurrence.advance(model, ids)
    np.testing.assert_allclose(ops.convert_to_numpy(whole), expected, atol=1e-4)
    first, states = recurrence.advance(model, ids[:, :cut])
    second, _ = recurrence.advance(model, ids[:, cut:], states)
    pieces = np.concatenate(arrays([first, second]), axis=1)
    np.testing.assert_allclose(pieces, expected, atol=1e-4)


def test_advance_follows_the_weights_of_the_model(model):
    ids = np.zeros((1, 3), int)
    before = ops.convert_to_numpy(recurrence.advance(model, ids)[0])
    bias = model.layers[-1].bias
    stood = ops.convert_to_numpy(bias)
    bias.assign(stood + 1)
    after = ops.convert_to_numpy(recurrence.advance(model, ids)[0])
    bias.assign(stood)
    np.testing.assert_allclose(after, before + 1, atol=1e-5)


def test_advance_refuses_what_it_cannot_read(model):
    for ids in (np.zeros(3, int), np.zeros((1, 3)), np.zeros((1, 0), int)):
        with pytest.raises(ValueError, match="ids must be (whole numbers|an array)"):
            recurrence.advance(model, ids)
    dense = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match="made by character_lstm"):
        recurrence.advance(dense, np.zeros((1, 3), int))


def reread(model, vocabulary, prompt, length):
    """Write greedily the slow way: read everything again for each character.

    What comes later changes nothing, so the text is filled up to one length: one shape to compile.
    """
    ids = vocabulary.encode(prompt).tolist()
    for _ in range(length):
        filled = np.array([ids + [0] * (40 - len(ids))])
        logits = model.predict_on_batch(filled)
        ids.append(int(logits[0, len(ids) - 1].argmax()))
    return vocabulary.decode(np.array(ids[-length:]))


@pytest.mark.parametrize("prompt", ["T", "to be", "mind to "])
def test_greedy_text_equals_that_of_reading_everything_again(model, prompt):
    vocabulary = recurrence.Vocabulary(TEXT)
    expected = reread(model, vocabulary, prompt, 25)
    for options in ({"temperature": 0}, {"top_k": 1, "temperature": 2.0}):
        assert recurrence.generate(model, prompt, 25, **options) == expected


def test_generation_depends_on_its_seed_alone(model):
    first, again, other = (recurrence.generate(model, "be", 40, seed=seed) for seed in (1, 1, 2))
    assert first == again != other
    assert len(first) == 40
    assert recurrence.generate(model, "be", 0) == ""


def constant_model(probabilities):
    """Return a model whose next character does not depend on anything."""
    letters = "abcdefghij"[: len(probabilities)]
    model = recurrence.character_lstm(recurrence.Vocabulary(letters), 2, 2)
    model.set_weights([np.zeros(w.shape) for w in model.weights])
    model.layers[-1].bias.assign(np.log(probabilities))
    return model


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("top_k", [None, 2])
def test_characters_are_drawn_with_the_probabilities_of_the_formula(temperature, top_k):
    probabilities = np.array([0.1, 0.6, 0.3])
    random = np.random.default_rng(0)
    logits = np.log(probabilities).astype("float32") + 5
    drawn = [draw(logits, temperature, top_k, random) for _ in range(4000)]
    expected = probabilities ** (1 / temperature)
    if top_k == 2:
        expected[0] = 0
    expected /= expected.sum()
    shares = np.bincount(drawn, minlength=3) / len(drawn)
    np.testing.assert_allclose(shares, expected, atol=4 * np.sqrt(0.25 / len(drawn)))
    assert top_k is None or shares[0] == 0


def test_generated_text_follows_the_probabilities_of_the_model():
    probabilities = np.array([0.2, 0.5, 0.3])
    text = recurrence.generate(constant_model(probabilities), "a", 400)
    shares = np.array([text.count(c) for c in "abc"]) / 400
    np.testing.assert_allclose(shares, probabilities, atol=4 * np.sqrt(0.25 / 400))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prompt": ""}, "prompt"),
        ({"prompt": "?"}, "not in the vocabulary"),
        ({"length": -1}, "length"),
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"top_k": 0}, "top_k"),
    ],
)
def test_impossible_requests_are_refused(options, message):
    model = constant_model(np.ones(3) / 3)
    with pytest.raises(ValueError, match=message):
        recurrence.generate(model, **{"prompt": "a", **options})


@pytest.mark.parametrize(
    ("vocabulary", "message"),
    [(recurrence.Vocabulary("abcd"), "trained with"), (None, "must carry its vocabulary")],
)
def test_a_foreign_or_missing_vocabulary_is_refused(vocabulary, message):
    model = constant_model(np.ones(3) / 3)
    model.vocabulary = vocabulary
    with pytest.raises(ValueError, match=message):
        recurrence.generate(model, "a")


def test_a_fresh_model_knows_nothing_and_a_short_training_teaches_it():
    vocabulary = recurrence.Vocabulary(TEXT)
    x, y = recurrence.character_windows(vocabulary.encode(TEXT * 4), 20)
    keras.utils.set_random_seed(0)
    model = recurrence.character_lstm(len(vocabulary), 32, 16)
    model.compile(
        keras.optimizers.Adam(0.01), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    before = model.evaluate(x, y, verbose=0)
    assert abs(before - np.log(len(vocabulary))) < 0.1
    model.fit(x, y, batch_size=16, epochs=25, verbose=0)
    assert model.evaluate(x, y, verbose=0) < before / 2


# n-grams


def slow_ngram_bits(train, test, order, size):
    """Count with dictionaries, one character at a time."""
    bits = []
    for place, character in enumerate(test):
        probability = 1 / size
        for length in range(min(order, place + 1)):
            context = tuple(test[place - length : place])
            followers = [
                train[i + length]
                for i in range(len(train) - length)
                if tuple(train[i : i + length]) == context
            ]
            if followers:
                n, t = len(followers), len(set(followers))
                probability = (followers.count(character) + t * probability) / (n + t)
        bits.append(-np.log2(probability))
    return np.array(bits)


@pytest.mark.parametrize("order", [0, 1, 2, 3, 5])
@pytest.mark.parametrize("seed", [0, 1])
def test_ngram_bits_equal_counting_by_hand(order, seed):
    rng = np.random.default_rng(seed)
    train, test = rng.integers(0, 4, 200), rng.integers(0, 4, 60)
    expected = slow_ngram_bits(train.tolist(), test.tolist(), order, 5)
    np.testing.assert_allclose(recurrence.ngram_bits(train, test, order, 5), expected, rtol=1e-12)


@pytest.mark.parametrize("order", [1, 2, 4])
def test_ngram_probabilities_sum_to_one(order):
    rng = np.random.default_rng(2)
    train, context = rng.integers(0, 5, 300), rng.integers(0, 6, 7)
    total = 0.0
    for character in range(6):  # 5 never occurs in the training text
        text = np.append(context, character)
        total += 2.0 ** -recurrence.ngram_bits(train, text, order, 6)[-1]
    assert total == pytest.approx(1)


def test_ngrams_of_a_periodic_text_cost_almost_nothing():
    text = np.tile([0, 1, 2], 500)
    assert recurrence.ngram_bits(text, text, 0, 3).mean() == pytest.approx(np.log2(3))
    assert recurrence.ngram_bits(text, text, 2, 3)[1:].mean() < 0.01


def test_impossible_ngrams_are_refused():
    ids = np.array([0, 1, 2])
    for arguments, message in (
        ((ids, ids, -1, 3), "order"),
        ((ids, ids, 40, 3), "order"),
        ((ids, ids, 1, 2), "train_ids must lie in 0..1"),
        ((ids, ids[:0], 1, 3), "test_ids"),
        ((ids * 1.0, ids, 1, 3), "train_ids must be whole"),
    ):
        with pytest.raises(ValueError, match=message):
            recurrence.ngram_bits(*arguments)
