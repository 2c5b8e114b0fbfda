"""The command line as a person types it."""

import csv
import json
import shutil
from itertools import product
from pathlib import Path
from typing import get_args

import cv2
import jax
import numpy as np
import pytest
from matplotlib.figure import Figure
from safetensors.numpy import save_file

from jaxcnn.data import dataset_spec, load_split
from jaxcnn.data.loader.workers import Hands
from jaxcnn.data.preprocessing import IMAGENET
from jaxcnn.evaluate.evaluation import evaluate_run
from jaxcnn.models import create_model
from jaxcnn.models.spec import init_variables
from jaxcnn.predict.command import main
from jaxcnn.predict.prediction import classify
from jaxcnn.recipe import Augment, Mesh, Optim, Recipe
from jaxcnn.train.fit import fit
from jaxcnn.trained.classifier import classifier_of_run
from jaxcnn.trained.methods import OF_A_STAGE, Method
from jaxcnn.weights import to_torch


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    recipe = Recipe(
        "lenet5",
        steps=2,
        batch_size=64,
        image_size=32,
        optim=Optim("adamw", lr=3e-3),
        augment=Augment(),
        mesh=Mesh(data=1),
    )
    fit(recipe, folder)
    return folder


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """The test split as files named by their order, and its labels."""
    folder = tmp_path_factory.mktemp("digits")
    source = load_split(dataset_spec("digits"), "test", None)
    for index in range(len(source)):
        cv2.imwrite(str(folder / f"{index:03}.png"), source[index]["image"])
    return folder, source.labels


def predict(capsys, *args):
    """(exit status, records, what is said of errors)."""
    status = main([*map(str, args), "--json", "--no-compilation-cache"])
    printed = capsys.readouterr()
    return status, [json.loads(line) for line in printed.out.splitlines()], printed.err


def test_predictions_of_a_run_are_those_that_evaluate_counts(run, digits, capsys):
    """360 pictures in batches: the same top-1, top-5 and loss as the test split's arrays."""
    folder, labels = digits
    status, records, _ = predict(capsys, f"--workdir={run}", folder, "--top-k=10")
    assert status == 0
    assert [record["image"] for record in records] == sorted(map(str, folder.iterdir()))
    ranks, losses = [], []
    for record, label in zip(records, labels, strict=True):
        classes = [row["class"] for row in record["top"]]
        assert [row["name"] for row in record["top"]] == list(map(str, classes))
        probabilities = [row["probability"] for row in record["top"]]
        assert probabilities == sorted(probabilities, reverse=True)
        ranks.append(classes.index(label))
        losses.append(-np.log(probabilities[ranks[-1]]))
    figures = evaluate_run(run)
    assert np.mean(np.array(ranks) == 0) == pytest.approx(figures["top1"])
    assert np.mean(np.array(ranks) < 5) == pytest.approx(figures["top5"])
    assert np.mean(losses) == pytest.approx(figures["loss"], rel=1e-4)


def test_a_picture_of_another_size_and_in_colour_is_brought_to_the_sets(
    run, digits, tmp_path, capsys
):
    """Each pixel 5 by 4 times in three equal channels is, shrunk again, the digit itself."""
    digit = cv2.imread(str(digits[0] / "000.png"))
    cv2.imwrite(str(tmp_path / "large.png"), digit.repeat(5, axis=0).repeat(4, axis=1))
    args = [f"--workdir={run}", digits[0] / "000.png", tmp_path / "large.png"]
    _, (small, large), _ = predict(capsys, *args)
    assert small["top"] == large["top"]


def test_published_weights_see_photographs_as_evaluate_shows_them(tmp_path, capsys, resnet4):
    """By hand: 28 / 0.875 = 32 pixels on the shorter side, the centre of which is cut out."""
    model = create_model(resnet4, num_classes=3)
    shapes = jax.eval_shape(lambda key: init_variables(model, key, (32, 32), 3), jax.random.key(1))
    rng = np.random.default_rng(0)

    def draw(leaf):
        """As large as layers of their inputs have it; a norm's numbers are all 1."""
        drawn = rng.normal(size=leaf.shape) / np.sqrt(np.prod(leaf.shape[:-1]))
        return np.where(leaf.ndim > 1, drawn, 1.0).astype(np.float32)

    variables = jax.tree.map(draw, shapes)
    save_file(to_torch(resnet4, variables), tmp_path / "w.safetensors")
    picture = rng.integers(256, size=(32, 40, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "1.png"), picture[..., ::-1])
    args = [f"--arch={resnet4}", f"--pretrained={tmp_path / 'w.safetensors'}", "--image-size=28"]
    status, (record,), _ = predict(capsys, *args, tmp_path / "1.png")
    assert status == 0
    images = (picture[None, 2:-2, 6:-6] / 255 - IMAGENET[0]) / IMAGENET[1]
    logits = jax.jit(model.apply)(variables, images.astype(np.float32))
    expected = jax.nn.softmax(logits)[0]
    assert expected.max() < 0.9  # So that all three say something.
    assert {row["class"]: row["probability"] for row in record["top"]} == pytest.approx(
        dict(enumerate(expected.tolist())), rel=1e-4
    )
    assert {row["name"] for row in record["top"]} == {None}


