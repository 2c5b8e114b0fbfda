import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, cohen_kappa_score

from jaxcnn.evaluate.command import main
from jaxcnn.recipe import Mesh, Recipe
from jaxcnn.train.fit import fit


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    fit(Recipe("linear", epochs=2, batch_size=100, image_size=8, mesh=Mesh(data=1)), folder)
    return folder


def evaluated(capsys, *args):
    status = main([*map(str, args), "--no-compilation-cache"])
    said = capsys.readouterr()
    return status, said.out and json.loads(said.out), said.err


@pytest.fixture
def output(run, tmp_path, capsys):
    """The folder that an evaluation fills, and what it printed."""
    args = (f"--workdir={run}", "--split=val", f"--output={tmp_path / 'out'}")
    status, printed, _ = evaluated(capsys, *args)
    assert status == 0
    return tmp_path / "out", printed


def rows_of(file):
    return list(csv.DictReader(file.open(newline="")))


def test_figures_of_the_rows_are_those_that_are_printed(output):
    folder, printed = output
    rows = rows_of(folder / "predictions.csv")
    assert list(rows[0]) == [
        "index", "label", "prediction", "confidence", "top_k", "probabilities", "loss",
    ]  # fmt: skip
    labels, taken = ([int(row[name]) for row in rows] for name in ("label", "prediction"))
    assert printed["top1"] == pytest.approx(np.mean(np.equal(labels, taken)))
    assert printed["loss"] == pytest.approx(np.mean([float(row["loss"]) for row in rows]), rel=1e-4)
    assert printed["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(labels, taken))
    assert printed["kappa"] == pytest.approx(cohen_kappa_score(labels, taken))
    low, high = printed["intervals"]["top1"]
    assert low < printed["top1"] < high
    for row in rows:
        top, chances = json.loads(row["top_k"]), json.loads(row["probabilities"])
        assert top[0] == row["prediction"]
        assert float(row["confidence"]) == pytest.approx(chances[0], rel=1e-4)
        assert sum(chances) == pytest.approx(1, abs=1e-4), "of ten classes all stand there"


def test_the_folder_holds_each_classs_figures_the_page_and_the_card(output):
    folder, printed = output
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["top1"] == printed["top1"] and len(metrics["per_class"]) == 10
    assert np.array(metrics["confusion"]).sum() == printed["n"]
    assert f"{printed['top1']:.4f}" in (folder / "index.html").read_text()
    card = (folder / "card.md").read_text()
    assert card.startswith("---\n") and "model-index:" in card
    assert f"| top1 | {printed['top1']:.4f} |" in card


def test_the_temperature_is_fitted_on_validation_and_never_on_what_is_measured(
    run, tmp_path, capsys
):
    _, of_val, _ = evaluated(capsys, f"--workdir={run}", "--split=val", f"--output={tmp_path}/v")
    _, of_test, _ = evaluated(capsys, f"--workdir={run}", f"--output={tmp_path}/t")
    assert of_val["temperature"] is None and of_test["temperature"] > 0


def test_without_an_output_folder_intervals_are_printed_and_no_file_is_written(
    run, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    _, printed, _ = evaluated(capsys, f"--workdir={run}", "--split=val")
    assert set(printed["intervals"]) == {"top1", "top5", "loss"}
    assert not list(tmp_path.iterdir())


def test_figures_are_given_by_group_with_the_gap(run, tmp_path, capsys):
    _, whole, _ = evaluated(capsys, f"--workdir={run}", "--split=val")
    lines = ["index,hand,room", *(f"{i},{'left' if i < 60 else 'right'}," for i in range(170))]
    (tmp_path / "groups.csv").write_text("\n".join(lines))
    args = (f"--workdir={run}", "--split=val", f"--groups={tmp_path / 'groups.csv'}")
    status, printed, said = evaluated(capsys, *args)
    assert status == 0 and "10 of 180 images have no group" in said
    hands = printed["groups"]["hand"]["groups"]
    assert {name: group["n"] for name, group in hands.items()} == {
        "(none)": 10, "left": 60, "right": 110,
    }  # fmt: skip
    mean = sum(group["n"] * group["top1"] for group in hands.values()) / 180
    assert mean == pytest.approx(whole["top1"])
    gap = printed["groups"]["hand"]["gaps"]["top1"]
    assert gap["difference"] == pytest.approx(
        hands[gap["largest"]]["top1"] - hands[gap["smallest"]]["top1"]
    )
    assert set(printed["groups"]["room"]["groups"]) == {"(none)"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,hand\n0,left\n", "its first line must be 'index'"),
        ("index\n0\n", "its first line must be 'index'"),
        ("index,hand\n0,left\n0,right\n", "line 3: '0' is twice there"),
        ("index,hand\n999,left\n", "line 2: '999' is none of the 180 images measured"),
        ("index,hand\n0\n", "line 2, has 1 cells, not 2"),
        ("index,hand,hand\n", "has a column twice"),
        (b"\xff\xfe", "is no text in UTF-8"),
    ],
)
def test_groups_that_cannot_be_are_refused_in_one_line(run, tmp_path, capsys, text, message):
    (tmp_path / "g.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    args = (f"--workdir={run}", "--split=val", f"--groups={tmp_path / 'g.csv'}")
    status, _, said = evaluated(capsys, *args)
    assert status == 2 and message in said and said.count("\n") == 1


def test_an_output_folder_that_is_something_else_is_refused(run, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    for place, message in ((tmp_path / "file", "is a file"), (run, "is a run's folder")):
        status, _, said = evaluated(capsys, f"--workdir={run}", f"--output={place}")
        assert status == 2 and message in said and said.count("\n") == 1


def test_pictures_of_a_folder_are_called_by_their_paths(tmp_path, capsys, photos):
    folder = tmp_path / "run"
    recipe = Recipe("linear", dataset="image_folder", data_dir=str(photos), image_size=8)
    fit(replace(recipe, epochs=1, batch_size=4, mesh=Mesh(data=1), resize="interpolate"), folder)
    args = (f"--workdir={folder}", "--split=val", f"--output={tmp_path / 'out'}")
    status, printed, _ = evaluated(capsys, *args)
    assert status == 0 and "top5" not in printed, "of two classes all are among the first five"
    rows = rows_of(tmp_path / "out" / "predictions.csv")
    assert {row["path"] for row in rows} == {f"val/{name}/9.png" for name in ("=ant", "bee")}
    assert {row["label"] for row in rows} == {"'=ant", "bee"}, "no formula for a spreadsheet"


@pytest.fixture
def photos(tmp_path):
    """Folders of small pictures of two classes, one of them with a name like a formula."""
    import cv2

    rng = np.random.default_rng(0)
    for split, numbers in (("train", range(8)), ("val", [9]), ("test", [10])):
        for name in ("=ant", "bee"):
            place = tmp_path / "photos" / split / name
            place.mkdir(parents=True)
            for number in numbers:
                picture = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
                cv2.imwrite(str(place / f"{number}.png"), picture)
    return tmp_path / "photos"


def test_corrupted_images_are_measured_beside_the_clean_ones(run, tmp_path, capsys):
    args = (f"--workdir={run}", "--split=val", "--corruptions=contrast,shift")
    status, printed, _ = evaluated(capsys, *args, f"--output={tmp_path / 'out'}")
    found = printed["robustness"]
    assert status == 0 and found["clean"]["top1"] == printed["top1"]
    assert set(found["corruptions"]["contrast"]["severities"]) == set("12345")
    assert found["changes"]["shift"]["amounts"]["0"]["top1"] == printed["top1"]
    assert "Corrupted images" in (tmp_path / "out" / "index.html").read_text()


def test_an_unknown_corruption_is_refused_before_anything_is_measured(run, capsys):
    status, _, said = evaluated(capsys, f"--workdir={run}", "--corruptions=fgo")
    assert status == 2 and "did you mean 'fog'?" in said and said.count("\n") == 1
