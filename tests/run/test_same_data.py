"""A run and its pictures, renamed, added to, moved: the right answer, or one line."""

import json
import shutil
from dataclasses import replace

import cv2
import numpy as np
import pytest

from jaxcnn.evaluate import command as evaluate
from jaxcnn.predict import command as predict
from jaxcnn.run.folder import RunFolder
from jaxcnn.train import command as train
from jaxcnn.train.fit import fit

CLASSES = {"ant": 0, "bee": 1, "cat": 2}  # The channel that is bright.
COUNTS = {"train": 12, "val": 4, "test": 4}
FLAGS = [
    "--arch=linear", "--dataset=image_folder", "--resize=interpolate", "--image-size=8",
    "--epochs=4", "--batch-size=12", "--optim.lr=0.01", "--schedule.warmup-epochs=0",
    "--mesh.data=1", "--no-compilation-cache",
]  # fmt: skip


def draw(folder, channel, numbers):
    """Noise, brighter in one of the channels, of many sizes: so are the files'."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        rng = np.random.default_rng(1000 * channel + number)
        picture = rng.integers(60, size=(*rng.integers(9, 40, size=2), 3), dtype=np.uint8)
        picture[..., channel] += 150
        cv2.imwrite(str(folder / f"{number}.png"), picture)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with `photos`, in splits, and a finished run on them, made from within it."""
    folder = tmp_path_factory.mktemp("trained")
    first = 0
    for split, count in COUNTS.items():
        for name, channel in CLASSES.items():
            draw(folder / "photos" / split / name, channel, range(first, first + count))
        first += count
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert train.main([*FLAGS, "--data-dir=photos"]) == 0
    return folder


@pytest.fixture
def place(trained, tmp_path, monkeypatch):
    """A copy of it, the working directory."""
    for name in ("photos", "runs"):
        shutil.copytree(trained / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


RUN = "runs/linear-image_folder-s0"


def done(capsys, main, *args):
    """(exit status, what is printed, what is said of errors)."""
    capsys.readouterr()
    status = main([*map(str, args), *(["--no-compilation-cache"] * (main is not train.main))])
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def test_a_run_keeps_what_it_learned_from(trained):
    kept = json.loads((trained / RUN / "data.json").read_text())
    assert kept["class_names"] == ["ant", "bee", "cat"]
    counts = {split: examples["count"] for split, examples in kept["splits"].items()}
    assert counts == {split: 3 * count for split, count in COUNTS.items()}
    assert kept["input"]["image_size"] == 8 and len(kept["input"]["mean"]) == 3
    assert set(kept["versions"]) == {"jaxcnn", "jax"}
    assert kept["command"].startswith("python -m jaxcnn.train --arch=linear")
    # Where it was typed, and where that is from anywhere else.
    assert RunFolder(trained / RUN).read_recipe().data_dir == "photos"
    assert kept["data_dir"] == str(trained / "photos")


def add_a_picture(photos):
    draw(photos / "train" / "ant", 0, [99])


def remove_a_picture(photos):
    (photos / "val" / "bee" / "12.png").unlink()


def replace_a_picture(photos):
    draw(photos, 0, [77])
    (photos / "77.png").rename(photos / "test" / "cat" / "17.png")


def rename_a_class(photos):
    for split in COUNTS:
        (photos / split / "ant").rename(photos / split / "wasp")


def add_a_class(photos):
    for split in COUNTS:
        draw(photos / split / "dog", 1, range(40, 44))


@pytest.mark.parametrize("finished", [False, True])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (add_a_picture, "train: 1 more (train/ant/99.png)"),
        (remove_a_picture, "val: 1 fewer (val/bee/12.png)"),
        (replace_a_picture, "test: 1 of another size (test/cat/17.png)"),
        (rename_a_class, "(no class ant any more; new class wasp; "),
        (add_a_class, "(new class dog; "),
    ],
)
def test_a_run_does_not_go_on_with_other_data(place, capsys, change, said, finished):
    change(place / "photos")
    if not finished:
        (place / RUN / "summary.json").unlink()
    status, _, error = done(capsys, train.main, *FLAGS, "--data-dir=photos")
    assert status == 2 and error.count("\n") == 1
    assert said in error and error.endswith("give that data to go on, or another --workdir\n")


def test_a_second_folder_of_pictures_is_not_taken_for_the_first(place, capsys):
    for name in ("cup", "pot"):
        draw(place / "others" / name, 0, range(30))
    status, _, error = done(capsys, train.main, *FLAGS, "--data-dir=others")
    assert status == 2 and error.count("\n") == 1
    assert (
        "holds a run of other data (no classes ant, bee, cat any more; new classes cup, pot"
        in error
    )


@pytest.mark.parametrize("finished", [False, True])
def test_the_same_pictures_elsewhere_are_the_same_data(place, capsys, finished):
    summary = json.loads((place / RUN / "summary.json").read_text())
    (place / "photos").rename(place / "moved")
    if not finished:
        (place / RUN / "summary.json").unlink()
    status, _, error = done(capsys, train.main, *FLAGS, f"--data-dir={place / 'moved'}")
    assert status == 0 and "finished" in error
    again = json.loads((place / RUN / "summary.json").read_text())
    assert again["test"] == pytest.approx(summary["test"])


def test_a_finished_run_whose_pictures_are_gone_shows_its_summary(place, capsys):
    shutil.rmtree(place / "photos")
    status, _, error = done(capsys, train.main, *FLAGS, "--data-dir=photos")
    assert status == 0 and "finished" in error


