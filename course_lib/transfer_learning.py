"""What does a model bring along from another task, and when is it a burden?

Serves the chapter ``data/transfer_learning``. A trained model is cut (``feature_extractor``), gets
a new head (``replace_head``), and is used in four ways: frozen under a linear classifier
(``linear_probe``), with part of it frozen (``freeze``), tuned as a whole (``fine_tune``), or tuned
by a few numbers (``low_rank_adapt``). ``weight_updates`` measures what the tuning changed.

Main references: Yosinski and others (2014) for cutting; Kumar and others (2022) for training the
head first; Howard and Ruder (2018) for learning rates that fall toward the input; Hu and others
(2022) for low-rank adaptation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from course_lib import gradients, training
from course_lib._checks import (
    Kind,
    array,
    check_input,
    check_whole,
    either,
    flag,
    function,
    instance,
    mapping,
    model,
    real,
    sequence,
    string,
    takes,
    whole,
)
from course_lib._low_rank import LowRank, low_rank_adapt, merge_low_rank
from course_lib._model_parts import (
    feature_extractor,
    freeze,
    normalizations,
    replace_head,
)
from course_lib._pretrained import grey_photos, load_pretrained, source_cnn
from course_lib._weight_updates import WeightUpdate, weight_updates

__all__ = [
    "FineTuner",
    "LayerwiseAdam",
    "LowRank",
    "WeightUpdate",
    "compile_classifier",
    "feature_extractor",
    "fine_tune",
    "fit_head",
    "freeze",
    "grey_photos",
    "layer_rates",
    "linear_probe",
    "load_pretrained",
    "low_rank_adapt",
    "merge_low_rank",
    "replace_head",
    "source_cnn",
    "weight_updates",
]

Examples = tuple[np.ndarray, np.ndarray]
DATA = sequence(array(), 2, 2)
RATE = Kind("a float of at least 0", lambda value: isinstance(value, float) and 0 <= value < np.inf)


@takes(
    features=array("examples", "features", finite=False, filled=True),
    labels=array("examples"),
    penalty=real(),
)
def fit_head(
    features: np.ndarray, labels: np.ndarray, num_classes: int, penalty: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Fit logistic regression on features: the best head for a frozen body, up to a penalty.

    Minimizes the summed cross-entropy plus half of ``penalty`` times the squared kernel, where the
    features are first brought to mean 0 and deviation 1 (scikit-learn's ``LogisticRegression``).
    The result is for the features as they are.

    Args:
        features: float, shape ``(examples, features)``, finite.
        labels: class indices, shape ``(examples,)``; every class occurs.
        num_classes: number of classes, at least 2.
        penalty: above 0.

    Returns:
        The kernel, shape ``(features, num_classes)``, and the bias, shape ``(num_classes,)``.

    Raises:
        ValueError: shapes do not fit, a class is missing, or ``penalty`` is not above 0.
    """
    from sklearn.linear_model import LogisticRegression

    features, labels = np.asarray(features, "float64"), np.asarray(labels)
    check_whole("num_classes", num_classes, 2)
    if features.ndim != 2 or labels.shape != features.shape[:1] or not np.isfinite(features).all():
        raise ValueError(
            "features must be finite, of shape (examples, features), and labels of shape "
            f"(examples,), but their shapes are {features.shape} and {labels.shape}."
        )
    if not np.array_equal(np.unique(labels), np.arange(num_classes)):
        raise ValueError(
            f"labels must hold every class from 0 to {num_classes - 1}, but they hold "
            f"{np.unique(labels)}. Draw at least one example of each class."
        )
    if not penalty > 0:
        raise ValueError(f"penalty must be above 0, but it is {penalty!r}.")
    mean, spread = features.mean(axis=0), features.std(axis=0)
    spread = np.where(spread > 1e-6, spread, 1.0)  # a feature that never moves stays at zero
    fitted = LogisticRegression(C=1 / penalty, max_iter=1000).fit(
        (features - mean) / spread, labels
    )
    weights, offset = fitted.coef_, fitted.intercept_
    if num_classes == 2:  # scikit-learn keeps only the difference of the two classes
        weights, offset = np.vstack([-weights, weights]) / 2, np.hstack([-offset, offset]) / 2
    kernel = (weights / spread).T
    return kernel.astype("float32"), (offset - mean @ kernel).astype("float32")


def _inputs_fit(given: Mapping[str, Any]) -> None:
    network = given["model"] if "model" in given else given["self"].model
    check_input(network, "data[0]", given["data"][0])


