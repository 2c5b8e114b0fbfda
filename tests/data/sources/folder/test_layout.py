"""Folders as people really have them: read as they mean it, and a line for what is left out."""

import os
from pathlib import Path

import numpy as np
import pytest

from jaxcnn.data import DataError, DataNotFound, dataset_at, load_split
from jaxcnn.data.sources.folder.names import in_order, split_called
from jaxcnn.data.sources.picture_files import find_pictures


@pytest.fixture
def touch(tmp_path):
    """touch("train/cat", 3): so many empty files there, which nobody reads."""

    def make(folder, *names):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        for name in names:
            (tmp_path / folder / name).touch()

    return make


NAMES = [f"{i}.png" for i in range(16)]


@pytest.mark.parametrize(
    ("train", "val", "test"),
    [("train", "valid", "test"), ("Train", "Validation", "TESTING"), ("training", "dev", "eval")],
)
def test_split_folders_are_known_by_their_usual_names(tmp_path, touch, train, val, test):
    for folder, count in ((train, 8), (val, 2), (test, 3)):
        for name in ("cat", "dog"):
            touch(f"{folder}/{name}", *NAMES[:count])
    spec = dataset_at("image_folder", tmp_path)
    assert (spec.splits, spec.class_names) == (("train", "val", "test"), ("cat", "dog"))
    lengths = [len(load_split(spec, split, tmp_path)) for split in spec.splits]
    assert lengths == [16, 4, 6]
    assert f"{val} for val" in spec.notes[0]


def test_a_class_called_as_a_split_is_a_class_where_no_other_is_beside_it(tmp_path, touch):
    for name in ("bus", "car", "train"):
        touch(name, *NAMES)
    spec = dataset_at("image_folder", tmp_path)
    assert (spec.splits, spec.class_names) == (("all",), ("bus", "car", "train"))


def test_what_no_person_put_there_is_ignored_and_counted(tmp_path, touch):
    for name in ("cat", "dog"):
        touch(name, *NAMES, "._0.png", "Thumbs.db")
        touch(f"{name}/.ipynb_checkpoints", "0-checkpoint.png")
    touch("__MACOSX/cat", "1.png")
    touch("cat/@eaDir/0.png", "thumb.jpg")
    spec = dataset_at("image_folder", tmp_path)
    assert spec.class_names == ("cat", "dog")
    assert len(load_split(spec, "all", tmp_path)) == 32
    (note,) = spec.notes
    assert note.startswith("files and folders ignored by their names (8): __MACOSX, cat/._0.png")
    touch("in", "._0.png", "0.png")
    assert find_pictures([str(tmp_path / "in")]) == (tmp_path / "in" / "0.png",)


def test_links_to_folders_are_followed_once(tmp_path, touch):
    elsewhere = tmp_path / "elsewhere"
    touch("elsewhere/dogs", *NAMES)
    touch("elsewhere/more", "99.png")
    touch("photos/cat", *NAMES)
    (tmp_path / "photos" / "dog").symlink_to(elsewhere / "dogs")
    (tmp_path / "photos" / "cat" / "more").symlink_to(elsewhere / "more")
    (elsewhere / "more" / "back").symlink_to(tmp_path / "photos" / "cat")
    (elsewhere / "more" / "itself").symlink_to("itself")
    (elsewhere / "dogs" / "root").symlink_to(tmp_path / "photos")
    spec = dataset_at("image_folder", tmp_path / "photos")
    source = load_split(spec, "all", tmp_path / "photos")
    assert np.bincount(source.labels).tolist() == [17, 16]
    assert source.identity(16) == "cat/more/99.png 0"
    assert (
        "links that lead back to a folder above, not followed (2): cat/more/back, dog/root"
        in spec.notes
    )


@pytest.mark.parametrize("suffix", ["ppm", "pgm", "pbm", "avif", "jp2", "jpe", "jfif", "TIFF"])
def test_pictures_are_known_by_their_suffix(tmp_path, touch, suffix):
    for name in ("cat", "dog"):
        touch(name, f"1.{suffix}")
    assert len(load_split(dataset_at("image_folder", tmp_path), "all", tmp_path)) == 2


def test_other_files_beside_pictures_are_counted(tmp_path, touch):
    touch("cat", *NAMES, "a.heic", "b.txt")
    touch("dog", *NAMES, "c.heic")
    touch(".", "README.md", "stray.jpg")
    assert dataset_at("image_folder", tmp_path).notes == (
        "pictures in no class's folder, not used (1): stray.jpg",
        "files that are no pictures by their names (3): cat/a.heic, cat/b.txt, dog/c.heic",
    )
    touch("owl", "1.heic")
    with pytest.raises(
        DataNotFound, match=r"no picture of owl; .* \(pic.*; files that are no pictures .* \(4\)"
    ):
        dataset_at("image_folder", tmp_path)


def test_classes_that_are_numbers_are_sorted_by_value_as_published_weights_have_them(
    tmp_path, touch
):
    for number in range(12):
        touch(str(number), "1.png")
    spec = dataset_at("image_folder", tmp_path)
    assert spec.class_names == tuple(map(str, range(12)))
    assert load_split(spec, "all", tmp_path).paths[10] == tmp_path / "10" / "1.png"
    assert "torchvision's order is 0, 1, 10, 11, ..." in spec.notes[0]


@pytest.mark.parametrize("names", [["b", "B", "a1", "10", "9"], ["001", "010", "100"], ["1", "2"]])
def test_other_classes_are_sorted_as_text(names):
    assert in_order(names) == (tuple(sorted(names)), "")


def test_a_flat_test_folder_has_no_labels_and_is_not_used(tmp_path, touch):
    """As competitions have it."""
    for name in ("cat", "dog"):
        touch(f"train/{name}", *NAMES)
    touch("test", *NAMES)
    spec = dataset_at("image_folder", tmp_path)
    assert (spec.splits, spec.class_names) == (("all",), ("cat", "dog"))
    assert spec.notes[0] == (
        "test has no folders in it, so its pictures have no labels and are not used"
    )
    touch("val/cat", "1.png")
    assert dataset_at("image_folder", tmp_path).splits == ("train", "test")
    touch("plain/cat", *NAMES)
    touch("plain/dog", *NAMES)
    touch("plain/test", *NAMES)
    spec = dataset_at("image_folder", tmp_path / "plain")
    assert (spec.splits, spec.class_names) == (("all",), ("cat", "dog"))


def test_folders_beside_those_of_splits_are_not_taken_for_classes(tmp_path, touch):
    for split in ("train", "val", "test"):
        touch(f"{split}/cat", *NAMES)
        touch(f"{split}/dog", *NAMES)
    touch("annotations", "1.xml")
    spec = dataset_at("image_folder", tmp_path)
    assert spec.class_names == ("cat", "dog")
    assert spec.notes == ("folders beside train, val, test are not used: annotations",)


def test_an_unreadable_class_folder_is_named(tmp_path, touch, monkeypatch):
    """The superuser may read all, so the system's answer is made up."""
    touch("cat", *NAMES)
    touch("dog", *NAMES)
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "dog")
    with pytest.raises(DataError, match="dog cannot be read: Permission denied"):
        dataset_at("image_folder", tmp_path)


@pytest.mark.parametrize("name", ["tests", "trainer", "", "validate"])
def test_other_names_are_no_splits(name):
    assert split_called(name) is None
