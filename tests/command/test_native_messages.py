"""C++ writes to a file, Python to the terminal."""

import os
import subprocess
import sys

import pytest

from jaxcnn.command.native_messages import native_messages_in

# What C++ in this process would write, and a logger that was there before.
RUN = """
import os, sys
from jaxcnn.command.native_messages import python_writes_beside
python_writes_beside()
import logging
logging.basicConfig()
from jaxcnn.train import command, fit as module
fit = module.fit
def noisy(*args, **options):
    os.write(2, b"chatter\\n")
    logging.warning("from Python")
    return fit(*args, **options)
module.fit = noisy
sys.exit(command.main(sys.argv[1:], own_process=True))
"""


def run(*flags):
    return subprocess.run([sys.executable, "-c", RUN, *flags], capture_output=True, text=True)


def test_a_run_shows_its_progress_and_keeps_what_c_writes_in_its_folder(tmp_path):
    ended = run("--arch=linear", "--epochs=1", f"--workdir={tmp_path}")
    assert ended.returncode == 0
    assert "epoch   1/1" in ended.stderr and "from Python" in ended.stderr
    assert "chatter" not in ended.stderr
    assert "chatter" in (tmp_path / "xla.log").read_text().splitlines()
    refused = run("--arch=linear", "--epochs=2", f"--workdir={tmp_path}")
    assert refused.returncode == 2
    assert "holds a run of another recipe" in refused.stderr.splitlines()[-1]


def test_a_crash_shows_where_python_was(tmp_path):
    code = f"""
import ctypes
from pathlib import Path
from jaxcnn.command.native_messages import native_messages_in, python_writes_beside
python_writes_beside()
with native_messages_in(Path({str(tmp_path / "xla.log")!r})):
    ctypes.CDLL(None).abort()
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.returncode < 0
    assert "Fatal Python error: Aborted" in ended.stderr and "line 7" in ended.stderr


def test_outside_of_it_standard_error_is_what_it_was(tmp_path, capfd):
    path = tmp_path / "run" / "xla.log"
    with pytest.raises(KeyError), native_messages_in(path):
        os.write(2, b"within\n")
        raise KeyError
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"
    with native_messages_in(path):
        os.write(2, b"again\n")
    assert path.read_text() == "within\nagain\n"


def test_where_nothing_is_written_nothing_is_left(tmp_path):
    with native_messages_in(tmp_path / "runs" / "mine" / "xla.log"):
        assert (tmp_path / "runs" / "mine" / "xla.log").exists()
    assert not list(tmp_path.iterdir())


def test_a_folder_with_something_else_in_it_stays(tmp_path):
    with native_messages_in(tmp_path / "runs" / "mine" / "xla.log"):
        (tmp_path / "runs" / "mine" / "recipe.json").touch()
    assert [path.name for path in (tmp_path / "runs" / "mine").iterdir()] == ["recipe.json"]


def test_where_the_file_cannot_be_written_messages_go_where_they_went(tmp_path, capfd):
    (tmp_path / "file").touch()
    with native_messages_in(tmp_path / "file" / "xla.log"):
        os.write(2, b"within\n")
    assert capfd.readouterr().err == "within\n"
