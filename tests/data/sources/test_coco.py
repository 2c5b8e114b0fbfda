"""COCO's format from JPEG and JSON to a trained model, on shapes that are drawn here."""

import io
import json
from collections import Counter
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from rich.console import Console
from sklearn.metrics import average_precision_score, f1_score

from jaxcnn.data import dataset_at, dataset_spec, load_split
from jaxcnn.data.augment.resize import Resize
from jaxcnn.data.inspect import command as inspect
from jaxcnn.data.prepare.preparation import prepare_from
from jaxcnn.data.preprocessing import Preprocessing
from jaxcnn.data.splits import hold_out
from jaxcnn.evaluate.evaluation import evaluate_run
from jaxcnn.models import create_model
from jaxcnn.predict import command as predict
from jaxcnn.recipe import Mesh, Optim, Recipe, recipe_for
from jaxcnn.run.checkpoint import Checkpoints
from jaxcnn.run.folder import RunFolder
from jaxcnn.task.of_data import task_of
from jaxcnn.train.command import parse
from jaxcnn.train.fit import fit

CLASSES = ("square", "crowd only", "disc", "bar")  # In the order of their ids.
LABEL_OF = {1: 0, 5: 1, 7: 2, 90: 3}


@pytest.fixture(scope="module")
def shapes(tmp_path_factory, draw_shapes):
    """(TFDS directory, the JSON files by split) of a prepared set "shapes"."""
    folder = tmp_path_factory.mktemp("shapes")
    files = draw_shapes(folder / "coco", {"train2017": 160, "val2017": 45})
    prepare_from("shapes", folder / "coco", folder / "tfds", say=lambda line: None)
    return folder / "tfds", files


@pytest.fixture(scope="module")
def run(shapes, tmp_path_factory, drawn):
    """A finished run: (its folder, its recipe, its summary, what it printed)."""
    folder, printed = tmp_path_factory.mktemp("run"), io.StringIO()
    recipe = replace(
        recipe_for("linear", "tfds:shapes", str(shapes[0])),
        data_dir=str(shapes[0]),
        image_size=24,
        epochs=3,
        batch_size=24,
        optim=Optim("adamw", lr=3e-3),
        mesh=Mesh(data=1),
    )
    with drawn():
        summary = fit(recipe, folder, console=Console(file=printed, width=100))
    return folder, recipe, summary, printed.getvalue()


def true_labels(file: dict) -> dict[int, list[int]]:
    """Image id -> the labels of its objects, crowds left out, straight from the JSON."""
    labels = {image["id"]: set() for image in file["images"]}
    for entry in file["annotations"]:
        if not entry["iscrowd"]:
            labels[entry["image_id"]].add(LABEL_OF[entry["category_id"]])
    return {image: sorted(found) for image, found in labels.items()}


def test_classes_splits_and_sizes_are_those_of_the_json(shapes):
    spec = dataset_at("tfds:shapes", shapes[0])
    assert (spec.class_names, spec.num_classes, spec.multi_label) == (CLASSES, 4, True)
    assert spec.splits == ("train", "test")
    sizes = {split: len(load_split(spec, split, shapes[0])) for split in ("train", "val", "test")}
    assert sizes == {"train": 144, "val": 16, "test": 45}


def test_labels_are_the_classes_of_the_objects_and_crowds_do_not_count(shapes):
    spec = dataset_at("tfds:shapes", shapes[0])
    test = load_split(spec, "test", shapes[0])
    found = sorted(np.flatnonzero(labels).tolist() for labels in test.labels)
    assert found == sorted(true_labels(shapes[1]["val2017"]).values())
    assert [] in found, "images without any object stay in"
    assert not test.labels[:, 1].any(), "this class has crowds only"
    for index in range(len(test)):
        example = test[index]
        np.testing.assert_array_equal(example["label"], test.labels[index])
        assert set(example.get("box_labels")) == set(np.flatnonzero(example["label"]))


