"""Attention against Keras, NumPy and its own properties; the models against what they promise."""

import keras
import numpy as np
import pytest
from keras import ops

from course_lib import attention, gradients, recurrence

TEXT = "To be, or not to be: that is the question.\nWhether 'tis nobler in the mind to suffer\n" * 3
# leading axes, query_time, key_time, features, value_features
SHAPES = [((2,), 5, 7, 4, 3), ((2, 3), 6, 6, 8, 8), ((), 4, 9, 2, 5), ((1, 2), 1, 1, 3, 1)]
JIT = keras.backend.backend() == "jax"  # there the alternative is one operation at a time
SENTENCES = ["A good film.", "It doesn't work: bad, bad acting!", "A bad film", "good good good"]


def random(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def inputs(shape, seed=0):
    leading, query_time, key_time, features, value_features = shape
    return (
        random((*leading, query_time, features), seed),
        random((*leading, key_time, features), seed + 1),
        random((*leading, key_time, value_features), seed + 2),
    )


def masks(shape, seed=0):
    """Yield no mask, a full one, one of keys alone, and one that forbids a row everything."""
    leading, query_time, key_time, *_ = shape
    rng = np.random.default_rng(seed)
    full = rng.random((*leading, query_time, key_time)) < 0.6
    closed = full.copy()
    closed[..., 0, :] = False
    return None, full, rng.random((*(1,) * len(leading), 1, key_time)) < 0.6, closed


def by_hand(query, key, value, mask=None, causal=False):
    """Compute equation 1 of Vaswani et al. row by row in float64."""
    scores = query.astype("float64") @ np.swapaxes(key, -1, -2) / np.sqrt(query.shape[-1])
    allowed = np.ones(scores.shape, bool) if mask is None else np.broadcast_to(mask, scores.shape)
    if causal:
        allowed = allowed & np.tril(np.ones(scores.shape[-2:], bool))
    weights = np.zeros(scores.shape)
    for place in np.ndindex(scores.shape[:-1]):
        chosen = np.flatnonzero(allowed[place])
        if len(chosen):
            powers = np.exp(scores[place][chosen] - scores[place][chosen].max())
            weights[place][chosen] = powers / powers.sum()
    return weights @ value, weights


def arrays(values):
    return [ops.convert_to_numpy(value) for value in keras.tree.flatten(values)]


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_dot_product_equals_the_formula(shape, causal):
    for seed, mask in enumerate(masks(shape)):
        expected = by_hand(*inputs(shape, seed), mask, causal)
        actual = attention.scaled_dot_product_attention(*inputs(shape, seed), mask, causal)
        for one, other in zip(arrays(actual), expected, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("compiled", [False, True])
def test_dot_product_equals_keras(causal, compiled):

    def ours(query, key, value, mask):
        return attention.scaled_dot_product_attention(query, key, value, mask, causal)

    ours = gradients.compile(ours) if compiled else ours
    for seed in range(3):
        query, key, value = (random((2, 6, 3, 4), seed + n) for n in range(3))  # B, T, H, D
        mask = np.random.default_rng(seed).random((2, 3, 6, 6)) < 0.7
        mask |= np.eye(6, dtype=bool)  # Keras spreads a row with nothing allowed evenly
        expected = ops.dot_product_attention(query, key, value, mask=mask, is_causal=causal)
        heads = [np.swapaxes(x, 1, 2) for x in (query, key, value)]
        actual = ours(*heads, mask)[0]
        np.testing.assert_allclose(np.swapaxes(arrays(actual)[0], 1, 2), expected, atol=1e-5)


def test_gradients_equal_those_through_keras():
    query, key, value = (random((2, 5, 2, 3), n) for n in range(3))

    def ours(query, key, value):
        heads = [ops.swapaxes(x, 1, 2) for x in (query, key, value)]
        return ops.sum(ops.sin(attention.scaled_dot_product_attention(*heads, causal=True)[0]))

    def theirs(query, key, value):
        return ops.sum(ops.sin(ops.dot_product_attention(query, key, value, is_causal=True)))

    one = gradients.value_and_grad(ours, (0, 1, 2))(query, key, value)
    other = gradients.value_and_grad(theirs, (0, 1, 2))(query, key, value)
    for ours_, theirs_ in zip(arrays(one), arrays(other), strict=True):
        np.testing.assert_allclose(ours_, theirs_, atol=1e-5)


@pytest.mark.parametrize("use_scale", [False, True])
@pytest.mark.parametrize("causal", [False, True])
def test_additive_equals_keras(use_scale, causal):
    for shape in SHAPES[:1] + [((3,), 4, 4, 5, 2)]:
        query, key, value = inputs(shape)
        mask = np.random.default_rng(0).random(value.shape[:-1]) < 0.7
        mask[:, 0] = True
        layer = keras.layers.AdditiveAttention(use_scale=use_scale)
        layer.build([query.shape, value.shape, key.shape])
        scale = random((query.shape[-1],), 9)
        if use_scale:
            layer.set_weights([scale])
        expected = layer(
            [query, value, key],
            mask=[None, mask],
            use_causal_mask=causal,
            return_attention_scores=True,
        )
        actual = attention.additive_attention(
            query, key, value, scale if use_scale else None, mask[:, None, :], causal
        )
        for one, other in zip(arrays(actual), arrays(expected), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)


def test_additive_scores_of_one_query_for_a_whole_batch():
    """The shape of attention pooling, which a broadcasting product of matrices may get wrong."""
    query, key, value = random((1, 1, 32)), random((128, 24, 32), 1), random((128, 24, 32), 2)
    scale = random((32,), 3)

    def total(query, key, value, scale):
        return ops.sum(attention.additive_attention(query, key, value, scale)[0])

    for _ in range(3):
        _, slopes = gradients.value_and_grad(total, (0, 1, 2, 3))(query, key, value, scale)
        output, weights = attention.additive_attention(query, key, value, scale)
    powers = np.exp(np.tanh(query + key).astype("float64") @ scale)
    expected = powers / powers.sum(axis=1, keepdims=True)  # (batch, time)
    np.testing.assert_allclose(arrays(weights)[0][:, 0], expected, atol=1e-5)
    averages = (expected[..., None] * value).sum(axis=1)
    np.testing.assert_allclose(arrays(output)[0][:, 0], averages, atol=1e-5)
    np.testing.assert_allclose(
        arrays(slopes)[2], np.broadcast_to(expected[..., None], value.shape), atol=1e-5
    )
    surplus = expected * (value.sum(axis=-1) - averages.sum(axis=-1, keepdims=True))
    by_scale = np.einsum("bt,btf->f", surplus, np.tanh(query + key))
    np.testing.assert_allclose(arrays(slopes)[3], by_scale, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("function", ["dot", "additive", "chunked"])
def test_weights_and_outputs_where_nothing_is_allowed_are_zero_and_gradients_finite(function):
    query, key, value = inputs(SHAPES[0])
    closed = np.zeros((1, 5, 7), bool)
    closed[:, 1:, 2] = True

    def output(query, key, value):
        if function == "chunked":
            return attention.chunked_attention(query, key, value, closed, block=3)
        name = {"dot": "scaled_dot_product_attention", "additive": "additive_attention"}[function]
        return getattr(attention, name)(query, key, value, mask=closed)[0]

    values = arrays(output(query, key, value))[0]
    assert (values[:, 0] == 0).all()
    np.testing.assert_allclose(values[:, 1:], np.repeat(value[:, 2:3], 4, axis=1), atol=1e-6)
    slopes = gradients.value_and_grad(lambda *x: ops.sum(output(*x)), (0, 1, 2))(query, key, value)
    assert all(np.isfinite(slope).all() for slope in arrays(slopes[1]))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_every_floating_type_is_taken_and_kept(dtype):
    exact = inputs(SHAPES[1])
    converted = [ops.cast(ops.convert_to_tensor(x), dtype) for x in exact]
    kind = keras.backend.standardize_dtype(converted[0].dtype)  # JAX may know no float64
    assert kind == dtype or keras.backend.backend() == "jax"
    tolerance = {"float16": 5e-3, "bfloat16": 4e-2}.get(dtype, 1e-5)
    outputs = [
        attention.scaled_dot_product_attention(*converted)[0],
        attention.chunked_attention(*converted, block=4),
    ]
    for output in outputs:
        assert keras.backend.standardize_dtype(output.dtype) == kind
        difference = ops.convert_to_numpy(ops.cast(output, "float32")) - by_hand(*exact)[0]
        assert np.abs(difference).max() < tolerance


def test_large_scores_do_not_overflow_in_half_precision():
    large = ops.cast(np.full((1, 2, 4096), 4.0, "float32"), "float16")
    output, weights = attention.scaled_dot_product_attention(large, large, large)
    assert np.isfinite(arrays(output)[0].astype("float32")).all()
    np.testing.assert_allclose(arrays(weights)[0].astype("float32"), 0.5)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("block", [1, 3, 100])
def test_chunked_equals_plain_with_its_gradients(block, causal, compiled):
    shape = SHAPES[1] if block == 3 else SHAPES[0]
    for seed, mask in enumerate(masks(shape)):
        if compiled and mask is not None and seed % 2:
            continue  # compiling is slow: half of the masks will do

        def plain(query, key, value, mask=mask):
            seen = attention.scaled_dot_product_attention(query, key, value, mask, causal)
            return ops.sum(ops.sin(seen[0]))

        def chunked(query, key, value, mask=mask):
            seen = attention.chunked_attention(query, key, value, mask, causal, block)
            return ops.sum(ops.sin(seen))

        expected = gradients.value_and_grad(plain, (0, 1, 2))(*inputs(shape, seed))
        function = gradients.value_and_grad(chunked, (0, 1, 2))
        function = gradients.compile(function) if compiled else function
        for one, other in zip(
            arrays(function(*inputs(shape, seed))), arrays(expected), strict=True
        ):
            np.testing.assert_allclose(one, other, atol=1e-5)


def test_chunked_survives_scores_that_overflow_an_exponential():
    query, key, value = (100 * x for x in inputs(SHAPES[1]))
    expected = by_hand(query, key, value)[0]
    actual = arrays(attention.chunked_attention(query, key, value, block=2))[0]
    np.testing.assert_allclose(actual, expected, rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("seed", [0, 1])
def test_multi_head_equals_keras_with_its_weights(seed, causal):
    x, y, z = random((2, 6, 12), seed), random((2, 4, 7), 5), random((2, 4, 5), 6)
    mask = np.random.default_rng(seed).random((2, 6, 4)) < 0.7
    mask[..., 0] = True
    for arguments in ((x,), (x, y), (x, y, z)):
        ours = attention.MultiHeadAttention(3, 5)
        theirs = keras.layers.MultiHeadAttention(3, 5)
        ours(*arguments)
        theirs(*(arguments if len(arguments) > 1 else (x, x)))
        weights = [0.3 * random(w.shape, n) for n, w in enumerate(theirs.get_weights())]
        theirs.set_weights(weights)
        ours.set_weights(weights)
        masked = mask if len(arguments) > 1 else None
        expected = theirs(
            *(arguments if len(arguments) > 1 else (x, x)),
            attention_mask=masked,
            use_causal_mask=causal,
            return_attention_scores=True,
        )
        actual = ours(*arguments, attention_mask=masked, causal=causal, return_weights=True)
        for one, other in zip(arrays(actual), arrays(expected), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)


def test_multi_head_without_biases_has_kernels_alone_and_can_be_built_anew():
    layer = attention.MultiHeadAttention(2, 3, use_bias=False, output_scale=0.5)
    layer.build((None, None, 4))
    assert [tuple(w.shape) for w in layer.weights] == [(4, 2, 3)] * 3 + [(2, 3, 4)]
    again = attention.MultiHeadAttention.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


def test_self_attention_without_positions_does_not_see_the_order():
    layer, x = attention.MultiHeadAttention(2, 4), random((3, 7, 8))
    order = np.random.default_rng(0).permutation(7)
    plain, permuted = arrays(layer(x))[0], arrays(layer(x[:, order]))[0]
    np.testing.assert_allclose(permuted, plain[:, order], atol=1e-5)
    positions = arrays(attention.sinusoidal_positions(7, 8))[0]
    placed, moved = arrays(layer(x + positions))[0], arrays(layer(x[:, order] + positions))[0]
    assert np.abs(moved - placed[:, order]).max() > 0.01


def test_pooling_is_the_weighted_average_of_what_is_not_masked():
    layer, x = attention.AttentionPooling(5), random((3, 6, 4))
    mask = np.arange(6) < np.array([[6], [2], [1]])
    output, weights = arrays(layer(x, mask))
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
    assert (weights[~mask] == 0).all()
    np.testing.assert_allclose(output, (weights[..., None] * x).sum(axis=1), atol=1e-5)
    kernel, bias, scale = layer.get_weights()
    scores = np.where(mask, np.tanh(x @ kernel + bias) @ scale, -np.inf)
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    np.testing.assert_allclose(weights, powers / powers.sum(axis=1, keepdims=True), atol=1e-5)


@pytest.mark.parametrize(("length", "features"), [(5, 4), (30, 7), (1, 1)])
def test_positions_equal_the_paper_and_shift_by_a_rotation(length, features):
    positions = arrays(attention.sinusoidal_positions(length, features))[0]
    for place, column in np.ndindex(length, features):
        angle = place / 10_000 ** (2 * (column // 2) / features)
        expected = np.cos(angle) if column % 2 else np.sin(angle)
        assert positions[place, column] == pytest.approx(expected, abs=1e-5)
    if features % 2 == 0:  # the product of two positions depends on their distance alone
        products = positions @ positions.T
        for distance in range(length):
            assert np.ptp(np.diagonal(products, distance)) < 1e-4


def test_rollout_equals_its_definition_and_keeps_what_it_must():
    rng = np.random.default_rng(0)
    layers = rng.random((3, 2, 4, 6, 6))
    layers /= layers.sum(axis=-1, keepdims=True)
    expected = np.eye(6)
    for layer in layers:
        expected = (0.5 * layer.mean(axis=1) + 0.5 * np.eye(6)) @ expected
    rollout = attention.attention_rollout(layers)
    np.testing.assert_allclose(rollout, expected, atol=1e-6)
    np.testing.assert_allclose(rollout.sum(axis=-1), 1, atol=1e-6)
    causal = np.tril(layers)
    causal /= causal.sum(axis=-1, keepdims=True)
    assert (np.triu(attention.attention_rollout(causal)[0], 1) == 0).all()
    nothing = attention.attention_rollout(np.zeros((1, 1, 1, 3, 3)))
    np.testing.assert_array_equal(nothing, np.eye(3)[None])


@pytest.fixture(scope="module")
def writer():
    keras.utils.set_random_seed(0)
    vocabulary = recurrence.Vocabulary(TEXT)
    return attention.character_transformer(vocabulary, 16, layers=2, num_heads=2, length=12)


@pytest.mark.parametrize("positions", ["learned", "sinusoidal", None])
def test_a_transformer_looks_back_only(positions):
    model = attention.character_transformer(9, 8, 2, 2, length=10, positions=positions)
    ids = np.random.default_rng(0).integers(0, 9, (3, 10))
    changed = ids.copy()
    changed[:, 6:] = (changed[:, 6:] + 1) % 9
    before, after = arrays(model(ids))[0], arrays(model(changed))[0]
    assert before.shape == (3, 10, 9)
    np.testing.assert_allclose(before[:, :6], after[:, :6], atol=1e-6)
    assert np.abs(before[:, 6:] - after[:, 6:]).max() > 1e-3
    short = arrays(model(ids[:, :4]))[0]
    np.testing.assert_allclose(short, before[:, :4], atol=1e-5)


def test_without_positions_the_last_of_a_text_does_not_see_the_order():
    ids = np.array([[1, 2, 3, 4, 5], [4, 2, 1, 3, 5]])
    for positions, same in ((None, True), ("learned", False)):
        keras.utils.set_random_seed(1)
        model = attention.character_transformer(9, 8, 1, 2, length=5, positions=positions)
        one, other = arrays(model(ids))[0][:, -1]
        assert np.allclose(one, other, atol=1e-5) == same


def test_a_transformer_learns_and_writes(writer):
    ids = writer.vocabulary.encode(TEXT)
    x, y = recurrence.character_windows(ids, 12, stride=3)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    writer.compile(keras.optimizers.Adam(0.01), loss, jit_compile=JIT)
    history = writer.fit(x, y, epochs=12, batch_size=16, verbose=0).history["loss"]
    assert history[-1] < 0.5 * history[0]
    assert attention.generate(writer, "a", 9, seed=3) == attention.generate(writer, "a", 9, seed=3)
    assert attention.generate(writer, "To be", 0) == ""
    # Beyond its length it sees the last characters alone.
    long, short = TEXT[:40], TEXT[28:40]
    assert attention.generate(writer, long, 5, 0) == attention.generate(writer, short, 5, 0)


def test_attention_weights_are_those_of_every_block(writer):
    ids = writer.vocabulary.encode(TEXT[:10])[None]
    found = attention.attention_weights(writer, ids)
    assert [layer.shape for layer in found] == [(1, 2, 10, 10)] * 2
    for layer in found:
        np.testing.assert_allclose(layer.sum(axis=-1), 1, atol=1e-5)
        assert (np.triu(layer[0, 0], 1) == 0).all()


def test_a_transformer_is_saved_and_loaded(writer, tmp_path):
    writer.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    ids = np.arange(12)[None]
    np.testing.assert_allclose(*map(ops.convert_to_numpy, (writer(ids), loaded(ids))), atol=1e-6)


def test_words_are_counted_encoded_and_decoded():
    words = attention.Words(SENTENCES)
    assert words.words[:4] == ("<padding>", "<unknown>", "good", "bad")
    assert words.tokens("It doesn't work: Bad!") == ["it", "doesn't", "work", ":", "bad", "!"]
    ids = words.encode(["Good film", "", "an odd FILM of bad taste, bad"], 5)
    assert ids.dtype == np.int32
    assert ids.shape == (3, 5)
    np.testing.assert_array_equal(words.mask(ids), [[1, 1, 0, 0, 0], [0] * 5, [1] * 5])
    assert words.decode(ids[0]) == ["good", "film"]
    assert words.decode(ids[2]) == ["<unknown>", "<unknown>", "film", "<unknown>", "bad"]
    assert len(attention.Words(SENTENCES, least=2)) < len(words)


@pytest.mark.parametrize("encoder", ["words", "lstm"])
def test_the_classifier_equals_its_stages(encoder):
    words = attention.Words(SENTENCES)
    model = attention.TextClassifier(words, encoder, features=6, units=4)
    ids = words.encode(SENTENCES, 9)
    logits, mask = arrays(model(ids))[0], words.mask(ids)
    encoded = model.encode(model.embed(ids), mask)
    weights = model.attend(encoded, mask)
    np.testing.assert_allclose(arrays(model.decide(encoded, weights))[0], logits, atol=1e-5)
    np.testing.assert_allclose(arrays(weights)[0].sum(axis=1), 1, atol=1e-5)
    assert (arrays(weights)[0][~mask] == 0).all()
    longer = arrays(model(words.encode(SENTENCES, 12)))[0]  # padding changes nothing
    np.testing.assert_allclose(longer, logits, atol=1e-5)
    one_by_one = np.concatenate([arrays(model(row[None]))[0] for row in ids])
    np.testing.assert_allclose(one_by_one, logits, atol=1e-5)


def test_a_classifier_with_even_weights_ignores_its_scores():
    words = attention.Words(SENTENCES)
    model = attention.TextClassifier(words, "words", 6, 4, uniform=True)
    ids = words.encode(SENTENCES, 8)
    mask = words.mask(ids)
    model(ids)
    weights = arrays(model.attend(model.encode(model.embed(ids), mask), mask))[0]
    np.testing.assert_allclose(weights, mask / mask.sum(axis=1, keepdims=True), atol=1e-6)


@pytest.mark.parametrize("encoder", ["words", "lstm"])
def test_a_classifier_learns(encoder):
    words = attention.Words(SENTENCES)
    keras.utils.set_random_seed(0)
    model = attention.TextClassifier(words, encoder, 8, 8, dropout=0.0)
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.03), loss, jit_compile=JIT)
    ids, labels = words.encode(SENTENCES, 8), np.array([1, 0, 0, 1])
    model.fit(ids, labels, epochs=40, verbose=0)
    assert ((arrays(model(ids))[0] > 0) == labels).all()


def test_leave_one_out_equals_a_loop():
    rng = np.random.default_rng(0)
    ids = np.array([[3, 4, 5, 0], [6, 0, 0, 0], [1, 2, 3, 4]])
    table = rng.normal(size=(7, 4))
    calls = []

    def predict(texts):
        calls.append(texts.shape)
        place = np.arange(texts.shape[1])
        return (table[texts].sum(axis=-1) * (1 + place) * (texts != 0)).sum(axis=1)

    changes = attention.leave_one_out(predict, ids, batch_size=4)
    assert set(calls) == {(4, 4)}
    for row, text in enumerate(ids):
        words = [word for word in text if word]
        for place in range(len(text)):
            if place >= len(words):
                assert changes[row, place] == 0
                continue
            rest = words[:place] + words[place + 1 :]
            shorter = np.array([rest + [0] * (4 - len(rest))])
            expected = predict(text[None])[0] - predict(shorter)[0]
            assert changes[row, place] == pytest.approx(expected, abs=1e-4)


def test_jensen_shannon_equals_scipy():
    from scipy.spatial.distance import jensenshannon

    rng = np.random.default_rng(0)
    one, other = rng.dirichlet(np.ones(6), (2, 5)).astype("float32")
    expected = jensenshannon(one, other, axis=-1) ** 2
    np.testing.assert_allclose(arrays(attention.jensen_shannon(one, other))[0], expected, atol=1e-5)
    apart = arrays(attention.jensen_shannon([[1.0, 0.0]], [[0.0, 1.0]]))[0]
    np.testing.assert_allclose(apart, np.log(2), atol=1e-5)


def test_the_adversary_finds_other_weights_where_there_are_some():
    values = np.array([[0.0, 1.0, 0.5, 0.0], [0.0, 0.2, 0.7, 0.9]], "float32")
    weights = np.array([[0.05, 0.05, 0.9, 0.0], [1.0, 0.0, 0.0, 0.0]], "float32")

    def decide(weights):
        return ops.sum(weights * values, axis=-1)

    found = attention.adversarial_attention(decide, weights, tolerance=0.02, steps=200)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    change = np.abs((found * values).sum(axis=1) - (weights * values).sum(axis=1))
    assert change.max() < 0.02
    distance = arrays(attention.jensen_shannon(weights, found))[0]
    # Half on the first and half on the second word says the same as the third word alone.
    assert distance[0] > 0.4
    # The only weights for one word are 1: there is nothing else to find.
    np.testing.assert_allclose(found[1], weights[1], atol=1e-6)
    assert (found[0, 3] == 0).all()


A = np.zeros((2, 3, 4), "float32")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: attention.scaled_dot_product_attention(A, A[..., :3], A), "number of features"),
        (lambda: attention.scaled_dot_product_attention(A, A, A[:, :2]), "number of time steps"),
        (lambda: attention.scaled_dot_product_attention(A.astype(int), A, A), "floating point"),
        (lambda: attention.scaled_dot_product_attention(A[:, :0], A, A), "must not be empty"),
        (lambda: attention.scaled_dot_product_attention(A, A, A, np.ones((2, 3))), "be boolean"),
        (
            lambda: attention.scaled_dot_product_attention(A, A, A, np.ones((2, 3), bool)),
            r"mask\[:, None, :\]",
        ),
        (lambda: attention.additive_attention(A, A, A, np.ones(3)), "scale must have one number"),
        (lambda: attention.chunked_attention(A, A, A, block=0), "block must be"),
        (lambda: attention.chunked_attention(A, A[:1], A), "before the last two"),
        (lambda: attention.MultiHeadAttention(0, 2), "num_heads must be"),
        (lambda: attention.MultiHeadAttention(2, 1.5), "key_dim must be"),
        (lambda: attention.AttentionPooling(0), "units must be"),
        (lambda: attention.sinusoidal_positions(0, 4), "length must be"),
        (lambda: attention.attention_rollout([]), "no layer"),
        (lambda: attention.attention_rollout([np.ones((1, 2, 3, 4))]), "batch, heads, time, time"),
        (lambda: attention.attention_rollout([-np.ones((1, 1, 2, 2))]), "not be negative"),
        (lambda: attention.character_transformer(9, 10, num_heads=4), "must divide"),
        (lambda: attention.character_transformer(9, layers=0), "layers must be"),
        (
            lambda: attention.character_transformer(9, positions="odd"),
            "positions must be one of .learned.,",
        ),
        (
            lambda: attention.attention_weights(keras.Sequential([]), A),
            "ids must be an array of whole numbers of",
        ),
        (lambda: attention.generate(keras.Sequential([]), "a"), "carry its vocabulary"),
        (lambda: attention.Words("a text"), r"write \[text\]"),
        (lambda: attention.Words(["", " "]), "at least one word"),
        (lambda: attention.Words(["a"], least=0), "least must be"),
        (lambda: attention.Words(["a"]).encode(["a"], 0), "length must be"),
        (lambda: attention.Words(["a"]).decode(np.array([7])), "from 7 to 7"),
        (lambda: attention.TextClassifier(9, "gru"), "encoder must be"),
        (lambda: attention.TextClassifier(9, units=3), "even number"),
        (lambda: attention.leave_one_out(len, np.zeros(3, int)), r"\(texts, time\)"),
        (lambda: attention.adversarial_attention(len, np.ones((2, 3))), "add up to 1"),
        (lambda: attention.adversarial_attention(len, np.ones((2, 1)), 2.0), "between 0 and 1"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"prompt": ""}, "at least one character"),
        ({"length": -1}, "length must be a whole number from 0 on"),
        ({"temperature": -1.0}, "temperature must be"),
        ({"top_k": 0}, "top_k must be"),
        ({"prompt": "@"}, "not in the vocabulary"),
    ],
)
def test_what_cannot_be_written_is_refused(writer, arguments, message):
    with pytest.raises(ValueError, match=message):
        attention.generate(writer, **({"prompt": "To be"} | arguments))
