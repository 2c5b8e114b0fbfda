"""Memory that a process had stays its own, where the C library is glibc."""

import os
import platform
import subprocess
import sys

import pytest

from jaxcnn.xla import allocator

# As XLA does at every step: much memory is taken, used and given back.
FAULTS_OF_A_SECOND_STEP = """
import resource
import numpy as np
from jaxcnn.xla.allocator import keep_memory
{keep}
def step():
    np.ones(2**28, np.uint8)
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(2):
    before = faults()
    step()
print(faults() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
@pytest.mark.parametrize(
    ("keep", "tunables", "kept"),
    [
        ("keep_memory()", "", True),
        ("", "", False),
        # Settings of the user's own are left as they are.
        ("keep_memory()", "glibc.malloc.arena_max=4", False),
    ],
)
def test_a_step_has_the_memory_of_the_one_before(keep, tunables, kept):
    done = subprocess.run(
        [sys.executable, "-c", FAULTS_OF_A_SECOND_STEP.format(keep=keep)],
        capture_output=True,
        text=True,
        env={**os.environ, "GLIBC_TUNABLES": tunables},
    )
    faults = int(done.stdout)
    assert (faults < 100) == kept, done.stderr


@pytest.mark.parametrize(
    ("setting", "expected"),
    [("always [madvise] never\n", True), ("[always] madvise never\n", False), (None, False)],
)
def test_large_pages_are_asked_for_where_linux_has_them_on_request(
    monkeypatch, tmp_path, setting, expected
):
    path = tmp_path / "enabled"
    if setting is not None:
        path.write_text(setting)
    monkeypatch.setattr(allocator, "LARGE_PAGES_SETTING", path)
    assert allocator._large_pages_on_request() == expected


def test_another_c_library_is_left_alone(monkeypatch):
    """macOS's and musl's have no mallopt of these meanings."""
    monkeypatch.setattr(allocator.ctypes, "CDLL", lambda name: object())
    allocator.keep_memory.__wrapped__()
