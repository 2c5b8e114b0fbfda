import os
import pickle
import subprocess
import sys

import pytest

from jaxcnn import plugins
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


def test_what_a_plug_in_s_file_defines_is_there_in_another_process(tmp_path, monkeypatch):
    monkeypatch.setattr(plugins, "_loaded", {})
    (tmp_path / "own.py").write_text(
        "SCALE = 3\n"
        "class Images:\n"
        "    def __getitem__(self, index):\n"
        "        return times(index)\n"
        "def times(index):\n"
        "    return index * SCALE\n"
    )
    plugins.load_plugin(str(tmp_path / "own.py"))
    (module,) = plugins.files_run()
    handover = Handover(module.Images().__getitem__)
    code = "import pickle, sys; print(pickle.load(sys.stdin.buffer)(7))"
    sent = pickle.dumps(handover)
    done = subprocess.run([sys.executable, "-c", code], input=sent, capture_output=True, check=True)
    handover.end()
    assert done.stdout.split() == [b"21"]
