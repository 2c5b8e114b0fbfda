"""One run at a time in a folder."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from jaxcnn.errors import UserError
from jaxcnn.files import own_files
from jaxcnn.text.phrases import printable

try:
    import fcntl
except ImportError:  # Windows.
    fcntl = None

NAME = "lock"
# Of who has the lock.
MOST_CHARACTERS = 200
TAKE_CARE = "see to it that no other run uses it"


@contextmanager
def locked(
    folder: Path, say: Callable[[str], None], *, name: str = NAME, waits: bool = False
) -> Iterator[None]:
    """Keeps other runs out of `folder`, which is made if need be, for as long as it is entered.

    The lock is the kernel's, on the file `name` there: it goes when the process ends, however it
    ends. Where the file system or the system has no locks, `say` is told so. Raises UserError if
    another process has the lock, naming it, unless it `waits` for that; or if the folder cannot be
    written.
    """
    if fcntl is None:
        say(f"{folder} cannot be locked (no fcntl); {TAKE_CARE}")
        yield
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = _open_and_lock(folder / name, say, waits)
    except OSError as error:
        raise UserError(f"--workdir={folder} cannot be written: {error.strerror}") from error
    try:
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        yield
    finally:
        (folder / name).unlink(missing_ok=True)
        file.close()


def _open_and_lock(path: Path, say: Callable[[str], None], waits: bool) -> TextIO:
    assert fcntl is not None
    while True:
        file = open(path, "a+", errors="replace", opener=own_files.opener)  # noqa: SIM115
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
        except BlockingIOError as error:
            file.seek(0)
            holder = " ".join(printable(file.read(MOST_CHARACTERS)).split()) or "another process"
            file.close()
            raise UserError(
                f"{path.parent} is in use by {holder}; wait until it ends, or give another "
                "--workdir"
            ) from error
        except OSError as error:
            say(f"{path.parent} cannot be locked ({error.strerror}); {TAKE_CARE}")
            return file
        # The one that had it before may have deleted the file after it was opened here.
        if path.exists() and os.fstat(file.fileno()).st_ino == path.stat().st_ino:
            return file
        file.close()
