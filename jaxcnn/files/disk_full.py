"""A full disk, told from other errors, whoever meets it."""

import errno
import os

ERRORS = (errno.ENOSPC, errno.EDQUOT)


def is_disk_full(error: BaseException | None) -> bool:
    """Whether `error`, or what it came of, is that there is no room left on a disk.

    TensorStore, which writes checkpoints, raises a ValueError with the system's words in it.
    """
    while error is not None:
        if isinstance(error, OSError) and error.errno in ERRORS:
            return True
        if any(os.strerror(number) in str(error) for number in ERRORS):
            return True
        error = error.__cause__ or error.__context__
    return False
