import json
import shutil
import subprocess
import sys

import chex
import cv2
import jax
import numpy as np
import optax
import pytest
from safetensors.numpy import save_file

from jaxcnn.data import dataset_spec, load_split
from jaxcnn.data.augment.resize import Resize
from jaxcnn.data.preprocessing import IMAGENET
from jaxcnn.evaluate.command import main
from jaxcnn.models import create_model
from jaxcnn.models.spec import init_variables
from jaxcnn.recipe import Mesh, Recipe
from jaxcnn.run.pretrained import load_weights
from jaxcnn.train.fit import fit
from jaxcnn.weights import to_torch


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


ON_ONE_DEVICE = """
import json, sys
import jax
from jaxcnn.evaluate.evaluation import evaluate_run
from jaxcnn.run.pretrained import load_weights
figures = evaluate_run(sys.argv[1])
weights = load_weights("mlp", sys.argv[1])
print(json.dumps([jax.device_count(), figures, jax.tree.map(lambda w: w.sum().item(), weights)]))
"""


def test_a_run_of_eight_devices_is_read_on_one(tmp_path):
    """Weights in four parts, two copies of each."""
    recipe = Recipe("mlp", epochs=1, batch_size=96, image_size=8, mesh=Mesh(data=2, fsdp=4))
    summary = fit(recipe, tmp_path)
    command = [sys.executable, "-c", ON_ONE_DEVICE, str(tmp_path)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    num_devices, figures, sums = json.loads(printed.splitlines()[-1])
    assert num_devices == 1
    assert {name: figures[name] for name in summary["test"]} == pytest.approx(summary["test"])
    ours = jax.tree.map(lambda w: w.sum().item(), load_weights("mlp", str(tmp_path)))
    chex.assert_trees_all_close(sums, ours, rtol=1e-4, atol=1e-4)


def test_all_of_a_set_that_a_run_was_trained_on_is_refused(run, capsys):
    assert main([f"--workdir={run[0]}", "--split=all", "--no-compilation-cache"]) == 2
    assert "give train, val or test" in capsys.readouterr().err


def test_views_a_data_set_cannot_have_are_refused(run, capsys):
    assert main([f"--workdir={run[0]}", "--tta=flip", "--no-compilation-cache"]) == 2
    assert "changes the label of digits" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--workdir=/nowhere"], "/nowhere is not a run's folder"),
        (["--workdir=/nowhere", "--split=tset"], "invalid choice 'tset'"),
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


@pytest.fixture(scope="module")
def published(tmp_path_factory, resnet4):
    """Arguments that evaluate random weights on a folder of 7 pictures; model, weights, both."""
    folder = tmp_path_factory.mktemp("published")
    model = create_model(resnet4, num_classes=2)
    variables = init_variables(model, jax.random.key(1), (32, 32), 3)
    save_file(to_torch(resnet4, variables), folder / "w.safetensors")
    rng = np.random.default_rng(0)
    pictures, labels = rng.integers(256, size=(7, 32, 32, 3), dtype=np.uint8), [0, 0, 0, 0, 1, 1, 1]
    for number, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
        (folder / "photos" / "ab"[label]).mkdir(parents=True, exist_ok=True)
        name = folder / "photos" / "ab"[label] / f"{number}.png"
        cv2.imwrite(str(name), picture[..., ::-1])
    args = [f"--arch={resnet4}", f"--pretrained={folder / 'w.safetensors'}", "--image-size=28"]
    args += [f"--data-dir={folder / 'photos'}", "--no-compilation-cache"]

    def logits(images: np.ndarray) -> jax.Array:
        normalized = (images / 255 - IMAGENET[0]) / IMAGENET[1]
        return jax.jit(model.apply)(variables, normalized.astype(np.float32))

    return args, logits, pictures, np.array(labels)


def test_published_weights_are_measured_on_every_picture_of_a_folder(published, capsys):
    """The figures are those of the model applied to the pictures by hand."""
    args, logits_of, pictures, labels = published
    assert main(args) == 0
    figures = json.loads(capsys.readouterr().out)

    # 28 / 0.875 = 32 pixels on the shorter side: the centre is cut out, nothing is resized.
    logits = logits_of(pictures[:, 2:-2, 2:-2])
    expected = optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()
    assert (figures["n"], figures["split"], figures["tta"]) == (7, "all", "none")
    assert figures["loss"] == pytest.approx(float(expected), rel=1e-4)
    assert figures["top1"] == pytest.approx(np.mean(logits.argmax(-1) == labels))


def test_ten_crops_average_the_probabilities_of_corners_centre_and_mirror_images(published, capsys):
    args, logits_of, pictures, labels = published
    assert main([*args, "--tta=ten"]) == 0
    figures = json.loads(capsys.readouterr().out)

    crops = [pictures[:, y : y + 28, x : x + 28] for y in (0, 4) for x in (0, 4)]
    crops.append(pictures[:, 2:-2, 2:-2])
    crops += [crop[:, :, ::-1] for crop in crops]
    logits = logits_of(np.concatenate(crops)).reshape(10, 7, 2)
    mean = np.asarray(jax.nn.softmax(logits).mean(0))
    expected = -np.log(mean[np.arange(7), labels]).mean()
    assert (figures["n"], figures["tta"]) == (7, "ten")
    assert figures["loss"] == pytest.approx(float(expected), rel=1e-4)
    assert figures["top1"] == pytest.approx(np.mean(mean.argmax(-1) == labels))


def test_weights_for_other_classes_than_the_data_sets_are_refused(tmp_path, capsys):
    model = create_model("lenet5", num_classes=3)
    variables = init_variables(model, jax.random.key(1), (32, 32), 1)
    save_file(to_torch("lenet5", variables), tmp_path / "w.safetensors")
    args = ["--arch=lenet5", f"--pretrained={tmp_path / 'w.safetensors'}", "--dataset=digits"]
    assert main([*args, "--no-compilation-cache"]) == 2
    assert "the weights tell 3 classes apart, digits has 10" in capsys.readouterr().err


def test_weights_for_grey_images_are_measured_with_the_sets_own_statistics(tmp_path, capsys):
    """Their file states no mean, and that of colour photographs would not even fit."""
    model = create_model("mlp", num_classes=10)
    variables = init_variables(model, jax.random.key(1), (28, 28), 1)
    save_file(to_torch("mlp", variables), tmp_path / "w.safetensors")
    args = ["--arch=mlp", f"--pretrained={tmp_path / 'w.safetensors'}", "--dataset=digits"]
    assert main([*args, "--split=test", "--no-compilation-cache"]) == 0
    digits = dataset_spec("digits")
    test = load_split(digits, "test", None)
    enlarge, rng = Resize(28), np.random.default_rng(0)
    images = [enlarge(test[i]["image"], rng) for i in range(len(test))]
    pixels = np.stack(images).astype(np.float32) / 255
    logits = model.apply(variables, (pixels - digits.mean) / digits.std)
    expected = optax.softmax_cross_entropy_with_integer_labels(logits, test.labels).mean()
    figures = json.loads(capsys.readouterr().out)
    assert figures["loss"] == pytest.approx(float(expected), rel=1e-4)
