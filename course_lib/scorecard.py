"""What did each challenge cost the course's model, and what did it gain?

A shared room. Where a chapter has done something to the classifier of clothes, ``record`` measures
the result in the same way as every other chapter does: on the same 2,000 test images, with the same
functions. It shows a card, and the page ``reference/scorecard`` collects the cards of all chapters
into one table and one figure. Nobody types a number.

The measures are those of the chapters that teach them: the calibration error of
``generalization/regularization``, the file and the latency of ``compute/compression``, the energy
of ``compute/acceleration``, and the deletion curve of ``interpretability/crash_test``.
"""

from __future__ import annotations

import html
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops
from scipy import special

from course_lib import gradients
from course_lib._calibration import expected_calibration_error
from course_lib._checks import (
    array,
    check_between,
    check_whole,
    function,
    input_of,
    mapping,
    model,
    takes,
    whole,
)
from course_lib._display import publish
from course_lib._edge import export_litert, litert_latency
from course_lib._energy import EnergyMeter
from course_lib._faithfulness import area, ranking, removal_curve, to_units
from course_lib._integrated_gradients import integrated_gradients
from course_lib._timing import race, seconds
from course_lib.claims import readable, slug
from course_lib.convolution import multiply_adds
from course_lib.datasets import load
from course_lib.training import scale_images

__all__ = [
    "BRIGHTEST",
    "MIME_TYPE",
    "RANDOM",
    "calibration_by_chance",
    "deletion_areas",
    "record",
]

MIME_TYPE = "application/vnd.course-lib.scorecard+json"
_MOST_NETWORKS = 9  # so that one digit an image says how many of them are right
_EXPLAINED = 100  # test images for the deletion curves: the classes are balanced among them
_ROUNDS = 60  # timed calls
_BATCH, _CALLS, _LEAST_SECONDS = 500, 4, 0.3  # of the energy estimate
BRIGHTEST, RANDOM = "brightest first", "at random"  # the controls of the deletion curve
_CARD = (
    "border: 1px solid currentColor; border-left-width: 0.4em; padding: 0.5em 1em; margin: 0.5em 0"
)

Explainer = Callable[[keras.Model, np.ndarray, np.ndarray], np.ndarray]


def record(
    step: str,
    model: keras.Model,
    weights: Sequence[Sequence[np.ndarray]] | None = None,
    *,
    labels: int,
    against: str | None = None,
    file_bytes: int | None = None,
    probabilities: np.ndarray | None = None,
    methods: Mapping[str, Explainer] | None = None,
    other_seeds: Sequence[float] = (),
    note: str = "",
) -> None:
    """Measure the networks of one step and show their card.

    Accuracy, calibration error and the deletion curve are measured for each network; file, work,
    latency and energy, which depend on the form alone, for the first. The test images are always
    the 2,000 that ship, whatever ``COURSE_SIZE`` says. The plain text of the card is the same on
    every machine.

    Args:
        step: a short name for the step's row, such as ``"trained"``.
        model: a classifier of Fashion-MNIST: images ``(batch, 28, 28, 1)`` in 0..1 to **logits**
            ``(batch, 10)``. It has its own weights again when this returns.
        weights: for each network, such as one for each seed, what ``get_weights`` returned; at most
            9. None measures the model as it is.
        labels: how many labeled images of clothes it learned from.
        against: the step that this one may be compared with, because it learned from the same
            images; None where this step is the one that others are compared with.
        file_bytes: size of the file that one would ship, where a chapter weighed one; by default
            that of the float32 LiteRT file, or without TensorFlow four bytes a weight.
        probabilities: shape ``(networks, 2000, 10)``, where the step answers otherwise than by the
            softmax of its logits, for example at a temperature fitted on other images.
        methods: further explanations to compare by their deletion curves, by name: functions of
            (model, images, classes) that return a number for each pixel.
        other_seeds: test accuracies of the same training with other seeds, from a recorded run,
            where a chapter trains but one network.
        note: what a reader must know before comparing this row.

    Raises:
        ValueError: the model or another argument does not fit; the message says what was expected.
    """
    step = _name("step", step)
    against = None if against is None else _name("against", against)
    check_whole("labels", labels, 0)
    if file_bytes is not None:
        check_whole("file_bytes", file_bytes, 1)
    for place, accuracy in enumerate(other_seeds):
        check_between(f"other_seeds[{place}]", accuracy, 0, 1)
    images, truth = _test_set()
    networks = _networks(model, weights)
    told = _told(probabilities, (len(networks), len(truth), 10))
    before = model.get_weights()
    try:
        answers, areas = [], []
        for one in networks:
            model.set_weights(one)
            logits = model.predict(images, batch_size=_BATCH, verbose=0)
            answers.append(special.softmax(logits.astype("float64"), axis=1))
            areas.append(deletion_areas(model, images[:_EXPLAINED], methods))
        model.set_weights(networks[0])
        costs = _costs(model, images)
    finally:
        model.set_weights(before)
    answers = np.array(answers) if told is None else told
    right = answers.argmax(axis=2) == truth  # (networks, images)
    card = {
        "step": step,
        "slug": slug(step),
        "against": against,
        "networks": len(networks),
        "labels": int(labels),
        "right": "".join(map(str, right.sum(axis=0))),
        "accuracy": right.mean(axis=1).tolist(),
        "other_seeds": [float(accuracy) for accuracy in other_seeds],
        "calibration_error": [expected_calibration_error(p, truth) for p in answers],
        "calibration_by_chance": [calibration_by_chance(p) for p in answers],
        "deletion": {name: [found[name] for found in areas] for name in areas[0]},
        **costs,
        "note": " ".join(note.split()),
    }
    if file_bytes is not None:
        card |= {"bytes": int(file_bytes), "file": "the chapter's own"}
    count = f"{len(networks)} network{'s' if len(networks) > 1 else ''}"
    publish(f"Scorecard: {step}, {count} measured.", **{"text/html": _html(card), MIME_TYPE: card})


