"""A full disk is known, whoever says so and however deep it is hidden."""

import errno
import os

import pytest

from jaxcnn.files.disk_full import is_disk_full

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def caused(error: Exception) -> Exception:
    try:
        try:
            raise error
        except Exception as inner:
            raise RuntimeError("a checkpoint failed") from inner
    except RuntimeError as outer:
        return outer


@pytest.mark.parametrize(
    "error",
    [
        FULL,
        OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)),
        ValueError(f"RESOURCE_EXHAUSTED: write: {os.strerror(errno.ENOSPC)} [tensorstore]"),
        caused(FULL),
        caused(caused(FULL)),
    ],
    ids=["full", "over quota", "in words", "as a cause", "as a cause's cause"],
)
def test_it_is_known(error):
    assert is_disk_full(error)


@pytest.mark.parametrize("error", [ValueError("bad"), OSError(errno.EACCES, "denied")])
def test_nothing_else_is(error):
    assert not is_disk_full(error) and not is_disk_full(caused(error))
    assert not is_disk_full(None)
