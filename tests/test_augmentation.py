"""Augmentation against SciPy, Keras's layers, closed forms, and properties that must hold."""

import functools

import keras
import numpy as np
import pytest
from keras import layers
from scipy import ndimage, stats

from course_lib import _colors, augmentation, gradients

SHAPES = [(5, 8, 8, 1), (4, 9, 12, 3), (3, 28, 20, 2)]
SEEDED = {
    "flip": augmentation.flip,
    "rotate": augmentation.rotate,
    "translate": augmentation.translate,
    "crop_and_pad": augmentation.crop_and_pad,
    "cutout": augmentation.cutout,
    "color_jitter": augmentation.color_jitter,
    "add_noise": augmentation.add_noise,
    "random_augment": augmentation.random_augment,
}
each_function = pytest.mark.parametrize("function", SEEDED.values(), ids=SEEDED)


def random(shape, seed=0):
    return np.random.default_rng(seed).uniform(size=shape).astype("float32")


def to_numpy(x):
    return keras.ops.convert_to_numpy(x)


# Turning and shifting by given amounts


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("fill", [0.0, 0.7])
def test_rotate_by_equals_scipy(shape, fill):
    images = random(shape)
    angles = np.linspace(-170, 125, len(images)).astype("float32")
    ours = to_numpy(augmentation.rotate_by(images, angles, fill))
    for image, angle, turned in zip(images, angles, ours, strict=True):
        theirs = ndimage.rotate(
            image, angle, reshape=False, order=1, mode="grid-constant", cval=fill
        )
        np.testing.assert_allclose(turned, theirs, atol=2e-5)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("fill", [0.0, 0.7])
def test_translate_by_equals_scipy(shape, fill):
    images = random(shape, 1)
    down, right = np.random.default_rng(2).uniform(-6, 6, size=(2, len(images)))
    ours = to_numpy(augmentation.translate_by(images, down, right, fill))
    for image, *shift, moved in zip(images, down, right, ours, strict=True):
        theirs = ndimage.shift(image, (*shift, 0), order=1, mode="grid-constant", cval=fill)
        np.testing.assert_allclose(moved, theirs, atol=2e-5)


def test_quarter_turns_and_whole_pixels_are_exact():
    images = random((4, 7, 7, 3))
    for turns in (1, 2, 3):
        turned = to_numpy(augmentation.rotate_by(images, 90.0 * turns))
        np.testing.assert_allclose(turned, np.rot90(images, turns, axes=(1, 2)), atol=1e-5)
    moved = to_numpy(augmentation.translate_by(images, 2, -3, fill=0.5))
    np.testing.assert_array_equal(moved[:, 2:, :-3], images[:, :-2, 3:])
    assert np.all(moved[:, :2] == 0.5)
    assert np.all(moved[:, :, -3:] == 0.5)
    far = to_numpy(augmentation.translate_by(images, 100, -100, fill=0.25))
    np.testing.assert_array_equal(far, np.full_like(images, 0.25))


def test_an_affine_map_equals_keras_for_images_that_are_not_square():
    images, angle = random((3, 10, 16, 2)), 25.0
    ours = to_numpy(augmentation.rotate_by(images, angle))
    sine, cosine = np.sin(np.radians(angle)), np.cos(np.radians(angle))
    x, y = 7.5, 4.5  # the middle
    row = [cosine, -sine, x - cosine * x + sine * y, sine, cosine, y - sine * x - cosine * y, 0, 0]
    theirs = keras.ops.image.affine_transform(images, np.tile(row, (3, 1)).astype("float32"))
    np.testing.assert_allclose(ours[:, 3:-3, 3:-3], to_numpy(theirs)[:, 3:-3, 3:-3], atol=1e-4)


def test_gradients_pass_through_a_warp():
    images, weights = random((2, 6, 6, 1)), random((2, 6, 6, 1), 1)

    def loss(x, degrees):
        return keras.ops.sum(weights * augmentation.rotate_by(x, degrees))

    angle = np.array([10.0, -20.0], "float32")
    by_pixel, by_angle = gradients.value_and_grad(loss, argnums=(0, 1))(images, angle)[1]
    step = np.zeros_like(images)
    step[1, 2, 3, 0] = 1.0
    change = float(loss(images + step, angle)) - float(loss(images, angle))  # linear in the pixels
    assert to_numpy(by_pixel)[1, 2, 3, 0] == pytest.approx(change, abs=1e-4)
    small = np.array([0.0, 0.01], "float32")
    change = (float(loss(images, angle + small)) - float(loss(images, angle - small))) / 0.02
    assert to_numpy(by_angle)[1] == pytest.approx(change, abs=2e-3)


