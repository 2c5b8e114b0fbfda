"""A run's folder names code, and nothing runs it."""

import json

import pytest

from jaxcnn.evaluate import command as evaluate
from jaxcnn.plugins import Place
from jaxcnn.predict import command as predict
from jaxcnn.recipe import Recipe
from jaxcnn.run.folder import RunFolder
from jaxcnn.run.known_again import Known
from tests.run.test_folder import DATA, replace

SOURCES = ["{}", "sample_evil", "$(touch x); {}", "\x1b[31m{}\nnext"]


@pytest.mark.parametrize("source", SOURCES, ids=ascii)
@pytest.mark.parametrize("main", [evaluate.main, predict.main])
def test_code_that_a_folder_names_is_not_run(source, main, tmp_path, monkeypatch, refused):
    ran = tmp_path / "ran"
    file = tmp_path / "sample_evil.py"
    file.write_text(f"open({str(ran)!r}, 'w')")
    monkeypatch.syspath_prepend(tmp_path)
    place = Place(source.format(file), "0" * 64)
    names = {"arch": place, "dataset": place}
    folder = RunFolder(tmp_path / "run")
    folder.claim(Recipe("evil", "evil"), replace(DATA, plugins=names), b"")
    pictures = ["a.png"] if main is predict.main else []
    if pictures:
        (tmp_path / "a.png").write_bytes(b"")
        pictures = [str(tmp_path / "a.png")]
    told = refused(main, f"--workdir={folder.path}", *pictures)
    assert "which a plug-in brings; give --plugin=" in told and "\x1b" not in told
    assert not ran.exists()
    if "$" in source:
        assert "--plugin='$(touch x); " in told


@pytest.mark.parametrize("name", ["model", "data", "task"])
def test_what_a_folder_says_a_program_gave_it_is_not_imported(name, tmp_path, monkeypatch, refused):
    ran = tmp_path / "ran"
    (tmp_path / "sample_evil.py").write_text(f"open({str(ran)!r}, 'w')")
    monkeypatch.syspath_prepend(tmp_path)
    thing = Known("sample_evil.\x1b[31mNet", None, {"x": "1"}, "sample_evil.Task")
    folder = RunFolder(tmp_path / "run")
    folder.claim(Recipe("lenet5"), replace(DATA, given={name: thing}), b"")
    told = refused(evaluate.main, f"--workdir={folder.path}")
    assert "a program gave" in told and "\x1b" not in told
    assert not ran.exists()


def test_fields_of_a_model_that_is_not_there_are_plain_or_refused(tmp_path, refused):
    folder = RunFolder(tmp_path)
    folder.claim(Recipe("evil"), DATA, b"")
    values = json.loads((tmp_path / "recipe.json").read_text())
    for wrong in ({"a": 1}, [[[[[[1]]]]]], [[[[["\x1b[31m" * 10_000]]]]]):
        values["model"]["fields"] = {"x" * 10_000: wrong}
        (tmp_path / "recipe.json").write_text(json.dumps(values))
        told = refused(evaluate.main, f"--workdir={tmp_path}")
        assert "no plain value" in told and len(told) < 500 + len(str(tmp_path))
