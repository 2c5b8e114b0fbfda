"""A run that ends without its test does not open the test split; `evaluate` measures it later."""

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from jaxcnn.data import dataset_spec, register_dataset
from jaxcnn.evaluate import command as evaluate
from jaxcnn.recipe import Mesh, Recipe
from jaxcnn.run.folder import RunFolder
from jaxcnn.train.fit import fit

RECIPE = Recipe("linear", epochs=1, batch_size=256, image_size=8, mesh=Mesh(data=1), test=False)


class Opened(Exception):
    """The test split was asked for."""


@pytest.fixture
def without_test(own_names):
    """The name of a set that comes with its splits, and raises if it is asked for the test's."""
    digits = dataset_spec("digits")

    def load(split, data_dir):
        if split == "test":
            raise Opened
        return digits.load("all", data_dir)

    register_dataset(replace(digits, name="untestable", splits=("train", "test"), load=load))
    return "untestable"


def fitted(recipe, folder):
    console = Console(file=io.StringIO(), width=200)
    return fit(recipe, folder, console=console), console.file.getvalue()


def test_the_test_split_is_never_opened(without_test, tmp_path):
    recipe = replace(RECIPE, dataset=without_test)
    summary, said = fitted(recipe, tmp_path)
    assert "test" not in summary and summary["val"]["n"] == 180
    assert "--split=test" in said and "test_uses.jsonl" not in map(str, tmp_path.iterdir())
    assert fitted(recipe, tmp_path)[0] == summary, "a finished run is not opened either"
    with pytest.raises(Opened):
        fitted(replace(recipe, test=True), tmp_path / "tested")


def test_evaluate_measures_it_later_and_notes_that(tmp_path, capsys):
    fitted(RECIPE, tmp_path)
    assert evaluate.main([f"--workdir={tmp_path}", "--split=test"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["n"] == 360
    assert "kept no list of its test images: there are 360" in told.err
    assert len(RunFolder(tmp_path).read_test_uses()) == 1
