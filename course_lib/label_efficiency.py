"""You can afford a hundred labels. What do you do first?

Serves the chapter ``data/label_efficiency``. Three families of answers: choose what to label
(active learning), learn from what has no label (contrastive learning and pretext tasks), and learn
how to learn from few examples (prototypes and meta-learning). The parts stand in rooms of their
own, ``_active``, ``_contrastive`` and ``_few_shot``, and are gathered here.

Main references: Settles (2009) for active learning, Sener and Savarese (2018) and Gal, Islam and
Ghahramani (2017) for two of its queries; Chen and others (2020) for contrastive learning; Snell,
Swersky and Zemel (2017) for prototypes; Finn, Abbeel and Levine (2017) and Nichol, Achiam and
Schulman (2018) for meta-learning.
"""

from course_lib._active import (
    label_loop,
    mutual_information,
    predictive_entropy,
    query_bald,
    query_core_set,
    query_entropy,
    query_margin,
    query_random,
)
from course_lib._contrastive import (
    contrastive_pretraining,
    nt_xent_loops,
    nt_xent_loss,
    random_resized_crop,
    rotation_task,
)
from course_lib._few_shot import (
    adapt,
    episode,
    forward_tasks,
    maml_loss,
    prototype_logits,
    prototypes,
    prototypes_as_linear,
    sinusoid_tasks,
    task_loss,
)

__all__ = [
    "adapt",
    "contrastive_pretraining",
    "episode",
    "forward_tasks",
    "label_loop",
    "maml_loss",
    "mutual_information",
    "nt_xent_loops",
    "nt_xent_loss",
    "predictive_entropy",
    "prototype_logits",
    "prototypes",
    "prototypes_as_linear",
    "query_bald",
    "query_core_set",
    "query_entropy",
    "query_margin",
    "query_random",
    "random_resized_crop",
    "rotation_task",
    "sinusoid_tasks",
    "task_loss",
]
