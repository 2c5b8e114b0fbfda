import pytest

from jaxcnn.errors import UserError
from jaxcnn.recipe import Recipe
from jaxcnn.run_folder import RunFolder

RECIPE = Recipe("lenet5")


def test_a_claimed_folder_takes_the_same_recipe_and_refuses_another(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.refuse_other(RECIPE)
    folder.claim(RECIPE)
    folder.refuse_other(RECIPE)
    assert folder.read_recipe() == RECIPE
    with pytest.raises(UserError, match=r"another recipe \(--epochs: 10 != 3\)"):
        folder.refuse_other(Recipe("lenet5", epochs=3))


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
        RunFolder(tmp_path / "file" / "run").claim(RECIPE)


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(UserError, match="is not a run's folder: it has no recipe.json"):
        RunFolder(tmp_path).read_recipe()


def test_a_damaged_recipe_is_named(tmp_path):
    (tmp_path / "recipe.json").write_text("{")
    with pytest.raises(UserError, match="recipe.json is damaged"):
        RunFolder(tmp_path).refuse_other(RECIPE)
