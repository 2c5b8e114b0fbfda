"""A file is written all or nothing: whoever reads it finds the old one or the new one, whole."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def replacing(path: Path, draft: Path | None = None) -> Iterator[Path]:
    """Where to write, within the block; at its end what was written takes the place of `path`.

    If the block raises, the file at `path` stays as it is and what was written is deleted.

    Args:
        draft: where to write, in the folder of `path`; by default a name that has the process's id,
            so that two that write the same do not write into one file.
    """
    draft = draft or path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        yield draft
        os.replace(draft, path)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise
