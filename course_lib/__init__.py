"""Reference implementations for the course *Deep Learning's Hard Parts*.

One module for each chapter, of the same name, and the rooms that chapters share: ``datasets``,
``training``, ``gradients``, ``claims``, ``plots``, ``devices``, ``recorded`` and ``notebook``. A
module is imported when it is first used, so that ``import course_lib`` costs nothing; Keras comes
with the first module that needs it.
"""

import importlib
import pkgutil

from course_lib._quiet import quieten_tensorflow
from course_lib._threads import one_thread

quieten_tensorflow()
one_thread()

__version__ = "0.1.0"
__all__ = sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))


def __getattr__(name: str):
    """Import a module of the package on first use."""
    if name not in __all__:
        raise AttributeError(f"course_lib has no module {name!r}; it has: {', '.join(__all__)}.")
    return importlib.import_module(f"{__name__}.{name}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
