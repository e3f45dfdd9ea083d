"""Why did the model say that, here? Explanations from outside, and what they are worth.

Serves the chapter ``interpretability/local_explanations``. All of them see the model through
``predict`` alone: a function from n inputs (an array, or a list of texts) to NumPy scores of shape
``(n,)`` or ``(n, classes)``. LIME fits a sparse linear model near one input, Shapley values divide
one prediction among the features, permutation importance asks what a column is worth to a score,
and a surrogate tree stands in for the whole model. The last function here builds a model that
tells explainers what they like to hear.

Main references: Ribeiro, Singh and Guestrin (2016); Shapley (1953); Lundberg and Lee (2017);
Breiman (2001) and Fisher, Rudin and Dominici (2019); Craven and Shavlik (1996); Slack and others
(2020).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import r2_score
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, export_text

from course_lib._black_box import (
    Predict,
    ask,
    ask_in_blocks,
    check_names,
    check_seed,
    table,
)
from course_lib._checks import (
    array,
    check_whole,
    function,
    sequence,
    shape_of,
    string,
    takes,
    whole,
)
from course_lib._lime import LocalExplanation, Neighborhood, lime_tabular
from course_lib._lime_parts import lime_image, lime_text
from course_lib._local_fit import LocalFit, exponential_kernel, fit_local, select_features
from course_lib._shapley import (
    coalition_values,
    coalitions,
    divide_by_orders,
    exact_shapley,
    kernel_shap,
    shapley_kernel,
)

__all__ = [
    "Importance",
    "LocalExplanation",
    "LocalFit",
    "Neighborhood",
    "SurrogateTree",
    "coalition_values",
    "coalitions",
    "divide_by_orders",
    "exact_shapley",
    "exponential_kernel",
    "fit_local",
    "kernel_shap",
    "lime_image",
    "lime_tabular",
    "lime_text",
    "permutation_importance",
    "select_features",
    "shapley_kernel",
    "surrogate_tree",
    "two_faced",
]

_ROWS = 2**15  # rows given to predict at a time


class Importance(NamedTuple):
    """What columns are worth to a score.

    ``mean`` and ``deviation`` of the drops over the repeats, shape ``(features,)``; all ``drops``,
    shape ``(features, repeats)``; and the ``score`` with every column in place.
    """

    mean: np.ndarray
    deviation: np.ndarray
    drops: np.ndarray
    score: float


@takes(
    predict=function(),
    x=array(finite=False),
    y=array("examples", "..."),
    metric=function(),
    repeats=whole(),
    seed=whole(),
)
def permutation_importance(
    predict: Predict,
    x: Any,
    y: Any,
    metric: Callable[[np.ndarray, np.ndarray], float],
    repeats: int = 5,
    seed: int = 0,
) -> Importance:
    """Measure how far a score drops when one column is shuffled.

    Chapter equation ``eq-local-explanations-permutation`` (Breiman 2001; Fisher, Rudin and
    Dominici 2019). It uses the same shuffles as ``sklearn.inspection.permutation_importance``.

    Args:
        predict: maps an array ``(n, features)`` to scores of shape ``(n,)`` or ``(n, classes)``.
        x: rows the model was not trained on, shape ``(rows, features)``.
        y: what ``metric`` compares with, one entry a row.
        metric: maps ``(y, scores)`` to a number, the higher the better.
        repeats: shuffles of each column, at least 1.
        seed: of the shuffles, from 0 to 2**32 - 1.

    Returns:
        Mean and deviation of the drop for each feature, all drops, and the score before.

    Raises:
        ValueError: shapes do not fit, an array holds NaN, or an argument is out of range.
    """
    x, y = table(x, "x"), np.asarray(y)
    if len(y) != len(x):
        raise ValueError(f"x and y must have equally many rows, but have {len(x)} and {len(y)}.")
    check_whole("repeats", repeats, 1)
    check_seed(seed)
    rows, features = x.shape
    # scikit-learn shuffles an order again and again, and applies each to the column as it is then.
    shuffler = np.random.RandomState(np.random.RandomState(seed).randint(2**31))
    order, place, orders = np.arange(rows), np.arange(rows), []
    for _ in range(repeats):
        shuffler.shuffle(order)
        place = place[order]
        orders.append(place)

    def shuffled():
        for feature in range(features):
            for order in orders:
                copy = x.copy()
                copy[:, feature] = x[order, feature]
                yield copy

    together = max(1, _ROWS // rows)
    copies = shuffled()
    blocks = iter(lambda: list(itertools.islice(copies, together)), [])
    answers = ask_in_blocks(predict, map(np.concatenate, blocks), together * rows)
    scores = [
        metric(y, part) for answer in answers for part in np.split(answer, len(answer) // rows)
    ]
    score = float(metric(y, ask(predict, x)))
    drops = score - np.reshape(np.array(scores, np.float64), (features, repeats))
    return Importance(drops.mean(axis=1), drops.std(axis=1), drops, score)


def _columns_fit(given: Mapping[str, Any]) -> None:
    shape, names = shape_of(given["x"]), given["self"].names
    if shape[1] != len(names):
        raise ValueError(f"x must have {len(names)} features, but its shape is {shape}.")


@dataclass(frozen=True)
class SurrogateTree:
    """A decision tree that imitates a model.

    Attributes:
        tree: scikit-learn's tree.
        fidelity: how well it imitates: for classes the share of rows on which both say the same,
            for one score R squared.
        leaves: number of leaves, each one rule.
        names: the features' names.
    """

    tree: Any = field(repr=False)
    fidelity: float
    leaves: int
    names: tuple[str, ...] = field(repr=False)

    @takes(_columns_fit, x=array("rows", "features"))
    def predict(self, x: Any) -> np.ndarray:
        """Return the tree's classes or scores for rows, shape ``(rows,)``."""
        return self.tree.predict(table(x, "x"))

    @takes(decimals=whole())
    def rules(self, decimals: int = 2) -> str:
        """Write the tree as nested conditions."""
        return export_text(self.tree, feature_names=list(self.names), decimals=decimals)