@takes(
    _inputs_fit,
    model=model(),
    data=DATA,
    layer=string(),
    penalty=real(0, open_start=True),
)
def linear_probe(
    model: keras.Model, data: Examples, layer: str | None = None, penalty: float = 1.0
) -> keras.Model:
    """Freeze a model, cut it at a layer and put the best linear classifier on top.

    The features of a frozen body never change, so they are computed once, and :func:`fit_head`
    does the rest: no epochs, no learning rate.

    Args:
        model: the source, a built functional or sequential model.
        data: inputs ``(examples, ...)`` and class indices ``(examples,)`` of the target task.
        layer: where to cut; None means before the head.
        penalty: see :func:`fit_head`.

    Returns:
        A frozen model from inputs to logits ``(batch, classes)``; ``model`` stays as it is.

    Raises:
        ValueError: see :func:`feature_extractor` and :func:`fit_head`.
    """
    x, y = _checked(data)
    body = feature_extractor(model, layer)
    classes = int(y.max()) + 1
    kernel, bias = fit_head(body.predict(x, batch_size=500, verbose=0), y, classes, penalty)
    head = layers.Dense(classes, name="head")
    probe = freeze(keras.Model(body.inputs[0], head(body.output)))
    probe.layers[-1].set_weights([kernel, bias])
    return probe


@takes(model=model(), decay=real())
def layer_rates(model: keras.Model, decay: float) -> dict[str, float]:
    """Give each layer a share of the learning rate that falls toward the input.

    The head gets 1, and each layer with a kernel before it ``decay`` times the share of the next
    (Howard and Ruder 2018, section 3.2, where ``decay`` is 1 / 2.6). Batch normalization shares
    that of the kernel before it.

    Args:
        model: a built functional or sequential model.
        decay: above 0, at most 1.

    Returns:
        The share by layer name, in the model's order.

    Raises:
        ValueError: ``decay`` is out of range.
    """
    if not 0 < decay <= 1:
        raise ValueError(f"decay must be above 0 and at most 1, but it is {decay!r}.")
    depths, seen = {}, 0
    for layer in model.layers:
        seen += hasattr(layer, "kernel")
        depths[layer.name] = max(seen, 1)
    return {name: decay ** (seen - depth) for name, depth in depths.items()}


