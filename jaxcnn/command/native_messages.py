"""What C++ writes to standard error: out of the way of what a run shows, in a file."""

import faulthandler
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from jaxcnn.errors import UserError
from jaxcnn.files.own_files import opener
from jaxcnn.processes.lost_reader import while_it_is_read

STANDARD_ERROR = 2


def python_writes_beside() -> None:
    """Gives Python's standard error a descriptor of its own, and so leaves the other to C++.

    For a process of one's own, before there are loggers that hold on to `sys.stderr`. A crash in
    C++, whose last words may then be in a file, shows there where Python was.
    """
    if sys.stderr is None:  # Closed by what started this process.
        return
    sys.stderr = while_it_is_read(
        os.fdopen(
            os.dup(STANDARD_ERROR),
            "w",
            buffering=1,
            encoding=sys.stderr.encoding,
            errors="backslashreplace",
        )
    )
    faulthandler.enable(sys.stderr)


@contextmanager
def native_messages_in(path: Path) -> Iterator[None]:
    """Within it what C++ writes to standard error is added to the file `path`.

    The file, and folders made for it, stay only if there is something in them. Where it cannot be
    written all remains as it is.
    """
    if sys.stderr is None:
        yield
        return
    made = [folder for folder in path.parents if not folder.exists()]
    new = not path.exists()
    terminal = os.dup(STANDARD_ERROR)
    try:
        with suppress(OSError, UserError):
            path.parent.mkdir(parents=True, exist_ok=True)
            file = opener(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(file, STANDARD_ERROR)
            os.close(file)
        yield
    finally:
        os.dup2(terminal, STANDARD_ERROR)
        os.close(terminal)
        with suppress(OSError):
            # One that was there may be another run's, which has yet to write to it.
            if new and path.stat().st_size == 0:
                path.unlink()
        with suppress(OSError):
            for folder in made:
                folder.rmdir()
