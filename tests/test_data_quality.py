"""Damage, repairs, wrong labels: against scikit-learn, imbalanced-learn, cleanlab, SciPy."""

import warnings

import numpy as np
import pytest
from scipy import stats
from sklearn.datasets import load_digits
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler
from sklearn.utils.class_weight import compute_class_weight

from course_lib import data_quality

SHAPES = [(40, 3), (7, 1), (200, 12)]
SEEDS = [0, 1, 2]


def table(shape, seed=0):
    random = np.random.default_rng(seed)
    return random.normal(random.normal(size=shape[1]), 1 + random.random(shape[1]), size=shape)


def holed(shape, seed=0, share=0.2):
    values = table(shape, seed)
    lost = np.random.default_rng(seed + 1).random(shape) < share
    lost[:2] = False  # each column keeps some values
    values[lost] = np.nan
    return values


def judged(examples, classes, seed, wrong=0.2):
    """Labels, some wrong, and probabilities that mostly know better."""
    random = np.random.default_rng(seed)
    truth = np.concatenate([np.arange(classes), random.integers(classes, size=examples - classes)])
    logits = random.normal(size=(examples, classes)) + 2.5 * np.eye(classes)[truth]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    flip = random.random(examples) < wrong
    flip[:classes] = False
    labels = np.where(flip, (truth + random.integers(1, classes, size=examples)) % classes, truth)
    return labels, probabilities, flip


# Damage


@pytest.mark.parametrize("mechanism", ["completely at random", "at random", "not at random"])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_share_asked_for_goes_missing(mechanism, seed):
    x = table((4000, 5), seed)
    damaged, missing = data_quality.drop_values(x, 0.3, mechanism, seed=seed, driver=2)
    np.testing.assert_array_equal(np.isnan(damaged), missing)
    np.testing.assert_array_equal(damaged[~missing], x[~missing])
    hit = np.delete(missing, 2, axis=1) if mechanism == "at random" else missing
    assert abs(hit.mean() - 0.3) < 5 * np.sqrt(0.3 * 0.7 / hit.size) + 0.001
    if mechanism == "at random":
        assert not missing[:, 2].any()


@pytest.mark.parametrize("seed", SEEDS)
def test_the_mechanisms_depend_on_what_they_say(seed):
    x = np.random.default_rng(seed).normal(size=(5000, 2))  # independent columns
    by_nothing, by_other, by_itself = (
        data_quality.drop_values(x, 0.4, mechanism, seed=seed, driver=0, columns=[1])[1][:, 1]
        for mechanism in ("completely at random", "at random", "not at random")
    )
    for missing, on_other, on_itself in (
        (by_nothing, False, False),
        (by_other, True, False),
        (by_itself, False, True),
    ):
        for column, depends in ((0, on_other), (1, on_itself)):
            p = stats.ks_2samp(x[missing, column], x[~missing, column]).pvalue
            assert (p < 1e-6) if depends else (p > 1e-4)


def test_only_the_columns_named_lose_values():
    missing = data_quality.drop_values(table((500, 4)), 0.5, seed=0, columns=[1, 3])[1]
    assert missing.any(axis=0).tolist() == [False, True, False, True]


@pytest.mark.parametrize("seed", SEEDS)
def test_noise_has_the_deviation_asked_for(seed):
    x = table((20000, 3), seed)
    noisy, noise = data_quality.add_noise(x, 0.5, seed=seed)
    np.testing.assert_allclose(noisy - x, noise, atol=1e-12)
    np.testing.assert_allclose(noise.std(axis=0), 0.5 * x.std(axis=0), rtol=0.03)
    assert stats.kstest(noise[:, 0] / noise[:, 0].std(), "norm").pvalue > 1e-4