# What all random functions have in common


@each_function
@pytest.mark.parametrize("shape", SHAPES)
def test_shape_type_and_arguments_are_kept(function, shape):
    images = random(shape)
    before = images.copy()
    changed = to_numpy(function(images, 3))
    assert (changed.shape, changed.dtype) == (shape, np.float32)
    assert changed.min() >= 0
    assert changed.max() <= 1 + 1e-6
    np.testing.assert_array_equal(images, before)


@each_function
def test_a_number_repeats_the_draw_and_a_generator_does_not(function):
    images = random((20, 8, 8, 3))
    first, again, other = (to_numpy(function(images, seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    generator = keras.random.SeedGenerator(3)
    draws = [to_numpy(function(images, generator)) for _ in range(2)]
    assert not np.array_equal(*draws)


@each_function
def test_each_image_has_its_own_draw(function):
    copies = np.repeat(random((1, 9, 9, 3)), 200, axis=0)
    changed = to_numpy(function(copies, 0)).reshape(200, -1)
    assert len(np.unique(changed, axis=0)) >= (2 if function is augmentation.flip else 30)


@each_function
def test_compiled_and_plain_agree(function):
    images = random((6, 8, 8, 3))
    compiled = gradients.compile(lambda x: function(x, 5))
    np.testing.assert_allclose(to_numpy(compiled(images)), function(images, 5), atol=1e-5)


@each_function
def test_it_works_in_the_training_of_a_model_whose_batches_differ_in_size(function):
    shaken = augmentation.Augmented(function, seed=0)
    model = keras.Sequential([keras.Input((8, 8, 3)), shaken, layers.Flatten(), layers.Dense(1)])
    model.compile("sgd", "mse")
    history = model.fit(random((10, 8, 8, 3)), np.zeros((10, 1)), batch_size=6, verbose=0)
    assert np.isfinite(history.history["loss"][0])


NOTHING = [
    functools.partial(augmentation.flip, rate=0),
    functools.partial(augmentation.rotate, degrees=0),
    functools.partial(augmentation.translate, pixels=0),
    functools.partial(augmentation.crop_and_pad, padding=0),
    functools.partial(augmentation.cutout, size=0),
    functools.partial(augmentation.color_jitter, brightness=0, contrast=0, saturation=0),
    functools.partial(augmentation.add_noise, deviation=0),
    functools.partial(augmentation.random_augment, num_operations=0),
    functools.partial(augmentation.random_augment, magnitude=0),
]


@pytest.mark.parametrize("function", NOTHING)
def test_strength_zero_changes_nothing(function):
    images = random((4, 8, 10, 3))
    np.testing.assert_allclose(to_numpy(function(images, 0)), images, atol=1e-6)


# One by one


@pytest.mark.parametrize(("direction", "axis"), [("horizontal", 2), ("vertical", 1)])
def test_flip_mirrors_its_share_of_the_images(direction, axis):
    images = random((4000, 3, 4, 1))
    changed = to_numpy(augmentation.flip(images, 1, direction, rate=0.3))
    mirrored = (changed == np.flip(images, axis)).all(axis=(1, 2, 3))
    kept = (changed == images).all(axis=(1, 2, 3))
    assert (mirrored ^ kept).all()
    assert abs(mirrored.mean() - 0.3) < 5 * np.sqrt(0.3 * 0.7 / 4000)
    always = to_numpy(augmentation.flip(images[:5], 1, direction, rate=1))
    layer = layers.RandomFlip(direction, seed=0)
    np.testing.assert_array_equal(always, np.flip(images[:5], axis))
    by_keras = to_numpy(layer(images[:50], training=True))
    keras_flips = (by_keras == np.flip(images[:50], axis)).all(axis=(1, 2, 3))
    assert (keras_flips ^ (by_keras == images[:50]).all(axis=(1, 2, 3))).all()


def test_shifts_are_even_and_independent():
    ramp = np.zeros((3000, 11, 11, 2), "float32")
    ramp[..., 0], ramp[..., 1] = np.arange(11)[:, None] / 11, np.arange(11) / 11
    middle = 11 * to_numpy(augmentation.translate(ramp, 0, pixels=3))[:, 5, 5]
    down, right = (5 - middle).T  # the ramp tells from where the middle pixel came
    for shift in (down, right):
        assert stats.kstest(shift, stats.uniform(-3, 6).cdf).pvalue > 1e-4
    assert abs(np.corrcoef(down, right)[0, 1]) < 5 / np.sqrt(3000)


def test_angles_are_even():
    ramp = np.zeros((3000, 21, 21, 2), "float32")
    ramp[..., 0], ramp[..., 1] = np.arange(21)[:, None] / 21, np.arange(21) / 21
    down, right = (21 * to_numpy(augmentation.rotate(ramp, 0, degrees=40))[:, 10, 15] - 10).T
    angle = np.degrees(np.arctan2(down, right))  # where the pixel to the right came from
    np.testing.assert_allclose(np.hypot(down, right), 5, atol=1e-3)
    assert stats.kstest(angle, stats.uniform(-40, 80).cdf).pvalue > 1e-4


@pytest.mark.parametrize("padding", [1, 3])
def test_crop_and_pad_takes_every_window_equally_often(padding):
    image = random((6, 7, 2)) + 0.1
    changed = to_numpy(augmentation.crop_and_pad(np.repeat(image[None], 4000, 0), 0, padding, 0.05))
    padded = np.pad(image, [(padding,) * 2, (padding,) * 2, (0, 0)], constant_values=0.05)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (6, 7), axis=(0, 1))
    windows = windows.reshape(-1, 2, 6, 7).transpose(0, 2, 3, 1)
    counts = [(changed == window).all(axis=(1, 2, 3)).sum() for window in windows]
    assert (len(counts), sum(counts)) == ((2 * padding + 1) ** 2, 4000)
    assert stats.chisquare(counts).pvalue > 1e-4


@pytest.mark.parametrize("size", [1, 4, 5])
def test_cutout_covers_a_square_that_may_stick_out(size):
    changed = to_numpy(augmentation.cutout(np.ones((3000, 10, 12, 3), "float32"), 0, size, 0.5))
    covered = changed == 0.5
    assert (covered == covered[..., :1]).all()
    rows, columns = covered[..., 0].any(axis=2), covered[..., 0].any(axis=1)
    outer = rows[:, :, None] & columns[:, None]
    np.testing.assert_array_equal(covered[..., 0], outer)
    assert rows.sum(axis=1).max() == columns.sum(axis=1).max() == size
    assert rows.sum(axis=1).min() == (size + 1) // 2  # at the border half of it is outside
    middles = 10 * 12
    by_hand = [
        sum(min(m - size // 2 + size, n) - max(m - size // 2, 0) for m in range(n))
        for n in (10, 12)
    ]
    mean = np.prod(by_hand) / middles
    area = covered[..., 0].sum(axis=(1, 2))
    assert abs(area.mean() - mean) < 5 * area.std() / np.sqrt(3000) + 1e-9


@pytest.mark.parametrize("amount", [0.1, 0.3])
def test_jitter_equals_keras_where_the_draw_is_known(monkeypatch, amount):
    images = 0.4 + 0.2 * random((3, 6, 6, 3))

    def largest(images, seed, ranges):
        return [np.full(len(images), high, "float32") for _, high in ranges]

    monkeypatch.setattr(_colors, "uniform", largest)
    ours = to_numpy(augmentation.color_jitter(images, 0, amount, 0, 0))
    layer = layers.RandomBrightness((amount, amount), value_range=(0, 1))
    np.testing.assert_allclose(ours, to_numpy(layer(images, training=True)), atol=1e-5)
    ours = to_numpy(augmentation.color_jitter(images, 0, 0, amount, 0))
    adjusted = images.mean((1, 2), keepdims=True)
    adjusted = adjusted + (1 + amount) * (images - adjusted)
    np.testing.assert_allclose(ours, adjusted, atol=1e-5)
    ours = to_numpy(augmentation.color_jitter(images, 0, 0, 0, amount))
    gray = to_numpy(keras.ops.image.rgb_to_grayscale(images))
    np.testing.assert_allclose(ours, gray + (1 + amount) * (images - gray), atol=1e-4)


def test_contrast_draws_from_the_range_of_keras():
    images = np.tile(0.4 + 0.2 * random((1, 6, 6, 1)), (2000, 1, 1, 1))
    layer, deviation = layers.RandomContrast((0.5, 0.5), (0, 1), seed=0), images[0].std()
    ours = to_numpy(augmentation.color_jitter(images, 0, 0, 0.5, 0)).std((1, 2, 3)) / deviation
    theirs = to_numpy(layer(images, training=True)).std((1, 2, 3)) / deviation
    assert stats.ks_2samp(ours, theirs).pvalue > 1e-4
    assert stats.kstest(ours, stats.uniform(0.5, 1).cdf).pvalue > 1e-4


def test_jitter_draws_evenly_and_keeps_what_it_must():
    gray = np.full((3000, 4, 4, 3), 0.5, "float32")
    added = to_numpy(augmentation.color_jitter(gray, 0, 0.3, 0.5, 0.5))[:, 0, 0, 0] - 0.5
    assert stats.kstest(added, stats.uniform(-0.3, 0.6).cdf).pvalue > 1e-4
    images = 0.4 + 0.2 * random((50, 6, 6, 3))
    contrasted = to_numpy(augmentation.color_jitter(images, 1, 0, 0.5, 0))
    np.testing.assert_allclose(contrasted.mean((1, 2)), images.mean((1, 2)), atol=1e-5)
    vivid = to_numpy(augmentation.color_jitter(images, 1, 0, 0, 0.5))
    weights = np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(vivid @ weights, images @ weights, atol=1e-5)
    spread = np.ptp(vivid, axis=-1) / np.ptp(images, axis=-1)
    np.testing.assert_allclose(spread, spread[:, :1, :1] * np.ones_like(spread), rtol=1e-3)
    assert 0.5 < spread.min() < spread.max() < 1.5


def test_noise_has_the_moments_of_keras():
    images = np.full((50, 40, 40, 1), 0.5, "float32")
    ours = to_numpy(augmentation.add_noise(images, 0, 0.1)).astype("float64")
    theirs = to_numpy(layers.GaussianNoise(0.1, seed=1)(images, training=True)).astype("float64")
    assert abs(ours.mean() - 0.5) < 5 * 0.1 / np.sqrt(images.size)
    assert ours.std() == pytest.approx(theirs.std(), rel=0.02)
    black = to_numpy(augmentation.add_noise(0 * images, 0, 0.1)).astype("float64")
    assert black.mean() == pytest.approx(0.1 / np.sqrt(2 * np.pi), rel=0.03)


# Random augmentation


def test_random_augment_chooses_evenly_and_twice():
    def adder(amount):
        return lambda images, seed, magnitude: images + amount * magnitude

    zeros = np.zeros((6000, 1, 1, 1), "float32")
    operations = [adder(0.01), adder(0.04), adder(0.16)]
    once = to_numpy(augmentation.random_augment(zeros, 0, operations, 1, 0.5)).ravel()
    values, counts = np.unique(once.round(4), return_counts=True)
    np.testing.assert_allclose(values, [0.005, 0.02, 0.08], atol=1e-6)
    np.testing.assert_array_equal(counts, [2000] * 3)  # equal shares
    twice = to_numpy(augmentation.random_augment(zeros, 1, operations, 2, 1.0)).ravel()
    values, counts = np.unique(twice.round(4), return_counts=True)
    np.testing.assert_allclose(values, [0.02, 0.05, 0.08, 0.17, 0.2, 0.32], atol=1e-6)
    assert stats.chisquare(counts, 6000 * np.array([1, 2, 1, 2, 2, 1]) / 9).pvalue > 1e-4


@pytest.mark.parametrize("name", augmentation.OPERATIONS)
def test_every_operation_grows_with_the_magnitude(name):
    images = np.repeat(random((1, 12, 12, 3)), 50, axis=0)
    changes = []
    for magnitude in (0.0, 0.3, 1.0):
        changed = augmentation.random_augment(images, 0, [name], 1, magnitude)
        changes.append(np.abs(to_numpy(changed) - images).mean())
    assert changes[0] < 1e-6
    assert changes[0] < changes[1] < changes[2] or name == "identity"


def test_shear_slants_rows_and_keeps_them_straight():
    stripe = np.zeros((40, 11, 31, 1), "float32")
    stripe[:, :, 15] = 1
    slanted = to_numpy(augmentation.random_augment(stripe, 0, ["shear"], 1, 1.0))[..., 0]
    place = (slanted * np.arange(31)).sum(axis=2) / slanted.sum(axis=2)  # (images, rows)
    np.testing.assert_allclose(place[:, 5], 15, atol=1e-3)
    slope = np.diff(place, axis=1)
    np.testing.assert_allclose(slope, slope[:, :1] * np.ones_like(slope), atol=1e-3)
    assert 0.2 < np.abs(slope).max() <= 0.3 + 1e-3


# Mixing


@pytest.mark.parametrize("alpha", [0.3, 1.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_cutmix_mixes_targets_by_area(alpha, seed):
    count, height, width = 60, 9, 12
    names = np.eye(count, dtype="float32")[:, None, None, :]  # each image names itself
    images = np.tile(names, (1, height, width, 1))
    targets = np.random.default_rng(seed).dirichlet(np.ones(4), count).astype("float32")
    mixed, labels = map(to_numpy, augmentation.cutmix(images, targets, alpha, seed))
    assert set(np.unique(mixed)) <= {0.0, 1.0}
    recipe = mixed.mean(axis=(1, 2))  # (images, parts)
    np.testing.assert_allclose(recipe.sum(axis=1), 1, rtol=1e-5)
    assert (recipe > 0).sum(axis=1).max() == 2
    np.testing.assert_allclose(labels, recipe @ targets, atol=1e-5)
    foreign = 1 - mixed[np.arange(count), :, :, np.arange(count)]
    box = foreign.any(axis=2)[:, :, None] & foreign.any(axis=1)[:, None]
    np.testing.assert_array_equal(foreign.astype(bool), box)


def test_cutmix_boxes_are_as_large_as_the_beta_draw_says():
    images = np.tile(np.eye(2000, dtype="float32")[:, None, None, :1], (1, 40, 40, 1))
    images[1:] = 0  # image 0 alone is bright, and its own partner at most once
    ones = np.eye(2000, dtype="float32")
    labels = to_numpy(augmentation.cutmix(images, ones, 1.0, 0)[1])
    kept = labels[np.arange(2000), np.arange(2000)]
    # Boxes that stick out are smaller: at least the drawn share is kept, so more than half of all.
    assert 0.5 < kept.mean() < 0.8
    assert kept.min() < 0.05
    assert kept.max() > 0.99


def test_mixup_is_the_one_of_the_chapter_on_regularization():
    from course_lib import regularization

    assert augmentation.mixup is regularization.mixup


# Into training


def test_augmented_acts_in_training_alone():
    layer = augmentation.Augmented(augmentation.rotate, seed=0, degrees=90)
    images = random((8, 6, 6, 1))
    np.testing.assert_array_equal(layer(images), images)
    np.testing.assert_array_equal(layer(images, training=False), images)
    draws = [to_numpy(layer(images, training=True)) for _ in range(2)]
    assert not np.array_equal(draws[0], images)
    assert not np.array_equal(*draws)
    assert layer.weights == []
    assert layer.compute_output_shape((None, 6, 6, 1)) == (None, 6, 6, 1)


def test_augmented_draws_anew_for_every_batch_of_fit():
    seen = []

    class Watch(layers.Layer):
        def call(self, x):
            return keras.ops.sum(x, axis=(1, 2, 3))[:, None]

    # With a learning rate of zero only the draws can change the loss from step to step.
    shifted = augmentation.Augmented(augmentation.translate, seed=1, pixels=4)
    model = keras.Sequential([keras.Input((8, 8, 1)), shifted, Watch(), layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    x, y = random((10, 8, 8, 1)), np.zeros((10, 1), "float32")
    history = model.fit(x, y, epochs=6, batch_size=10, shuffle=False, verbose=0).history["loss"]
    seen = {round(loss, 6) for loss in history}
    assert len(seen) == 6
    assert model.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)


def test_the_check_passes_all_of_ours():
    images = random((40, 12, 12, 3))
    for function in SEEDED.values():
        generator = keras.random.SeedGenerator(0)
        found = augmentation.check_augmentation(functools.partial(function, seed=generator), images)
        assert found == [], function
    layer = augmentation.Augmented(augmentation.flip, seed=0)
    assert augmentation.check_augmentation(layer, images[:5]) == []


GENERATOR = keras.random.SeedGenerator(0)
FAULTY = [
    (lambda x: x, "Next to nothing"),
    (lambda x: layers.RandomRotation(0.1)(x, training=False), "Next to nothing"),
    (lambda x: augmentation.add_noise(x, GENERATOR, 1e-4), "Next to nothing"),
    (lambda x: augmentation.rotate(x, 7), "Two calls"),
    (lambda x: x + 0.05 * np.random.default_rng().uniform(), "in the same way"),
    (layers.RandomBrightness(0.2, seed=0), "leave the range"),
    (lambda x: x[:, ::2], "The shape changes"),
    (lambda x: x * np.nan, "not finite"),
]


@pytest.mark.parametrize(("function", "message"), FAULTY)
def test_the_check_finds_what_is_wrong(function, message):
    found = augmentation.check_augmentation(function, random((40, 12, 12, 3)))
    assert len(found) == 1
    assert message in found[0]


# What they say to wrong input

IMAGES, ONE_HOT = random((4, 8, 8, 1)), np.eye(4, dtype="float32")
CALLS = [
    (lambda: augmentation.flip(IMAGES[0], 0), r"images must have shape .* x\[None"),
    (lambda: augmentation.flip((255 * IMAGES).astype("uint8"), 0), "images must hold floating"),
    (lambda: augmentation.flip(IMAGES, 0, "sideways"), "direction must be"),
    (lambda: augmentation.flip(IMAGES, 0, rate=1.5), "rate must be .* at most 1"),
    (lambda: augmentation.flip(IMAGES, None), "seed must be a whole number"),
    (lambda: augmentation.rotate(IMAGES, 0, -1), "degrees must be .* at most 180"),
    (lambda: augmentation.rotate(IMAGES, 0.5), "seed must be a whole number"),
    (lambda: augmentation.rotate_by(IMAGES, [1.0, 2.0]), "degrees must be one number or one for"),
    (lambda: augmentation.translate(IMAGES, 0, np.inf), "pixels must be a number at least 0"),
    (lambda: augmentation.translate_by(IMAGES, [1.0], 0), "down must be one number"),
    (lambda: augmentation.crop_and_pad(IMAGES, 0, 1.5), "padding must be a whole number"),
    (lambda: augmentation.cutout(IMAGES, 0, -1), "size must be a whole number"),
    (lambda: augmentation.color_jitter(255 * IMAGES, 0), "brightness from 0 to 1, but they go"),
    (lambda: augmentation.color_jitter(IMAGES, 0, contrast=2), "contrast must be .* at most 1"),
    (
        lambda: augmentation.add_noise(IMAGES * np.nan, 0),
        "images must be an array of finite numbers",
    ),
    (lambda: augmentation.add_noise(IMAGES, 0, -0.1), "deviation must be a number at least 0"),
    (lambda: augmentation.random_augment(IMAGES, 0, ["rotat"]), "operations must be .*identity"),
    (lambda: augmentation.random_augment(IMAGES, 0, []), "operations must be"),
    (lambda: augmentation.random_augment(IMAGES, 0, num_operations=-1), "num_operations must be"),
    (lambda: augmentation.random_augment(IMAGES, 0, magnitude=2), "magnitude must be .* at most 1"),
    (lambda: augmentation.cutmix(IMAGES, np.arange(4), 1.0, 0), "y must .* one_hot"),
    (lambda: augmentation.cutmix(IMAGES, np.ones(4), 1.0, 0), r"y must .*\(batch, classes\)"),
    (lambda: augmentation.cutmix(IMAGES, ONE_HOT[:3], 1.0, 0), "equally many examples"),
    (lambda: augmentation.cutmix(IMAGES, ONE_HOT, 0, 0), "alpha must be a number above 0"),
    (lambda: augmentation.cutmix(IMAGES, ONE_HOT, 1.0, "0"), "seed must be"),
    (lambda: augmentation.Augmented("rotate", 0), "function must be callable"),
    (lambda: augmentation.check_augmentation(abs, IMAGES[0]), "images must have shape"),
    (lambda: augmentation.check_augmentation(abs, 0 * IMAGES), "more than one value"),
]


@pytest.mark.parametrize(("call", "message"), CALLS)
def test_wrong_input_is_refused_with_a_reason(call, message):
    with pytest.raises(ValueError, match=message):
        call()
