"""A folder of pictures as a data set."""

import os
import unicodedata
from pathlib import Path

import cv2
import numpy as np
import pytest

from jaxcnn.data import DataError, DataNotFound, dataset_at, load_split
from jaxcnn.data.augment.augment import Augment
from jaxcnn.data.augment.chains import eval_transforms, train_transforms
from jaxcnn.data.loader.pipeline import eval_batches, train_batches
from jaxcnn.data.sources.folder.source import draw


def draw_pictures(folder, name, count, size=(30, 40)):
    (folder / name).mkdir(parents=True)
    for i in range(count):
        image = np.full((*size, 3), 2 * i, np.uint8)
        cv2.imwrite(str(folder / name / f"{i}.png"), image)


@pytest.fixture
def plain(tmp_path):
    draw_pictures(tmp_path, "cat", 10)
    draw_pictures(tmp_path, "dog", 20)
    (tmp_path / ".cache").mkdir()
    (tmp_path / "cat" / "notes.txt").write_text("not a picture")
    return tmp_path


def files(spec, split, folder):
    source = load_split(spec, split, folder)
    return {source.source.paths[i].relative_to(folder) for i in source.indices}


def parts(folder):
    spec = dataset_at("image_folder", folder)
    return {split: files(spec, split, folder) for split in ("train", "val", "test")}


def test_a_folder_per_class_is_divided_into_about_70_10_20_percent(tmp_path):
    for name, count in (("cat", 300), ("dog", 100)):
        (tmp_path / name).mkdir()
        for i in range(count):
            (tmp_path / name / f"{i}.png").touch()
    spec = dataset_at("image_folder", tmp_path)
    assert (spec.class_names, spec.num_classes, spec.notes) == (("cat", "dog"), 2, ())
    shares = {split: len(paths) / 400 for split, paths in parts(tmp_path).items()}
    assert shares == pytest.approx({"train": 0.7, "val": 0.1, "test": 0.2}, abs=0.05)
    divided = parts(tmp_path).values()
    assert sum(map(len, divided)) == len(set().union(*divided)) == 400
    assert files(spec, "train+val", tmp_path) == set().union(*divided) - parts(tmp_path)["test"]


def test_a_pictures_split_is_the_same_for_ever():
    """Runs rest on it: one that is tested with a later version must not meet what it learned."""
    names = ("cat/1.jpg", "dog/1.jpg", "caf\u00e9/\u00fc 1.png")
    assert [round(draw(name), 6) for name in names] == [0.064438, 0.446673, 0.683305]
    assert draw(names[2]) == draw(unicodedata.normalize("NFD", names[2]))


def test_adding_removing_and_moving_pictures_moves_no_other(tmp_path):
    for name in ("cat", "dog"):
        draw_pictures(tmp_path / "photos", name, 30)
    photos = tmp_path / "photos"
    before = parts(photos)
    (photos / "cat" / "4.png").rename(photos / "cat" / "new.png")
    draw_pictures(photos, "dog/more", 20)
    draw_pictures(photos, "ant", 20)  # The other classes' numbers are others now.
    (photos / "dog" / "7.png").unlink()
    photos = photos.rename(tmp_path / "elsewhere")
    gone = {Path("cat/4.png"), Path("dog/7.png")}
    after = parts(photos)
    for split, paths in before.items():
        assert paths - gone <= after[split]


def test_a_folder_train_alone_is_divided_as_one_without(tmp_path):
    for root in (tmp_path / "plain", tmp_path / "split" / "train"):
        for name in ("cat", "dog"):
            draw_pictures(root, name, 20)
    plain, split = parts(tmp_path / "plain"), parts(tmp_path / "split")
    for name, paths in plain.items():
        assert split[name] == {"train" / path for path in paths}
    (note,) = dataset_at("image_folder", tmp_path / "split").notes
    assert note == "train stands alone: 70 % of it trains, 10 % validates, 20 % tests"


def test_with_train_and_val_nothing_that_trains_is_tested(tmp_path):
    """ImageNet's own layout."""
    for split, count in (("train", 30), ("val", 5)):
        for name in ("cat", "dog"):
            draw_pictures(tmp_path / split, name, count)
    spec = dataset_at("image_folder", tmp_path)
    assert spec.splits == ("train", "test")
    train, val = files(spec, "train", tmp_path), files(spec, "val", tmp_path)
    assert len(train) + len(val) == len(train | val) == 60 and 1 <= len(val) <= 12
    assert {path.parts[0] for path in train | val} == {"train"}
    test = load_split(spec, "test", tmp_path)
    assert len(test) == 10
    assert {path.relative_to(tmp_path).parts[0] for path in test.paths} == {"val"}
    assert "val is the test split" in spec.notes[0]


def test_folders_for_splits_are_used_as_they_are(tmp_path):
    for split, count in (("train", 20), ("test", 3)):
        draw_pictures(tmp_path / split, "cat", count)
        draw_pictures(tmp_path / split, "dog", count)
    spec = dataset_at("image_folder", tmp_path)
    assert len(load_split(spec, "test", tmp_path)) == 6
    # About a tenth is held out for validation.
    train, val = files(spec, "train", tmp_path), files(spec, "val", tmp_path)
    assert len(train) + len(val) == len(train | val) == 40 and 1 <= len(val) <= 10
    with pytest.raises(DataError, match="comes in splits; give one of train, val"):
        load_split(spec, "all", tmp_path)
    draw_pictures(tmp_path / "val", "cat", 2)
    spec = dataset_at("image_folder", tmp_path)
    assert [len(load_split(spec, split, tmp_path)) for split in spec.splits] == [40, 2, 6]


