"""Autoencoders against scikit-learn, SciPy, models whose likelihood is known, closed forms."""

import keras
import numpy as np
import pytest
from keras import ops
from scipy import integrate, linalg, special, stats
from sklearn.decomposition import PCA

from course_lib import autoencoders, gradients

SHAPES = [(3,), (4, 5), (2, 3, 4)]
LOG_4 = np.log(4)


@pytest.fixture(autouse=True)
def same_shuffles():
    keras.utils.set_random_seed(0)


def random(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def to_numpy(x):
    return ops.convert_to_numpy(x)


# The formulas


@pytest.mark.parametrize("shape", SHAPES)
def test_gaussian_kl_equals_a_monte_carlo_estimate_with_scipy(shape):
    mean, log_variance = random(shape, 1), 0.5 * random(shape, 2)
    normal = stats.norm(mean, np.exp(0.5 * log_variance))
    draws = normal.rvs((20_000, *shape), random_state=3)
    ratios = (normal.logpdf(draws) - stats.norm.logpdf(draws)).sum(axis=-1)
    error = ratios.std(axis=0) / np.sqrt(len(draws))
    ours = to_numpy(autoencoders.gaussian_kl(mean, log_variance))
    assert ours.shape == shape[:-1]
    assert (np.abs(ours - ratios.mean(axis=0)) < 5 * error).all()


@pytest.mark.parametrize("mean", [-2.0, 0.0, 0.7])
@pytest.mark.parametrize("log_variance", [-3.0, 0.0, 1.0])
def test_gaussian_kl_is_the_integral(mean, log_variance):
    normal = stats.norm(mean, np.exp(log_variance / 2))

    def integrand(z):
        return normal.pdf(z) * (normal.logpdf(z) - stats.norm.logpdf(z))

    expected = integrate.quad(integrand, mean - 20, mean + 20, points=[mean], limit=200)[0]
    ours = float(autoencoders.gaussian_kl([mean], [log_variance]))
    assert ours == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_gaussian_kl_has_the_gradient_of_the_closed_form_and_is_never_negative(shape):
    mean, log_variance = random(shape, 4), random(shape, 5)
    slopes = gradients.value_and_grad(
        lambda m, v: ops.sum(autoencoders.gaussian_kl(m, v)), argnums=(0, 1)
    )(mean, log_variance)[1]
    np.testing.assert_allclose(to_numpy(slopes[0]), mean, rtol=1e-5)
    np.testing.assert_allclose(to_numpy(slopes[1]), 0.5 * np.expm1(log_variance), atol=1e-5)
    assert (to_numpy(autoencoders.gaussian_kl(mean, log_variance)) >= 0).all()
    assert float(autoencoders.gaussian_kl(np.zeros(3), np.zeros(3))) == 0


@pytest.mark.parametrize("seed", [0, 1, 12345678901])
def test_reparameterize_draws_from_the_gaussian_and_can_be_differentiated(seed):
    mean, log_variance = np.full((50_000, 2), [1.0, -2.0]), np.full((50_000, 2), [0.0, 1.0])
    draws = to_numpy(autoencoders.reparameterize(mean, log_variance, seed))
    for column, (centre, width) in enumerate([(1, 1), (-2, np.exp(0.5))]):
        standard = (draws[:, column] - centre) / width
        assert stats.kstest(standard, "norm").pvalue > 1e-4
    assert abs(np.corrcoef(draws.T)[0, 1]) < 5 / np.sqrt(50_000)
    mean, log_variance = random((6, 3)), random((6, 3), 1)
    slopes = gradients.value_and_grad(
        lambda m, v: ops.sum(autoencoders.reparameterize(m, v, seed)), argnums=(0, 1)
    )(mean, log_variance)[1]
    noise = to_numpy(autoencoders.reparameterize(0 * mean, 0 * mean, seed))
    np.testing.assert_allclose(to_numpy(slopes[0]), 1)
    np.testing.assert_allclose(
        to_numpy(slopes[1]), 0.5 * np.exp(log_variance / 2) * noise, atol=1e-5
    )


def test_a_number_repeats_the_draw_and_a_generator_does_not():
    zeros = np.zeros((5, 4), "float32")
    first, again, other = (
        to_numpy(autoencoders.reparameterize(zeros, zeros, s)) for s in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    generator = keras.random.SeedGenerator(3)
    draws = [to_numpy(autoencoders.reparameterize(zeros, zeros, generator)) for _ in range(2)]
    assert not np.array_equal(*draws)


@pytest.mark.parametrize("shape", SHAPES)
def test_bernoulli_log_likelihood_equals_keras_and_scipy(shape):
    logits = 3 * random(shape, 6)
    grey = special.expit(random(shape, 7)).astype("float32")
    ours = to_numpy(autoencoders.bernoulli_log_likelihood(grey, logits))
    by_keras = ops.binary_crossentropy(grey, logits, from_logits=True)
    np.testing.assert_allclose(ours, -to_numpy(ops.sum(by_keras, axis=-1)), rtol=1e-5, atol=1e-5)
    black = (grey > 0.5).astype("float32")
    ours = to_numpy(autoencoders.bernoulli_log_likelihood(black, logits))
    by_scipy = stats.bernoulli.logpmf(black, special.expit(logits.astype("float64"))).sum(axis=-1)
    np.testing.assert_allclose(ours, by_scipy, rtol=1e-4, atol=1e-5)
    assert np.isfinite(to_numpy(autoencoders.bernoulli_log_likelihood(grey, 1000 * logits))).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_gaussian_log_likelihood_equals_scipy(shape):
    x, mean, log_variance = (random(shape, seed) for seed in range(3))
    ours = to_numpy(autoencoders.gaussian_log_likelihood(x, mean, log_variance))
    by_scipy = stats.norm.logpdf(x, mean, np.exp(0.5 * log_variance)).sum(axis=-1)
    np.testing.assert_allclose(ours, by_scipy, rtol=1e-4, atol=1e-4)


def test_elbo_weighs_the_divergence():
    likely, kl = random((2, 3)), np.abs(random((2, 3), 1))
    np.testing.assert_allclose(to_numpy(autoencoders.elbo(likely, kl)), likely - kl, rtol=1e-6)
    ours = to_numpy(autoencoders.elbo(likely, kl, [0.0, 1.0, 4.0]))
    np.testing.assert_allclose(ours, likely - kl * np.array([0, 1, 4], "float32"), rtol=1e-5)


@pytest.mark.parametrize("samples", [1, 2, 50])
def test_importance_weighted_bound_is_the_log_of_the_mean(samples):
    log_weights = 5 * random((samples, 4)) - 500  # exp of these is 0 in float32
    ours = to_numpy(autoencoders.importance_weighted_bound(log_weights))
    exact = special.logsumexp(log_weights.astype("float64"), axis=0) - np.log(samples)
    np.testing.assert_allclose(ours, exact, rtol=1e-5)
    assert (ours >= log_weights.mean(axis=0) - 1e-3).all()


# A model whose likelihood is known: x = W z + b + noise, so x is Gaussian


def linear_model(posterior_is_exact, features=3, noise=0.5):
    rng = np.random.default_rng(0)
    w, b = rng.normal(size=(features, 2)), rng.normal(size=features)
    w = np.linalg.svd(w, full_matrices=False)[0] * [2.0, 0.7]  # orthogonal: a diagonal posterior
    precision = np.diag(w.T @ w) / noise**2 + 1
    if posterior_is_exact:
        slope, log_variance = w / noise**2 / precision, -np.log(precision)
    else:
        slope, log_variance = 0.5 * w, np.array([-0.5, -0.5])
    kernel = np.concatenate([slope, np.zeros((features, 2))], axis=1)
    bias = np.concatenate([-b @ slope, log_variance])
    encoder, decoder = (
        keras.Sequential([keras.Input((n,)), keras.layers.Dense(m)])
        for n, m in ((features, 4), (2, features))
    )
    encoder.set_weights([kernel, bias])
    decoder.set_weights([w.T, b])
    model = autoencoders.VariationalAutoencoder(
        encoder,
        decoder,
        log_likelihood=lambda x, mean: autoencoders.gaussian_log_likelihood(
            x, mean, np.full(features, 2 * np.log(noise))
        ),
    )
    truth = stats.multivariate_normal(b, w @ w.T + noise**2 * np.eye(features))
    x = truth.rvs(200, random_state=1).astype("float32")
    return model, x, truth.logpdf(x)


def test_with_the_true_posterior_every_weight_is_the_likelihood():
    model, x, truth = linear_model(posterior_is_exact=True)
    weights = to_numpy(model.log_weights(x, x, samples=3, seed=0))
    np.testing.assert_allclose(weights, np.broadcast_to(truth, weights.shape), atol=1e-3)


def test_the_bounds_are_below_the_likelihood_and_rise_toward_it():
    model, x, truth = linear_model(posterior_is_exact=False)
    weights = model.log_weights(x, x, samples=1000, seed=0)
    often = np.tile(x, (500, 1))
    estimates = to_numpy(model.bound(often, model(often))).reshape(500, -1).mean(axis=1)
    by_samples = [
        to_numpy(autoencoders.importance_weighted_bound(ops.reshape(weights, (k, -1)))).mean()
        for k in (1, 5, 50, 1000)
    ]
    errors = (runs.std() / np.sqrt(len(runs)) for runs in (estimates, to_numpy(weights).mean(1)))
    assert abs(estimates.mean() - by_samples[0]) < 5 * np.hypot(*errors)
    assert (np.diff(by_samples) > 0).all()
    assert by_samples[-1] < truth.mean() + 0.02
    assert truth.mean() - by_samples[-1] < 0.1 * (truth.mean() - by_samples[0])


# The networks


@pytest.mark.parametrize("code", [1, 3])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_trained_linear_autoencoder_is_principal_component_analysis(code, seed):
    x = random((400, 6), seed) @ (random((6, 6), seed + 1) * np.array([3, 2.5, 2, 1, 0.5, 0.2]))
    x = x.astype("float32") + 1
    model = autoencoders.autoencoder(6, code, seed=seed)
    model.compile(keras.optimizers.Adam(0.02), "mse")
    often = np.tile(x, (20, 1))
    for rate in (0.02, 0.002):
        model.optimizer.learning_rate = rate
        model.fit(often, often, epochs=6, batch_size=100, verbose=0)
    error = np.square(to_numpy(model(x)) - x).sum()
    pca = PCA(code).fit(x)
    best = np.square(pca.inverse_transform(pca.transform(x)) - x).sum()
    assert best * (1 - 1e-5) <= error < 1.02 * best
    directions = model.layers[1].get_weights()[0]  # (code, features)
    assert linalg.subspace_angles(directions.T, pca.components_.T).max() < 0.15


@pytest.mark.parametrize("hidden", [(), (8,), (8, 5)])
def test_an_autoencoder_is_a_mirror(hidden):
    model = autoencoders.autoencoder(10, 2, hidden, seed=1)
    encoder, decoder = model.layers
    assert [layer.units for layer in encoder.layers] == [*hidden, 2]
    assert [layer.units for layer in decoder.layers] == [*reversed(hidden), 10]
    x = random((3, 10))
    np.testing.assert_allclose(to_numpy(model(x)), to_numpy(decoder(encoder(x))), rtol=1e-5)
    again, other = (autoencoders.autoencoder(10, 2, hidden, seed=s).get_weights() for s in (1, 2))
    np.testing.assert_array_equal(model.get_weights()[0], again[0])
    assert not np.array_equal(again[0], other[0])
    if not hidden:
        a, b, zero = to_numpy(model(x[:1])), to_numpy(model(x[1:2])), to_numpy(model(0 * x[:1]))
        np.testing.assert_allclose(to_numpy(model(x[:1] + x[1:2])), a + b - zero, atol=1e-4)


def test_the_loss_is_minus_the_bound_and_training_raises_it():
    x = (random((256, 12)) > 0).astype("float32")
    x[:, 6:] = x[:, :6]  # six bits, twice
    model = autoencoders.VariationalAutoencoder.dense(12, 8, (32,), seed=1)
    outputs = model(x)
    loss = float(model.compute_loss(x, x, outputs))
    likely = autoencoders.bernoulli_log_likelihood(x, outputs[0])
    by_hand = to_numpy(likely - autoencoders.gaussian_kl(*outputs[1:])).mean()
    assert loss == pytest.approx(-by_hand, rel=1e-5)
    model.compile(keras.optimizers.Adam(5e-3))
    often = np.tile(x, (20, 1))
    model.fit(often, often, epochs=6, batch_size=64, verbose=0)
    weights = model.log_weights(x, x, samples=100, seed=0)
    bound = to_numpy(autoencoders.importance_weighted_bound(weights)).mean()
    # The truth is 6 bits. Without codes the best is 12 bits: independent pixels.
    assert -12 * np.log(2) + 1 < bound < -6 * np.log(2) + 0.1


def test_networks_side_by_side_learn_what_they_learn_alone():
    x = (random((64, 2, 6)) > 0).astype("float32")
    several = autoencoders.VariationalAutoencoder.dense(6, 2, (5,), seed=(3, 4))
    code = random((64, 2, 2), 1)
    together = to_numpy(several.decode(code))
    outputs = several(x)
    total = float(several.compute_loss(x, x, outputs))
    alone = 0.0
    for place, seed in enumerate((3, 4)):
        one = autoencoders.VariationalAutoencoder.dense(6, 2, (5,), seed=seed)
        np.testing.assert_allclose(
            to_numpy(one.decode(code[:, place])), together[:, place], atol=1e-5
        )
        np.testing.assert_allclose(
            to_numpy(one.encode(x[:, place])[0]), to_numpy(outputs[1])[:, place], atol=1e-5
        )
        own = [part[:, place] for part in outputs]
        alone += float(one.compute_loss(x[:, place], x[:, place], own))
    assert total == pytest.approx(alone, rel=1e-5)
    several.beta = np.array([0.0, 2.0])
    weighed = to_numpy(several.bound(x, outputs))
    kl = to_numpy(autoencoders.gaussian_kl(*outputs[1:]))
    likely = to_numpy(autoencoders.bernoulli_log_likelihood(x, outputs[0]))
    np.testing.assert_allclose(weighed, likely - [0, 2] * kl, atol=1e-4)


def test_a_conditional_model_draws_the_class_it_is_asked_for():
    labels = np.arange(300) % 3
    one_hot = np.eye(3, dtype="float32")[labels]
    x = np.repeat(one_hot, 4, axis=1)  # class 0 lights the first four pixels, and so on
    model = autoencoders.VariationalAutoencoder.dense(12, 2, (16,), classes=3, seed=0)
    joined = np.concatenate([x, one_hot], axis=1)
    model.compile(keras.optimizers.Adam(0.01))
    often = np.tile(joined, (20, 1)), np.tile(x, (20, 1))
    model.fit(*often, epochs=5, batch_size=50, verbose=0)
    drawn = special.expit(to_numpy(model.decode(random((300, 2), 5), one_hot)))
    np.testing.assert_allclose(drawn, x, atol=0.1)
    assert to_numpy(model.log_weights(joined, x, 2, 0)).shape == (2, 300)


# The distance


@pytest.mark.parametrize("features", [1, 3, 6])
@pytest.mark.parametrize("seed", [0, 1])
def test_frechet_distance_equals_the_root_of_scipy(features, seed):
    a = random((50, features), seed) @ random((features, features), seed + 1)
    b = random((80, features), seed + 2) + 0.5
    first, second = (np.atleast_2d(np.cov(points, rowvar=False)) for points in (a, b))
    root = linalg.sqrtm(first @ second)
    gap = a.mean(axis=0, dtype="float64") - b.mean(axis=0, dtype="float64")
    expected = gap @ gap + np.trace(first + second - 2 * root.real)
    assert autoencoders.frechet_distance(a, b) == pytest.approx(expected, rel=1e-4, abs=1e-6)
    assert autoencoders.frechet_distance(b, a) == pytest.approx(expected, rel=1e-4, abs=1e-6)
    assert autoencoders.frechet_distance(a, a) == pytest.approx(0, abs=1e-4)
    assert autoencoders.frechet_distance(a, a + 2) == pytest.approx(4 * features, rel=1e-4)


# The game


def test_optimal_discriminator_beats_every_other_at_each_point():
    grid = np.linspace(-4, 4, 81)
    p, q = stats.norm(1, 1).pdf(grid), stats.norm(-1, 1).pdf(grid)
    best = to_numpy(autoencoders.optimal_discriminator(p, q)).astype("float64")
    np.testing.assert_allclose(best, special.expit(2 * grid), rtol=1e-5)  # two equal Gaussians
    others = np.linspace(0.001, 0.999, 999)[:, None]
    values = p * np.log(others) + q * np.log(1 - others)
    assert (p * np.log(best) + q * np.log1p(-best) >= values.max(axis=0) - 1e-6).all()
    np.testing.assert_allclose(to_numpy(autoencoders.optimal_discriminator(p, p)), 0.5)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_losses_are_cross_entropies(shape):
    real, fake = 3 * random(shape, 1), 3 * random(shape, 2)
    d_real, d_fake = special.expit(real.astype("float64")), special.expit(fake.astype("float64"))
    value = np.log(d_real).mean(axis=-1) + np.log1p(-d_fake).mean(axis=-1)
    ours = to_numpy(autoencoders.discriminator_loss(real, fake))
    np.testing.assert_allclose(ours, -value, rtol=1e-5)
    minimax = to_numpy(autoencoders.generator_loss(fake, "minimax"))
    np.testing.assert_allclose(minimax, np.log1p(-d_fake).mean(axis=-1), rtol=1e-4)
    other = to_numpy(autoencoders.generator_loss(fake))
    np.testing.assert_allclose(other, -np.log(d_fake).mean(axis=-1), rtol=1e-4)
    even = autoencoders.discriminator_loss(0 * real, 0 * fake)
    np.testing.assert_allclose(to_numpy(even), LOG_4, rtol=1e-6)


@pytest.mark.parametrize("logit", [-20.0, -5.0, 0.0, 3.0])
def test_the_slopes_of_the_two_generator_losses(logit):
    def slope(kind):
        loss = lambda a: autoencoders.generator_loss(a, kind)  # noqa: E731
        return float(gradients.value_and_grad(loss)(np.array([logit], "float32"))[1][0])

    assert slope("minimax") == pytest.approx(-special.expit(logit), rel=1e-4)
    assert slope("non_saturating") == pytest.approx(-special.expit(-logit), rel=1e-4)


def test_a_game_ends_near_its_known_value_and_repeats():
    x = (random((2000, 2)) * 0.5 + np.array([1, -1])).astype("float32")
    options = dict(hidden=(16,), batch_size=64, rate=3e-3)
    game = autoencoders.train_gan(x, steps=800, seeds=(0, 1), **options)
    assert game.value.shape == (800, 2)
    assert np.abs(game.value[-100:].mean(axis=0) + LOG_4).max() < 0.15
    drawn = to_numpy(autoencoders.generate(game.generator, random((2, 500, 2), 9)))
    assert np.abs(drawn.mean(axis=1) - [1, -1]).max() < 0.5
    short = [autoencoders.train_gan(x, steps=5, seeds=s, **options).value for s in ([0], [0, 1])]
    np.testing.assert_allclose(short[0][:, 0], short[1][:, 0], rtol=1e-5)
    again = autoencoders.train_gan(x, steps=5, seeds=[1], **options).value
    np.testing.assert_allclose(again[:, 0], short[1][:, 1], rtol=1e-5)


def test_each_player_has_its_own_rate():
    x = random((50, 2))
    still = autoencoders.train_gan(x, steps=3, hidden=(4,), rate=(1e-12, 1e-2))
    first = autoencoders.train_gan(x, steps=1, hidden=(4,), rate=(1e-12, 1e-12))
    for ours, theirs in zip(still.generator, first.generator, strict=True):
        np.testing.assert_allclose(to_numpy(ours[0]), to_numpy(theirs[0]), atol=1e-6)
    moved = to_numpy(still.discriminator[0][0]) - to_numpy(first.discriminator[0][0])
    assert np.abs(moved).max() > 0.01


# What they say to wrong input

ONES = np.ones((4, 3), "float32")


def little(**options):
    return autoencoders.VariationalAutoencoder.dense(3, 2, (4,), **options)


def mismatched():
    encoder = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
    decoder = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3)])
    return autoencoders.VariationalAutoencoder(encoder, decoder)


