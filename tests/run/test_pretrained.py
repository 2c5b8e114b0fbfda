"""Weights from elsewhere as a start: all of them, or all but the head."""

import json
import logging
from dataclasses import replace

import huggingface_hub.constants
import jax
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import jaxcnn
from jaxcnn.errors import UserError
from jaxcnn.evaluate import command as evaluate
from jaxcnn.models import create_model
from jaxcnn.models.spec import init_variables
from jaxcnn.plan import command as plan
from jaxcnn.predict import command as predict
from jaxcnn.recipe import Augment, Mesh, Optim, Recipe, to_json
from jaxcnn.run.pretrained import of_its_weights, read_pretrained
from jaxcnn.train import command as train
from jaxcnn.train.fit import fit
from jaxcnn.trained.classifier import published_classifier
from jaxcnn.weights import to_torch
from tests.weights.test_sources import hub_cache, state_dict_of


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


def test_loading_a_run_says_nothing(run, caplog, capfd):
    """In a library's process, where no command line has set what absl shows."""
    logger = logging.getLogger("absl")
    caplog.set_level(logging.WARNING, logger="absl")
    logger.addHandler(caplog.handler)
    jaxcnn.load_weights("lenet5", str(run[0]))
    logger.removeHandler(caplog.handler)
    assert [record.getMessage() for record in caplog.records] == []
    assert capfd.readouterr().err == ""
    assert logger.level == logging.WARNING


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


def test_weights_without_a_head_start_a_training_and_are_not_evaluated(
    weights_file, tmp_path, capsys
):
    path, variables = weights_file
    headless = {key: value for key, value in load_file(path).items() if "head" not in key}
    assert len(headless) == len(load_file(path)) - 2
    save_file(headless, tmp_path / "w.safetensors")
    source = f"--pretrained={tmp_path / 'w.safetensors'}"
    args = ["--arch=mlp", source, "--no-compilation-cache"]
    assert train.main([*args, f"--workdir={tmp_path / 'run'}", "--steps=1"]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "the weights have no head: all are loaded, and head/bias, head/kernel start" in said

    assert evaluate.main([*args, "--dataset=digits"]) == 2
    assert predict.main([*args, "--dataset=digits", __file__]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all("weights of mlp have no head, so that they tell no classes" in x for x in lines)

    loaded = jaxcnn.load_weights("mlp", str(tmp_path / "w.safetensors"))["params"]
    assert same(loaded, {name: variables["params"][name] for name in ("hidden1", "hidden2")})


def test_weights_with_a_head_give_features_if_no_classes_are_asked_for(weights_file):
    path, variables = weights_file
    loaded = jaxcnn.load_weights("mlp", str(path), num_classes=0)["params"]
    assert same(loaded, {name: variables["params"][name] for name in ("hidden1", "hidden2")})


@pytest.fixture(scope="module")
def tf_weights(tmp_path_factory):
    """Weights of `tf_efficientnet_lite0` by EfficientNet-PyTorch's names, as far as those tell."""
    path = tmp_path_factory.mktemp("tf") / "w.safetensors"
    shapes = {"_conv_stem.weight": (32, 3, 3, 3), "_fc.bias": (1000,)}
    save_file({key: np.zeros(shape, np.float32) for key, shape in shapes.items()}, path)
    return path


@pytest.mark.parametrize("given", ["efficientnet_lite0", "tf_efficientnet_lite0"])
def test_a_recipe_is_of_the_form_that_its_weights_are_of(tf_weights, given):
    lines = []
    recipe = of_its_weights(Recipe(given, pretrained=str(tf_weights)), lines.append)
    assert recipe.arch == "tf_efficientnet_lite0"
    assert of_its_weights(recipe, lines.append) == recipe
    assert [line.split(" (")[0] for line in lines] == [
        "these weights are of tf_efficientnet_lite0, not efficientnet_lite0"
    ] * (given != recipe.arch)


def test_weights_that_are_not_there_leave_the_recipe_as_it_is():
    recipe = Recipe("efficientnet_lite0", pretrained="/nowhere/w.pth")
    assert of_its_weights(recipe, print) is recipe


def test_a_run_of_the_other_form_is_a_source_as_its_file_is(run, tmp_path):
    recipe = replace(RECIPE, arch="tf_efficientnet_lite0")
    (tmp_path / "recipe.json").write_text(json.dumps(to_json(recipe)))
    lines = []
    started = Recipe("efficientnet_lite0", pretrained=str(tmp_path))
    assert of_its_weights(started, lines.append).arch == "tf_efficientnet_lite0"
    assert len(lines) == 1


def test_every_command_goes_on_with_the_form_that_the_weights_are_of(
    tf_weights, monkeypatch, capsys, tmp_path
):
    """As far as the line that says so; load_weights, whose caller makes the model, refuses."""
    monkeypatch.chdir(tmp_path)
    source = f"--pretrained={tf_weights}"
    flags = ["--arch=efficientnet_lite0", source]
    asked = []
    monkeypatch.setattr(
        "jaxcnn.train.fit.fit", lambda recipe, workdir, **more: asked.append(recipe)
    )
    assert train.main([*flags, "--no-compilation-cache"]) == 0
    assert [recipe.arch for recipe in asked] == ["tf_efficientnet_lite0"]
    assert plan.main([*flags, "--batch-size=8"]) == 0
    line = "these weights are of tf_efficientnet_lite0, not efficientnet_lite0 ("
    printed = capsys.readouterr()
    assert printed.err.count(line) == 2
    assert printed.out.startswith("tf_efficientnet_lite0 on digits")


def test_the_form_of_the_weights_is_what_evaluation_and_prediction_use(monkeypatch, tmp_path):
    """The network itself is left out: its names and sizes are those of both forms."""
    state_dict = state_dict_of("efficientnet_lite0", num_classes=10)
    config = {"architecture": "tf_efficientnet_lite0"}
    hub_cache(tmp_path, "timm/tf_efficientnet_lite0.in1k", config, state_dict)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    source = "hf:timm/tf_efficientnet_lite0.in1k"
    lines = []
    classifier = published_classifier("efficientnet_lite0", source, say=lines.append)
    assert vars(classifier.model)["same_padding"] and vars(classifier.model)["epsilon"] == 1e-3
    assert len(lines) == 1 and "weights are of tf_efficientnet_lite0, not" in lines[0]
    with pytest.raises(UserError, match="of tf_efficientnet_lite0, not efficientnet_lite0; give"):
        jaxcnn.load_weights("efficientnet_lite0", source)