def test_boxes_lie_around_the_drawn_shapes(shapes):
    test = load_split(dataset_at("tfds:shapes", shapes[0]), "test", shapes[0])
    checked = 0
    for index in range(len(test)):
        example = test[index]
        if len(example.get("boxes")) != 1 or example["box_labels"][0] == 1:
            continue
        bright = example["image"].max(-1) > 140
        rows, columns = np.flatnonzero(bright.any(1)), np.flatnonzero(bright.any(0))
        bounds = [rows[0], columns[0], rows[-1] + 1, columns[-1] + 1]
        box = example["boxes"][0] * np.tile(bright.shape, 2)
        np.testing.assert_allclose(box, bounds, atol=2.5)  # JPEG blurs.
        checked += 1
    assert checked >= 8


def test_held_out_images_have_rare_classes_in_proportion():
    rng = np.random.default_rng(0)
    rates = np.array([0.6, 0.3, 0.1, 0.01])
    labels = (rng.random((3000, 4)) < rates).astype(np.uint8)
    kept, held = hold_out(labels, 0.1)
    assert sorted([*kept, *held]) == list(range(3000))
    shares = labels[held].sum(0) / labels.sum(0)
    np.testing.assert_allclose(shares[:3], 0.1, atol=0.015)
    assert abs(labels[held][:, 3].sum() - 0.1 * labels[:, 3].sum()) < 1


def test_images_that_are_alone_with_their_classes_do_not_stop_the_division():
    labels = np.eye(5, dtype=np.uint8)[[0] * 20 + [1] * 20 + [2, 3]]
    kept, held = hold_out(labels, 0.1)
    assert sorted([*kept, *held]) == list(range(42))
    one_lonely = np.eye(5, dtype=np.uint8)[[0] * 20 + [1] * 20 + [2]]
    assert sum(map(len, hold_out(one_lonely, 0.1))) == 41


def test_the_trained_runs_figures_are_scikit_learns(run, shapes):
    """The model applied by hand to the images by hand, scored by scikit-learn."""
    folder, recipe, summary, _ = run
    spec = dataset_at("tfds:shapes", shapes[0])
    test = load_split(spec, "test", shapes[0])
    resize, rng = Resize(24), np.random.default_rng(0)
    images = np.stack([resize(test[i]["image"], rng) for i in range(len(test))]) / 255
    images = (images - spec.mean) / spec.std
    with Checkpoints(RunFolder(folder).checkpoints, read_only=True) as checkpoints:
        variables = checkpoints.restore_variables(checkpoints.best_step())
    model = create_model("linear", num_classes=4)
    logits = np.asarray(model.apply(variables, images.astype(np.float32), train=False))
    probabilities = np.asarray(jax.nn.sigmoid(logits))

    shown = [0, 2, 3]  # The class of crowds only is no image's.
    truth, chosen = test.labels[:, shown], probabilities[:, shown]
    figures = summary["test"]
    expected = average_precision_score(truth, chosen, average="macro")
    assert figures["mAP"] == pytest.approx(expected, abs=1e-5)
    decided = f1_score(test.labels, probabilities > 0.5, average="micro", zero_division=0)
    assert figures["OF1"] == pytest.approx(decided, abs=1e-6)
    loss = -np.where(test.labels > 0, np.log(probabilities), np.log1p(-probabilities)).sum(-1)
    assert figures["loss"] == pytest.approx(loss.mean(), rel=1e-4)
    assert figures["n"] == 45
    classes = json.loads((folder / "report" / "classes.json").read_text())
    for name, k in zip(("square", "disc", "bar"), shown, strict=True):
        ap = average_precision_score(test.labels[:, k], probabilities[:, k])
        assert classes[name]["AP"] == pytest.approx(ap, abs=1e-5)
    assert classes["crowd only"]["AP"] is None


def test_the_best_checkpoint_is_that_of_the_best_mean_average_precision(run):
    folder, _, summary, printed = run
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    best = max(lines, key=lambda line: (line["val_mAP"], line["step"]))
    assert summary["val"]["mAP"] == best["val_mAP"]
    with Checkpoints(RunFolder(folder).checkpoints, read_only=True) as checkpoints:
        assert checkpoints.best_step() == best["step"]
    assert set(summary["val"]) == set(summary["test"]) == {"mAP", "CF1", "OF1", "loss", "n"}
    assert {"train_loss", "train_OF1", "val_loss", "val_CF1", "val_OF1"} <= set(lines[0])
    assert lines[-1]["train_loss"] < lines[0]["train_loss"]
    assert f"mAP {best['val_mAP']:.4f}" in printed
    assert "top-1" not in printed


