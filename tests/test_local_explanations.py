"""Explanations from outside against lime, shap, scikit-learn, closed forms and axioms."""

import math
import re

import numpy as np
import pytest
from scipy import special
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import RandomForestClassifier
from sklearn.inspection import permutation_importance as sklearn_importance
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, r2_score
from sklearn.tree import DecisionTreeClassifier

from course_lib import local_explanations as le


def normal(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def linear(weights, constant=0.3):
    return lambda x: x @ weights + constant


def wavy(features, seed=0, classes=None):
    """A function with interactions of every order."""
    shape = (features,) if classes is None else (features, classes)
    one, two = normal(shape, seed), normal(shape, seed + 1)
    return lambda x: np.tanh(x @ one) * np.cos(x @ two)


# Shapley values


@pytest.mark.parametrize(("features", "seed"), [(1, 0), (3, 1), (6, 2)])
def test_exact_shapley_equals_the_mean_over_all_orders(features, seed):
    predict, x, background = wavy(features, seed), normal(features, 3), normal((5, features), 4)

    def value(coalition):
        rows = background.copy()
        rows[:, list(coalition)] = x[list(coalition)]
        return predict(rows).mean()

    by_orders = le.divide_by_orders(value, features)
    np.testing.assert_allclose(le.exact_shapley(predict, x, background), by_orders, atol=1e-12)


@pytest.mark.parametrize(("features", "rows"), [(2, 1), (5, 9), (11, 30)])
def test_shapley_of_a_linear_model_has_a_closed_form(features, rows):
    weights, x, background = normal(features), normal((4, features), 1), normal((rows, features), 2)
    expected = weights * (x - background.mean(axis=0))
    exact = le.exact_shapley(linear(weights), x, background)
    np.testing.assert_allclose(exact, expected, atol=1e-12)
    sampled = le.kernel_shap(linear(weights), x, background, samples=2 * features, seed=5)
    np.testing.assert_allclose(sampled, expected, atol=1e-9)


@pytest.mark.parametrize("classes", [None, 3])
@pytest.mark.parametrize("features", [1, 2, 5, 8])
def test_kernel_shap_with_all_coalitions_is_exact(features, classes):
    predict = wavy(features, classes=classes)
    x, background = normal((3, features), 7), normal((4, features), 8)
    exact = le.exact_shapley(predict, x, background)
    assert exact.shape == (3, features) + (() if classes is None else (classes,))
    all_of_them = le.kernel_shap(predict, x, background, samples=2**features + 2 * features)
    np.testing.assert_allclose(all_of_them, exact, atol=1e-10)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("classes", [None, 2])
def test_efficiency(classes, seed):
    features = 7
    predict = wavy(features, seed, classes)
    x, background = normal((5, features), seed), normal((6, features), seed + 9)
    total = predict(x) - predict(background).mean(axis=0)
    for shares in (
        le.exact_shapley(predict, x, background),
        le.kernel_shap(predict, x, background, samples=40, seed=seed),
    ):
        np.testing.assert_allclose(shares.sum(axis=1), total, atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_dummy_symmetry_and_additivity(seed):
    features = 6
    inner, other = wavy(4, seed), wavy(features, seed + 5)

    def predict(x):  # ignores feature 0; features 1 and 2 enter alike
        alike = np.column_stack([x[:, 1] + x[:, 2], x[:, 1] * x[:, 2], x[:, 3], x[:, 4] * x[:, 5]])
        return inner(alike)

    x, background = normal(features, seed), normal((8, features), seed + 1)
    x[2], background[:, 2] = x[1], background[:, 1]
    shares = le.exact_shapley(predict, x, background)
    assert shares[0] == pytest.approx(0, abs=1e-14)
    assert shares[1] == pytest.approx(shares[2], abs=1e-12)
    assert abs(shares[1]) > 1e-4
    both = le.exact_shapley(lambda x: 2 * predict(x) - other(x), x, background)
    alone = le.exact_shapley(other, x, background)
    np.testing.assert_allclose(both, 2 * shares - alone, atol=1e-12)


@pytest.mark.parametrize("batch_size", [1, 7, 64, 10**6])
def test_batches_change_nothing_and_have_one_length(batch_size):
    predict, lengths = wavy(5, classes=2), []

    def counted(rows):
        lengths.append(len(rows))
        return predict(rows)

    x, background = normal((3, 5), 1), normal((10, 5), 2)
    whole = le.exact_shapley(predict, x, background)
    parts = le.exact_shapley(counted, x, background, batch_size=batch_size)
    np.testing.assert_allclose(parts, whole, atol=1e-12)
    assert max(lengths) <= max(batch_size, 1)
    assert len(set(lengths)) == 1
    members = le.coalitions(5)
    one = le.coalition_values(predict, x[1], background, members)
    np.testing.assert_allclose(le.coalition_values(predict, x, background, members)[1], one)


def test_float32_rows_stay_float32_for_the_model():
    kinds = set()

    def predict(rows):
        kinds.add(rows.dtype)
        return rows.sum(axis=1)

    le.exact_shapley(predict, normal(3).astype("float32"), normal((4, 3)).astype("float32"))
    assert kinds == {np.dtype("float32")}


def test_sampling_more_coalitions_comes_nearer():
    predict, x, background = wavy(12), normal((4, 12), 1), normal((5, 12), 2)
    exact = le.exact_shapley(predict, x, background)
    errors = [
        np.mean(
            [
                np.abs(le.kernel_shap(predict, x, background, samples, seed) - exact).mean()
                for seed in range(4)
            ]
        )
        for samples in (30, 200, 1500)
    ]
    assert errors[0] > 1.5 * errors[1] > 2.25 * errors[2]
    again = [le.kernel_shap(predict, x, background, 100, seed) for seed in (3, 3, 4)]
    np.testing.assert_array_equal(again[0], again[1])
    assert not np.array_equal(again[0], again[2])


def test_kernel_shap_is_unbiased_enough():
    predict, x, background = wavy(9), normal(9, 1), normal((3, 9), 2)
    exact = le.exact_shapley(predict, x, background)
    runs = np.array([le.kernel_shap(predict, x, background, 60, seed) for seed in range(200)])
    error = runs.std(axis=0) / np.sqrt(len(runs))
    assert (np.abs(runs.mean(axis=0) - exact) < 5 * error + 0.003).all()


@pytest.mark.parametrize("features", [2, 3, 7])
def test_shapley_kernel(features):
    kernel = le.shapley_kernel(features)
    assert np.isinf(kernel[[0, -1]]).all()
    for size in range(1, features):
        expected = (features - 1) / (special.comb(features, size) * size * (features - size))
        assert kernel[size] == pytest.approx(expected)


def test_coalitions_are_all_different():
    rows = le.coalitions(6)
    assert rows.shape == (64, 6)
    assert len(np.unique(rows, axis=0)) == 64
    assert not rows[0].any()
    assert rows[-1].all()


@pytest.mark.slow
def test_shapley_values_equal_shap():
    shap = pytest.importorskip("shap")
    predict = wavy(6, classes=3)
    x, background = normal((3, 6), 1), normal((7, 6), 2)
    exact = le.exact_shapley(predict, x, background)
    kernel = shap.KernelExplainer(predict, background)
    theirs = np.asarray(kernel.shap_values(x, nsamples=10_000, silent=True, l1_reg=0))
    np.testing.assert_allclose(exact, theirs, atol=1e-4)
    enumerated = shap.explainers.Exact(predict, shap.maskers.Independent(background))(x).values
    np.testing.assert_allclose(exact, enumerated, atol=1e-6)


def test_shapley_values_equal_captum():
    captum, torch = pytest.importorskip("captum.attr"), pytest.importorskip("torch")
    weights = torch.tensor(normal((5,)))

    def model(x):
        return torch.tanh(x @ weights) * x[:, 0]

    x, baseline = normal((1, 5), 1), normal((1, 5), 2)
    method = captum.ShapleyValueSampling(model)
    theirs = method.attribute(torch.tensor(x), torch.tensor(baseline), n_samples=3000)
    exact = le.exact_shapley(lambda rows: model(torch.tensor(rows)).numpy(), x, baseline)
    np.testing.assert_allclose(exact, theirs.numpy(), atol=0.05)


# LIME's fit


def lime_base(width):
    base = pytest.importorskip("lime.lime_base")
    return base.LimeBase(lambda d: np.sqrt(np.exp(-(d**2) / width**2)), random_state=0)


def neighborhood(samples, features, seed, binary):
    random = np.random.default_rng(seed)
    z = random.normal(size=(samples, features))
    if binary:
        z = (z > 0).astype(float)
        z[0] = 1
    distances = np.linalg.norm(z - z[0], axis=1)
    scores = np.tanh(z @ random.normal(size=features)) + 0.1 * random.normal(size=samples)
    return z, distances, scores


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("selection", ["forward", "highest_weights", "lasso", "none", "auto"])
@pytest.mark.parametrize(("features", "count"), [(5, 3), (12, 4), (20, 9)])
def test_the_fit_equals_lime_on_the_same_samples(features, count, selection, binary):
    z, distances, scores = neighborhood(400, features, features + count, binary)
    width = 0.75 * np.sqrt(features)
    method = {"forward": "forward_selection", "lasso": "lasso_path"}.get(selection, selection)
    intercept, pairs, fidelity, _ = lime_base(width).explain_instance_with_data(
        z, scores[:, None], distances, 0, count, method
    )
    expected = np.zeros(features)
    for place, weight in pairs:
        expected[place] = weight
    proximity = le.exponential_kernel(distances, width)
    fit = le.fit_local(z, scores, proximity, count, selection)
    np.testing.assert_allclose(fit.weights, expected, atol=1e-8)
    assert fit.intercept == pytest.approx(intercept, abs=1e-8)
    assert fit.fidelity == pytest.approx(fidelity, abs=1e-8)


@pytest.mark.parametrize("strength", [0.0, 0.5, 20.0])
def test_the_fit_equals_ridge(strength):
    z, distances, scores = neighborhood(150, 6, 3, False)
    proximity = le.exponential_kernel(distances, 1.5)
    ridge = Ridge(alpha=strength).fit(z, scores, sample_weight=proximity)
    fit = le.fit_local(z, scores, proximity, strength=strength)
    np.testing.assert_allclose(fit.weights, ridge.coef_, atol=1e-8)
    assert fit.fidelity == pytest.approx(
        r2_score(scores, ridge.predict(z), sample_weight=proximity)
    )


def test_fidelity_of_a_constant_and_of_a_line():
    z = normal((50, 3))
    proximity = np.ones(50)
    assert le.fit_local(z, np.full(50, 0.7), proximity).fidelity == 1.0
    line = le.fit_local(z, z @ [1.0, -2.0, 0.5] + 4, proximity, strength=0)
    assert line.fidelity == pytest.approx(1)
    np.testing.assert_allclose(line.weights, [1, -2, 0.5], atol=1e-10)


def test_repeated_columns_do_not_break_the_selection():
    column = normal((60, 1))
    z = np.hstack([column, column, column])
    fit = le.fit_local(z, column[:, 0], np.ones(60), 3, "forward")
    assert np.isfinite(fit.weights).all()
    assert fit.weights.sum() == pytest.approx(1, abs=0.05)


def test_exponential_kernel():
    np.testing.assert_allclose(
        le.exponential_kernel([0, 1, 2], 2.0), np.exp([0, -1 / 8, -1 / 2]), rtol=1e-14
    )


# LIME for tables


@pytest.mark.parametrize("around", ["background", "x"])
def test_lime_tabular_finds_a_linear_models_weights(around):
    background = normal((300, 5)) * [1, 2, 3, 4, 5] + 7
    weights = np.array([3.0, -2.0, 0.0, 1.0, 0.5])
    found = le.lime_tabular(
        linear(weights), background[0], background, bins=None, around=around, samples=3000
    )
    np.testing.assert_allclose(found.weights, weights * background.std(axis=0), atol=0.02)
    assert found.fidelity > 0.999
    assert found.prediction == pytest.approx(float(linear(weights)(background[:1])[0]))
    assert found.local_prediction == pytest.approx(found.prediction, abs=0.05)
    assert found.names[3] == "feature 3"


def test_lime_tabular_agrees_with_lime_on_real_data():
    lime_tabular = pytest.importorskip("lime.lime_tabular")
    data = load_breast_cancer()
    x = data.data[:, :10]
    forest = RandomForestClassifier(30, max_depth=6, random_state=0).fit(x, data.target)
    predict = forest.predict_proba
    theirs = lime_tabular.LimeTabularExplainer(
        x, mode="classification", feature_names=list(data.feature_names[:10]), random_state=0
    )
    for row in (0, 100):
        found = le.lime_tabular(predict, x[row], x, target=1, names=data.feature_names[:10])
        pairs = theirs.explain_instance(x[row], predict, num_features=10).as_map()[1]
        expected = np.zeros(10)
        for place, weight in pairs:
            expected[place] = weight
        assert np.corrcoef(found.weights, expected)[0, 1] > 0.97
        assert np.abs(found.weights - expected).max() < 0.06


def test_bins_and_categories_become_conditions():
    random = np.random.default_rng(0)
    background = np.column_stack([random.uniform(0, 8, 4000), random.integers(0, 3, 4000)])

    def predict(rows):
        return 2.0 * (rows[:, 0] <= 2) - 1.0 * (rows[:, 1] == 1)

    x = np.array([1.0, 1.0])
    found = le.lime_tabular(
        predict, x, background, categorical=[1], names=["dose", "kind"], samples=4000
    )
    np.testing.assert_allclose(found.weights, [2, -1], atol=0.02)
    assert re.fullmatch(r"dose <= [12](\.\d+)?", found.names[0])
    assert found.names[1] == "kind = 1"
    assert set(np.unique(found.neighborhood.z)) == {0.0, 1.0}
    assert found.top(1) == [(found.names[0], pytest.approx(2, abs=0.02))]


def test_lime_tabular_repeats_and_follows_the_seed():
    predict, background = wavy(4, classes=3), normal((50, 4))
    one, again, other = (
        le.lime_tabular(predict, background[3], background, samples=200, seed=seed)
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one.weights, again.weights)
    assert not np.array_equal(one.weights, other.weights)
    winner = int(predict(background[3:4])[0].argmax())
    named = le.lime_tabular(predict, background[3], background, samples=200, seed=1, target=winner)
    np.testing.assert_array_equal(one.weights, named.weights)


def test_a_constant_column_does_no_harm():
    background = np.column_stack([normal(30), np.ones(30)])
    for bins in (None, 4):
        found = le.lime_tabular(linear(np.ones(2)), background[0], background, bins=bins)
        assert np.isfinite(found.weights).all()


# LIME for texts


def count_words(texts, scores):
    return np.array(
        [sum(scores.get(word, 0) for word in set(re.findall(r"\w+", t))) for t in texts]
    )


def test_lime_text_finds_the_words_that_count():
    text = "A good, good film; the plot is bad -- but good!"
    found = le.lime_text(lambda t: count_words(t, {"good": 2, "bad": -1}), text, samples=2000)
    weights = dict(zip(found.names, found.weights, strict=True))
    assert weights["good"] == pytest.approx(2, abs=0.05)
    assert weights["bad"] == pytest.approx(-1, abs=0.05)
    assert max(abs(v) for k, v in weights.items() if k not in ("good", "bad")) < 0.05
    assert found.names == ("A", "good", "film", "the", "plot", "is", "bad", "but")


def test_lime_text_asks_about_real_omissions():
    asked = []

    def predict(texts):
        asked.extend(texts)
        return np.zeros(len(texts))

    found = le.lime_text(predict, "one two, one three", samples=50)
    assert asked[0] == "one two, one three"
    for text, row in zip(asked, found.neighborhood.z, strict=True):
        kept = {name for name, here in zip(found.names, row, strict=True) if here}
        assert set(re.findall(r"\w+", text)) == kept
    assert found.neighborhood.proximity[0] == 1


def test_lime_text_agrees_with_lime():
    lime_text = pytest.importorskip("lime.lime_text")
    words = {"dull": -2.0, "fine": 1.0, "great": 2.5, "never": -0.7}

    def predict(texts):
        positive = special.expit(count_words(texts, words))
        return np.column_stack([1 - positive, positive])

    text = "a great film with a fine cast and a dull end that never lands"
    found = le.lime_text(predict, text, samples=4000, target=1)
    explainer = lime_text.LimeTextExplainer(random_state=0)
    pairs = explainer.explain_instance(text, predict, num_samples=4000).as_list()
    theirs = {str(word): weight for word, weight in pairs}
    weights = dict(zip(found.names, found.weights, strict=True))
    for word in words:
        assert weights[word] == pytest.approx(theirs[word], abs=0.03)


# LIME for images


def quarters(size=8):
    half = np.arange(size) >= size // 2
    return 2 * half[:, None] + half[None, :]


@pytest.mark.parametrize("channels", [1, 3])
def test_lime_image_finds_the_segment_that_counts(channels):
    image = np.abs(normal((8, 8, channels))).astype("float32")
    labels = 10 + 3 * quarters()  # numbered with gaps

    def predict(images):
        return images[:, :4, 4:].sum(axis=(1, 2, 3))

    found = le.lime_image(predict, image, segments=labels, fill=0.0, samples=600)
    whole = float(image[:4, 4:].sum())
    np.testing.assert_allclose(found.weights, [0, whole, 0, 0], atol=0.03 * whole)
    assert found.heat_map().shape == (8, 8)
    assert found.heat_map()[0, 7] == found.weights[1]


def test_lime_image_hides_segments_behind_their_mean():
    image, seen = normal((6, 6, 1)).astype("float32"), []

    def predict(images):
        seen.append(images)
        return np.zeros((len(images), 2))

    labels = (np.arange(36).reshape(6, 6) % 3).astype(int)
    found = le.lime_image(predict, image, segments=labels, samples=300)
    images = np.concatenate(seen)
    np.testing.assert_array_equal(images[0], image)
    for row, copy in zip(found.neighborhood.z[:20], images, strict=False):
        for segment in range(3):
            inside = labels == segment
            expected = image[inside] if row[segment] else image[inside].mean()
            np.testing.assert_allclose(
                copy[inside], np.broadcast_to(expected, copy[inside].shape), rtol=1e-5
            )


def test_lime_image_agrees_with_lime():
    lime_image = pytest.importorskip("lime.lime_image")
    image = np.abs(normal((8, 8, 3), 4))
    weights = normal((8, 8, 3), 5)

    def predict(images):
        one = special.expit((np.asarray(images) * weights).sum(axis=(1, 2, 3)))
        return np.column_stack([1 - one, one])

    found = le.lime_image(predict, image, segments=quarters(), samples=2000, target=1)
    explainer = lime_image.LimeImageExplainer(random_state=0)
    pairs = explainer.explain_instance(
        image, predict, num_samples=2000, segmentation_fn=lambda image: quarters()
    ).local_exp[1]
    for place, weight in pairs:
        assert found.weights[place] == pytest.approx(weight, abs=0.02)


def test_slic_finds_many_segments_in_a_small_image():
    image = np.zeros((28, 28, 1), "float32")
    image[6:22, 10:18] = 0.8
    found = le.lime_image(lambda images: images.mean(axis=(1, 2, 3)), image, segments=40)
    assert 15 < len(found.weights) < 80


# Permutation importance


@pytest.mark.parametrize(("repeats", "seed"), [(1, 0), (5, 3), (8, 12345)])
def test_permutation_importance_equals_scikit_learn(repeats, seed):
    data = load_diabetes()
    x, y = data.data[:120], data.target[:120]
    model = LinearRegression().fit(x, y)
    ours = le.permutation_importance(model.predict, x, y, r2_score, repeats, seed)
    theirs = sklearn_importance(model, x, y, scoring="r2", n_repeats=repeats, random_state=seed)
    np.testing.assert_allclose(ours.drops, theirs.importances, atol=1e-12)
    np.testing.assert_allclose(ours.mean, theirs.importances_mean, atol=1e-12)
    np.testing.assert_allclose(ours.deviation, theirs.importances_std, atol=1e-12)


def test_permutation_importance_of_class_scores():
    data = load_breast_cancer()
    x, y = data.data[:, :4], data.target
    model = LogisticRegression(max_iter=5000).fit(x, y)

    def accuracy(y, scores):
        return accuracy_score(y, scores.argmax(axis=1))

    ours = le.permutation_importance(model.predict_proba, x, y, accuracy, 4, 1)
    theirs = sklearn_importance(model, x, y, scoring="accuracy", n_repeats=4, random_state=1)
    np.testing.assert_allclose(ours.drops, theirs.importances, atol=1e-12)
    assert ours.score == pytest.approx(model.score(x, y))


def test_what_a_model_ignores_has_no_permutation_importance():
    x = normal((200, 3))
    found = le.permutation_importance(lambda r: r[:, 1], x, x[:, 1], r2_score, 10, 0)
    np.testing.assert_array_equal(found.drops[[0, 2]], 0)
    # A shuffled copy of a standardized column has R squared -1, on average.
    assert found.mean[1] == pytest.approx(2, abs=0.2)


# Surrogate trees


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_surrogate_tree_equals_a_tree_trained_on_the_answers(depth):
    predict, x, held_out = wavy(4, 3, classes=3), normal((400, 4)), normal((200, 4), 1)
    found = le.surrogate_tree(predict, x, depth, x_test=held_out)
    by_hand = DecisionTreeClassifier(max_depth=depth, random_state=0)
    by_hand.fit(x, predict(x).argmax(axis=1))
    np.testing.assert_array_equal(found.predict(held_out), by_hand.predict(held_out))
    agreement = np.mean(by_hand.predict(held_out) == predict(held_out).argmax(axis=1))
    assert found.fidelity == pytest.approx(agreement)
    assert found.leaves <= 2**depth


def test_a_tree_is_recovered_and_its_rules_can_be_read():
    def predict(rows):
        return np.where(rows[:, 0] > 0.25, np.where(rows[:, 1] > -0.5, 3.0, 1.0), -2.0)

    x = normal((2000, 3))
    found = le.surrogate_tree(predict, x, 2, names=["a", "b", "c"])
    assert found.fidelity > 0.999
    assert found.leaves == 3
    assert "a <= 0.2" in found.rules()
    assert "c" not in re.findall(r"\b[abc]\b", found.rules())


def test_fidelity_grows_with_depth_and_is_lower_on_new_rows():
    predict, x, held_out = wavy(5, 2), normal((300, 5)), normal((3000, 5), 1)
    seen = [le.surrogate_tree(predict, x, depth).fidelity for depth in (1, 3, 6, 12)]
    new = [le.surrogate_tree(predict, x, d, x_test=held_out).fidelity for d in (1, 3, 6, 12)]
    assert (np.diff(seen) > 0).all()
    assert new[-1] < seen[-1] - 0.1


# A model with two faces


def test_two_faced_shows_hybrids_another_face():
    random = np.random.default_rng(0)
    level = random.normal(size=(1500, 1))
    x = level + 0.05 * random.normal(size=(1500, 4))  # columns that go together
    shuffled = np.column_stack([random.permutation(column) for column in x.T])

    def hidden(rows):
        return np.ones(len(rows))

    def shown(rows):
        return np.zeros(len(rows))

    predict = le.two_faced(hidden, shown, x[:1000], shuffled[:1000], trees=30)
    assert predict(x[1000:]).mean() > 0.9
    assert predict(shuffled[1000:]).mean() < 0.1
    np.testing.assert_array_equal(predict.is_real(x[1000:]), predict(x[1000:]) == 1)
    two_classes = le.two_faced(
        lambda r: np.tile([0.0, 1.0], (len(r), 1)),
        lambda r: np.tile([1.0, 0.0], (len(r), 1)),
        *(x[:1000], shuffled[:1000]),
        trees=30,
    )
    np.testing.assert_array_equal(two_classes(x[1000:])[:, 1], predict(x[1000:]))


# What is refused


def ones(rows):
    return np.ones(len(rows))


X, B = normal(3), normal((4, 3))
WRONG = [
    (lambda: le.exact_shapley(ones, normal(2), B), "x must have the 3 features"),
    (lambda: le.exact_shapley(ones, X, B[0]), "background must be a table"),
    (lambda: le.exact_shapley(ones, np.full(3, np.nan), B), "x must be finite"),
    (lambda: le.exact_shapley(ones, X, B * np.inf), "background must be finite"),
    (lambda: le.exact_shapley(ones, np.ones(21), np.ones((2, 21))), "at most 20 features"),
    (lambda: le.exact_shapley(lambda r: np.ones(3), X, B), "predict must return one score"),
    (lambda: le.exact_shapley(lambda r: ones(r) * np.nan, X, B), "finite numbers"),
    (lambda: le.exact_shapley(lambda r: ["a"] * len(r), X, B), "not names of classes"),
    (lambda: le.exact_shapley(ones, ["a", "b", "c"], B), "x must be an array of numbers"),
    (lambda: le.kernel_shap(ones, X, B, samples=5), "samples must be a whole number from 6"),
    (lambda: le.kernel_shap(ones, X, B, seed=None), "seed must be"),
    (lambda: le.coalition_values(ones, X, B, np.ones((2, 4))), "members must have shape"),
    (lambda: le.coalition_values(ones, X, B, np.ones((2, 3)), 0), "batch_size must be"),
    (lambda: le.coalitions(0), "features must be a whole number from 1"),
    (lambda: le.divide_by_orders(len, 10), "players must be a whole number from 1 to 9"),
    (lambda: le.shapley_kernel(1), "features must be a whole number from 2"),
    (lambda: le.exponential_kernel([1.0], 0), "width must be a finite number above 0"),
    (lambda: le.fit_local(B, ones(X), ones(B)), "must have shapes"),
    (lambda: le.fit_local(B, ones(B), 0 * ones(B)), "not all of them 0"),
    (lambda: le.fit_local(B, ones(B), ones(B), 2, "best"), "selection must be one of"),
    (lambda: le.fit_local(B, ones(B), ones(B), 0), "num_features must be"),
    (lambda: le.lime_tabular(ones, B, B), "x must be one row"),
    (lambda: le.lime_tabular(ones, X, B, names=["a"]), "names must hold one name"),
    (lambda: le.lime_tabular(ones, X, B, bins=1), "bins must be"),
    (lambda: le.lime_tabular(ones, X, B, around="here"), "around must be"),
    (lambda: le.lime_tabular(ones, X, B, target=0), "target must be None"),
    (lambda: le.lime_tabular(ones, X, B, samples=3), "samples must be"),
    (lambda: le.lime_tabular(ones, X, B, kernel_width=-1), "width must be"),
    (lambda: le.lime_text(ones, "..."), "at least one word"),
    (lambda: le.lime_text(ones, 3), "text must be a string"),
    (lambda: le.lime_text(lambda t: np.ones((len(t), 2)), "a b", target=2), "target must be"),
    (lambda: le.lime_image(ones, np.ones((4, 4))), "image must hold finite floats"),
    (lambda: le.lime_image(ones, np.ones((4, 4, 1), int)), "Scale pixels"),
    (
        lambda: le.lime_image(ones, np.ones((4, 4, 1)), segments=np.zeros((4, 4), int)),
        "single segment",
    ),
    (lambda: le.lime_image(ones, np.ones((4, 4, 1)), segments=np.zeros((2, 2))), "segments must"),
    (lambda: le.lime_tabular(ones, X, B).heat_map(), "Only the explanation of an image"),
    (lambda: le.permutation_importance(ones, B, X, r2_score), "equally many rows"),
    (lambda: le.permutation_importance(ones, B, B[:, 0], r2_score, 0), "repeats must be"),
    (lambda: le.surrogate_tree(ones, B, 0), "max_depth must be"),
    (lambda: le.surrogate_tree(ones, B, 1, x_test=B[:, :2]), "x_test must have the 3 features"),
    (lambda: le.two_faced(ones, ones, B, B[:, :2]), "perturbed must have the 3 features"),
]


@pytest.mark.parametrize(("wrong", "message"), WRONG, ids=[message for _, message in WRONG])
def test_wrong_input_is_named(wrong, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        wrong()


def test_arguments_are_left_alone():
    predict = wavy(3, classes=2)
    x, background, y = X.copy(), B.copy(), np.arange(4) % 2
    le.exact_shapley(predict, x, background)
    le.kernel_shap(predict, x, background, 20)
    le.lime_tabular(predict, x, background, samples=20)
    le.permutation_importance(predict, background, y, lambda y, s: float(s.sum()), 2)
    le.surrogate_tree(predict, background, 2)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(background, B)
    assert math.isfinite(x.sum())