@takes(probabilities=array("examples", "classes", filled=True), draws=whole(1))
def calibration_by_chance(probabilities: np.ndarray, draws: int = 20) -> float:
    """Return the calibration error that chance alone gives to a network that is never too sure.

    Labels are drawn from the stated probabilities, so that these are right by construction. What
    remains is what the number of examples leaves to luck.

    Args:
        probabilities: shape ``(examples, classes)``, rows that sum to 1.
        draws: how many sets of labels to average over.

    Returns:
        The mean error over the draws, from 0 to 1.

    Raises:
        ValueError: the rows are not probabilities, or ``draws`` is below 1.
    """
    probabilities = np.asarray(probabilities, "float64")
    random, reached = np.random.default_rng(0), np.cumsum(probabilities, axis=-1)
    reached = reached / reached[..., -1:]
    errors = []
    for _ in range(draws):
        luck = random.random((len(probabilities), 1))
        errors.append(expected_calibration_error(probabilities, (luck > reached).sum(axis=1)))
    return float(np.mean(errors))


@takes(
    input_of("model", "images"),
    model=model(),
    images=array("batch", "height", "width", "channels", filled=True),
    methods=mapping(function()),
)
def deletion_areas(
    model: keras.Model, images: np.ndarray, methods: Mapping[str, Explainer] | None = None
) -> dict[str, float]:
    """Blacken patches in several orders and average the probability of the first answer.

    Patches of 2 by 2 pixels turn black, a tenth of them at a time, the most important first
    (chapter equation ``eq-crash-test-deletion``). The area under the curve is the mean probability
    on the way: an explanation that names what the network relies on makes it small. Black is where
    the path of integrated gradients starts, so the two ask the same question. Two controls know
    nothing of the network: the brightest patches first, and an order drawn by lot.

    Args:
        model: maps images to logits.
        images: shape ``(batch, height, width, 1)`` in 0..1, with even sides.
        methods: further explanations by name: functions of (model, images, classes) that return a
            number for each pixel.

    Returns:
        By name the mean area over the images: ``"integrated gradients"`` (from black, 16 steps),
        each of ``methods``, ``"brightest first"`` and ``"at random"``.

    Raises:
        ValueError: the images do not fit, or a method returns another shape.
    """
    images = np.asarray(images, "float32")
    if images.ndim != 4 or images.shape[-1] != 1 or len(images) == 0:
        raise ValueError(
            "images must have shape (batch, height, width, 1) with at least one image, "
            f"but the shape is {images.shape}."
        )

    def predict(x: np.ndarray) -> np.ndarray:
        logits = model.predict(x, batch_size=_BATCH, verbose=0)
        return special.softmax(logits.astype("float64"), axis=1)

    target, units = predict(images).argmax(axis=1), (images.shape[1] // 2, images.shape[2] // 2)
    scores = {"integrated gradients": integrated_gradients(model, images, target, steps=16)}
    scores |= {name: method(model, images, target) for name, method in (methods or {}).items()}
    scores[BRIGHTEST] = images
    scores[RANDOM] = np.random.default_rng(0).random((len(images), *units))
    orders = [ranking(to_units(values, units)) for values in scores.values()]
    shares, curves = removal_curve(
        predict,
        np.tile(images, (len(orders), 1, 1, 1)),
        np.tile(target, len(orders)),
        np.concatenate(orders),
        np.zeros((len(orders) * len(images), *images.shape[1:]), "float32"),
        units,
    )
    areas = area(shares, curves).reshape(len(orders), len(images)).mean(axis=1)
    return dict(zip(scores, areas.tolist(), strict=True))


def _costs(model: keras.Model, images: np.ndarray) -> dict[str, object]:
    """Return what the form of a network costs: file, work, latency and energy."""
    answer = gradients.compile(lambda x: model(x, training=False))
    one = images[:1]
    if gradients.active_backend() == "tensorflow":
        with tempfile.TemporaryDirectory() as folder:
            path = export_litert(model, Path(folder) / "model.tflite")
            size, file = path.stat().st_size, "LiteRT, float32"
            latency = litert_latency(path, one, _ROUNDS, (1,))[1]
        middle, spread, runtime = latency.median, latency.spread, "LiteRT, one thread"
    else:
        size, file = 4 * model.count_params(), "four bytes a weight"
        times = race({"one": lambda: answer(one)}, rounds=_ROUNDS)["one"]
        low, middle, high = np.percentile(times, (25, 50, 75))
        spread, runtime = high - low, f"{gradients.active_backend()}, compiled"
    joules, assumptions = _energy(answer, images[:_BATCH])
    return {
        "parameters": model.count_params(),
        "multiply_adds": sum(multiply_adds(model).values()),
        "bytes": size,
        "file": file,
        "microseconds": 1e6 * float(middle),
        "microseconds_spread": 1e6 * float(spread),
        "runtime": runtime,
        "joules": joules,
        "energy": assumptions,
    }


def _energy(answer: Callable[[Any], Any], batch: np.ndarray) -> tuple[float, str]:
    """Estimate the joules for a thousand images in batches, compilation left out."""
    ops.convert_to_numpy(answer(batch))
    count, spent = 0, 0.0
    with EnergyMeter() as meter:
        while spent < _LEAST_SECONDS:
            spent += _CALLS * seconds(lambda: answer(batch), _CALLS)
            count += _CALLS
    return 1000 * meter.report.joules / (count * len(batch)), meter.report.assumptions


def _test_set() -> tuple[np.ndarray, np.ndarray]:
    fashion = load("fashion_mnist", size="small")
    return scale_images(fashion.x_test), fashion.y_test.astype(int)


def _name(argument: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(
            f"{argument} must be a short name, such as 'trained', but it is {value!r}."
        )
    return " ".join(value.split())


def _networks(model: object, weights: Any) -> list[list[np.ndarray]]:
    """Return the weights of each network, or say what does not fit."""
    shapes = (getattr(model, "input_shape", None), getattr(model, "output_shape", None))
    if not isinstance(model, keras.Model) or shapes != ((None, 28, 28, 1), (None, 10)):
        raise ValueError(
            "model must be a built Keras model from (batch, 28, 28, 1) to (batch, 10), but it is "
            f"{type(model).__name__} from {shapes[0]} to {shapes[1]}."
        )
    if weights is not None and not isinstance(weights, list | tuple):
        raise ValueError(
            "weights must be a list with what get_weights returned for each network, "
            f"but it is a {type(weights).__name__}."
        )
    networks = [model.get_weights()] if weights is None else [list(one) for one in weights]
    if not 1 <= len(networks) <= _MOST_NETWORKS:
        raise ValueError(
            f"weights must be those of 1 to {_MOST_NETWORKS} networks, but there are "
            f"{len(networks)}."
        )
    wanted = [tuple(variable.shape) for variable in model.weights]
    for place, one in enumerate(networks):
        found = [np.shape(array) for array in one]
        if found != wanted:
            raise ValueError(
                f"weights[{place}] must have the shapes of the model's weights, {wanted}, "
                f"but has {found}."
            )
        if not all(np.isfinite(array).all() for array in one):
            raise ValueError(f"weights[{place}] must be finite, but there is a NaN or infinity.")
    return networks


def _told(probabilities: Any, shape: tuple[int, ...]) -> np.ndarray | None:
    """Return given probabilities after checking their shape (networks, images, classes)."""
    if probabilities is None:
        return None
    told = np.asarray(probabilities, "float64")
    if told.shape != shape:
        raise ValueError(
            f"probabilities must have shape {shape} (networks, images, classes), "
            f"but the shape is {told.shape}."
        )
    return told


def _html(card: Mapping[str, Any]) -> str:
    """Write the card for a notebook and for the chapter's page."""
    rows = {
        "networks": card["networks"],
        "labeled images": card["labels"],
        "accuracy": card["accuracy"],
        **({"recorded with other seeds": card["other_seeds"]} if card["other_seeds"] else {}),
        "calibration error": card["calibration_error"],
        "calibration error by chance alone": card["calibration_by_chance"],
        f"bytes of the file ({card['file']})": card["bytes"],
        "multiply-adds for an image": card["multiply_adds"],
        f"microseconds for an image ({card['runtime']})": card["microseconds"],
        f"joules for 1,000 images ({card['energy']})": card["joules"],
        **{
            f"deletion area, {name}": float(np.mean(areas))
            for name, areas in card["deletion"].items()
        },
    }
    items = "".join(
        f"<li>{html.escape(name)}: <strong>{html.escape(readable(value))}</strong></li>"
        for name, value in rows.items()
    )
    note = f'<p class="claim-statement">{html.escape(card["note"])}</p>' if card["note"] else ""
    return (
        f'<div class="claim scorecard" id="scorecard-{card["slug"]}" style="{_CARD}">'
        f'<p class="claim-statement"><strong>Scorecard:</strong> '
        f'{html.escape(card["step"])}</p>{note}<ul class="claim-measured">{items}</ul></div>'
    )
