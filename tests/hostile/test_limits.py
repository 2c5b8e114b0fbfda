"""The limits that the tests beside this one are held to are kept."""

import os
import time

import pytest

from tests.hostile import conftest
from tests.hostile.conftest import within_limits


def test_what_takes_too_much_memory_fails():
    with pytest.raises(AssertionError, match="MB"), within_limits():
        held = b"1" * (conftest.MOST_BYTES + 2**28)
        time.sleep(0.1)
        del held


def test_what_hangs_fails(tmp_path, monkeypatch):
    monkeypatch.setattr(conftest, "HANGS_AFTER_SECONDS", 1)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(AssertionError, match="hangs"), within_limits():
        (tmp_path / "pipe").read_bytes()