@pytest.mark.parametrize("seed", SEEDS)
def test_outliers_lie_where_they_should(seed):
    x = table((3000, 4), seed)
    damaged, hit = data_quality.add_outliers(x, 0.1, 7, seed=seed)
    np.testing.assert_array_equal(damaged[~hit], x[~hit])
    distance = (damaged - x.mean(axis=0)) / x.std(axis=0)
    np.testing.assert_allclose(np.abs(distance[hit]), 7, rtol=1e-9)
    assert abs(hit.mean() - 0.1) < 0.02
    assert abs((distance[hit] > 0).mean() - 0.5) < 0.08


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 1.0])
@pytest.mark.parametrize("classes", [2, 10])
def test_uniform_flips_are_as_many_as_asked_and_never_the_same_class(share, classes):
    y = np.arange(1000) % classes
    given, wrong = data_quality.flip_labels(y, share, seed=3)
    assert wrong.sum() == round(1000 * share)
    np.testing.assert_array_equal(given != y, wrong)
    assert set(given) <= set(range(classes))
    if share == 1.0:
        counts = np.bincount(classes * y + given, minlength=classes**2).reshape(classes, classes)
        off = counts[~np.eye(classes, dtype=bool)]
        assert stats.chisquare(off).pvalue > 1e-4


@pytest.mark.parametrize("seed", SEEDS)
def test_class_dependent_flips_follow_the_matrix(seed):
    matrix = np.array([[0.7, 0.3, 0.0], [0.0, 1.0, 0.0], [0.25, 0.25, 0.5]])
    y = np.repeat(np.arange(3), 4000)
    given, wrong = data_quality.flip_labels(y, matrix, seed=seed)
    np.testing.assert_array_equal(given != y, wrong)
    shares = np.bincount(3 * y + given, minlength=9).reshape(3, 3) / 4000
    np.testing.assert_allclose(shares, matrix, atol=0.04)
    assert (shares[matrix == 0] == 0).all()


def test_imbalance_keeps_the_shares_and_says_which():
    x, y = table((300, 2)), np.repeat(np.arange(3), 100)
    kept_x, kept_y, rows = data_quality.imbalance(x, y, {0: 0.1, 2: 0.0}, seed=0)
    assert np.bincount(kept_y).tolist() == [10, 100, 1]
    np.testing.assert_array_equal(kept_x, x[rows])
    np.testing.assert_array_equal(kept_y, y[rows])
    assert (np.diff(rows) > 0).all()


@pytest.mark.parametrize(
    "damage",
    [
        lambda x, y, seed: data_quality.drop_values(x, 0.3, seed=seed),
        lambda x, y, seed: data_quality.add_noise(x, 1.0, seed=seed),
        lambda x, y, seed: data_quality.add_outliers(x, 0.3, seed=seed),
        lambda x, y, seed: data_quality.flip_labels(y, 0.3, seed=seed),
        lambda x, y, seed: data_quality.imbalance(x, y, {1: 0.3}, seed=seed),
        lambda x, y, seed: data_quality.oversample(x, np.minimum(y, 1), seed=seed),
    ],
)
def test_a_seed_repeats_the_damage_and_nothing_is_changed_in_place(damage):
    x, y = table((60, 3)), np.arange(60) % 3
    before = x.copy(), y.copy()
    first, again, other = damage(x, y, 5), damage(x, y, 5), damage(x, y, 6)
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert any(
        a.shape != b.shape or not np.array_equal(a, b, equal_nan=True)
        for a, b in zip(first, other, strict=True)
    )
    np.testing.assert_array_equal(x, before[0])
    np.testing.assert_array_equal(y, before[1])


# Repairs


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (data_quality.standardize, StandardScaler()),
        (data_quality.normalize, MinMaxScaler()),
        (data_quality.robust_scale, RobustScaler()),
    ],
)
def test_scalers_equal_scikit_learn(shape, ours, theirs):
    x_train, x_test = holed(shape, 0), holed(shape, 7)
    x_train[:, 0] = 3.1  # a constant column
    expected = theirs.fit_transform(x_train), theirs.transform(x_test)
    for a, b in zip(ours(x_train, x_test), expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-9)


def test_scalers_learn_from_the_first_table_alone():
    x = table((50, 3))
    alone = data_quality.standardize(x)[0]
    for other in (table((9, 3), 4), 1e6 * table((9, 3), 5)):
        np.testing.assert_array_equal(data_quality.standardize(x, other)[0], alone)


@pytest.mark.parametrize("shape", [(40, 3), (200, 12)])
def test_imputation_equals_scikit_learn_and_keeps_what_is_there(shape):
    x_train, x_test = holed(shape, 0), holed(shape, 7)
    for method, theirs in (
        ("mean", SimpleImputer()),
        ("median", SimpleImputer(strategy="median")),
        ("k-nearest neighbors", KNNImputer()),
    ):
        train, test = data_quality.impute(x_train, x_test, method=method)
        np.testing.assert_allclose(train, theirs.fit_transform(x_train), atol=1e-9)
        np.testing.assert_allclose(test, theirs.transform(x_test), atol=1e-9)
    there = ~np.isnan(x_test)
    np.testing.assert_array_equal(test[there], x_test[there])


