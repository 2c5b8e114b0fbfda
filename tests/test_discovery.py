import sys
from types import ModuleType

import pytest

from jaxcnn.discovery import discover, look_up
from jaxcnn.errors import UserError


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An importable package made of the given files."""

    def make(name: str, **files: str) -> str:
        folder = tmp_path / name
        folder.mkdir()
        for file, text in {"__init__": "", **files}.items():
            (folder / f"{file}.py").write_text(text)
        monkeypatch.syspath_prepend(tmp_path)
        return name

    yield make
    for module in [m for m in sys.modules if m.startswith("sample_")]:
        del sys.modules[module]


def test_every_file_in_the_folder_contributes_its_constant(package):
    name = package("sample_two", a="ROWS = {'x': 1}", b="ROWS = {'y': 2}", c="OTHER = 3")
    assert dict(discover(name, "ROWS")) == {"x": 1, "y": 2}
    assert isinstance(sys.modules[name], ModuleType)


def test_a_name_in_two_files_is_refused(package):
    name = package("sample_twice", a="ROWS = {'x': 1}", b="ROWS = {'x': 2}")
    with pytest.raises(RuntimeError, match="'x' is in both sample_twice.a and sample_twice.b"):
        discover(name, "ROWS")


def test_the_mapping_is_read_only(package):
    rows = discover(package("sample_frozen", a="ROWS = {'x': 1}"), "ROWS")
    with pytest.raises(TypeError):
        rows["x"] = 2  # pyright: ignore[reportIndexIssue]


def test_a_mistyped_name_suggests_the_nearest():
    with pytest.raises(UserError, match="unknown model 'resnet5'; did you mean 'resnet50'?"):
        look_up({"resnet50": 1, "lenet5": 2}, "resnet5", "model")


def test_a_name_like_no_other_lists_what_there_is():
    with pytest.raises(UserError, match="known: lenet5, resnet50"):
        look_up({"resnet50": 1, "lenet5": 2}, "zzzz", "model")