def save_weights(arch, path, num_classes, most_probable):
    """Zeros but for one class's bias: whatever the picture shows."""
    model = create_model(arch, num_classes=num_classes)
    shapes = jax.eval_shape(lambda key: init_variables(model, key, (32, 32), 3), jax.random.key(1))
    variables = jax.tree.map(lambda leaf: np.zeros(leaf.shape, np.float32), shapes)
    variables["params"]["head"]["bias"][most_probable] = 5.0
    save_file(to_torch(arch, variables), path)


def test_a_thousand_classes_are_imagenets_and_a_line_says_so(tmp_path, capsys, resnet4):
    save_weights(resnet4, tmp_path / "w.safetensors", 1000, 151)
    picture = tmp_path / "1.png"
    cv2.imwrite(str(picture), np.zeros((32, 32, 3), np.uint8))
    args = [f"--arch={resnet4}", f"--pretrained={tmp_path / 'w.safetensors'}", "--image-size=28"]
    status, (record,), error = predict(capsys, *args, picture)
    assert status == 0
    assert (record["top"][0]["class"], record["top"][0]["name"]) == (151, "Chihuahua")
    assert error == "the 1,000 classes are taken for ImageNet-1k's; --dataset=NAME names others\n"


def test_one_classifier_is_compiled_once_for_pictures_in_batches_of_one_size(run, digits):
    classifier = classifier_of_run(run)
    for index in range(3):
        list(classify(classifier, [digits[0] / f"{index:03}.png"]))
    assert classifier.probabilities_of._cache_size() == 1
    list(classify(classifier, [digits[0] / f"{index:03}.png" for index in range(2)]))
    assert classifier.probabilities_of._cache_size() == 2


# That of a Vision Transformer, and of ReLUs: a LeNet has neither.
REFUSED = {
    "attention_rollout": "attention rollout needs a Vision Transformer's attention",
    "guided_backprop": "changes the gradient of ReLUs, and LeNet",
}


@pytest.mark.parametrize("method", get_args(Method))
def test_an_explanation_is_drawn_for_each_picture_or_refused(run, digits, tmp_path, capsys, method):
    """Pictures of the same name in two folders do not overwrite each other's."""
    for folder, index in (("a", 0), ("b", 1)):
        (tmp_path / folder).mkdir()
        digit = (digits[0] / f"{index:03}.png").read_bytes()
        (tmp_path / folder / "1.png").write_bytes(digit)
    output = tmp_path / "out"
    args = [f"--workdir={run}", tmp_path / "a", tmp_path / "b", f"--explain={method}"]
    status, records, error = predict(capsys, *args, f"--output={output}")
    if method in REFUSED:
        assert status == 2 and REFUSED[method] in error and error.count("\n") == 1
        return
    assert status == 0
    # A LeNet's second stage leaves 5x5 of 32 pixels.
    stages = {record.get("stage") for record in records}
    assert stages == {"stage1 (14x14)" if method in OF_A_STAGE else None}
    paths = [str(output / folder / f"1.png.{method}.png") for folder in "ab"]
    assert [record["explanation"] for record in records] == paths
    drawn = [cv2.imread(path) for path in paths]
    assert np.abs(drawn[0].astype(int) - drawn[1]).mean() > 1


def test_one_bad_picture_is_named_and_the_others_are_done(run, digits, tmp_path, capsys):
    bad = tmp_path / "notes.txt"
    bad.write_text("not a picture")
    good = digits[0] / "000.png"
    status, records, error = predict(capsys, f"--workdir={run}", good, bad, good)
    assert status == 1
    assert records[0] == records[2] and "top" in records[0]
    assert records[1]["image"] == str(bad) and "is not a picture" in records[1]["problem"]
    assert error == f"python -m jaxcnn.predict: 1 of 3 pictures cannot be used: {bad}\n"

    status, records, error = predict(capsys, f"--workdir={run}", bad)
    assert (status, records) == (2, [])
    assert f"{bad} is not a picture" in error and error.count("\n") == 1