@takes(
    predict=function(),
    x=array(finite=False),
    x_test=array(finite=False),
    names=sequence(string()),
    seed=whole(),
)
def surrogate_tree(
    predict: Predict,
    x: Any,
    max_depth: int,
    *,
    x_test: Any | None = None,
    names: Sequence[str] | None = None,
    seed: int = 0,
) -> SurrogateTree:
    """Train a decision tree on a model's answers (Craven and Shavlik 1996).

    Chapter equation ``eq-local-explanations-fidelity``. Where ``predict`` returns class scores, the
    tree learns the winning class; where it returns one score, the score.

    Args:
        predict: maps an array ``(n, features)`` to scores of shape ``(n,)`` or ``(n, classes)``.
        x: rows to ask about and to learn from, shape ``(rows, features)``; no labels are needed.
        max_depth: questions from root to leaf, at most.
        x_test: rows to measure the fidelity on; by default ``x``, which flatters a deep tree.
        names: the features' names.
        seed: decides between splits that are equally good.

    Returns:
        The tree with its fidelity.

    Raises:
        ValueError: shapes do not fit, an array holds NaN, or ``max_depth`` is below 1.
    """
    x = table(x, "x")
    x_test = x if x_test is None else table(x_test, "x_test")
    if x_test.shape[1] != x.shape[1]:
        raise ValueError(
            f"x_test must have the {x.shape[1]} features of x, but it has {x_test.shape[1]}."
        )
    check_whole("max_depth", max_depth, 1)
    check_seed(seed)
    names = check_names(names, x.shape[1])
    scores, test_scores = ask(predict, x), ask(predict, x_test)
    if scores.ndim == 2:
        tree = DecisionTreeClassifier(max_depth=max_depth, random_state=seed)
        tree.fit(x, scores.argmax(axis=1))
        fidelity = np.mean(tree.predict(x_test) == test_scores.argmax(axis=1))
    else:
        tree = DecisionTreeRegressor(max_depth=max_depth, random_state=seed).fit(x, scores)
        fidelity = r2_score(test_scores, tree.predict(x_test))
    return SurrogateTree(tree, float(fidelity), int(tree.get_n_leaves()), names)


@takes(
    hidden=function(),
    shown=function(),
    x=array(finite=False),
    perturbed=array(finite=False),
    trees=whole(1),
    leaf=whole(1),
    seed=whole(),
)
def two_faced(
    hidden: Predict,
    shown: Predict,
    x: Any,
    perturbed: Any,
    *,
    trees: int = 100,
    leaf: int = 10,
    seed: int = 0,
) -> Predict:
    """Build a model that behaves one way on real rows and another way when it is examined.

    After Slack and others (2020), section 3: a random forest learns to tell real rows from the
    hybrids that an explainer asks about. Where it sees a real row, ``hidden`` answers; where it
    sees a hybrid, ``shown``. Here to test explanations with.

    Args:
        hidden: answers on real rows; maps ``(n, features)`` to ``(n,)`` or ``(n, classes)``.
        shown: answers on all others, in the same shape.
        x: real rows, shape ``(rows, features)``.
        perturbed: rows such as the explainer makes, shape ``(rows, features)``.
        trees: in the forest.
        leaf: rows in a leaf, at least. With single rows the forest knows the real rows by heart and
            takes new ones for hybrids.
        seed: of the forest.

    Returns:
        A function like ``hidden``; its attribute ``is_real`` maps rows to truth values.

    Raises:
        ValueError: shapes do not fit, or an array holds NaN.
    """
    x, perturbed = table(x, "x"), table(perturbed, "perturbed")
    if x.shape[1] != perturbed.shape[1]:
        raise ValueError(
            f"perturbed must have the {x.shape[1]} features of x, but it has {perturbed.shape[1]}."
        )
    check_whole("trees", trees, 1)
    check_whole("leaf", leaf, 1)
    check_seed(seed)
    # Balanced classes: there are usually more hybrids than real rows.
    forest = RandomForestClassifier(
        trees, min_samples_leaf=leaf, class_weight="balanced", random_state=seed
    )
    forest.fit(np.concatenate([x, perturbed]), np.repeat([1, 0], [len(x), len(perturbed)]))

    def is_real(rows: Any) -> np.ndarray:
        return forest.predict(table(rows, "rows")) == 1

    def predict(rows: Any) -> np.ndarray:
        real = is_real(rows)
        open_face, other = ask(shown, rows), ask(hidden, rows)
        return np.where(real.reshape(-1, *[1] * (other.ndim - 1)), other, open_face)

    predict.is_real = is_real
    return predict
