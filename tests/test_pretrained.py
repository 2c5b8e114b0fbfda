"""Weights from elsewhere as a start: all of them, or all but the head."""

import json

import jax
import numpy as np
import pytest
from safetensors.numpy import save_file

import jaxcnn
from jaxcnn import train
from jaxcnn.errors import UserError
from jaxcnn.models import create_model
from jaxcnn.models.spec import init_variables
from jaxcnn.pretrained import read_pretrained
from jaxcnn.recipe import Augment, Mesh, Optim, Recipe
from jaxcnn.trainer import fit
from jaxcnn.weights import to_torch


@pytest.fixture(scope="module")
def weights_file(tmp_path_factory):
    """mlp for 8x8 grey digits, as its torch state dict."""
    model = create_model("mlp", num_classes=10)
    variables = init_variables(model, jax.random.key(3), (28, 28), 1)
    path = tmp_path_factory.mktemp("weights") / "mlp.safetensors"
    save_file(to_torch("mlp", variables), path)
    return path, variables


RECIPE = Recipe(
    "lenet5",
    epochs=1,
    batch_size=64,
    image_size=32,
    optim=Optim("adamw", lr=3e-3),
    augment=Augment(),
    mesh=Mesh(data=1),
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return folder, fit(RECIPE, folder)


def same(ours, theirs):
    return jax.tree.all(jax.tree.map(np.array_equal, ours, theirs))


def test_a_file_gives_the_weights_that_were_saved(weights_file):
    path, variables = weights_file
    assert same(jaxcnn.load_weights("mlp", str(path))["params"], variables["params"])


def test_another_number_of_classes_loads_all_but_the_head_and_says_so(weights_file):
    path, variables = weights_file
    with pytest.warns(UserWarning, match="for 10 classes, the model for 3: .*all are loaded but"):
        loaded = jaxcnn.load_weights("mlp", str(path), num_classes=3)["params"]
    head = {name for name in loaded if not same(loaded[name], variables["params"].get(name))}
    assert len(head) == 1
    assert loaded[head.pop()]["kernel"].shape[-1] == 3


def test_weights_of_a_run_are_its_best_checkpoints(run):
    folder, summary = run
    pretrained = read_pretrained("lenet5", str(folder))
    assert pretrained.num_classes == 10
    assert pretrained.preprocessing.mean == pytest.approx((0.3051,))
    leaves = sum(leaf.size for leaf in jax.tree.leaves(pretrained.variables["params"]))
    assert leaves == summary["params"]


def test_training_goes_on_from_the_weights_of_a_run(run, tmp_path):
    folder, summary = run
    frozen = RECIPE.optim.__class__("sgd", lr=1e-12, weight_decay=0.0)
    recipe = Recipe(
        **{**vars(RECIPE), "optim": frozen, "steps": 1, "pretrained": str(folder), "seed": 9}
    )
    again = fit(recipe, tmp_path / "tuned")
    assert again["val"] == pytest.approx(summary["val"], rel=1e-5)
    assert json.loads((tmp_path / "tuned" / "recipe.json").read_text())["pretrained"]


def test_weights_of_another_architecture_are_refused(run, tmp_path, capsys):
    folder, _ = run
    args = ["--arch=mlp", f"--pretrained={folder}", f"--workdir={tmp_path / 'new'}"]
    assert train.main([*args, "--no-compilation-cache"]) == 2
    error = capsys.readouterr().err
    assert "is a run of lenet5, not mlp" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "new").exists()


def test_a_file_that_is_not_there_is_refused_before_anything_is_written(tmp_path, capsys):
    args = ["--arch=mlp", "--pretrained=/nowhere/w.safetensors", f"--workdir={tmp_path / 'new'}"]
    assert train.main([*args, "--no-compilation-cache"]) == 2
    assert "no weights at /nowhere/w.safetensors" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_a_run_without_a_validated_checkpoint_is_refused(run, tmp_path):
    (tmp_path / "recipe.json").write_text((run[0] / "recipe.json").read_text())
    with pytest.raises(UserError, match="has not finished an epoch yet"):
        jaxcnn.load_weights("lenet5", str(tmp_path))
