"""The command over `jaxcnn.sweeps`; and, called, its function."""

import sys
from types import ModuleType
from typing import Any


class _Sweep(ModuleType):
    """Python sets `jaxcnn.sweep` to this module once any file of it is imported. `jaxcnn.sweep` is
    the function `jaxcnn.sweeps.sweep` to everyone else, so the module does what that does."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        # Here, for it takes seconds.
        from jaxcnn.sweeps import sweep

        return sweep(*args, **kwargs)


sys.modules[__name__].__class__ = _Sweep
