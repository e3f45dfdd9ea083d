"""The coding exercises of the chapter on data quality: weights, outliers, leaks, wrong labels."""

from __future__ import annotations

import numpy as np

from course_lib.exercises import Exercise

__all__ = ["EXERCISES"]

_COUNTS = [(np.array([90, 10]),), (np.array([5, 5, 5]),), (np.array([1, 20, 300, 4]),)]


def _random(shape: tuple[int, ...], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


_COLUMNS = [
    (np.array([1.0, 2, 3, 4, 100]),),
    (np.append(_random((30,), 0), [8.0, -9.0]),),
    (3 + 2 * _random((11,), 1),),
]

_TABLES = [
    (_random((20, 3), 2), 1 + 2 * _random((7, 3), 3)),
    (5 + _random((9, 2), 4), 5 + _random((9, 2), 5)),
]


def _judged(examples: int, classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet(np.full(classes, 0.7), size=examples)
    labels = probabilities.argmax(axis=1)
    labels[: examples // 5] = random.integers(classes, size=examples // 5)
    labels[-classes:] = np.arange(classes)  # every class has a label
    return labels, probabilities


_JUDGED = [_judged(60, 3, 6), _judged(40, 2, 7), _judged(200, 5, 8)]

_SHOWN = [(0.9, 0.05, 10), (0.75, 0.1, 4), (0.6, 0.0, 3), (0.5, 0.3, 2)]


def _scores(values: np.ndarray, center: float, spread: float) -> np.ndarray:
    return np.abs(values - center) / spread


def _modified(values: np.ndarray, factor: float = 1.4826) -> np.ndarray:
    middle = np.median(values)
    return _scores(values, middle, factor * np.median(np.abs(values - middle)))


def _joint(labels: np.ndarray, probabilities: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    counts = np.zeros((len(thresholds), len(thresholds)))
    for label, row in zip(labels, probabilities, strict=True):
        if (row >= thresholds).any():
            counts[label, np.where(row >= thresholds, row, -1).argmax()] += 1
    return counts


def _by_label(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    return np.array([probabilities[labels == j, j].mean() for j in range(probabilities.shape[1])])


def _confident(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    return _joint(labels, probabilities, _by_label(labels, probabilities))


EXERCISES = {
    "class_weights": Exercise(
        solution=lambda counts: counts.sum() / (len(counts) * counts),
        cases=_COUNTS,
        mistakes=[
            (
                lambda counts: counts.sum() / counts,
                "divide by the number of classes, too: the mean weight of an example should be 1.",
            ),
            (
                lambda counts: counts / counts.sum(),
                "that is the frequency. A rare class needs a large weight, so divide by its count.",
            ),
            (
                lambda counts: counts.max() / counts,
                "the largest class has weight 1 here; let the mean weight of an example be 1.",
            ),
        ],
    ),
    "modified_z_score": Exercise(
        solution=_modified,
        cases=_COLUMNS,
        mistakes=[
            (
                lambda values: _scores(values, values.mean(), values.std()),
                "that is the plain z-score, which the outlier itself bends. Use medians.",
            ),
            (
                lambda values: _modified(values, 1.0),
                "the factor 1.4826 is missing from the denominator.",
            ),
            (
                lambda values: _scores(
                    values,
                    np.median(values),
                    1.4826 * np.mean(np.abs(values - np.median(values))),
                ),
                "take the median of the distances, not their mean.",
            ),
            (
                lambda values: (
                    (values - np.median(values))
                    / (1.4826 * np.median(np.abs(values - np.median(values))))
                ),
                "a score is a distance: take the absolute value, so that both sides count.",
            ),
        ],
    ),
    "standardized_test": Exercise(
        solution=lambda x_train, x_test: (x_test - x_train.mean(0)) / x_train.std(0),
        cases=_TABLES,
        mistakes=[
            (
                lambda x_train, x_test: (x_test - x_test.mean(0)) / x_test.std(0),
                "you learned mean and deviation from the test set. Take those of the training set.",
            ),
            (
                lambda x_train, x_test: (
                    (x_test - np.concatenate([x_train, x_test]).mean(0))
                    / np.concatenate([x_train, x_test]).std(0)
                ),
                "you learned from both sets together: the test set leaks into its own scale.",
            ),
            (
                lambda x_train, x_test: (x_test - x_train.mean()) / x_train.std(),
                "each column has its own mean and deviation: axis=0.",
            ),
        ],
    ),
    "confident_joint": Exercise(
        solution=_confident,
        cases=_JUDGED,
        mistakes=[
            (
                lambda labels, probabilities: _confident(labels, probabilities).T,
                "rows are the labels as given, columns the classes that the model is confident of.",
            ),
            (
                lambda labels, probabilities: _joint(
                    labels, probabilities, np.zeros(probabilities.shape[1])
                ),
                "you counted every example for its likeliest class. Only classes whose threshold "
                "is reached may be chosen.",
            ),
            (
                lambda labels, probabilities: _joint(
                    labels, probabilities, np.full(probabilities.shape[1], 0.5)
                ),
                "one threshold for all will not do: each class has its own, the mean probability "
                "over the examples with that label.",
            ),
        ],
    ),
    "true_accuracy": Exercise(
        solution=lambda shown, rho, classes: (
            (shown - rho / (classes - 1)) / (1 - rho - rho / (classes - 1))
        ),
        cases=_SHOWN,
        mistakes=[
            (
                lambda shown, rho, classes: shown / (1 - rho),
                "a wrong answer can meet a wrong label by chance: the second term of the equation.",
            ),
            (
                lambda shown, rho, classes: shown + rho,
                "not every wrong label costs a right answer: solve the equation for a.",
            ),
            (
                lambda shown, rho, classes: (shown - rho / classes) / (1 - rho - rho / classes),
                "a wrong label is one of the K - 1 other classes.",
            ),
        ],
    ),
}