def test_tables_show_the_most_probable_classes(run, digits, capsys):
    args = [f"--workdir={run}", str(digits[0] / "000.png"), "--no-compilation-cache"]
    assert main([*args, "--top-k=2"]) == 0
    text = capsys.readouterr().out
    assert main([*args, "--top-k=2", "--json"]) == 0
    top = json.loads(capsys.readouterr().out)["top"]
    rows = [line.strip("│ \n").split("│") for line in text.splitlines() if line.startswith("│")]
    shown = [(int(number), name.strip(), float(chance)) for number, name, chance in rows]
    assert shown == [(row["class"], row["name"], round(row["probability"], 4)) for row in top]


def test_a_table_has_a_row_for_each_picture_that_could_be_read(run, digits, tmp_path, capsys):
    bad, table = tmp_path / "=bad.png", tmp_path / "table.csv"
    bad.write_text("not a picture")
    pictures = sorted(digits[0].iterdir())[:40]
    args = [f"--workdir={run}", *map(str, pictures[:3]), str(bad), *map(str, pictures[3:])]
    _, records, _ = predict(capsys, *args, "--top-k=10")
    assert main([*args, f"--csv={table}", "--no-compilation-cache"]) == 1
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.count(str(bad)) == 2
    assert f"40 predictions are in {table}" in printed.err
    rows = list(csv.DictReader(table.open(newline="")))
    assert list(rows[0]) == ["path", "prediction", "confidence", "top_k", "probabilities"]
    records = [record for record in records if "top" in record]
    for row, record in zip(rows, records, strict=True):
        top = record["top"]
        assert (row["path"], row["prediction"]) == (record["image"], top[0]["name"])
        assert float(row["confidence"]) == pytest.approx(top[0]["probability"], rel=1e-4)
        assert json.loads(row["top_k"]) == [one["name"] for one in top]
        assert json.loads(row["probabilities"]) == pytest.approx(
            [one["probability"] for one in top], rel=1e-4
        )


def test_workers_read_many_pictures_and_say_what_is_wrong_with_them(
    run, digits, tmp_path, monkeypatch
):
    """A worker process keeps what it finds out to itself."""
    bad = tmp_path / "bad.png"
    bad.write_text("not a picture")
    paths = [*sorted(digits[0].iterdir())[:3], bad]
    classifier = classifier_of_run(run)
    expected = list(classify(classifier, paths))
    monkeypatch.setattr("jaxcnn.predict.prediction.FEW", 3)
    monkeypatch.setattr("jaxcnn.predict.prediction.hands_of", lambda *args: Hands(1))
    found = list(classify(classifier, paths))
    assert found[-1] == expected[-1] and "is not a picture" in found[-1].problem
    for one, other in zip(found[:-1], expected[:-1], strict=True):
        assert one.path == other.path and (one.probabilities == other.probabilities).all()