@pytest.mark.parametrize("seed", SEEDS)
def test_iterative_imputation_finds_a_linear_relation(seed):
    x = table((300, 3), seed)
    x[:, 2] = 2 * x[:, 0] - x[:, 1] + 1
    lost = data_quality.drop_values(x, 0.3, seed=seed, columns=[2])[0]
    (filled,) = data_quality.impute(lost, method="iterative")
    np.testing.assert_allclose(filled, x, atol=0.02)


@pytest.mark.parametrize("seed", SEEDS)
def test_outliers_equal_a_score_made_of_scipys_median_deviation(seed):
    x = table((400, 3), seed)
    x[:5] += 50
    other = table((100, 3), seed + 10)
    middle = np.median(x, axis=0)
    spread = stats.median_abs_deviation(x, axis=0, scale="normal")
    for mask, values in zip(data_quality.find_outliers(x, other), (x, other), strict=True):
        expected = np.abs(values - middle) / spread > 3.5
        assert (mask != expected).mean() < 0.002  # 1.4826 is rounded
    assert data_quality.find_outliers(x)[0][:5].all()


def test_outliers_in_columns_without_a_median_deviation():
    mostly_zero = np.zeros((100, 2))
    mostly_zero[:3, 0] = 1.0
    mask = data_quality.find_outliers(mostly_zero)[0]
    assert mask[:3, 0].all()
    assert mask.sum() == 3
    with_gap = np.where(mask, np.nan, mostly_zero)
    assert not data_quality.find_outliers(with_gap)[0].any()


@pytest.mark.parametrize("counts", [(90, 10), (5, 5, 5), (1, 20, 300)])
def test_class_weights_equal_scikit_learn(counts):
    y = np.repeat(np.arange(len(counts)) + 2, counts)
    expected = compute_class_weight("balanced", classes=np.unique(y), y=y)
    weights = data_quality.class_weights(y)
    np.testing.assert_allclose(list(weights.values()), expected)
    assert list(weights) == np.unique(y).tolist()
    assert np.mean([weights[label] for label in y]) == pytest.approx(1)


@pytest.mark.parametrize("seed", SEEDS)
def test_smote_lies_on_segments_to_nearest_neighbours(seed):
    x = table((120, 4), seed)
    y = np.repeat([0, 1, 2], [80, 30, 10])
    more, labels = data_quality.oversample(x, y, seed=seed, neighbors=3)
    np.testing.assert_array_equal(more[:120], x)
    assert np.bincount(labels).tolist() == [80, 80, 80]
    for new, label in zip(more[120:], labels[120:], strict=True):
        own = x[y == label]
        apart = np.linalg.norm(own[:, None] - own, axis=-1)
        near = np.argsort(apart, axis=1)[:, 1:4]
        fits = False
        for i, a in enumerate(own):
            b = own[near[i]]
            share = ((new - a) * (b - a)).sum(axis=1) / ((b - a) ** 2).sum(axis=1)
            at = a + share[:, None] * (b - a)
            inside = (share > -1e-9) & (share < 1 + 1e-9)
            fits |= bool((inside & (np.abs(at - new).max(axis=1) < 1e-9)).any())
        assert fits


def test_smote_makes_as_many_as_imbalanced_learn():
    imblearn = pytest.importorskip("imblearn.over_sampling")
    x, y = table((120, 4)), np.repeat([0, 1, 2], [80, 30, 10])
    theirs = imblearn.SMOTE(random_state=0).fit_resample(x, y)
    ours = data_quality.oversample(x, y, seed=0)
    np.testing.assert_array_equal(np.bincount(ours[1]), np.bincount(theirs[1]))
    # Both draw between the same neighbours: the same means, up to the spread of 70 draws.
    for label in (1, 2):
        a, b = ours[0][120:][ours[1][120:] == label], theirs[0][120:][theirs[1][120:] == label]
        error = np.hypot(a.std(axis=0), b.std(axis=0)) / np.sqrt(len(a))
        assert (np.abs(a.mean(axis=0) - b.mean(axis=0)) < 5 * error).all()