@keras.saving.register_keras_serializable(package="course_lib")
class LayerwiseAdam(keras.optimizers.Adam):
    """Adam whose learning rate is multiplied by a share for each layer.

    Scaling the *gradients* would not do: Adam divides them by their own size, so that a constant
    factor cancels.

    Args:
        learning_rate: a number or a schedule, as for Adam.
        shares: the share of each layer by name, such as :func:`layer_rates` gives; a layer that is
            not named gets 1.
    """

    @takes(learning_rate=either(RATE, function()), shares=mapping(real(0)))
    def __init__(self, learning_rate: Any = 1e-3, shares: Mapping[str, float] = {}, **options: Any):  # noqa: B006
        """Take a learning rate and the shares."""
        super().__init__(learning_rate, **options)
        self.shares = dict(shares)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Make Adam's step with the share of the layer that the variable belongs to."""
        own = self._trainable_variables[self._get_variable_index(variable)]  # it knows its layer
        layer = own.path.split("/")[-2]
        super().update_step(gradient, variable, learning_rate * self.shares.get(layer, 1.0))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to build the optimizer anew."""
        return super().get_config() | {"shares": self.shares}


@takes(model=model(), optimizer=instance(keras.optimizers.Optimizer, "a Keras optimizer"))
def compile_classifier(model: keras.Model, optimizer: keras.optimizers.Optimizer) -> None:
    """Compile a model for logits and class indices, so that a short training starts soon.

    Args:
        model: gives logits of shape ``(batch, classes)``; it is compiled in place.
        optimizer: any Keras optimizer.
    """
    model.compile(
        optimizer,
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=gradients.without_slow_start(),
    )


class FineTuner:
    """Tune one source model on many data sets, compiled only once.

    Phase one trains the head on the frozen body's features, where the best head can be computed
    (:func:`fit_head`). Phase two trains everything that is not frozen, with small steps, for a
    fixed number of them, with a one-cycle learning rate. A random head would send large gradients
    into the body and damage what is to be kept (Kumar and others 2022).

    Args:
        model: the source: an ordinary model, one from :func:`freeze`, or from
            :func:`low_rank_adapt`.
        num_classes: classes of the target.
        steps: optimizer steps of phase two.
        learning_rate: the peak of the one-cycle schedule.
        rate_decay: see :func:`layer_rates`; 1 gives all layers the same rate.
        batch_size: examples a step.
        head_first: whether there is a phase one; otherwise the head starts at random.
        keep_statistics: whether batch normalization is frozen, and so keeps the source's means and
            variances.

    Attributes:
        model: the model with the new head; after a call it holds what was learned.

    Raises:
        ValueError: an argument is out of range.
    """

    @takes(
        model=model(),
        num_classes=whole(2),
        steps=whole(1),
        learning_rate=real(0, open_start=True),
        rate_decay=real(0, 1, open_start=True),
        batch_size=whole(1),
        head_first=flag(),
        keep_statistics=flag(),
    )
    def __init__(
        self,
        model: keras.Model,
        num_classes: int,
        *,
        steps: int = 100,
        learning_rate: float = 1e-3,
        rate_decay: float = 1.0,
        batch_size: int = 32,
        head_first: bool = True,
        keep_statistics: bool = True,
    ) -> None:
        """Copy the source, put a new head on it and compile it."""
        check_whole("steps", steps, 2)
        check_whole("batch_size", batch_size, 1)
        self.model = replace_head(model, num_classes)
        if keep_statistics:
            for layer in normalizations(self.model):
                layer.trainable = False
        self.start = self.model.get_weights()
        self.steps, self.batch_size = steps, batch_size
        self.num_classes, self.head_first = num_classes, head_first
        self.body = feature_extractor(self.model)
        schedule = training.one_cycle(learning_rate, steps)
        compile_classifier(self.model, LayerwiseAdam(schedule, layer_rates(self.model, rate_decay)))

    @takes(_inputs_fit, data=DATA)
    def __call__(
        self, data: Examples, seed: int, start: Sequence[np.ndarray] | None = None
    ) -> list[np.ndarray]:
        """Tune on some data, from the source's weights, and return the weights learned.

        Args:
            data: inputs ``(examples, ...)`` and class indices ``(examples,)``.
            seed: for the order of the examples, and for a head that starts at random.
            start: weights to start from instead of the source's, in the order of
                ``model.get_weights()``: fresh ones train the network from scratch.

        Raises:
            ValueError: ``data`` or ``seed`` is of another form.
        """
        x, y = _checked(data)
        check_whole("seed", seed, 0)
        training.restart(self.model, self.start if start is None else start)
        head = self.model.layers[-1]
        if self.head_first:
            features = self.body.predict(x, batch_size=500, verbose=0)
            head.set_weights(fit_head(features, y, self.num_classes))
        elif start is None:
            fresh = keras.initializers.GlorotUniform(int(seed))(head.kernel.shape)
            head.set_weights([ops.convert_to_numpy(fresh), np.zeros(self.num_classes)])
        random = np.random.default_rng(seed)
        rounds = -(-self.steps * self.batch_size // len(x))
        order = np.concatenate([random.permutation(len(x)) for _ in range(rounds)])
        order = order[: self.steps * self.batch_size]
        self.model.fit(
            x[order], y[order], batch_size=self.batch_size, epochs=1, shuffle=False, verbose=0
        )
        return self.model.get_weights()


@takes(_inputs_fit, model=model(), data=DATA, seed=whole())
def fine_tune(model: keras.Model, data: Examples, *, seed: int = 0, **options: Any) -> keras.Model:
    """Put a new head on a model and tune all of it: the head first, then everything gently.

    Args:
        model: the source; it stays as it is.
        data: inputs ``(examples, ...)`` and class indices ``(examples,)`` of the target task.
        seed: for the order of the examples.
        options: ``steps``, ``learning_rate``, ``rate_decay``, ``batch_size``, ``head_first`` and
            ``keep_statistics``, as :class:`FineTuner` takes them.

    Returns:
        A compiled model from inputs to logits ``(batch, classes)``.

    Raises:
        ValueError: an argument is out of range.
    """
    tuner = FineTuner(model, int(_checked(data)[1].max()) + 1, **options)
    tuner(data, seed)
    return tuner.model


def _checked(data: Examples) -> Examples:
    x, y = np.asarray(data[0]), np.asarray(data[1])
    if y.ndim != 1 or x.shape[:1] != y.shape or len(y) == 0 or y.dtype.kind not in "iu":
        raise ValueError(
            "data must be inputs and as many class indices, whole numbers of shape (examples,), "
            f"but the shapes are {x.shape} and {y.shape}, and the labels are {y.dtype}."
        )
    return x, y