PICTURE = "/nowhere/1.png"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([PICTURE], "give either --workdir=DIR, or --arch=NAME and --pretrained=SOURCE"),
        (["--workdir=/nowhere"], "no picture is given; name files, or folders of them"),
        (["--workdir=/nowhere", PICTURE], f"no file or folder {PICTURE}"),
        (["--workdir=/nowhere", __file__], "/nowhere is not a run's folder"),
        ([PICTURE, "--workdr=x"], "--workdr=x; did you mean --workdir?"),
        (["--workdir=/nowhere", PICTURE, "--top-k=0"], "--top-k=0 is out of range"),
        (["--workdir=/nowhere", PICTURE, "--explain=gradcam"], "invalid choice 'gradcam'"),
        (["--workdir=/nowhere", PICTURE, "--output=here"], "--output is for what --explain"),
        (["--workdir=/nowhere", PICTURE, "--csv=a.csv", "--json"], "give one of them"),
        (["--workdir=/nowhere", PICTURE, "--csv=/nowhere/a.csv"], "--csv=/nowhere/a.csv: its"),
        (["--workdir=/nowhere", PICTURE, "--image-size=32"], "are for published weights"),
        (["--arch=lenet6", "--pretrained=w.pth", __file__], "unknown model 'lenet6'"),
    ],
)
def test_wrong_input_exits_2_with_one_line(args, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main([*args, "--no-compilation-cache"]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_model_without_maps_is_explained_by_other_means_only(tmp_path, digits, capsys):
    model = create_model("mlp", num_classes=10)
    variables = init_variables(model, jax.random.key(1), (28, 28), 1)
    save_file(to_torch("mlp", variables), tmp_path / "w.safetensors")
    args = ["--arch=mlp", f"--pretrained={tmp_path / 'w.safetensors'}", "--dataset=digits"]
    args += [digits[0] / "000.png", f"--output={tmp_path / 'out'}"]
    status, _, error = predict(capsys, *args, "--explain=grad_cam")
    assert status == 2 and error.count("\n") == 1
    assert "integrated_gradients and occlusion need none" in error
    assert predict(capsys, *args, "--explain=occlusion")[0] == 0


def test_the_stage_that_a_map_is_of_is_said_and_drawn(run, digits, tmp_path, capsys, monkeypatch):
    titles = []

    def draw(picture, heat, title):
        titles.append(title)
        return Figure()

    monkeypatch.setattr("jaxcnn.explain.figure.draw", draw)
    args = [f"--workdir={run}", str(digits[0] / "000.png"), "--no-compilation-cache"]
    assert main([*args, "--explain=grad_cam", f"--output={tmp_path}"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert printed.endswith("000.png.grad_cam.png, by the maps of stage1 (14x14)")
    assert titles[0].endswith("; by stage1 (14x14)")


def test_a_place_that_cannot_be_written_is_named(run, digits, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    args = [f"--workdir={run}", digits[0] / "000.png", "--explain=occlusion"]
    status, _, error = predict(capsys, *args, f"--output={tmp_path / 'file'}")
    assert status == 2 and "give --output=DIR" in error


def test_classes_of_a_run_on_photographs_have_names_wherever_the_folder_is(tmp_path, capsys):
    photos = tmp_path / "photos"
    for level, name in ((60, "dark"), (200, "light")):
        (photos / name).mkdir(parents=True)
        for index in range(10):
            picture = np.full((10, 12, 3), level + index, np.uint8)
            cv2.imwrite(str(photos / name / f"{index}.png"), picture)
    recipe = Recipe(
        "linear",
        "image_folder",
        data_dir=str(photos),
        steps=1,
        batch_size=4,
        image_size=8,
        resize="crop",
        mesh=Mesh(data=1),
    )
    fit(recipe, tmp_path / "run")
    args = [f"--workdir={tmp_path / 'run'}", photos / "dark" / "0.png"]
    status, (named,), error = predict(capsys, *args)
    assert status == 0
    assert {(row["class"], row["name"]) for row in named["top"]} == {(0, "dark"), (1, "light")}

    photos.rename(tmp_path / "moved")
    args[1] = tmp_path / "moved" / "dark" / "0.png"
    status, (again,), error = predict(capsys, *args)
    assert (status, again["top"], error) == (0, named["top"], "")

    for name in ("data.json", "data.names.gz"):  # As an earlier version left a run.
        (tmp_path / "run" / name).unlink()
    status, (numbered,), error = predict(capsys, *args)
    assert status == 0
    assert error.startswith("classes by number, their names are not known: no folder")
    assert [row["name"] for row in numbered["top"]] == [None, None]
    _, (again,), _ = predict(capsys, *args, f"--data-dir={tmp_path / 'moved'}")
    assert again["top"] == named["top"]

    (tmp_path / "moved" / "light").rename(tmp_path / "moved" / "new")
    (tmp_path / "moved" / "light").mkdir()
    shutil.copy(args[1], tmp_path / "moved" / "light")
    status, _, error = predict(capsys, *args, f"--data-dir={tmp_path / 'moved'}")
    assert status == 2 and "the weights tell 2 classes apart, image_folder has 3" in error


def test_a_run_that_evaluates_mirror_images_predicts_by_them_too(tmp_path, capsys):
    photos, rng = tmp_path / "photos", np.random.default_rng(0)
    for split, name, index in product(("train", "val", "test"), ("cat", "dog"), range(2)):
        path = photos / split / name / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), rng.integers(256, size=(8, 8, 3), dtype=np.uint8))
    recipe = Recipe(
        "linear",
        "image_folder",
        data_dir=str(photos),
        steps=1,
        batch_size=4,
        image_size=8,
        eval_flip=True,
        mesh=Mesh(data=1),
    )
    test = fit(recipe, tmp_path / "run")["test"]
    _, records, _ = predict(capsys, f"--workdir={tmp_path / 'run'}", photos / "test")
    labels = [Path(record["image"]).parent.name for record in records]
    of_label = [
        next(row["probability"] for row in record["top"] if row["name"] == label)
        for record, label in zip(records, labels, strict=True)
    ]
    assert -np.mean(np.log(of_label)) == pytest.approx(test["loss"], rel=1e-4)
    assert evaluate_run(tmp_path / "run")["loss"] == pytest.approx(test["loss"], rel=1e-6)
    whole = cv2.imread(str(photos / "test/cat/0.png"))
    cv2.imwrite(str(tmp_path / "mirrored.png"), whole[:, ::-1])
    _, (mirrored,), _ = predict(capsys, f"--workdir={tmp_path / 'run'}", tmp_path / "mirrored.png")
    probabilities = [row["probability"] for row in mirrored["top"]]
    expected = [row["probability"] for row in records[0]["top"]]
    assert probabilities == pytest.approx(expected, rel=1e-5)
