"""Can a network make its own training data?

Serves the chapter ``foundations/autoencoders``. An autoencoder learns a short code for each input,
and to get the input back from it. A variational autoencoder also learns where codes lie, so that
new inputs can be drawn. Two networks that play against each other, a generator and a discriminator,
are the other way to new inputs. ``frechet_distance`` says how far what was drawn is from the real.

Networks take vectors, not images: flatten images first. Everything works on several networks side
by side, with one more axis before the last.

Main references: Baldi and Hornik (1989) for the linear autoencoder; Kingma and Welling (2014) for
the variational one; Burda, Grosse and Salakhutdinov (2016) for its tighter bound; Goodfellow and
others (2014) for the adversarial game; Heusel and others (2017) for the distance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from scipy import linalg

from course_lib._adversarial import (
    Game,
    discriminator_loss,
    generate,
    generator_loss,
    optimal_discriminator,
    train_gan,
)
from course_lib._checks import (
    Kind,
    array,
    either,
    fits_shape,
    floats,
    function,
    input_of,
    model,
    sequence,
    shape_of,
    takes,
    whole,
)
from course_lib._draws import as_seed, seeds
from course_lib._latent import (
    bernoulli_log_likelihood,
    elbo,
    gaussian_kl,
    gaussian_log_likelihood,
    importance_weighted_bound,
    reparameterize,
)
from course_lib._side_by_side import logits_side_by_side, loss_side_by_side, side_by_side

__all__ = [
    "Game",
    "VariationalAutoencoder",
    "autoencoder",
    "bernoulli_log_likelihood",
    "discriminator_loss",
    "elbo",
    "frechet_distance",
    "gaussian_kl",
    "gaussian_log_likelihood",
    "generate",
    "generator_loss",
    "importance_weighted_bound",
    "logits_side_by_side",
    "loss_side_by_side",
    "optimal_discriminator",
    "reparameterize",
    "side_by_side",
    "train_gan",
]


def _is_activation(name: Any) -> bool:
    return isinstance(name, str) and name.isidentifier() and hasattr(keras.activations, name)


ACTIVATION = Kind("the name of one of Keras's activations", _is_activation)


@takes(features=whole(1), code=whole(1), hidden=sequence(whole(1)), activation=ACTIVATION)
def autoencoder(
    features: int,
    code: int,
    hidden: Sequence[int] = (),
    activation: str = "relu",
    seed: int = 0,
) -> keras.Sequential:
    """Build an encoder and a decoder, one behind the other.

    Chapter equation ``eq-autoencoders-linear``. Without hidden layers both are linear, as in
    document 004, and the best they can do is principal component analysis (Baldi and Hornik 1989).

    Args:
        features: length of an input.
        code: length of its code.
        hidden: units of the encoder's hidden layers; the decoder has them in reverse.
        activation: of the hidden layers. Code and output have none.
        seed: a whole number, the seed of the first weights.

    Returns:
        An uncompiled model from ``(batch, features)`` to ``(batch, features)``. Its two layers are
        the encoder and the decoder. Train it with its input as its target.

    Raises:
        ValueError: a size is below 1, or ``seed`` is not a whole number.
    """
    first, second = seeds(seed, 2)
    encoder = _perceptron((features, *hidden, code), activation, first, "encoder")
    decoder = _perceptron((code, *reversed(hidden), features), activation, second, "decoder")
    return keras.Sequential([keras.Input((features,)), encoder, decoder], name="autoencoder")


def _code_and_condition(given: Mapping[str, Any]) -> None:
    """Raise unless codes and a condition lie side by side and are what the decoder takes."""
    model, shapes = given["self"], [shape_of(given["codes"])]
    if given["condition"] is not None:
        shapes.append(shape_of(given["condition"]))
    leading = {shape[:-1] for shape in shapes}
    width, taken = sum(shape[-1] for shape in shapes), model.decoder.input_shape
    if len(leading) > 1 or not fits_shape((*shapes[0][:-1], width), taken):
        raise ValueError(
            f"codes and condition must have shapes (batch, ..., {model.code}) and (batch, ..., "
            f"{model.classes}), but have {' and '.join(map(str, shapes))}."
        )


class VariationalAutoencoder(keras.Model):
    """An autoencoder whose code is a random number with a known distribution.

    Train it with ``compile(optimizer)`` and ``fit(x, target)``: it minimizes minus the evidence
    lower bound of the target (chapter equation ``eq-autoencoders-elbo``), summed over networks side
    by side and averaged over the batch. Usually the target is ``x``. With ``classes`` it is
    conditional (Sohn, Lee and Yan 2015): the last ``classes`` features of ``x`` hold the class, one
    hot, the decoder gets them too, and the target is ``x`` without them.

    Args:
        encoder: from ``(batch, [networks,] features)`` to ``(batch, [networks,] 2 * code)``: means,
            then logarithms of variances.
        decoder: from ``(batch, [networks,] code + classes)`` to the parameters of the likelihood.
        classes: number of the last features that are a condition.
        beta: weight of the divergence, one number or one for each network.
        log_likelihood: a function of targets and the decoder's output.
        seed: of the noise, a whole number.
    """

    @takes(
        encoder=model(),
        decoder=model(),
        classes=whole(),
        beta=array(),
        log_likelihood=function(),
        seed=whole(),
    )
    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        *,
        classes: int = 0,
        beta: Any = 1.0,
        log_likelihood: Callable[[Any, Any], Any] = bernoulli_log_likelihood,
        seed: int = 0,
    ) -> None:
        """Take the two networks and how to judge them."""
        super().__init__()
        elbo(np.zeros(np.shape(beta)), np.zeros(np.shape(beta)), beta)  # refuses a wrong beta
        self.encoder, self.decoder = encoder, decoder
        self.code = encoder.output_shape[-1] // 2
        if encoder.output_shape[-1] % 2 or decoder.input_shape[-1] != self.code + classes:
            raise ValueError(
                "The encoder must return twice as many numbers as a code has, and the decoder take "
                f"a code and {classes} classes, but the encoder returns {encoder.output_shape[-1]} "
                f"and the decoder takes {decoder.input_shape[-1]}."
            )
        self.classes, self.beta, self.log_likelihood = int(classes), np.array(beta), log_likelihood
        self.noise = keras.random.SeedGenerator(as_seed(seed))

    @classmethod
    @takes(
        features=whole(1),
        code=whole(1),
        hidden=sequence(whole(1)),
        classes=whole(),
        seed=either(whole(), sequence(whole(), 1)),
    )
    def dense(
        cls,
        features: int,
        code: int,
        hidden: Sequence[int] = (256,),
        classes: int = 0,
        seed: int | Sequence[int] = 0,
        **options: Any,
    ) -> VariationalAutoencoder:
        """Build one of dense layers with ReLU, or several side by side.

        Args:
            features: length of a target, without the classes.
            code: length of a code.
            hidden: units of the encoder's hidden layers; the decoder has them in reverse.
            classes: length of the condition.
            seed: a whole number, or several: then inputs have the axes (batch, networks, features).
            **options: ``beta`` and ``log_likelihood``, as for the class.

        Raises:
            ValueError: a size is below 1, or a seed is not a whole number.
        """
        several = [seed] if isinstance(seed, int | np.integer) else list(seed)
        pairs = [seeds(one, 2) for one in several]
        sizes = (features + classes, *hidden, 2 * code)
        encoders = [_perceptron(sizes, "relu", first, "encoder") for first, _ in pairs]
        sizes = (code + classes, *reversed(hidden), features)
        decoders = [_perceptron(sizes, "relu", second, "decoder") for _, second in pairs]
        if isinstance(seed, int | np.integer):
            coders = encoders[0], decoders[0]
        else:
            coders = side_by_side(encoders), side_by_side(decoders)
        return cls(*coders, classes=classes, seed=int(several[0]), **options)

    @takes(input_of("self.encoder", exact=True), x=floats("...", "features"))
    def encode(self, x: Any) -> tuple[Any, Any]:
        """Return means and logarithms of variances of the codes, each ``(..., code)``."""
        mean, log_variance = ops.split(self.encoder(x), 2, axis=-1)
        return mean, log_variance

    @takes(_code_and_condition, codes=floats("...", "code"), condition=floats("...", "classes"))
    def decode(self, codes: Any, condition: Any = None) -> Any:
        """Return the decoder's output for codes ``(..., code)`` and classes ``(..., classes)``."""
        parts = [codes] if condition is None else [codes, condition]
        return self.decoder(ops.concatenate(parts, axis=-1))

    def call(self, x: Any) -> tuple[Any, Any, Any]:
        """Return the decoder's output for one draw of each code, the mean and the log-variance."""
        mean, log_variance = self.encode(x)
        codes = reparameterize(mean, log_variance, self.noise)
        return self.decode(codes, self._condition(x)), mean, log_variance

    @takes(target=floats("...", "features"), outputs=sequence(floats("...", "numbers"), 3, 3))
    def bound(self, target: Any, outputs: tuple[Any, Any, Any]) -> Any:
        """Return the lower bound of each example, from what :meth:`call` returned."""
        output, mean, log_variance = outputs
        kl = gaussian_kl(mean, log_variance)
        return elbo(self.log_likelihood(target, output), kl, self.beta)

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ) -> Any:  # what Keras calls at each step
        """Return minus the bound, summed over networks and averaged over the batch."""
        per_example = ops.reshape(-self.bound(y, y_pred), (ops.shape(y)[0], -1))
        return ops.mean(ops.sum(per_example, axis=-1))

    @takes(
        x=floats("...", "features"),
        target=floats("...", "features"),
        samples=whole(1),
        seed=whole(),
    )
    def log_weights(self, x: Any, target: Any, samples: int, seed: int) -> Any:
        """Draw codes and weigh each: ``log p(target, z) - log q(z | x)``.

        Args:
            x: inputs, shape ``(..., features + classes)``.
            target: shape ``(..., features)``.
            samples: codes for each input, at least 1.
            seed: a whole number.

        Returns:
            Shape ``(samples, ...)``, for :func:`importance_weighted_bound`.

        Raises:
            ValueError: ``samples`` is below 1.
        """
        if samples < 1:
            raise ValueError(f"samples must be at least 1, but it is {samples!r}.")
        mean, log_variance = self.encode(x)
        found = []
        for one in seeds(seed, samples):  # one draw at a time: memory
            codes = reparameterize(mean, log_variance, one)
            likely = self.log_likelihood(target, self.decode(codes, self._condition(x)))
            prior = gaussian_log_likelihood(codes, 0.0 * mean, 0.0 * mean)
            found.append(likely + prior - gaussian_log_likelihood(codes, mean, log_variance))
        return ops.stack(found)

    def _condition(self, x: Any) -> Any:
        return ops.convert_to_tensor(x)[..., -self.classes :] if self.classes else None


