"""Files of a folder that may come from a stranger: read if they are files, written if they are its
own.

A symbolic link in such a folder would have a run overwrite or delete what lies elsewhere; a pipe or
a device would have it wait for ever. The folder itself may be a link: that is its user's doing.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from jaxcnn.errors import UserError
from jaxcnn.files.whole import replacing

# Windows has neither.
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)

MOST_BYTES = 64 * 10**6


def read(path: Path, most: int = MOST_BYTES) -> bytes:
    """The content of a file.

    Raises FileNotFoundError; and UserError for what is no regular file, or larger than `most`
    bytes.
    """
    try:
        with open(path, "rb", opener=_open_file) as file:
            if os.fstat(file.fileno()).st_size > most:
                raise UserError(
                    f"{path} is larger than {most / 1e6:,.0f} MB; put a copy of it back"
                )
            return file.read(most)
    except (FileNotFoundError, PermissionError):
        raise
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error


def _open_file(path: str, flags: int) -> int:
    # Opening a pipe would wait for who writes to it.
    descriptor = os.open(path, flags | _NO_WAIT)
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        raise UserError(f"{path} is {_kind(mode)}, not a file; put a copy of it back")
    return descriptor


def write(path: Path, content: str | bytes) -> None:
    """Writes all or nothing: a kill or a power cut leaves the old file or the new one."""
    # One name, whichever process writes: what one that was killed left is not left for ever.
    with replacing(path, path.with_name(path.name + ".partial")) as partial:
        partial.unlink(missing_ok=True)
        with partial.open("xb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())


def opener(path: str | Path, flags: int) -> int:
    """For `open(path, ..., opener=opener)`. Raises UserError where `path` is a link or no file."""
    refuse_foreign([Path(path)])
    return os.open(path, flags | _NO_LINK | _NO_WAIT, 0o666)


def refuse_foreign(files: Iterable[Path] = (), folders: Iterable[Path] = ()) -> None:
    """Raises UserError unless each of `files` is a file, or not there, and each of `folders` a
    folder with files and folders in it, or not there: none of them a link.
    """
    for path in files:
        if (mode := _mode(path)) is not None and not stat.S_ISREG(mode):
            _refuse(path, mode, "a file")
    for folder in folders:
        if (mode := _mode(folder)) is None:
            continue
        if not stat.S_ISDIR(mode):
            _refuse(folder, mode, "a folder")
        refuse_foreign_in(folder)


def refuse_foreign_in(folder: Path) -> None:
    """Raises UserError unless all below `folder`, which may itself be a link, are files and
    folders."""
    for entry in _below(folder):
        mode = entry.stat(follow_symlinks=False).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            _refuse(Path(entry.path), mode, "a file")


def _below(folder: str | Path) -> Iterator["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                yield entry
                if entry.is_dir(follow_symlinks=False):
                    yield from _below(entry.path)
    except FileNotFoundError:
        # It was another process's, which has done with it.
        return


def _refuse(path: Path, mode: int, expected: str) -> None:
    raise UserError(
        f"{path} is {_kind(mode)}, not {expected} of the run's own; put {expected} in its place, "
        "or delete it"
    )


def _mode(path: Path) -> int | None:
    try:
        return path.lstat().st_mode
    except FileNotFoundError:
        return None


def _kind(mode: int) -> str:
    kinds = {
        stat.S_IFLNK: "a symbolic link",
        stat.S_IFDIR: "a folder",
        stat.S_IFIFO: "a pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFREG: "a file",
    }
    return kinds.get(stat.S_IFMT(mode), "a device")
