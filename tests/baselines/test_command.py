"""The command line as a person types it."""

import csv
import json

import numpy as np
import pytest

from jaxcnn.baselines.command import Options, main
from jaxcnn.baselines.measure import brief, evenly, networks_for
from jaxcnn.data import dataset_spec, load_split
from jaxcnn.data.spec import ArraySource
from jaxcnn.probes.nearest import nearest_pixels
from jaxcnn.recipe import recipe_for


def test_each_is_measured_on_the_test_split_and_that_is_noted(tmp_path, capsys, monkeypatch):
    """Of the networks the linear one alone, and with fewer steps than it would take."""
    monkeypatch.setattr("jaxcnn.baselines.measure.MOST_SECONDS", 0.2)
    monkeypatch.setattr("jaxcnn.baselines.measure.networks_for", lambda options: ("linear",))
    monkeypatch.setattr("jaxcnn.comparison.candidates.TIMED_SECONDS", 0.0)
    out = tmp_path / "out"
    assert main(["--split=test", f"--output={out}", "--no-compilation-cache"]) == 0
    shown = capsys.readouterr()
    rows = list(csv.DictReader((out / "baselines.csv").open(newline="")))
    names = ["most frequent class", "linear", "5-NN, pixels"]
    assert [row["model"] for row in rows] == names
    assert all(row["n"] == "360" for row in rows)
    assert float(rows[0]["top1"]) < 0.2 < float(rows[1]["top1"])
    # At the end of its training, and beside the others.
    uses = (out / "linear" / "test_uses.jsonl").read_text()
    assert uses.count("jaxcnn.baselines") == 2
    summary = json.loads((out / "linear" / "summary.json").read_text())
    assert float(rows[1]["top1"]) == pytest.approx(summary["test"]["top1"])
    spec = dataset_spec("digits")
    train, test = (load_split(spec, split) for split in ("train", "test"))
    images = [np.stack([each[i]["image"] for i in range(len(each))]) for each in (train, test)]
    right = nearest_pixels(images[0], train.labels, images[1], 10, k=5).argmax(-1) == test.labels
    assert float(rows[-1]["top1"]) == pytest.approx(right.mean(), abs=0.02) and right.mean() > 0.95
    assert "| linear |" in (out / "baselines.md").read_text() and "baselines.md" in shown.err


def test_the_small_network_goes_by_the_images():
    for dataset, small in (("digits", "lenet5"), ("mnist", "lenet5"), ("cifar10", "resnet20")):
        assert networks_for(Options(dataset)) == ("linear", "mlp", small)


def test_a_long_training_is_cut_to_minutes_and_a_short_one_left_alone():
    short = recipe_for("lenet5", "digits")
    assert brief(short, 1293) == short
    long = recipe_for("resnet20", "cifar10")
    steps = brief(long, 45_000).steps
    assert steps is not None and 100 < steps < 45_000 // 128 * long.epochs
    # 3 passes of 0.0406 GMACs, 2 operations each, at 40e9 a second on two cores.
    assert steps * 128 * 3 * 2 * 0.0406e9 / 80e9 == pytest.approx(300, rel=0.01)


def test_so_many_examples_are_of_all_classes_as_often_as_there_are():
    labels = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], [60, 30, 10]))
    source = ArraySource(np.zeros((100, 1, 1, 1), np.uint8), labels.astype(np.int32))
    assert evenly(source, 100) is source
    assert np.bincount(evenly(source, 20).labels).tolist() == pytest.approx([12, 6, 2], abs=1)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--arch=resnet20"], "--arch=NAME and --pretrained=SOURCE go together"),
        (["--image-size=8"], "--image-size is for published weights"),
        (["--dataset=digit"], "did you mean 'digits'?"),
        (["--dataset=image_folder"], "image_folder needs --data-dir=DIR"),
        (["--arch=resnet20", "--pretrained=/nowhere.pth"], "/nowhere.pth"),
        (["--split=train"], "invalid choice 'train'"),
        ([f"--output={__file__}"], "is a file; give a folder"),
    ],
)
def test_wrong_input_exits_2_with_one_line(args, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([*args, "--no-compilation-cache"]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not list(tmp_path.iterdir())
