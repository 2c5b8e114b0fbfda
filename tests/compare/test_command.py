import csv
import json
from dataclasses import replace
from itertools import product
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from jaxcnn.compare.command import main
from jaxcnn.compare.outputs import comparison_page
from jaxcnn.compare.runs import baselines, shown_names
from jaxcnn.comparison.candidates import Candidate, Candidates
from jaxcnn.comparison.comparison import comparison_of
from jaxcnn.comparison.tables import csv_of, markdown_of
from jaxcnn.data import dataset_at, load_split
from jaxcnn.data.spec import ArraySource
from jaxcnn.metrics import mcnemar
from jaxcnn.recipe import Mesh, Recipe
from jaxcnn.recipe.saved import to_json
from jaxcnn.train.fit import fit

RECIPE = Recipe("mlp", epochs=1, batch_size=100, image_size=8, mesh=Mesh(data=1))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folders = [tmp_path_factory.mktemp(name) for name in ("one", "two")]
    fit(RECIPE, folders[0])
    fit(replace(RECIPE, arch="linear", seed=1), folders[1])
    return folders


def test_runs_are_compared_with_each_other_and_with_the_baselines(runs, tmp_path, capsys):
    out = tmp_path / "comparison"
    assert main([*map(str, runs), f"--output={out}", "--no-compilation-cache"]) == 0
    shown = capsys.readouterr()
    rows = list(csv.DictReader((out / "compare.csv").open(newline="")))
    names = [row["model"] for row in rows]
    assert names == [*(folder.name for folder in runs), "most frequent class", "linear"]
    for folder, row in zip(runs, rows, strict=False):
        assert float(row["top1_low"]) < float(row["top1"]) < float(row["top1_high"])
        assert row["top1"] in (folder / "summary.json").read_text(), "as the run's own validation"
    assert float(rows[2]["top1"]) < 0.2 and rows[2]["params"] == ""
    assert rows[0]["difference"] == "" and all(row["p"] for row in rows[1:])
    assert (out / "linear" / "summary.json").exists() and (out / "compare.md").exists()
    assert "McNemar" in shown.out and "index.html" in shown.err
    assert not (runs[0] / "test_uses.jsonl").read_text().count("compare")


def test_a_test_split_that_is_compared_on_is_noted(runs, tmp_path, capsys):
    args = [*map(str, runs), f"--output={tmp_path / 'c'}", "--split=test", "--no-baselines"]
    assert main([*args, "--no-compilation-cache"]) == 0
    assert "was measured once before" in capsys.readouterr().err
    for run in runs:
        assert (run / "test_uses.jsonl").read_text().count("jaxcnn.compare") == 1


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "no run is given"),
        (["/nowhere"], "/nowhere is not a run's folder"),
        (["{one}", "{one}"], "a run is there twice"),
        (["{one}", "--no-baselines"], "one run alone is compared with nothing"),
        (["{one}", "{two}", "--output={one}"], "is a run's folder"),
        (["{one}", "{two}", "--split=train"], "invalid choice 'train'"),
    ],
)
def test_wrong_input_exits_2_with_one_line(runs, tmp_path, monkeypatch, capsys, args, message):
    monkeypatch.chdir(tmp_path)
    args = [arg.format(one=runs[0], two=runs[1]) for arg in args]
    assert main([*args, "--no-compilation-cache"]) == 2
    error = capsys.readouterr().err
    assert message in error.splitlines()[-1]
    assert not (tmp_path / "comparison").exists()


def candidates(several=False):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 80).astype(np.int32)
    if several:
        labels = np.eye(3, dtype=np.uint8)[labels]
    made = [
        Candidate(name, labels, rng.normal(size=(80, 3)).astype(np.float32), 10, 0.1, 100.0, 0)
        for name in ("a", "=b", "<c>")
    ]
    images = rng.integers(0, 256, (80, 8, 8, 3), dtype=np.uint8)
    source = ArraySource(images, np.zeros(80, np.int32))
    return Candidates(made, source, ("ant", "bee", "cat"), several, "a set")


def test_differences_are_those_of_the_images_that_one_has_right_and_the_other_wrong():
    three = candidates()
    found = comparison_of(three, "val")
    right = [one.logits.argmax(1) == one.labels for one in three.all]
    for beside, other in zip(found.beside, right[1:], strict=True):
        assert set(beside.better) == set(np.flatnonzero(other & ~right[0]))
        assert set(beside.worse) == set(np.flatnonzero(right[0] & ~other))
        assert beside.difference == pytest.approx(other.mean() - right[0].mean())
        assert beside.p_value >= mcnemar(other, right[0]), "corrected for two comparisons"


@pytest.mark.parametrize("several", [False, True])
def test_whatever_runs_are_called_is_text(several):
    three = candidates(several)
    found = comparison_of(three, "val")
    page = comparison_page(found, three, "a command")
    assert "<c>" not in page and "&lt;c&gt;" in page
    assert "'=b" in csv_of(found) and "\n=b" not in csv_of(found)
    assert "\\<c\\>" in markdown_of(found, "a command")


def test_runs_are_called_by_as_much_of_their_paths_as_tells_them_apart():
    assert shown_names(["a/s0", "a/s1"]) == ["s0", "s1"]
    assert shown_names(["a/s0", "b/s0"]) == ["a/s0", "b/s0"]


def test_the_linear_baseline_is_trained_on_the_runs_own_folder(tmp_path, monkeypatch):
    photos = tmp_path / "photos"
    for split, name in product(("train", "val", "test"), ("cat", "dog")):
        (photos / split / name).mkdir(parents=True)
        cv2.imwrite(str(photos / split / name / "1.png"), np.zeros((8, 8, 3), np.uint8))
    recipe = replace(RECIPE, dataset="image_folder", data_dir=str(photos))
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "recipe.json").write_text(json.dumps(to_json(recipe)))
    taken = []
    monkeypatch.setattr(
        "jaxcnn.compare.runs.trained", lambda *args, **kwargs: taken.append(args) or [candidates()]
    )
    data = dataset_at("image_folder", str(photos))
    source = load_split(data, "val", str(photos))
    of_images = Candidate("one", source.labels, np.zeros((2, 2), np.float32))
    subject = SimpleNamespace(data=data)
    run, out = str(tmp_path / "run"), tmp_path / "out"
    baselines(run, None, (subject, source), "val", out, [of_images], "jaxcnn", print)
    ((_, of_linear, *_),) = taken
    assert (of_linear.arch, of_linear.data_dir) == ("linear", str(photos))
