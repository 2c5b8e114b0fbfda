"""The command over `jaxcnn.trained.frozen`; and, called, `jaxcnn.features`."""

import sys
from types import ModuleType
from typing import Any


class _Features(ModuleType):
    """Python sets `jaxcnn.features` to this module once any file of it is imported.

    `jaxcnn.features` is the function of `jaxcnn.models.tools.features` to everyone else, so the
    module does what that does.
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        # Here, for it takes seconds.
        from jaxcnn.models.tools.features import features

        return features(*args, **kwargs)


sys.modules[__name__].__class__ = _Features
