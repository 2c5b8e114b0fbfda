"""A folder of pictures as a data set."""

import os

import cv2
import numpy as np
import pytest

from jaxcnn.data import DataError, DataNotFound, dataset_at, load_split
from jaxcnn.data.pipeline import eval_batches, eval_transforms, train_batches, train_transforms


def draw(folder, name, count, size=(30, 40)):
    (folder / name).mkdir(parents=True)
    for i in range(count):
        image = np.full((*size, 3), 10 * i, np.uint8)
        cv2.imwrite(str(folder / name / f"{i}.png"), image)


@pytest.fixture
def plain(tmp_path):
    draw(tmp_path, "cat", 10)
    draw(tmp_path, "dog", 20)
    (tmp_path / ".cache").mkdir()
    (tmp_path / "cat" / "notes.txt").write_text("not a picture")
    return tmp_path


def test_a_folder_per_class_is_divided_into_70_10_20_percent_of_each_class(plain):
    spec = dataset_at("image_folder", plain)
    assert (spec.class_names, spec.num_classes) == (("cat", "dog"), 2)
    counts = {
        split: np.bincount(load_split(spec, split, plain).labels).tolist()
        for split in ("train", "val", "test", "all")
    }
    assert counts == {"train": [7, 14], "val": [1, 2], "test": [2, 4], "all": [10, 20]}
    parts = [load_split(spec, split, plain) for split in ("train", "val", "test")]
    paths = [path for part in parts for path in np.array(part.source.paths)[part.indices]]
    assert len(paths) == len(set(paths)) == 30


def test_folders_for_splits_are_used_as_they_are(tmp_path):
    for split, count in (("train", 20), ("test", 3)):
        draw(tmp_path / split, "cat", count)
        draw(tmp_path / split, "dog", count)
    spec = dataset_at("image_folder", tmp_path)
    assert len(load_split(spec, "test", tmp_path)) == 6
    assert len(load_split(spec, "train", tmp_path)) == 36  # A tenth is held out for validation.
    assert len(load_split(spec, "val", tmp_path)) == 4
    with pytest.raises(DataError, match="comes in splits; give one of train, val"):
        load_split(spec, "all", tmp_path)


def test_pictures_of_many_sizes_come_out_in_one(tmp_path):
    draw(tmp_path, "tall", 3, size=(50, 20))
    draw(tmp_path, "wide", 3, size=(20, 50))
    spec = dataset_at("image_folder", tmp_path)
    source = load_split(spec, "all", tmp_path)
    options = {"image_size": 16, "channels": 3, "resize": "crop"}
    batch = next(iter(eval_batches(source, eval_transforms(spec, **options), batch_size=6)))
    assert batch["image"].shape == (6, 16, 16, 3)
    assert batch["label"].tolist() == [0, 0, 0, 1, 1, 1]
    transforms = train_transforms(spec, flip=True, **options)
    batch = next(iter(train_batches(source, transforms, batch_size=6, seed=0, stop_step=1)))
    assert batch["image"].shape == (6, 16, 16, 3)


@pytest.mark.parametrize(
    ("prepare", "error", "message"),
    [
        (lambda root: None, DataNotFound, "has 0 folders; give one with a folder per class"),
        (lambda root: draw(root, "cat", 3), DataNotFound, "has 1 folders"),
        (lambda root: [draw(root, c, n) for c, n in (("cat", 3), ("dog", 0))],
         DataNotFound, "dog has no image"),
    ],
)  # fmt: skip
def test_a_folder_that_is_no_data_set_is_refused(tmp_path, prepare, error, message):
    prepare(tmp_path)
    with pytest.raises(error, match=message):
        load_split(dataset_at("image_folder", tmp_path), "all", tmp_path)


def test_a_class_with_one_picture_cannot_be_divided(tmp_path):
    draw(tmp_path, "cat", 1)
    draw(tmp_path, "dog", 5)
    spec = dataset_at("image_folder", tmp_path)
    with pytest.raises(DataError, match="class 0 has one example only"):
        load_split(spec, "train", tmp_path)


def test_a_damaged_picture_is_named(plain):
    (plain / "cat" / "0.png").write_bytes(b"not a picture")
    spec = dataset_at("image_folder", plain)
    with pytest.raises(DataError, match=r"cat/0.png is not a picture"):
        load_split(spec, "all", plain)[0]


def test_a_class_that_is_only_in_validation_is_refused_by_name(tmp_path):
    for split, names in (("train", ("cat", "dog")), ("val", ("cat", "dog", "owl"))):
        for name in names:
            draw(tmp_path / split, name, 3)
    spec = dataset_at("image_folder", tmp_path)
    with pytest.raises(DataNotFound, match="train/owl has no image; every class needs one there"):
        load_split(spec, "train", tmp_path)


def test_too_few_pictures_to_divide_are_refused_in_one_line(tmp_path):
    for name in ("cat", "dog", "owl"):
        draw(tmp_path, name, 3)
    spec = dataset_at("image_folder", tmp_path)
    with pytest.raises(DataError, match="9 examples of 3 classes are too few"):
        load_split(spec, "train", tmp_path)


def test_without_a_data_dir_the_flag_is_named():
    with pytest.raises(DataNotFound, match="--data-dir=DIR"):
        dataset_at("image_folder", None)


def test_a_class_whose_name_is_no_text_is_refused(tmp_path):
    for name in (b"caf\xe9", b"dog"):
        (tmp_path / os.fsdecode(name)).mkdir()
    with pytest.raises(DataError, match=r"caf\\xe9' is not UTF-8; rename it"):
        dataset_at("image_folder", tmp_path)
