"""The scorecard: each measure against another way to get it, and what does not fit is refused."""

import json

import keras
import numpy as np
import pytest
from keras import layers
from scipy import special

from course_lib import convolution, datasets, scorecard, training

FASHION = datasets.load("fashion_mnist", size="small")
IMAGES, TRUTH = training.scale_images(FASHION.x_test), FASHION.y_test


def small_network(seed: int = 0) -> keras.Model:
    """A network that a test can afford."""
    training.set_seed(seed)
    stack = [keras.Input((28, 28, 1)), layers.AveragePooling2D(4), layers.Flatten()]
    return keras.Sequential([*stack, layers.Dense(10, name="logits")])


@pytest.fixture(scope="module")
def model() -> keras.Model:
    """One model for all tests, so that it is compiled once."""
    return small_network()


@pytest.fixture(scope="module")
def costs(model) -> dict:
    """What the small network costs, measured once."""
    return scorecard._costs(model, IMAGES)


@pytest.fixture
def cards(monkeypatch, costs) -> list[tuple[str, dict]]:
    """What was shown: the plain text and the bundle of each card."""
    shown: list[tuple[str, dict]] = []
    monkeypatch.setattr(scorecard, "publish", lambda plain, **bundle: shown.append((plain, bundle)))
    monkeypatch.setattr(scorecard, "_costs", lambda model, images: dict(costs))
    return shown


def recorded(cards: list, *arguments: object, **options: object) -> dict:
    """Record a step and return its card."""
    scorecard.record(*arguments, **({"labels": 100} | options))
    return cards[-1][1][scorecard.MIME_TYPE]


def error_by_hand(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """The calibration error as its formula reads, bin by bin."""
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == truth
    total = 0.0
    for number in range(15):
        inside = (confidence > number / 15) & (confidence <= (number + 1) / 15)
        if inside.any():
            total += inside.sum() * abs(right[inside].mean() - confidence[inside].mean())
    return total / len(truth)


class TestRecord:
    """One card, number by number."""

    def test_accuracy_and_calibration_of_every_network(self, cards, model):
        networks = [small_network(seed).get_weights() for seed in (1, 2)]
        card = recorded(cards, "two", model, networks)
        for place, weights in enumerate(networks):
            flat = IMAGES.reshape(-1, 7, 4, 7, 4).mean(axis=(2, 4)).reshape(len(IMAGES), -1)
            logits = flat @ weights[0] + weights[1]
            shares = special.softmax(logits.astype("float64"), axis=1)
            accuracy = (shares.argmax(axis=1) == TRUTH).mean()
            assert card["accuracy"][place] == pytest.approx(accuracy, abs=1e-3)
            error = error_by_hand(shares, TRUTH)
            assert card["calibration_error"][place] == pytest.approx(error, abs=1e-3)
        digits = np.array([int(digit) for digit in card["right"]])
        assert len(digits) == 2000
        assert digits.mean() / 2 == pytest.approx(np.mean(card["accuracy"]))
        assert card["networks"] == 2

    def test_the_model_has_its_own_weights_again(self, cards, model):
        before = model.get_weights()
        recorded(cards, "other", model, [small_network(5).get_weights()])
        assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))

    def test_costs(self, cards, model):
        card = recorded(cards, "costs", model)
        assert card["multiply_adds"] == 49 * 10
        assert card["parameters"] == 500
        least = 4 * 500  # float32 weights alone
        assert least <= card["bytes"] < least + 10_000
        assert 0 < card["microseconds"] < 1e5
        assert 0 < card["joules"] < 1e4
        packed = recorded(cards, "packed", model, file_bytes=123)
        assert (packed["bytes"], packed["file"]) == (123, "the chapter's own")

    def test_given_probabilities_replace_the_softmax(self, cards, model):
        sure = np.eye(10)[TRUTH][None]
        card = recorded(cards, "told", model, probabilities=sure)
        assert card["accuracy"] == [1.0]
        assert card["calibration_error"] == [0.0]
        assert card["right"] == "1" * 2000

    def test_the_plain_text_holds_no_measured_digit_and_the_card_is_json(self, cards, model):
        card = recorded(cards, " my  step ", model, against="base", note="Two\n  words")
        plain, bundle = cards[-1]
        assert plain == "Scorecard: my step, 1 network measured."
        assert json.loads(json.dumps(card, allow_nan=False)) == card
        assert card["against"] == "base"
        assert card["note"] == "Two words"
        assert 'id="scorecard-my-step"' in bundle["text/html"]
        assert "Two words" in bundle["text/html"]

    def test_texts_cannot_break_the_page(self, cards, model):
        recorded(cards, "a <b>", model, note="<script>")
        page = cards[-1][1]["text/html"]
        assert "<b>" not in page
        assert "<script>" not in page

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ({"step": " "}, "step must be a short name"),
            ({"against": 3}, "against must be a short name"),
            ({"labels": -1}, "labels must be a whole number"),
            ({"file_bytes": 0}, "file_bytes must be a whole number"),
            ({"other_seeds": [0.9, 90.0]}, r"other_seeds\[1\] must be a number"),
            ({"model": "small_cnn"}, "model must be a built Keras model"),
            ({"weights": 3}, "weights must be a list with what get_weights returned"),
            ({"weights": []}, "weights must be those of 1 to 9 networks"),
            ({"weights": [[np.zeros(3)]]}, r"weights\[0\] must have the shapes"),
            ({"weights": [[np.full((49, 10), np.nan), np.zeros(10)]]}, "must be finite"),
            ({"probabilities": np.zeros((1, 3, 10))}, r"probabilities must have shape \(1, 2000"),
            (
                {"methods": {"none": lambda m, x, c: np.zeros((3, 3))}},
                "values must have shape",
            ),
        ],
    )
    def test_what_does_not_fit_is_refused(self, cards, model, wrong, message):
        arguments = {"step": "x", "model": model, "labels": 1} | wrong
        with pytest.raises(ValueError, match=message):
            scorecard.record(**arguments)
        assert not cards

    def test_another_shape_of_model_is_refused(self):
        model = keras.Sequential([keras.Input((32, 32, 3)), layers.Flatten(), layers.Dense(10)])
        with pytest.raises(ValueError, match="from .* to"):
            scorecard.record("x", model, labels=1)


