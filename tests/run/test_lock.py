import fcntl
import os
import runpy
import signal
import socket
import subprocess
import sys

import pytest

from jaxcnn.errors import UserError
from jaxcnn.run import lock
from jaxcnn.run.lock import locked

HOLD = """
import sys, time
from pathlib import Path
from jaxcnn.run.lock import locked
with locked(Path(sys.argv[1]), print):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_folder_in_use_is_refused_naming_who_has_it_until_that_process_is_killed(tmp_path):
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(UserError) as error, locked(tmp_path, pytest.fail):
            pass
        assert f"in use by process {other.pid} on {socket.gethostname()}" in str(error.value)
        assert "\n" not in str(error.value)
    finally:
        other.send_signal(signal.SIGKILL)
        other.wait()
    with locked(tmp_path, pytest.fail):
        assert (tmp_path / "lock").read_text() == f"process {os.getpid()} on {socket.gethostname()}"
    assert not list(tmp_path.iterdir())


def test_a_lock_on_a_file_that_its_holder_deleted_does_not_count(tmp_path, monkeypatch):
    """Between opening and locking the file, the run that had it ends."""
    flock, opened = fcntl.flock, []

    def late_flock(file, how):
        if not opened:
            (tmp_path / "lock").unlink()
        opened.append(file)
        return flock(file, how)

    monkeypatch.setattr(fcntl, "flock", late_flock)
    with locked(tmp_path, pytest.fail):
        assert len(opened) == 2
        assert os.fstat(opened[1].fileno()).st_ino == (tmp_path / "lock").stat().st_ino


def test_a_file_system_without_locks_is_said_so_and_used(tmp_path, monkeypatch):
    def none(file, how):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", none)
    said = []
    with locked(tmp_path, said.append):
        (line,) = said
        assert "cannot be locked (Operation not supported)" in line


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with (
        pytest.raises(UserError, match="cannot be written"),
        locked(tmp_path / "file" / "run", print),
    ):
        pass


def test_on_a_system_without_locks_the_run_goes_on_and_says_so(tmp_path, monkeypatch):
    """As on Windows, which has no fcntl, and where an open file cannot be deleted."""
    monkeypatch.setitem(sys.modules, "fcntl", None)
    without = runpy.run_path(lock.__file__)
    said = []
    with without["locked"](tmp_path, said.append):
        assert not list(tmp_path.iterdir())
    assert [f"{tmp_path} cannot be locked" in line for line in said] == [True]