def test_pictures_of_many_sizes_come_out_in_one(tmp_path):
    draw_pictures(tmp_path, "tall", 3, size=(50, 20))
    draw_pictures(tmp_path, "wide", 3, size=(20, 50))
    spec = dataset_at("image_folder", tmp_path)
    source = load_split(spec, "all", tmp_path)
    options = {"image_size": 16, "channels": 3, "resize": "crop"}
    batch = next(iter(eval_batches(source, eval_transforms(spec, **options), batch_size=6)))
    assert batch["image"].shape == (6, 16, 16, 3)
    assert batch["label"].tolist() == [0, 0, 0, 1, 1, 1]
    transforms = train_transforms(spec, Augment(flip=True), **options)
    batch = next(iter(train_batches(source, transforms, batch_size=6, seed=0, stop_step=1)))
    assert batch["image"].shape == (6, 16, 16, 3)


@pytest.mark.parametrize(
    ("pictures", "error", "message"),
    [
        ({}, DataNotFound, "has no folders; give one with a folder per class, or .*--labels=FILE"),
        ({"cat": 9}, DataError, "has one class, cat; training takes two or more"),
        ({"photos/cat": 9, "photos/dog": 9}, DataNotFound, "did you mean --data-dir=.*/photos"),
        ({"cat": 9, "dog": 0}, DataNotFound, "has no picture of dog; every class needs some"),
        ({"train/cat": 9, "train/dog": 9, "test/owl": 1}, DataError, "has owl in test and not in"),
        ({"train/cat": 9, "val/cat": 0}, DataError, "has no picture in val; add some, or remove"),
        ({"train": 9, "test": 9}, DataNotFound, "train has no folders; give .*--labels=FILE.csv"),
        ({"test/cat": 9, "trian/cat": 9}, DataError, "has test beside trian; put what is to be"),
        ({"train/cat": 9, "val/cat": 9, "Valid/cat": 9}, DataError, "has both Valid and val, each"),
        ({"cat": 1, "dog": 1}, DataError, "of 2 pictures none falls to val; add pictures, or make"),
        (
            {"cat": 60, "bee": 1},
            DataError,
            "none of bee's pictures \\(1\\) falls to train; add pictures",
        ),
    ],
)
def test_a_folder_that_is_no_data_set_is_refused(tmp_path, pictures, error, message):
    for name, count in pictures.items():
        draw_pictures(tmp_path, name, count, size=(1, 1))
    with pytest.raises(error, match=message):
        load_split(dataset_at("image_folder", tmp_path), "train", tmp_path)


def test_a_damaged_picture_is_named(plain):
    (plain / "cat" / "0.png").write_bytes(b"not a picture")
    spec = dataset_at("image_folder", plain)
    with pytest.raises(DataError, match=r"cat/0.png is not a picture"):
        load_split(spec, "all", plain)[0]


def test_a_class_without_a_picture_in_a_split_is_a_line_and_no_error(tmp_path):
    draw_pictures(tmp_path, "cat", 100, size=(1, 1))
    draw_pictures(tmp_path, "dog", 2, size=(1, 1))
    spec = dataset_at("image_folder", tmp_path)
    lacking = [note for note in spec.all_notes if "has no picture of dog" in note]
    counts = {s: np.bincount(load_split(spec, s).labels, minlength=2) for s in ("val", "test")}
    assert len(lacking) == sum(count[1] == 0 for count in counts.values()) > 0
    assert np.bincount(load_split(spec, "train").labels)[1] > 0


def test_a_test_folder_that_lacks_a_class_is_a_line_and_no_error(tmp_path):
    for split, names in (("train", ("ant", "cat", "dog")), ("val", ("ant", "cat", "dog"))):
        for name in names:
            draw_pictures(tmp_path / split, name, 2)
    draw_pictures(tmp_path / "test", "dog", 2)
    (tmp_path / "test" / "cat").mkdir()
    spec = dataset_at("image_folder", tmp_path)
    assert spec.notes == spec.notes_on("val") == ()
    lacking = ("the test split has no picture of ant, cat",)
    assert spec.all_notes == spec.notes_on("test") == lacking
    assert load_split(spec, "test", tmp_path).labels.tolist() == [2, 2]


def test_an_example_is_told_from_others_by_its_path_and_size(tmp_path):
    for name in ("cat", "dog"):
        draw_pictures(tmp_path / "train", name, 1)
    source = dataset_at("image_folder", tmp_path).load("all", tmp_path)
    size = (tmp_path / "train" / "dog" / "0.png").stat().st_size
    assert source.identity(1) == f"train/dog/0.png {size}"


def test_only_test_pictures_can_be_measured_and_not_trained_on(tmp_path):
    draw_pictures(tmp_path / "test", "cat", 2)
    spec = dataset_at("image_folder", tmp_path)
    assert len(load_split(spec, "test", tmp_path)) == 2
    with pytest.raises(DataError, match="image_folder is for testing only; it has no train split"):
        load_split(spec, "train", tmp_path)


def test_fresh_pictures_without_splits_can_be_measured_as_a_whole(tmp_path):
    draw_pictures(tmp_path, "cat", 1)
    assert len(load_split(dataset_at("image_folder", tmp_path), "all", tmp_path)) == 1


def test_without_a_data_dir_the_flag_is_named():
    with pytest.raises(DataNotFound, match="--data-dir=DIR"):
        dataset_at("image_folder", None)


def test_a_class_whose_name_is_no_text_is_refused(tmp_path):
    for name in (b"caf\xe9", b"dog"):
        (tmp_path / os.fsdecode(name)).mkdir()
    with pytest.raises(DataError, match=r"caf\\xe9' is not UTF-8; rename it"):
        dataset_at("image_folder", tmp_path)
