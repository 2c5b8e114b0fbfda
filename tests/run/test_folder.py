from dataclasses import replace

import pytest

from jaxcnn.engine.model_input import ModelInput
from jaxcnn.errors import UserError
from jaxcnn.recipe import Recipe
from jaxcnn.run.folder import RunFolder
from jaxcnn.run.run_data import Examples, RunData

RECIPE = Recipe("lenet5")
DATA = RunData(
    class_names=("cat", "dog"),
    num_classes=2,
    image_size=None,
    channels=3,
    multi_label=False,
    input=ModelInput(32, 3, "crop", 0.875, "bicubic", (0.5, 0.5, 0.5), (0.2, 0.2, 0.2)),
    splits={"train": Examples(2, "00"), "val": Examples(1, "01"), "test": Examples(1, "02")},
    data_dir="/photos",
    labels=None,
    pretrained=None,
    versions={"jaxcnn": "0.1.0", "jax": "0.12.0"},
    command="jaxcnn.fit",
)


def test_a_claimed_folder_takes_the_same_recipe_and_refuses_another(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.refuse_other(RECIPE)
    folder.claim(RECIPE, DATA, b"")
    folder.refuse_other(RECIPE)
    assert (folder.read_recipe(), folder.read_data()) == (RECIPE, DATA)
    with pytest.raises(UserError, match=r"another recipe \(--epochs: 10 != 3\)"):
        folder.refuse_other(Recipe("lenet5", epochs=3))


def test_a_folder_of_other_data_is_refused_and_the_same_elsewhere_is_not(tmp_path):
    folder = RunFolder(tmp_path)
    folder.claim(RECIPE, DATA, b"")
    folder.refuse_other_data(replace(DATA, data_dir="/elsewhere", command="again"), b"")
    other = {**DATA.splits, "val": Examples(3, "03")}
    with pytest.raises(UserError, match=r"other data \(val: 3 images, not 1\); .* --workdir"):
        folder.refuse_other_data(replace(DATA, splits=other), b"")
    softer = replace(DATA, input=replace(DATA.input, crop_fraction=1.0))
    with pytest.raises(UserError, match="crop_fraction of the model's input: 0.875 != 1.0"):
        folder.refuse_other_data(softer, b"")


def test_lines_past_a_step_are_dropped_and_a_cut_line_with_them(tmp_path):
    folder = RunFolder(tmp_path)
    for epoch in (1, 2, 3):
        folder.append_metrics({"epoch": epoch, "step": epoch * 10})
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 4, "st')
    folder.drop_metrics_after(20)
    assert [line["epoch"] for line in folder.read_metrics()] == [1, 2]


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot be written"):
        RunFolder(tmp_path / "file" / "run").claim(RECIPE, DATA, b"")


def test_a_file_in_the_folders_place_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"--workdir=\S+file is a file; give a folder"):
        RunFolder(tmp_path / "file")


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(UserError, match="is not a run's folder: it has no recipe.json"):
        RunFolder(tmp_path).read_recipe()


def test_a_damaged_recipe_is_named(tmp_path):
    (tmp_path / "recipe.json").write_text("{")
    with pytest.raises(UserError, match="recipe.json is damaged"):
        RunFolder(tmp_path).refuse_other(RECIPE)
