"""Where does the time of a training step go, and which of the promised accelerations pay here?

Serves the chapter ``compute/acceleration``.
"""

from __future__ import annotations

from course_lib._energy import EnergyMeter, EnergyReport, price_of_accuracy
from course_lib._roofline import Roof, measure_roof, product_error, product_rate, stream_rate
from course_lib._timing import BatchCost, StepTimer, fit_batch_cost, race, seconds, step_seconds

__all__ = [
    "BatchCost",
    "EnergyMeter",
    "EnergyReport",
    "Roof",
    "StepTimer",
    "fit_batch_cost",
    "measure_roof",
    "price_of_accuracy",
    "product_error",
    "product_rate",
    "race",
    "seconds",
    "step_seconds",
    "stream_rate",
]
