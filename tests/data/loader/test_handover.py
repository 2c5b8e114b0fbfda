import os
import pickle

import pytest

from jaxcnn.data.errors import WorkerError
from jaxcnn.data.loader.handover import Handover


def test_what_goes_through_the_pipe_is_small_and_gives_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    large = bytes(range(256)) * 4000
    handover = Handover(large.__getitem__)
    sent = pickle.dumps(handover)
    assert len(sent) < 1000
    assert pickle.loads(sent)(77) == handover(77) == 77
    handover.end()
    handover.end()
    assert not list(tmp_path.iterdir())


def test_a_folder_for_it_that_cannot_be_written_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nothing"))
    with pytest.raises(WorkerError, match=r"nothing, .* set TMPDIR .*--workers=0"):
        Handover(os.getpid)