class TestDeletion:
    """The area under a curve that can be made by hand."""

    def one_patch_model(self) -> keras.Model:
        """Class 1 where the patch in the upper left corner is bright, else class 0."""
        model = keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten(), layers.Dense(2)])
        kernel = np.zeros((784, 2), "float32")
        kernel[[0, 1, 28, 29], 1] = 10.0
        model.set_weights([kernel, np.array([20.0, 0.0], "float32")])
        return model

    def test_areas_by_hand(self):
        images = np.full((5, 28, 28, 1), 0.5, "float32")
        images[:, :2, :2] = 1.0  # the only bright patch: logits 20 and 40

        def last(model, x, classes):
            wrong_order = np.ones_like(x)
            wrong_order[:, :2, :2] = 0.0
            return wrong_order

        areas = scorecard.deletion_areas(self.one_patch_model(), images, {"last": last})
        steps = np.unique(np.linspace(0, 196, 11).round())
        soon = np.diff(steps)[0] / 196 / 2  # from 1 to 0 within the first step
        late = 1 - np.diff(steps)[-1] / 196 / 2  # from 1 to 0 within the last one
        assert areas["integrated gradients"] == pytest.approx(soon, abs=1e-6)
        assert areas[scorecard.BRIGHTEST] == pytest.approx(soon, abs=1e-6)
        assert areas["last"] == pytest.approx(late, abs=1e-6)
        assert soon < areas[scorecard.RANDOM] < late

    def test_the_shipped_model_is_explained_better_than_by_brightness(self):
        model = convolution.small_cnn()
        model.set_weights(datasets.load_weights("small_cnn_fashion_mnist"))
        areas = scorecard.deletion_areas(model, IMAGES[:50])
        assert areas["integrated gradients"] < areas[scorecard.BRIGHTEST] < areas[scorecard.RANDOM]

    @pytest.mark.parametrize("shape", [(28, 28, 1), (2, 28, 28, 3), (0, 28, 28, 1)])
    def test_other_images_are_refused(self, shape):
        with pytest.raises(ValueError, match="images must (be an array|have shape)"):
            scorecard.deletion_areas(self.one_patch_model(), np.zeros(shape, "float32"))


class TestChance:
    """What luck alone does to a calibration error."""

    def test_one_bin_by_hand(self):
        shares = np.tile([0.7, 0.3], (400, 1))
        draws = np.random.default_rng(3).binomial(400, 0.7, size=20_000) / 400
        expected = np.abs(draws - 0.7).mean()
        found = scorecard.calibration_by_chance(shares, draws=400)
        assert found == pytest.approx(expected, rel=0.1)

    def test_it_shrinks_with_the_root_of_the_examples(self):
        random = np.random.default_rng(0)
        shares = special.softmax(random.normal(0, 2, (8000, 10)), axis=1)
        few, many = (scorecard.calibration_by_chance(shares[:n]) for n in (500, 8000))
        assert few / many == pytest.approx(4, rel=0.25)

    def test_what_is_no_probability_is_refused(self):
        with pytest.raises(ValueError, match="Are they logits"):
            scorecard.calibration_by_chance(np.array([[2.0, 3.0], [1.0, 1.0]]))
        with pytest.raises(ValueError, match="draws must be a whole number"):
            scorecard.calibration_by_chance(np.array([[0.5, 0.5]]), draws=0)
