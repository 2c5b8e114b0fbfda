"""Which of a prepared set's files cannot be read, and why, as it is.

A file may be another user's, on a disk that is gone, or of a package that is not here: not every
failure is damage, and 150 GB that are whole are not to be thrown away for it.
"""

import os
from collections.abc import Callable, Iterable
from typing import TypeVar

from jaxcnn.text.phrases import reason

P = TypeVar("P")


def first_unreadable(paths: Iterable[P], read: Callable[[P], object]) -> tuple[P, Exception] | None:
    """The first of `paths` at which `read` fails, and with what; None where it does at none."""
    for path in paths:
        try:
            read(path)
        except Exception as error:  # Whatever a file format makes of it.
            return path, error
    return None


def in_one_line(path: object, error: Exception) -> str:
    """`error`, which was met in reading `path`, a file or a folder."""
    if os.path.exists(str(path)) and not os.access(str(path), os.R_OK):
        return f"{path} may not be read by this user (its owner may allow it by chmod a+r)"
    return f"{path} cannot be read ({reason(error)})"
