"""The folder in which one process leaves things for the next."""

import os
from pathlib import Path


def cache_folder() -> Path | None:
    """$XDG_CACHE_HOME/jaxcnn, of ~/.cache where that is not set; made if it is not there.

    What is kept in it is run by the next process, so nobody else may write there. None for a user
    without a home, as a container may have, where none can be made, and where it is another user's.
    """
    folder = cache_place()
    if folder is None:
        return None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError:
        return None
    return folder if _nobody_else_writes_in(folder) else None


def cache_place() -> Path | None:
    """Where it is to be, there or not; None for a user without a home."""
    if folder := os.environ.get("XDG_CACHE_HOME"):
        return Path(folder) / "jaxcnn"
    try:
        return Path.home() / ".cache" / "jaxcnn"
    except RuntimeError:
        return None


def _nobody_else_writes_in(folder: Path) -> bool:
    if not hasattr(os, "getuid"):  # Windows, where a user's folders are the user's.
        return True
    status = folder.stat()
    if status.st_uid != os.getuid():
        return False
    if status.st_mode & 0o077:
        folder.chmod(0o700)
    return True