def test_smote_repeats_a_single_example_and_leaves_balanced_classes_alone():
    x = table((4, 2))
    more, labels = data_quality.oversample(x, [0, 0, 0, 1], seed=0)
    np.testing.assert_array_equal(more[4:], x[[3, 3]])
    assert labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert len(data_quality.oversample(x, [0, 0, 1, 1], seed=0)[0]) == 4


# Wrong labels


@pytest.mark.parametrize("classes", [2, 4, 7])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_confident_joint_equals_cleanlab(classes, seed):
    count = pytest.importorskip("cleanlab.count")
    labels, probabilities, _ = judged(300, classes, seed)
    theirs = count.compute_confident_joint(labels, probabilities, calibrate=False)
    np.testing.assert_array_equal(data_quality.confident_joint(labels, probabilities), theirs)


@pytest.mark.parametrize("seed", range(5))
def test_label_errors_reach_cleanlab_on_digits(seed):
    filter_ = pytest.importorskip("cleanlab.filter")
    x, truth = load_digits(return_X_y=True)
    labels, wrong = data_quality.flip_labels(truth, 0.05, seed=seed)
    assert wrong.sum() == 90
    model = LogisticRegression(C=0.05, max_iter=100)
    with warnings.catch_warnings(action="ignore"):
        probabilities = cross_val_predict(model, x / 16, labels, cv=3, method="predict_proba")
    ours = np.isin(np.arange(len(labels)), data_quality.find_label_errors(labels, probabilities))
    theirs = filter_.find_label_issues(labels, probabilities, n_jobs=1)
    assert (ours == theirs).mean() > 0.98
    assert (ours & wrong).sum() >= (theirs & wrong).sum() - 3
    assert (ours & wrong).sum() / ours.sum() > (theirs & wrong).sum() / theirs.sum() - 0.03
    assert (ours & wrong).sum() > 0.7 * wrong.sum()


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("seed", SEEDS)
def test_label_errors_are_ranked_and_never_agree_with_the_model(classes, seed):
    labels, probabilities, wrong = judged(400, classes, seed)
    found = data_quality.find_label_errors(labels, probabilities)
    confidence = probabilities[found, labels[found]]
    assert (np.diff(confidence) >= 0).all()
    assert (probabilities[found].argmax(axis=1) != labels[found]).all()
    assert wrong[found].mean() > 2 * wrong.mean()


def test_a_perfect_model_finds_exactly_the_wrong_labels():
    truth = np.arange(60) % 3
    labels, wrong = data_quality.flip_labels(truth, 0.2, seed=0)
    found = data_quality.find_label_errors(labels, np.eye(3)[truth])
    np.testing.assert_array_equal(np.sort(found), np.flatnonzero(wrong))
    assert len(data_quality.find_label_errors(truth, np.eye(3)[truth])) == 0


# The report


def test_the_report_counts():
    x = np.array([[1.0, 5, 2], [1, 5, 2], [1, np.nan, 900], [1, 7, 3], [1, 7, 4], [1, 9, 5]])
    y = [0, 1, 0, 0, 0, 0]
    facts = data_quality.report(x, y, x_test=[[1, 7, 3], [1, 1, 1]])
    assert (facts.examples, facts.columns, facts.duplicates, facts.conflicts) == (6, 3, 1, 2)
    np.testing.assert_allclose(facts.missing, [0, 1 / 6, 0])
    assert facts.constant == [0]
    assert facts.outliers[2] == pytest.approx(1 / 6)
    assert facts.class_counts == {0: 5, 1: 1}
    assert facts.majority == pytest.approx(5 / 6)
    assert facts.leaked == 1
    assert facts.scale_ratio == pytest.approx(np.std(x[:, 2]) / np.nanstd(x[:, 1]))
    assert len(facts.warnings) == 7
    assert str(facts).count("\n! ") == 7


def test_the_report_on_clean_data_warns_of_nothing():
    x, y = np.random.default_rng(0).normal(size=(100, 4)), np.arange(100) % 4
    facts = data_quality.report(x, y)
    assert facts.warnings == []
    assert facts.leaked is None
    assert "100 examples, 4 columns, 4 classes" in str(facts)