@takes(a=array(finite=False), b=array(finite=False))
def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Compute how far two clouds of points are apart, each taken for a Gaussian.

    Chapter equation ``eq-autoencoders-frechet`` (Heusel and others 2017, equation 6): squared
    distance of the means, plus the trace of ``A + B - 2 (A B)^(1/2)`` of the covariances. It grows
    as the clouds get smaller, also for two samples of one distribution: compare equal counts.

    Args:
        a: points, shape ``(examples, features)``; more examples than features, please.
        b: points of as many features.

    Returns:
        At least 0, in squared units of the features.

    Raises:
        ValueError: shapes do not fit, values are not finite, or there are fewer than two points.
    """
    a, b = (np.asarray(points, dtype="float64") for points in (a, b))
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise ValueError(
            "a and b must hold at least two points each, with as many features, but their shapes "
            f"are {a.shape} and {b.shape}."
        )
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("a and b must be finite, but hold NaN or infinite values.")
    gap = np.sum((a.mean(axis=0) - b.mean(axis=0)) ** 2)
    first, second = (np.atleast_2d(np.cov(points, rowvar=False)) for points in (a, b))
    # The eigenvalues of a product of two covariances are real and not negative.
    roots = np.sqrt(np.clip(linalg.eigvals(first @ second).real, 0, None))
    return float(max(gap + np.trace(first) + np.trace(second) - 2 * roots.sum(), 0.0))


def _perceptron(sizes: Sequence[int], activation: str, seed: int, name: str) -> keras.Sequential:
    """Return dense layers with an activation between them and none at the end."""
    if any(int(size) != size or size < 1 for size in sizes):
        raise ValueError(f"All sizes must be whole numbers from 1 on, but they are {tuple(sizes)}.")
    stack = [keras.Input((sizes[0],))]
    for units, kernel_seed in zip(sizes[1:], seeds(seed, len(sizes) - 1), strict=True):
        kernel = keras.initializers.GlorotUniform(kernel_seed)
        stack.append(layers.Dense(units, activation, kernel_initializer=kernel))
    stack[-1].activation = keras.activations.linear
    return keras.Sequential(stack, name=name)
