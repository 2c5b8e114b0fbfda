import json
import os

import pytest

from jaxcnn.errors import UserError
from jaxcnn.run.folder import RunFolder
from jaxcnn.run.test_uses import note_test_use


def said_in(folder, by="a command"):
    said = []
    note_test_use(folder, by=by, say=said.append)
    return said


def test_each_use_but_the_first_says_when_and_how_often_it_was_used_before(tmp_path):
    assert said_in(tmp_path, "train") == []
    (second,) = said_in(tmp_path, "evaluate")
    assert "measured once before" in second and "by train" in second
    (third,) = said_in(tmp_path)
    assert "measured 2 times before, first" in third and "last" in third and "by evaluate" in third
    uses = [json.loads(line) for line in (tmp_path / "test_uses.jsonl").read_text().splitlines()]
    assert [use["by"] for use in uses] == ["train", "evaluate", "a command"]


def test_a_folder_that_cannot_be_written_is_said_and_left(tmp_path, monkeypatch):
    def full(self, use):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(RunFolder, "append_test_use", full)
    (said,) = said_in(tmp_path)
    assert "No space left on device" in said and "unnoted" in said


@pytest.mark.parametrize("line", ['{"when": 3, "by": "a"}\n', "no json\n"])
def test_a_damaged_list_of_uses_is_refused_by_name(tmp_path, line):
    (tmp_path / "test_uses.jsonl").write_text(line)
    with pytest.raises(UserError, match=r"test_uses.jsonl is damaged"):
        said_in(tmp_path)


def test_a_link_in_its_place_is_refused(tmp_path):
    (tmp_path / "other").write_text("")
    (tmp_path / "test_uses.jsonl").symlink_to(tmp_path / "other")
    with pytest.raises(UserError, match="symbolic link"):
        said_in(tmp_path)
    assert (tmp_path / "other").read_text() == ""
