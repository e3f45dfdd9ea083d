"""Can a small network learn more from a large one than from the labels?

Serves the chapter ``compute/distillation``. A student minimizes ``distillation_loss``, a blend of
what its teacher says and what the labels say; ``Distiller`` trains one student on it, and ``teach``
many at once, so that temperatures and shares can be compared over seeds. The rest measures what
came over: whether both agree, whether mistakes are inherited, and what a class that the student
never saw needs.

Main references: Hinton, Vinyals and Dean (2015) for the method; Stanton and others (2021) for the
difference between imitating a teacher and doing well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from scipy import optimize, special

from course_lib._checks import array, check_between, check_whole, model, real, takes, whole
from course_lib._classroom import Classroom, teach
from course_lib._distillation_loss import (
    blended_loss,
    distillation_loss,
    soft_gradient,
    soften,
)
from course_lib._edge import (
    Latency,
    export_litert,
    export_onnx,
    litert_latency,
    run_litert,
    run_onnx,
)

__all__ = [
    "Classroom",
    "Distiller",
    "Latency",
    "agreement",
    "distillation_loss",
    "ensemble_logits",
    "export_litert",
    "export_onnx",
    "fitting_bias",
    "inherited_mistakes",
    "litert_latency",
    "run_litert",
    "run_onnx",
    "soft_gradient",
    "soften",
    "teach",
]


@keras.saving.register_keras_serializable(package="course_lib")
class Distiller(keras.Model):
    """Train one student by ``fit`` on labels and on what its teacher said.

    The teacher need not be there: it never changes, so its logits are computed once and given to
    ``fit`` as targets. That also leaves it as it is, and it may be an ensemble, or a service.

    Args:
        student: any Keras model from inputs to logits; **it is trained in place**, as by its own
            ``fit``.
        temperature: see :func:`distillation_loss`.
        alpha: the teacher's share of the loss.

    Raises:
        ValueError: a dial is out of range.

    Example::

        distiller = Distiller(student, temperature=4.0, alpha=0.9)
        distiller.compile("adam")
        distiller.fit(x, {"labels": y, "teacher": teacher.predict(x)}, epochs=5)
    """

    @takes(student=model())
    def __init__(
        self, student: keras.Model, temperature: float = 4.0, alpha: float = 0.9, **options: Any
    ) -> None:
        """Take the student and the dials."""
        super().__init__(**options)
        check_between("temperature", temperature, 0, np.inf, open_start=True)
        check_between("alpha", alpha, 0, 1)
        self.student, self.temperature, self.alpha = student, float(temperature), float(alpha)
        self.built = student.built

    def call(self, x: Any, training: bool | None = None) -> Any:
        """Answer as the student does."""
        return self.student(x, training=training)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, *unused: Any, **options: Any
    ) -> Any:
        """Return the mean of :func:`distillation_loss` over a batch."""
        if not isinstance(y, dict) or set(y) != {"labels", "teacher"}:
            raise ValueError(
                "The targets must be a dictionary of labels (class indices) and teacher (its "
                'logits): fit(x, {"labels": y, "teacher": teacher.predict(x)}).'
            )
        each = blended_loss(y_pred, y["teacher"], y["labels"], self.temperature, self.alpha)
        return ops.mean(each)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to build the distiller anew."""
        student = keras.saving.serialize_keras_object(self.student)
        dials = {"temperature": self.temperature, "alpha": self.alpha}
        return {"student": student, "name": self.name} | dials

    @classmethod
    def from_config(cls, config: dict[str, Any], **options: Any) -> Distiller:
        """Build a distiller from what :meth:`get_config` returned."""
        student = keras.saving.deserialize_keras_object(config["student"])
        return cls(**(config | {"student": student}))


@takes(logits=array(finite=False, filled=True))
def ensemble_logits(logits: Any) -> np.ndarray:
    """Make one teacher of several: the logarithm of their mean probability.

    Softened at temperature 1 these are the mean probabilities of the members, so that the guarantee
    of an ensemble holds (chapter ``generalization/regularization``).

    Args:
        logits: shape ``(members, ..., classes)``, finite.

    Returns:
        Logits, float32, shape ``(..., classes)``.

    Raises:
        ValueError: there are fewer than two axes, or a value is not finite.
    """
    values = np.asarray(logits, "float64")
    if values.ndim < 2 or len(values) == 0 or not np.isfinite(values).all():
        raise ValueError(
            "logits must be finite, of shape (members, ..., classes), but their shape is "
            f"{values.shape}."
        )
    members = special.log_softmax(values, axis=-1)
    return (special.logsumexp(members, axis=0) - np.log(len(values))).astype("float32")


