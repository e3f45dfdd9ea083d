"""How do two networks train each other? A generator, a discriminator, and the game they play.

Several games of different seeds are played side by side: every kernel has a first axis of games.

Main reference: Goodfellow and others (2014), "Generative adversarial nets".
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from course_lib import gradients
from course_lib._checks import (
    array,
    either,
    floats,
    real,
    same_shape,
    sequence,
    shape_of,
    string,
    takes,
    whole,
)
from course_lib._latent import _float
from course_lib._optimizers import adam

__all__ = [
    "Game",
    "discriminator_loss",
    "generate",
    "generator_loss",
    "optimal_discriminator",
    "train_gan",
]

_CHUNK = 500  # steps in one compiled loop


class Game(NamedTuple):
    """What :func:`train_gan` returns.

    Attributes:
        generator: pairs ``(kernel, bias)`` of each layer, with a first axis of games.
        discriminator: the same for the discriminator.
        value: what the discriminator maximizes, ``-discriminator_loss``, at each step and in each
            game, shape ``(steps, games)``.
    """

    generator: list
    discriminator: list
    value: np.ndarray


@takes(same_shape("real_density", "fake_density"), real_density=array(), fake_density=array())
def optimal_discriminator(real_density: Any, fake_density: Any) -> Any:
    """Compute the best possible probability that a point is real.

    Chapter equation ``eq-autoencoders-best`` (Goodfellow and others 2014, proposition 1): ``p / (p
    + q)``. No discriminator does better against a generator that does not move.

    Args:
        real_density: density ``p`` of real data at some points, at least 0, any shape.
        fake_density: density ``q`` of the generator at the same points, of the same shape.

    Returns:
        Probabilities of that shape; NaN where both densities are 0, since the point never comes up.

    Raises:
        ValueError: an argument is not floating point, or a density is negative.
    """
    for name, density in {"real_density": real_density, "fake_density": fake_density}.items():
        if isinstance(density, np.ndarray) and (density < 0).any():
            raise ValueError(f"{name} must be at least 0, but its lowest is {density.min():g}.")
    real, fake = _float(real_density, "real_density"), _float(fake_density, "fake_density")
    return real / (real + fake)


@takes(
    real_logits=array("...", "batch", filled=True), fake_logits=array("...", "batch", filled=True)
)
def discriminator_loss(real_logits: Any, fake_logits: Any) -> Any:
    """Compute minus the value of the game (chapter equation ``eq-autoencoders-game``).

    Goodfellow and others (2014), equation 1, with ``D = sigmoid(logit)``: the cross-entropy of
    telling real from fake, summed over both. An even guess costs ``log 4``.

    Args:
        real_logits: the discriminator's answers to real examples, shape ``(..., batch)``.
        fake_logits: its answers to generated ones, shape ``(..., batch)``.

    Returns:
        Shape ``(...)``: means over the last axis, in nats.

    Raises:
        ValueError: an argument is not floating point.
    """
    real, fake = _float(real_logits, "real_logits"), _float(fake_logits, "fake_logits")
    return ops.mean(ops.softplus(-real), axis=-1) + ops.mean(ops.softplus(fake), axis=-1)


@takes(fake_logits=array("...", "batch", filled=True), kind=string())
def generator_loss(fake_logits: Any, kind: str = "non_saturating") -> Any:
    """Compute what the generator minimizes.

    Args:
        fake_logits: the discriminator's answers to generated examples, shape ``(..., batch)``.
        kind: ``"minimax"`` for the mean of ``log(1 - D)``, the generator's part of the game; or
            ``"non_saturating"`` for the mean of ``-log D``, which has the same fixed point and a
            useful slope where the discriminator is sure (Goodfellow and others 2014, section 3).

    Returns:
        Shape ``(...)``: means over the last axis, in nats.

    Raises:
        ValueError: ``fake_logits`` is not floating point, or ``kind`` is not known.
    """
    fake = _float(fake_logits, "fake_logits")
    if kind == "non_saturating":
        return ops.mean(ops.softplus(-fake), axis=-1)
    if kind == "minimax":
        return -ops.mean(ops.softplus(fake), axis=-1)
    raise ValueError(f'kind must be "non_saturating" or "minimax", but it is {kind!r}.')


def _layers_fit(given: Mapping[str, Any]) -> None:
    """Raise unless each layer takes what the one before it returns."""
    width = shape_of(given["codes"])[-1]
    for place, (kernel, bias) in enumerate(given["generator"]):
        kernel, bias = shape_of(kernel), shape_of(bias)
        if len(kernel) != 3 or len(bias) != 3 or kernel[1] != width or bias[1:] != (1, kernel[2]):
            raise ValueError(
                f"generator[{place}] must have a kernel (games, {width}, units) and a bias (games, "
                f"1, units), to fit codes and the layer before, but they are {kernel} and {bias}."
            )
        width = kernel[2]


@takes(
    _layers_fit,
    generator=sequence(sequence(floats(), 2, 2), 1),
    codes=floats("games", "batch", "features"),
)
def generate(generator: Sequence[tuple[Any, Any]], codes: Any) -> Any:
    """Run a multilayer perceptron with ReLU between its layers, one for each game.

    Args:
        generator: pairs ``(kernel, bias)`` of shapes ``(games, features, units)`` and ``(games, 1,
            units)``.
        codes: shape ``(games, batch, features)``.

    Returns:
        Shape ``(games, batch, units)`` of the last layer.
    """
    x = codes
    for place, (kernel, bias) in enumerate(generator):
        x = ops.matmul(ops.relu(x) if place else x, kernel) + bias
    return x


@takes(
    x=array(finite=False),
    steps=whole(),
    seeds=sequence(whole()),
    code=whole(),
    hidden=sequence(whole(1)),
    batch_size=whole(),
    rate=either(real(0, open_start=True), sequence(real(0, open_start=True), 2)),
    kind=string(),
)
def train_gan(
    x: np.ndarray,
    *,
    steps: int,
    seeds: Sequence[int] = (0,),
    code: int = 2,
    hidden: Sequence[int] = (64, 64),
    batch_size: int = 128,
    rate: float | tuple[float, float] = 1e-3,
    kind: str = "non_saturating",
) -> Game:
    """Train generators and discriminators against each other, one pair for each seed.

    Goodfellow and others (2014), algorithm 1, with one step of the discriminator for each step of
    the generator, both by Adam with ``beta_1 = 0.5`` as in Radford and others (2016).

    Args:
        x: real examples, shape ``(examples, features)``, about of size one.
        steps: number of steps of each network.
        seeds: one game for each.
        code: length of the generator's input, which is standard Gaussian noise.
        hidden: units of the hidden layers, alike in both networks.
        batch_size: real and generated examples in a step.
        rate: learning rate of both, or that of the generator and that of the discriminator.
        kind: the generator's loss, as for :func:`generator_loss`.

    Returns:
        The trained networks and the history of the game.

    Raises:
        ValueError: ``x`` has another shape or is not finite, or a number is below 1.
    """
    x = np.asarray(x, dtype="float32")
    if x.ndim != 2 or not len(x) or not np.isfinite(x).all():
        raise ValueError(
            f"x must be finite, of shape (examples, features), but its shape is {x.shape}."
        )
    if min(steps, code, batch_size, len(seeds)) < 1:
        raise ValueError(
            "steps, code, batch_size and the number of seeds must be at least 1, but they are "
            f"{steps}, {code}, {batch_size} and {len(seeds)}."
        )
    generator_loss(np.zeros(1, "float32"), kind)  # refuses an unknown kind
    randoms = [np.random.default_rng(seed) for seed in seeds]
    players = (
        _first_weights((code, *hidden, x.shape[1]), randoms),
        _first_weights((x.shape[1], *hidden, 1), randoms),
    )
    rates = tuple(rate) if isinstance(rate, tuple | list) else (rate, rate)
    optimizers = [adam(one, beta_1=0.5) for one in rates]
    pairs = zip(optimizers, players, strict=True)
    states, values = tuple(optimizer.init(player) for optimizer, player in pairs), []
    for start in range(0, steps, _CHUNK):
        count = min(_CHUNK, steps - start)
        real = [x[random.integers(0, len(x), (count, batch_size))] for random in randoms]
        noise = [random.normal(size=(2, count, batch_size, code)) for random in randoms]
        real = np.stack(real, axis=1)  # (steps, games, batch, features)
        noise = np.stack(noise, axis=2).astype("float32")  # (2, steps, games, batch, code)
        # The rates are part of the states, so one compiled function serves all.
        play = _compiled_play(kind, optimizers[0].update, (real.shape, code, *hidden))
        players, states, value = play(players, states, *map(ops.convert_to_tensor, (real, noise)))
        values.append(ops.convert_to_numpy(value))
    return Game(*players, np.concatenate(values))


def _first_weights(sizes: Sequence[int], randoms: Sequence[np.random.Generator]) -> list:
    layers = []
    for features, units in zip(sizes[:-1], sizes[1:], strict=True):
        limit = np.sqrt(6 / (features + units))
        kernels = [random.uniform(-limit, limit, (features, units)) for random in randoms]
        kernel = ops.convert_to_tensor(np.stack(kernels).astype("float32"))
        layers.append((kernel, ops.zeros((len(randoms), 1, units))))
    return layers


@functools.lru_cache(maxsize=8)
def _compiled_play(kind: str, update: Callable, shapes: tuple) -> Callable:
    """Return a compiled function that plays one round for each row of ``real``.

    There is one for each choice of ``shapes``: a function recorded for several would be slower.
    """

    def judge(discriminator: list, points: Any) -> Any:
        return generate(discriminator, points)[..., 0]  # (games, batch)

    def loss(discriminator: list, generator: list, real: Any, noise: Any) -> Any:
        fake = judge(discriminator, generate(generator, noise))
        return discriminator_loss(judge(discriminator, real), fake)  # (games,)

    def of_discriminator(discriminator: list, generator: list, real: Any, noise: Any) -> Any:
        return ops.sum(loss(discriminator, generator, real, noise))

    def of_generator(generator: list, discriminator: list, noise: Any) -> Any:
        return ops.sum(generator_loss(judge(discriminator, generate(generator, noise)), kind))

    def step(carry: tuple, real: Any, noise: Any) -> tuple:
        (generator, discriminator), (of_g, of_d) = carry
        slopes = gradients.value_and_grad(of_discriminator)(
            discriminator, generator, real, noise[0]
        )[1]
        discriminator, of_d = update(slopes, of_d, discriminator)
        slopes = gradients.value_and_grad(of_generator)(generator, discriminator, noise[1])[1]
        generator, of_g = update(slopes, of_g, generator)
        return (generator, discriminator), (of_g, of_d)

    def play(players: tuple, states: tuple, real: Any, noise: Any) -> tuple:
        steps, games = real.shape[:2]

        def round_(number: Any, carry: tuple) -> tuple:
            value = -loss(*carry[0][::-1], real[number], noise[0, number])
            now = ops.reshape(ops.arange(steps), (steps, 1)) == number
            carry, values = step(carry[:2], real[number], noise[:, number]), carry[2]
            return *carry, ops.where(now, value, values)

        return ops.fori_loop(0, steps, round_, (players, states, ops.zeros((steps, games))))

    return gradients.compile(play)
