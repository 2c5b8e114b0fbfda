"""`--folds`: each part of training and validation images validates a run of its own."""

import csv

import pytest

from jaxcnn.evaluate import command as evaluate
from jaxcnn.run.folder import RunFolder
from jaxcnn.sweep.command import main

TINY = ["--arch=linear", "--image-size=8", "--epochs=1", "--mesh.data=1", "--workers=0"]


def sweep(folder, *args):
    return main([*TINY, *args, f"--workdir={folder}", "--no-compilation-cache"])


def test_each_fold_is_a_run_that_is_not_tested_and_whose_validation_is_found_again(
    tmp_path, capsys
):
    assert sweep(tmp_path, "--folds=2") == 0
    told = capsys.readouterr()
    assert "the test split was not opened" in told.out and "2 folds, 1 seed" in told.out
    assert "digits comes without a test split" in told.out
    with (tmp_path / "sweep.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["seed"], row["fold"]) for row in rows] == [("0", "1/2"), ("0", "2/2")]
    assert sum(int(row["val_n"]) for row in rows) == 1797 - 360
    assert not any(name.startswith("test") for name in rows[0])
    path = tmp_path / "linear" / "s0-fold2of2"
    summary = RunFolder(path).read_summary()
    assert summary["fold"] == "2/2" and "test" not in summary
    assert evaluate.main([f"--workdir={path}", "--split=val"]) == 0
    assert f'"top1": {summary["val"]["top1"]}' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--folds=1"], "--folds=1 is out of range; it must be 2 to 100"),
        (["--folds=5", "--together"], "--folds trains them in turn"),
        (["--folds=5", "--fold=1/5"], "--fold is one of a set's folds"),
        (["--fold=6/5"], "--fold=6/5 is no fold"),
        (["--grid", "fold=1/5,2/5"], "fold is not of the grid; give --folds"),
    ],
)
def test_what_cannot_be_divided_is_refused_in_a_line(args, message, tmp_path, capsys):
    assert sweep(tmp_path / "sweep", *args) == 2
    told = capsys.readouterr().err
    assert message in told and told.count("\n") == 1 and not (tmp_path / "sweep").exists()
