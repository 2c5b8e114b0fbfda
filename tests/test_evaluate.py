import json
import shutil

import pytest

from jaxcnn.evaluate import main
from jaxcnn.recipe import Mesh, Recipe
from jaxcnn.trainer import fit


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    recipe = Recipe("mlp", epochs=2, batch_size=100, image_size=8, mesh=Mesh(data=1))
    return folder, fit(recipe, folder)


@pytest.mark.parametrize("split", ["val", "test"])
def test_evaluating_a_run_gives_the_figures_of_its_summary(run, capsys, split):
    folder, summary = run
    assert main([f"--workdir={folder}", f"--split={split}", "--no-compilation-cache"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert {name: figures[name] for name in summary[split]} == pytest.approx(summary[split])


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--workdir=/nowhere"], "/nowhere is not a run's folder"),
        (["--workdir=/nowhere", "--split=tset"], "invalid choice 'tset'"),
        (["--workdir=/nowhere", "--split=all"], "give train, val or test"),
        (["--workdir=/nowhere", "--arch=mlp"], "give either --workdir=DIR, or --arch=NAME and"),
        (["--arch=mlp"], "give either --workdir=DIR, or --arch=NAME and --pretrained=SOURCE"),
        (["--arch=mlp", "--pretrained=w.pth", "--image-size=0"], "--image-size=0 is out of range"),
        ([], "--workdir"),
    ],
)
def test_wrong_input_exits_2_with_one_line(args, message, capsys):
    assert main([*args, "--no-compilation-cache"]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_run_under_way_is_left_as_it_is(run, tmp_path, capsys):
    """What another process is writing looks like litter, and must stay."""
    folder = tmp_path / "run"
    shutil.copytree(run[0], folder)
    half_written = folder / "checkpoints" / "99.orbax-checkpoint-tmp"
    half_written.mkdir()
    assert main([f"--workdir={folder}", "--no-compilation-cache"]) == 0
    assert half_written.exists()


def test_a_run_without_a_checkpoint_is_refused(run, tmp_path, capsys):
    shutil.copy(run[0] / "recipe.json", tmp_path)
    assert main([f"--workdir={tmp_path}", "--no-compilation-cache"]) == 2
    assert "has no checkpoint yet; train first" in capsys.readouterr().err
