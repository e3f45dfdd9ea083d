"""The examples of all modules. Importing this fills the registry."""

from fuzzing import (  # noqa: F401
    examples_compute,
    examples_data,
    examples_foundations,
    examples_interpretability,
    examples_rooms,
)