@takes(student_logits=array(), teacher_logits=array())
def agreement(student_logits: Any, teacher_logits: Any) -> np.ndarray:
    """Measure fidelity: on which share of the examples do student and teacher answer alike?

    Chapter equation ``eq-distillation-agreement`` (the top-1 agreement of Stanton and others 2021).

    Args:
        student_logits: shape ``(..., examples, classes)``.
        teacher_logits: a shape that broadcasts against it.

    Returns:
        Shares from 0 to 1, shape ``(...)``.

    Raises:
        ValueError: the shapes do not fit.
    """
    student, teacher = _answers(student_logits, teacher_logits)
    return (student == teacher).mean(axis=-1)


@takes(student_logits=array(), teacher_logits=array(), labels=array())
def inherited_mistakes(student_logits: Any, teacher_logits: Any, labels: Any) -> np.ndarray:
    """Measure which share of its teacher's mistakes a student repeats, wrong class included.

    Compare it with a student that had no teacher: some images mislead everyone.

    Args:
        student_logits: shape ``(..., examples, classes)``.
        teacher_logits: a shape that broadcasts against it.
        labels: true class indices, shape ``(examples,)``.

    Returns:
        Shares from 0 to 1, shape ``(...)``; NaN where the teacher makes no mistake.

    Raises:
        ValueError: the shapes do not fit.
    """
    student, teacher = _answers(student_logits, teacher_logits)
    labels = np.asarray(labels)
    if labels.shape != student.shape[-1:]:
        raise ValueError(f"labels must have shape {student.shape[-1:]}, but have {labels.shape}.")
    wrong = teacher != labels
    with np.errstate(invalid="ignore"):
        return (wrong & (student == teacher)).sum(axis=-1) / wrong.sum(axis=-1)


@takes(logits=array(), class_index=whole(), share=real(1e-6, 1 - 1e-6))
def fitting_bias(logits: Any, class_index: int, share: float) -> float:
    """Find what to add to one class's logit so that its mean probability is a given share.

    A student that never saw a class gives it too little everywhere. Its share among examples to
    come is often known though no label is; adding to a logit is adding to the last layer's bias.
    (Hinton and others 2015, section 3, choose the bias by the test errors instead.)

    Args:
        logits: of examples without labels, shape ``(examples, classes)``, finite.
        class_index: the class.
        share: its share among these examples, above 0 and below 1.

    Returns:
        The number to add.

    Raises:
        ValueError: the shape is another one, there is no such class, or ``share`` is out of range.
    """
    values = np.asarray(logits, "float64")
    if values.ndim != 2 or len(values) == 0 or not np.isfinite(values).all():
        raise ValueError(
            f"logits must be finite, of shape (examples, classes), but have shape {values.shape}."
        )
    check_whole("class_index", class_index, 0, values.shape[1] - 1)
    check_between("share", share, 0, 1, open_start=True, open_end=True)
    others = special.logsumexp(np.delete(values, class_index, axis=1), axis=1)
    lead = values[:, class_index] - others  # the log odds of the class

    def excess(bias: float) -> float:
        return float(special.expit(lead + bias).mean() - share)

    reach = np.abs(lead).max() + 50  # there every example has the class, or none has
    return float(optimize.brentq(excess, -reach, reach))


def _answers(student_logits: Any, teacher_logits: Any) -> Sequence[np.ndarray]:
    student, teacher = np.asarray(student_logits), np.asarray(teacher_logits)
    try:
        if student.ndim < 2 or teacher.ndim < 2 or student.shape[-2:] != teacher.shape[-2:]:
            raise ValueError
        return np.broadcast_arrays(student.argmax(axis=-1), teacher.argmax(axis=-1))
    except ValueError:
        raise ValueError(
            "student_logits and teacher_logits must have shape (..., examples, classes) and fit "
            f"each other, but their shapes are {student.shape} and {teacher.shape}."
        ) from None
