"""A file is replaced by a whole one or not at all."""

import os
import signal
import subprocess
import sys

import pytest

from jaxcnn.files import own_files
from jaxcnn.files.whole import replacing


def test_the_old_file_is_there_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "labels.npy"
    path.write_text("old")
    with replacing(path) as draft:
        draft.write_text("half")
        assert path.read_text() == "old"
        draft.write_text("whole")
    assert path.read_text() == "whole" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_what_fails_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "labels.npy"
    path.write_text("old")
    with pytest.raises(type(error)), replacing(path) as draft:
        draft.write_text("half")
        raise error
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_what_was_never_written_is_an_error_and_no_file(tmp_path):
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "labels.npy"):
        pass
    assert not list(tmp_path.iterdir())


KILLED = """
import os, signal, sys
from pathlib import Path
from jaxcnn.files.whole import replacing
with replacing(Path(sys.argv[1])) as draft:
    draft.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_writer_leaves_the_old_file_and_its_draft_is_in_nobodys_way(tmp_path):
    path = tmp_path / "labels.npy"
    path.write_text("old")
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)])
    assert done.returncode == -signal.SIGKILL and path.read_text() == "old"
    (left,) = set(tmp_path.iterdir()) - {path}
    with replacing(path) as draft:
        assert draft != left and draft.parent == path.parent
        draft.write_text("new")
    assert path.read_text() == "new"


def test_a_run_that_is_killed_at_each_start_leaves_one_draft(tmp_path):
    """Runs' own files have drafts of one name, which a later one takes."""
    path = tmp_path / "recipe.json"
    left = path.with_name("recipe.json.partial")
    left.write_text("half")
    own_files.write(path, "{}")
    assert path.read_text() == "{}" and not left.exists()


def test_a_full_disk_leaves_no_draft_of_a_runs_file(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        own_files.write(tmp_path / "recipe.json", "{}")
    assert not list(tmp_path.iterdir())