def test_the_report_flattens_images_and_bears_empty_columns():
    images = np.random.default_rng(0).integers(0, 255, size=(20, 4, 4, 1), dtype=np.uint8)
    assert data_quality.report(images, np.arange(20) % 2).columns == 16
    lost = np.full((4, 2), np.nan)
    lost[:, 1] = [1, 2, 3, 4]
    facts = data_quality.report(lost, [0, 1, 0, 1])
    assert facts.missing.tolist() == [1, 0]
    assert facts.constant == []


# Wrong input


X, Y = table((6, 2)), np.array([0, 1, 0, 1, 0, 1])
P = np.full((6, 2), 0.5)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: data_quality.drop_values(X[0], 0.1, seed=0), "x must have the shape"),
        (
            lambda: data_quality.drop_values([["a", "b"]], 0.1, seed=0),
            "x must be an array of numbers",
        ),
        (lambda: data_quality.drop_values(X * np.inf, 0.1, seed=0), "infinite"),
        (lambda: data_quality.drop_values(X * np.nan, 0.1, seed=0), "missing values"),
        (
            lambda: data_quality.drop_values(X, 1.5, seed=0),
            "share must be a number at least 0 and at most 1",
        ),
        (lambda: data_quality.drop_values(X, 0.6, "at random", seed=0), "at most 0.5"),
        (lambda: data_quality.drop_values(X, 0.1, "MAR", seed=0), "mechanism must be"),
        (lambda: data_quality.drop_values(X, 0.1, seed=0, columns=[5]), "columns and driver"),
        (lambda: data_quality.drop_values(X, 0.1, seed=None), "seed must be a whole number"),
        (lambda: data_quality.drop_values(X, 0.1, seed=True), "seed must be a whole number"),
        (lambda: data_quality.add_noise(X, -1, seed=0), "scale must be a number at least 0"),
        (lambda: data_quality.add_noise(X, np.nan, seed=0), "scale must be a number"),
        (lambda: data_quality.add_outliers(X, 0.1, "far", seed=0), "size must be a number"),
        (lambda: data_quality.flip_labels([0.5, 1], 0.1, seed=0), "y must be class labels"),
        (lambda: data_quality.flip_labels([0, 0], 0.1, seed=0), "num_classes must be at least 2"),
        (
            lambda: data_quality.flip_labels(Y, 2.0, seed=0),
            "noise must be a number at least 0 and at most 1",
        ),
        (lambda: data_quality.flip_labels(Y, np.ones((2, 2)), seed=0), "rows sum to 1"),
        (lambda: data_quality.imbalance(X, Y, {7: 0.1}, seed=0), "no example has that label"),
        (lambda: data_quality.imbalance(X, Y, {1: 3}, seed=0), r"shares\[1\]"),
        (lambda: data_quality.imbalance(X, Y[:3], {1: 0.1}, seed=0), "each of the 6 examples"),
        (lambda: data_quality.standardize(X, X[:, :1]), "same columns"),
        (lambda: data_quality.standardize(X * np.nan), r"no value in column\(s\) \[0, 1\]"),
        (lambda: data_quality.impute(X, method="zero"), "method must be one of mean"),
        (lambda: data_quality.find_outliers(X, threshold=-1), "threshold"),
        (lambda: data_quality.class_weights([]), "y must be class labels"),
        (lambda: data_quality.oversample(X, Y, seed=0, neighbors=0), "neighbors must be"),
        (lambda: data_quality.oversample(X * np.nan, Y, seed=0), "missing values"),
        (lambda: data_quality.find_label_errors(Y, P[:, 0]), "probabilities must be finite"),
        (lambda: data_quality.find_label_errors(Y, 4 * P), "sum to 1"),
        (lambda: data_quality.find_label_errors(Y, P - 1), "Are they logits"),
        (lambda: data_quality.find_label_errors(Y + 1, P), "labels must be below 2"),
        (lambda: data_quality.find_label_errors(0 * Y, P), r"none is labeled \[1\]"),
        (lambda: data_quality.confident_joint(Y[:2], P), "each of the 6 examples"),
        (lambda: data_quality.report(X, Y, x_test=X[:, :1]), "x_test must have the 2 columns"),
    ],
)
def test_wrong_input_is_explained(call, words):
    with pytest.raises(ValueError, match=words):
        call()
