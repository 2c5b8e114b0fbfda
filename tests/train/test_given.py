"""fit with a module, arrays, a task, augmentations and callbacks of a program's own."""

import io
import json
from dataclasses import replace

import chex
import jax
import numpy as np
import pytest
from flax import linen as nn
from rich.console import Console

import jaxcnn
from jaxcnn.data.own import as_dataset
from jaxcnn.engine.given import given_to
from jaxcnn.errors import UserError
from jaxcnn.evaluate import command as evaluate
from jaxcnn.evaluate.evaluation import evaluate_run
from jaxcnn.predict import command as predict
from jaxcnn.recipe import Augment, Mesh, Optim, Recipe
from jaxcnn.run.known_again import Known
from jaxcnn.run.pretrained import read_pretrained
from jaxcnn.train.fit import fit
from tests.train.test_loop import metrics_of, state_at

pytestmark = pytest.mark.usefixtures("undrawn")

RECIPE = Recipe(
    "lenet5",
    epochs=2,
    batch_size=20,
    image_size=8,
    optim=Optim("adamw", lr=3e-2),
    augment=Augment(crop_padding=1, mixup=0.2),
    mesh=Mesh(data=1),
    workers=0,
)


class Net(nn.Module):
    num_classes: int
    width: int = 4

    @nn.compact
    def __call__(self, images, train):
        x = nn.Conv(self.width, (3, 3), strides=2)(images)
        x = nn.relu(nn.BatchNorm(use_running_average=not train)(x)).mean((1, 2))
        return nn.Dense(self.num_classes)(nn.Dropout(0.1, deterministic=not train)(x))


def squared(logits, targets):
    return ((jax.nn.softmax(logits) - targets) ** 2).sum(-1)


def speckle(image, rng):
    return np.clip(image + rng.normal(0, 10, image.shape), 0, 255).astype(np.uint8)


def arrays():
    """The top, the bottom or all of an image is light."""
    labels = np.arange(120) % 3
    images = np.random.default_rng(0).integers(0, 90, (120, 8, 8), dtype=np.uint8)
    images[labels != 1, :4] += 150
    images[labels != 0, 4:] += 150
    return images, labels


def given(**others):
    task = lambda task: replace(task, train_loss=squared)  # noqa: E731
    names = ("top", "bottom", "all")
    data = as_dataset(arrays(), name="halves", class_names=names)
    return {"model": Net(3), "data": data, "task": task, "transforms": [speckle], **others}


def quiet():
    return Console(file=io.StringIO(), width=400)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jaxcnn.train.loop.draw_report", lambda *args: None)
        return folder, fit(RECIPE, folder, console=quiet(), **given())


def test_a_run_is_called_by_its_module_and_data(finished):
    _, summary = finished
    assert (summary["arch"], summary["dataset"]) == ("Net", "halves")
    assert (summary["val"]["n"], summary["test"]["n"]) == (12, 24)


def test_a_resumed_run_of_own_things_is_the_uninterrupted_one_to_the_bit(finished, tmp_path):
    folder, _ = finished
    told = []

    def fail(line):
        told.append(line["epoch"])
        raise RuntimeError("the log is gone")

    with pytest.raises(RuntimeError, match="the log is gone"):
        fit(RECIPE, tmp_path, console=quiet(), callbacks=[fail, told.append], **given())
    assert told == [1]
    fit(RECIPE, tmp_path, console=quiet(), callbacks=[told.append], **given())
    assert [line["epoch"] for line in told[1:]] == [2]
    assert metrics_of(tmp_path) == metrics_of(folder)
    chex.assert_trees_all_equal(state_at(tmp_path, 8), state_at(folder, 8))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"model": Net(3, width=5)}, r"model's width: 4 != 5"),
        ({"model": None}, r"gave its model \(tests.train.test_given.Net\); give that again"),
        ({"task": None}, r"gave its task"),
        ({"transforms": [lambda image, rng: image]}, r"transforms\[0\]: .*lambda.*, where the run"),
        ({"data": as_dataset(arrays(), name="halves")}, "holds a run of other data"),
    ],
)
def test_other_things_than_it_was_given_are_refused(finished, change, told):
    folder, _ = finished
    with pytest.raises(UserError, match=told) as refused:
        fit(RECIPE, folder, console=quiet(), **given(**change))
    assert "\n" not in str(refused.value)


