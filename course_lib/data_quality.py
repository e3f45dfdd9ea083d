"""Which damage to the data matters to which model, and which repair is worth its effort?

Serves the chapter ``data/data_quality``. Everything here happens before a model sees the data, on
NumPy arrays: damage of a known dose, repairs that learn from the training set alone, a search for
wrong labels, and the report to run first.

Main references: Rubin (1976) for missing values; Northcutt, Jiang and Chuang (2021) for label
errors; Chawla and others (2002) for SMOTE; Iglewicz and Hoaglin (1993) for outliers.
"""

from course_lib._damage import add_noise, add_outliers, drop_values, flip_labels, imbalance
from course_lib._data_report import DataReport, report
from course_lib._label_errors import confident_joint, find_label_errors
from course_lib._repair import (
    class_weights,
    find_outliers,
    impute,
    normalize,
    oversample,
    robust_scale,
    standardize,
)

__all__ = [
    "DataReport",
    "add_noise",
    "add_outliers",
    "class_weights",
    "confident_joint",
    "drop_values",
    "find_label_errors",
    "find_outliers",
    "flip_labels",
    "imbalance",
    "impute",
    "normalize",
    "oversample",
    "report",
    "robust_scale",
    "standardize",
]