def test_the_report_has_pictures_of_classes_and_mistakes(run):
    names = {path.name for path in (run[0] / "report").iterdir()}
    assert names == {"curves.png", "classes.png", "index.html", "classes.json"}


def test_evaluating_the_run_again_gives_its_summary(run):
    figures = evaluate_run(run[0], split="test")
    assert {name: figures[name] for name in run[2]["test"]} == pytest.approx(run[2]["test"])


def test_the_command_line_knows_a_prepared_set_by_its_folder(shapes):
    args = ["--arch=resnet18", "--dataset=tfds:shapes", f"--data-dir={shapes[0]}"]
    recipe = parse(args).recipe
    assert (recipe.dataset, recipe.resize, recipe.data_dir) == (
        "tfds:shapes",
        "interpolate",
        str(shapes[0]),
    )


def test_several_right_classes_of_which_one_is_asked_for_share_the_target():
    """ReaL's images; of COCO's each class is asked for on its own."""
    labels = jnp.array([[1, 0, 0, 1], [0, 1, 0, 0], [0, 0, 0, 0]], jnp.uint8)
    batch = {"image": jnp.zeros((3, 2, 2, 3), jnp.uint8), "label": labels}
    real = replace(dataset_spec("imagenet2012_real"), num_classes=4)
    coco = replace(dataset_spec("coco"), num_classes=4)
    key, preprocessing = jax.random.key(0), Preprocessing(real.mean, real.std)
    _, targets = task_of(real, preprocessing).prepare_eval(key, batch)
    assert targets.tolist() == [[0.5, 0, 0, 0.5], [0, 1, 0, 0], [0, 0, 0, 0]]
    _, targets = task_of(coco, preprocessing).prepare_eval(key, batch)
    assert targets.tolist() == labels.tolist()


def test_whole_images_and_untouched_targets_are_the_default(shapes):
    recipe = recipe_for("resnet18", "tfds:shapes", str(shapes[0]))
    assert (recipe.resize, recipe.augment.label_smoothing) == ("interpolate", 0.0)
    assert isinstance(recipe_for("resnet18", "coco"), Recipe)
    assert recipe_for("resnet18", "coco").resize == "interpolate"


def test_predictions_are_of_each_class_on_its_own_and_those_that_evaluate_counts(
    run, shapes, capsys
):
    folder, _, summary, _ = run
    pictures = shapes[0].parent / "coco" / "val2017"
    truth = true_labels(shapes[1]["val2017"])  # In the order of the files' names.
    labels = np.array([[label in shown for label in range(4)] for shown in truth.values()])
    assert predict.main([f"--workdir={folder}", str(pictures), "--top-k=4", "--json"]) == 0
    tops = [json.loads(line)["top"] for line in capsys.readouterr().out.splitlines()]
    ordered = [sorted(top, key=lambda row: row["class"]) for top in tops]
    probabilities = np.array([[row["probability"] for row in top] for top in ordered])
    decided = f1_score(labels, probabilities > 0.5, average="micro", zero_division=0)
    assert summary["test"]["OF1"] == pytest.approx(decided, abs=1e-6)


def test_a_report_on_the_set_counts_the_images_that_show_each_class(shapes, tmp_path, capsys):
    folder, files = shapes
    command = ["--dataset=tfds:shapes", f"--data-dir={folder}", f"--output={tmp_path}"]
    assert inspect.main(command) == 0
    shown = Counter(label for labels in true_labels(files["val2017"]).values() for label in labels)
    found = json.loads((tmp_path / "inspect.json").read_text())
    assert found["splits"]["test"]["counts"] == [shown[label] for label in range(4)]
    assert "--class-weights" not in (tmp_path / "index.html").read_text()
