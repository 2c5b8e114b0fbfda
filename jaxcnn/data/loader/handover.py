"""What worker processes start with, handed over in a file.

Python sends a process what it starts with through a pipe, and never stops waiting for one that ends
before it has read more than the pipe holds (64 KiB on Linux). A set's pictures or file names are
more than that; the name of a file is not.
"""

import os
import pickle
import tempfile
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import cloudpickle

from jaxcnn.data.errors import WorkerError
from jaxcnn.plugins import files_run


class Handover:
    """`function` to this process; where it is unpickled, what the file holds of it.

    Raises WorkerError if the file cannot be written.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        for module in files_run():
            # A worker cannot import what --plugin ran from a file, by whatever name.
            cloudpickle.register_pickle_by_value(module)
        try:
            descriptor, self._path = tempfile.mkstemp(prefix="jaxcnn-", suffix=".pickle")
            with os.fdopen(descriptor, "wb") as file:
                cloudpickle.dump(function, file)
        except OSError as error:
            raise WorkerError(
                f"{tempfile.gettempdir()}, where workers find what they start with, cannot be "
                f"written ({error.strerror}); set TMPDIR to another folder, or give --workers=0"
            ) from error

    def __call__(self, *args: Any) -> Any:
        return self._function(*args)

    def __reduce__(self) -> tuple[Any, ...]:
        return _read, (self._path,)

    def end(self) -> None:
        """Removes the file, once no worker has still to read it."""
        with suppress(OSError):
            os.unlink(self._path)


def _read(path: str) -> Any:
    with open(path, "rb") as file:
        return pickle.load(file)
