"""What does a student minimize? The loss itself, for one student or many at once.

Serves the chapter ``compute/distillation``. Main reference: Hinton, Vinyals and Dean (2015),
section 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from course_lib._checks import array, check_between, real, shape_of, takes
from course_lib._draws import float_tensor

__all__ = ["blended_loss", "distillation_loss", "soft_gradient", "soften"]


@takes(logits=array("...", "classes"), temperature=real(1e-6))
def soften(logits: Any, temperature: float) -> Any:
    """Turn logits into probabilities at a temperature (Hinton and others 2015, equation 1).

    Chapter equation ``eq-distillation-soften``.

    Args:
        logits: floating point, shape ``(..., classes)``.
        temperature: above 0. At 1 it is the softmax; the higher, the more alike the probabilities.

    Returns:
        Probabilities of the same shape.

    Raises:
        ValueError: ``logits`` are not floating point, or ``temperature`` is not above 0.
    """
    check_between("temperature", temperature, 0, np.inf, open_start=True)
    return ops.softmax(float_tensor(logits, "logits") / temperature, axis=-1)


def _labels_known(given: Mapping[str, Any]) -> None:
    labels, classes = given["labels"], shape_of(given["student_logits"])[-1]
    if isinstance(labels, np.ndarray) and labels.size and labels.max() >= classes:
        raise ValueError(
            f"labels must be below {classes}, the number of classes, but they go up to "
            f"{labels.max()}."
        )


@takes(
    _labels_known,
    student_logits=array("...", "classes"),
    teacher_logits=array(),
    labels=array(),
    temperature=real(1e-6),
)
def distillation_loss(
    student_logits: Any, teacher_logits: Any, labels: Any, temperature: float, alpha: float
) -> Any:
    """Compute what a student pays for differing from its teacher and from the labels.

    Chapter equation ``eq-distillation-loss``: ``alpha`` times ``temperature**2`` times the
    Kullback-Leibler divergence from the teacher's softened probabilities to the student's, plus
    ``1 - alpha`` times the cross-entropy of the labels at temperature 1 (Hinton and others 2015,
    section 2). No gradient goes to the teacher.

    Args:
        student_logits: floating point, shape ``(..., classes)``.
        teacher_logits: of the same shape.
        labels: class indices, integers of shape ``(...)``. A negative one means that there is no
            label: then that example pays for the teacher's part alone.
        temperature: above 0.
        alpha: the teacher's share, from 0 (labels alone) to 1 (the teacher alone).

    Returns:
        The loss of each example, shape ``(...)``.

    Raises:
        ValueError: shapes do not fit, a type is wrong, or a dial is out of range.
    """
    check_between("temperature", temperature, 0, np.inf, open_start=True)
    check_between("alpha", alpha, 0, 1)
    student, teacher, labels = _checked(student_logits, teacher_logits, labels)
    return blended_loss(student, teacher, labels, temperature, alpha)


def blended_loss(student: Any, teacher: Any, labels: Any, temperature: Any, alpha: Any) -> Any:
    """Compute :func:`distillation_loss` unchecked; the dials may be arrays that broadcast."""
    heat = ops.expand_dims(temperature, -1) if np.ndim(temperature) else temperature
    said = ops.log_softmax(ops.stop_gradient(teacher) / heat, axis=-1)
    soft = ops.sum(ops.exp(said) * (said - ops.log_softmax(student / heat, axis=-1)), axis=-1)
    known = ops.cast(labels >= 0, soft.dtype)
    hard = ops.sparse_categorical_crossentropy(ops.maximum(labels, 0), student, from_logits=True)
    return alpha * temperature**2 * soft + (1 - alpha) * known * hard


@takes(student_logits=array(), teacher_logits=array(), temperature=real(1e-6))
def soft_gradient(student_logits: Any, teacher_logits: Any, temperature: float) -> Any:
    """Compute the gradient of the divergence by the student's logits, without the factor ``T**2``.

    Chapter equation ``eq-distillation-gradient``: ``(q - p) / T`` with the softened probabilities
    ``q`` of the student and ``p`` of the teacher (Hinton and others 2015, equation 2).

    Args:
        student_logits: floating point, shape ``(..., classes)``.
        teacher_logits: of the same shape.
        temperature: above 0.

    Returns:
        The gradient of each example, of the same shape.

    Raises:
        ValueError: as :func:`soften`, or the shapes differ.
    """
    student, teacher, _ = _checked(student_logits, teacher_logits, None)
    return (soften(student, temperature) - soften(teacher, temperature)) / temperature


def _checked(student_logits: Any, teacher_logits: Any, labels: Any) -> tuple[Any, Any, Any]:
    student = float_tensor(student_logits, "student_logits")
    teacher = float_tensor(teacher_logits, "teacher_logits")
    shape = tuple(student.shape)
    if not shape or tuple(teacher.shape) != shape:
        raise ValueError(
            "student_logits and teacher_logits must have one shape (..., classes), but their "
            f"shapes are {shape} and {tuple(teacher.shape)}."
        )
    if labels is None:
        return student, teacher, None
    labels = ops.convert_to_tensor(labels)
    kind = keras.backend.standardize_dtype(labels.dtype)
    if "int" not in kind or tuple(labels.shape) != shape[:-1]:
        raise ValueError(
            f"labels must be class indices, integers of shape {shape[:-1]}, but they are {kind} "
            f"of shape {tuple(labels.shape)}. Are they one-hot? Take argmax."
        )
    return student, teacher, labels