CALLS = [
    (lambda: autoencoders.gaussian_kl(np.arange(3), ONES), "mean must hold floating point"),
    (lambda: autoencoders.gaussian_kl(ONES, ONES[:, :2]), "mean, log_variance must fit"),
    (lambda: autoencoders.reparameterize(ONES, ONES, None), "seed must be a whole number"),
    (lambda: autoencoders.reparameterize(ONES, ONES, -1), "seed must be a whole number"),
    (lambda: autoencoders.bernoulli_log_likelihood(255 * ONES, ONES), "between 0 and 1.*scale"),
    (lambda: autoencoders.bernoulli_log_likelihood(np.nan * ONES, ONES), "between 0 and 1"),
    (lambda: autoencoders.bernoulli_log_likelihood(ONES, ONES[:3]), "must fit"),
    (lambda: autoencoders.gaussian_log_likelihood(ONES, ONES, [1, 2, 3]), "log_variance must hold"),
    (lambda: autoencoders.elbo(ONES, ONES, -1.0), "beta must be at least 0"),
    (lambda: autoencoders.elbo(ONES, ONES[:3]), "log_likelihood, kl must fit"),
    (lambda: autoencoders.importance_weighted_bound(ONES[:0]), "at least one sample"),
    (lambda: autoencoders.importance_weighted_bound(np.arange(3)), "log_weights must hold"),
    (lambda: autoencoders.autoencoder(3, 0), "code must be a whole number from 1 on"),
    (lambda: autoencoders.autoencoder(3, 1, seed=1.5), "seed must be a whole number"),
    (lambda: little(beta=np.nan), "beta must be an array of finite numbers"),
    (mismatched, "encoder must return twice as many"),
    (lambda: little().log_weights(ONES, ONES, 0, 0), "samples must be a whole number from 1 on"),
    (lambda: autoencoders.frechet_distance(ONES, ONES[:, :2]), "with as many features"),
    (lambda: autoencoders.frechet_distance(ONES[:1], ONES), "at least two points"),
    (lambda: autoencoders.frechet_distance(ONES * np.nan, ONES), "must be finite"),
    (lambda: autoencoders.optimal_discriminator(-ONES, ONES), "real_density must be at least 0"),
    (
        lambda: autoencoders.optimal_discriminator([1, 2], ONES),
        "real_density and fake_density must have the same shape",
    ),
    (lambda: autoencoders.discriminator_loss(ONES, np.arange(3)), "fake_logits must hold floating"),
    (lambda: autoencoders.generator_loss(ONES, "hinge"), "kind must be"),
    (lambda: autoencoders.train_gan(ONES[0], steps=1), "x must be finite, of shape"),
    (lambda: autoencoders.train_gan(ONES * np.inf, steps=1), "x must be finite"),
    (lambda: autoencoders.train_gan(ONES, steps=0), "steps, code, batch_size"),
    (lambda: autoencoders.train_gan(ONES, steps=1, kind="hinge"), "kind must be"),
]


@pytest.mark.parametrize(("call", "message"), CALLS)
def test_wrong_input_is_refused_with_a_reason(call, message):
    with pytest.raises(ValueError, match=message):
        call()