def test_the_pixels_of_arrays_count_though_their_labels_are_the_same(finished):
    folder, _ = finished
    images, labels = arrays()
    images[-1, 0, 0] ^= 1
    other = as_dataset((images, labels), name="halves", class_names=("top", "bottom", "all"))
    with pytest.raises(UserError, match="other data .*other images or labels"):
        fit(RECIPE, folder, console=quiet(), **given(data=other))


def test_code_that_has_changed_is_said_and_kept(finished, tmp_path, monkeypatch):
    with pytest.raises(RuntimeError):
        fit(RECIPE, tmp_path, console=quiet(), callbacks=[_raise], **given())
    kept = json.loads((tmp_path / "data.json").read_text())
    kept["given"]["model"]["sha256"] = "0" * 64
    (tmp_path / "data.json").write_text(json.dumps(kept))
    console = quiet()
    fit(RECIPE, tmp_path, console=console, **given())
    line = "from step 4 on the code of model, tests.train.test_given.Net, has changed"
    assert line in console.file.getvalue()
    assert any(line in each for each in json.loads((tmp_path / "data.json").read_text())["changed"])


def _raise(line):
    raise RuntimeError


def test_a_run_of_own_things_is_loaded_and_evaluated_with_them(finished, capsys):
    folder, summary = finished
    clf = jaxcnn.load(folder, model=Net(3))
    assert clf.top(arrays()[0][0], k=3)[0][0][0] in ("top", "bottom", "all")
    things = given()
    del things["transforms"]
    figures = evaluate_run(folder, **things)
    assert {name: figures[name] for name in summary["test"]} == summary["test"]
    with pytest.raises(UserError, match=r"jaxcnn.load\('.*', model=...\) takes it again"):
        jaxcnn.load(folder)
    with pytest.raises(UserError, match="model's width: 4 != 6"):
        jaxcnn.load(folder, model=Net(3, width=6))
    with pytest.raises(UserError, match="its model .* and its data .* and its task"):
        evaluate_run(folder)
    for main in (evaluate.main, predict.main):
        pictures = [__file__] if main is predict.main else []
        assert main([f"--workdir={folder}", *pictures]) == 2
        assert "a program gave" in capsys.readouterr().err


def test_a_task_that_shows_outputs_otherwise_has_to_be_given_to_load(finished, tmp_path):
    folder, _ = finished
    kept = json.loads((folder / "data.json").read_text())
    kept["given"]["task"]["shows"] = "mine.Task"
    for path in folder.iterdir():
        if path.name != "data.json":
            (tmp_path / path.name).symlink_to(path)
    (tmp_path / "data.json").write_text(json.dumps(kept))
    with pytest.raises(UserError, match="a task of its own, mine.Task; give task=... too"):
        jaxcnn.load(tmp_path, model=Net(3))


def test_weights_of_a_run_of_ones_own_are_there_for_the_same_module(finished):
    folder, _ = finished
    four = as_dataset((arrays()[0], np.arange(120) % 4), name="quarters")
    recipe, of_four = given_to(RECIPE, model=Net(4), data=four)
    found = read_pretrained(recipe.arch, str(folder), of_four)
    best = min(metrics_of(folder), key=lambda line: (-line["val_top1"], line["val_loss"]))
    chex.assert_trees_all_equal(found.variables["params"], state_at(folder, best["step"])["params"])
    assert found.head_modules == {"Dense_0"}
    with pytest.raises(UserError, match="no run's folder; Net, a module of your own"):
        read_pretrained(recipe.arch, "hf:timm/resnet18.a1_in1k", of_four)


def test_known_paths_are_what_the_program_would_import(finished):
    folder, _ = finished
    kept = json.loads((folder / "data.json").read_text())["given"]
    assert Known(**kept["model"]).path == "tests.train.test_given.Net"
    assert kept["model"]["values"] == {"num_classes": "3", "width": "4"}
    assert kept["data"]["path"] == "jaxcnn.as_dataset"
    assert kept["task"]["shows"] == "jaxcnn.task.classification.Classification"