def figures(capsys, *args):
    status, out, error = done(capsys, evaluate.main, *args)
    assert status == 0, error
    return json.loads(out), error


def test_classes_are_told_by_their_names(place, capsys):
    """Without the first class the others' labels are not those of the run."""
    for split in COUNTS:
        shutil.rmtree(place / "photos" / split / "ant")
    measured, said = figures(capsys, f"--workdir={RUN}", "--data-dir=photos")
    assert (measured["top1"], measured["n"]) == (1.0, 8)
    assert said == (
        "these are not the run's own test images: 4 fewer (test/ant/16.png, test/ant/17.png, "
        "test/ant/18.png, test/ant/19.png); it was trained on none of them\n"
    )


def test_a_class_that_the_run_does_not_know_is_refused(place, capsys):
    rename_a_class(place / "photos")
    status, _, error = done(capsys, evaluate.main, f"--workdir={RUN}", "--data-dir=photos")
    assert status == 2 and error.count("\n") == 1
    assert (
        "does not know class wasp; it knows classes ant, bee, cat: name the data's alike" in error
    )


def test_a_run_is_not_measured_with_what_it_was_trained_on(place, capsys):
    """The picture keeps its name where the splits of a folder are drawn anew."""
    flat = place / "flat"
    for name, channel in CLASSES.items():
        draw(flat / name, channel, range(30))
    recipe = RunFolder(place / RUN).read_recipe()
    fit(replace(recipe, data_dir=str(flat), steps=1), place / "run")
    status, _, error = done(capsys, evaluate.main, f"--workdir={place / 'run'}", "--split=all")
    assert status == 2 and error.count("\n") == 1
    data = RunFolder(place / "run").read_data()
    assert data is not None
    trained_on = data.splits["train"].count
    assert f"was trained on {trained_on} of these 90 images, which cannot measure it" in error


def test_a_run_is_measured_on_fresh_pictures(place, capsys):
    for name in ("bee", "cat"):
        draw(place / "fresh" / name, CLASSES[name], range(50, 55))
    measured, said = figures(capsys, f"--workdir={RUN}", "--split=all", "--data-dir=fresh")
    assert (measured["top1"], measured["n"], measured["split"]) == (1.0, 10, "all")
    assert "there are 10; it was trained on none of them" in said
    (place / "fresh").rename(place / "test")
    (place / "only").mkdir()
    (place / "test").rename(place / "only" / "test")
    measured, said = figures(capsys, f"--workdir={RUN}", "--data-dir=only")
    assert (measured["top1"], measured["n"]) == (1.0, 10)
    assert "10 more" in said and "12 fewer" in said and "it was trained on none of them" in said


def test_training_pictures_are_known_in_another_folder_too(place, capsys):
    """By class, name and size, and where their originals still are by content."""
    flags = (f"--workdir={RUN}", "--split=all", "--data-dir=photos/train")
    status, _, error = done(capsys, evaluate.main, *flags)
    assert status == 2 and "was trained on 36 of these 36 images" in error
    for path in (place / "photos" / "train").glob("*/*.png"):  # As a camera names its pictures.
        path.write_bytes(path.read_bytes()[:-1] + b"\0")
    measured, said = figures(capsys, *flags)
    assert measured["n"] == 36 and "it was trained on none of them" in said


def test_a_training_picture_that_was_moved_to_the_test_split_is_pointed_out(place, capsys):
    data = json.loads((place / RUN / "data.json").read_text())
    data["data_dir"] = str(place / "photos")
    (place / RUN / "data.json").write_text(json.dumps(data))
    moved = place / "photos" / "train" / "bee" / "0.png"
    moved.rename(place / "photos" / "test" / "bee" / "0.png")
    measured, said = figures(capsys, f"--workdir={RUN}")
    assert measured["n"] == 13
    assert "1 have class, name and size of ones that it was trained on (test/bee/0.png)" in said


def test_a_run_is_measured_and_predicts_from_another_directory(place, trained, capsys, monkeypatch):
    (place / "elsewhere").mkdir()
    shutil.move(place / RUN, place / "elsewhere" / "copy")
    monkeypatch.chdir(place / "elsewhere")
    measured, said = figures(capsys, "--workdir=copy")
    assert (measured["top1"], measured["n"]) == (1.0, 12)
    assert said.count("\n") == 1 and "was measured once before" in said
    picture = place / "photos" / "test" / "bee" / "16.png"
    status, out, error = done(capsys, predict.main, "--workdir=copy", picture, "--json")
    assert (status, error) == (0, "")
    assert json.loads(out)["top"][0]["name"] == "bee"


def test_a_run_of_an_earlier_version_is_measured_resumed_and_predicts(place, capsys):
    run = place / RUN
    for name in ("data.json", "data.names.gz"):
        (run / name).unlink()
    recipe = json.loads((run / "recipe.json").read_text())
    (run / "recipe.json").write_text(json.dumps({**recipe, "eval_crop": 0.875}))
    assert figures(capsys, f"--workdir={RUN}")[0]["top1"] == 1.0
    picture = place / "photos" / "test" / "cat" / "16.png"
    status, out, _ = done(capsys, predict.main, f"--workdir={RUN}", picture, "--json")
    assert status == 0 and json.loads(out)["top"][0]["name"] == "cat"
    (run / "summary.json").unlink()
    assert done(capsys, train.main, *FLAGS, "--data-dir=photos")[0] == 0
    assert (run / "data.json").exists()
