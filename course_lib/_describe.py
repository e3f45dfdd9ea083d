"""What does a figure say to those who do not see it? Sentences made from the data that is drawn."""

import numpy as np

__all__ = ["curve_details", "number", "spread_details"]


def number(value: float) -> str:
    """Write a number in three significant digits, with an exponent only where it helps."""
    value = float(value)
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    return f"{value:.2e}"


def curve_details(label: str, x: np.ndarray, runs: np.ndarray) -> str:
    """Say where a curve starts, ends, and is highest and lowest.

    Args:
        label: the name of the curve.
        x: positions, shape (points,).
        runs: values, shape (runs, points); several runs are averaged.
    """
    mean = runs.mean(axis=0)
    text = f"{label}: {number(mean[0])} at {number(x[0])}"
    if len(mean) > 1:
        text += f" to {number(mean[-1])} at {number(x[-1])}"
    for name, place in (("lowest", int(mean.argmin())), ("highest", int(mean.argmax()))):
        if 0 < place < len(mean) - 1:
            text += f", {name} {number(mean[place])} at {number(x[place])}"
    if len(runs) > 1:
        text += f", mean of {len(runs)} runs"
    return text + "."


def spread_details(label: str, values: np.ndarray) -> str:
    """Say a bar's mean and, for several runs, their standard deviation."""
    text = f"{label}: {number(values.mean())}"
    if len(values) > 1:
        text += f" (standard deviation {number(values.std(ddof=1))} over {len(values)} runs)"
    return text + "."
