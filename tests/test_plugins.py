"""Code of the user's own: where it is found, and what of it is refused, in a line."""

import re
from importlib.metadata import EntryPoint
from types import SimpleNamespace

import pytest

import jaxcnn
from jaxcnn import plugins
from jaxcnn.errors import UserError
from jaxcnn.models import list_models, model_place
from jaxcnn.models.lenet import LeNet
from jaxcnn.plugins import load_entry_points, load_plugin

pytestmark = pytest.mark.usefixtures("own_names")
OURS = "import jaxcnn\nfrom jaxcnn.models.lenet import LeNet\n"
REGISTERS = OURS + "jaxcnn.register_model('mynet', image_size=32, channels=1)(LeNet)\n"


def written(path, text):
    path.write_text(text)
    return str(path)


def test_a_file_joins_the_zoo_and_is_run_once(tmp_path, monkeypatch):
    file = written(tmp_path / "mynet.py", REGISTERS)
    monkeypatch.chdir(tmp_path)
    for source in (file, "mynet.py", "./mynet.py"):
        load_plugin(source)
    assert "mynet" in list_models("my*")
    place = model_place("mynet")
    assert place is not None and place.source == file and place.sha256 is not None
    assert isinstance(jaxcnn.create_model("mynet", num_classes=3), LeNet)
    with pytest.raises(UserError, match="unknown model 'mynett'; did you mean 'mynet'?"):
        jaxcnn.create_model("mynett")


def test_a_module_is_found_where_modules_are(tmp_path, monkeypatch):
    (tmp_path / "sample_own").mkdir()
    written(tmp_path / "sample_own" / "__init__.py", "")
    written(tmp_path / "sample_own" / "nets.py", REGISTERS)
    with pytest.raises(UserError, match="--plugin=sample_own.nets: no module has that name"):
        load_plugin("sample_own.nets")
    monkeypatch.syspath_prepend(tmp_path)
    load_plugin("sample_own.nets")
    place = model_place("mynet")
    assert place is not None and place.source == "sample_own.nets" and place.sha256 is not None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x = 1\ndef f(:\n", r"own\.py, line 2: invalid syntax"),
        ("x = {}\nx['width']", r"it raises KeyError: 'width' \(line 2\)"),
        ("import nothing_like_it", "it raises ModuleNotFoundError: .*nothing_like_it"),
        ("raise OSError('one\\ntwo')", r"it raises OSError: one \(line 1\)"),
        ("import sys; sys.exit(3)", r"it raises SystemExit: 3 \(line 1\)"),
        (
            REGISTERS.replace("mynet", "mlp"),
            "'mlp' is in jaxcnn.models already",
        ),
        (REGISTERS + REGISTERS, "'mynet' is registered by .*own.py already, and again by .*own.py"),
        (REGISTERS.replace("mynet", "../net"), "'../net' is no name for a model"),
    ],
)
def test_what_goes_wrong_in_one_is_a_line_that_says_where(text, told, tmp_path):
    file = written(tmp_path / "own.py", text)
    with pytest.raises(UserError) as refused:
        load_plugin(file)
    assert re.match(f"--plugin={re.escape(file)}: .*{told}", str(refused.value))
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_is_refused():
    with pytest.raises(UserError, match="--plugin=nothing.py: there is no such file"):
        load_plugin("nothing.py")


def test_two_plug_ins_with_one_name_are_both_named(tmp_path):
    for name in ("one.py", "two.py"):
        written(tmp_path / name, REGISTERS)
    load_plugin(str(tmp_path / "one.py"))
    with pytest.raises(UserError, match="registered by .*one.py already, and again by .*two.py"):
        load_plugin(str(tmp_path / "two.py"))


def test_a_notebooks_cell_may_run_again_but_nothing_else_takes_its_name():
    def cell():
        class MyNet(LeNet):
            pass

        return jaxcnn.register_model("mynet")(MyNet)

    first, second = cell(), cell()
    assert first is not second
    assert type(jaxcnn.create_model("mynet")) is second

    def mynet(num_classes, dtype):
        return LeNet(num_classes)

    with pytest.raises(UserError, match="'mynet' is registered by .*test_plugins already"):
        jaxcnn.register_model("mynet")(mynet)


def test_an_entry_point_that_fails_is_said_and_left_out(tmp_path, monkeypatch, capsys):
    written(tmp_path / "sample_good.py", REGISTERS)
    written(tmp_path / "sample_bad.py", "raise OSError('no licence\\nfound')")
    monkeypatch.syspath_prepend(tmp_path)
    points = [EntryPoint(f"my {kind}", f"sample_{kind}", "jaxcnn") for kind in ("bad", "good")]
    asked = SimpleNamespace(points=[])
    monkeypatch.setattr(plugins, "entry_points", lambda group: asked.points.append(group) or points)
    monkeypatch.setattr(plugins, "_entry_points_are_loaded", False)
    assert "mynet" in list_models()
    load_entry_points()
    assert asked.points == ["jaxcnn"]
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "entry point my bad = sample_bad: it raises OSError: no licence; it is left out" in told
    place = model_place("mynet")
    assert place is not None and place.source == "sample_good"
