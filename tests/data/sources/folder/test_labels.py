"""Classes that a CSV file tells: read as it says, or refused with the line that is wrong."""

import json
import os

import cv2
import numpy as np
import pytest

from jaxcnn.data import DataError, DataNotFound, dataset_at, load_split, with_labels
from jaxcnn.data.inspect.command import main as inspect
from jaxcnn.data.prepare.command import main as prepare
from jaxcnn.engine.feed import Feed
from jaxcnn.errors import UserError
from jaxcnn.recipe import Recipe, differences
from tests.hostile.conftest import within_limits


@pytest.fixture
def photos(tmp_path):
    """Sixty pictures in one folder."""
    (tmp_path / "photos" / "i").mkdir(parents=True)
    for i in range(60):
        image = np.full((8, 8, 3), 4 * i, np.uint8)
        cv2.imwrite(str(tmp_path / "photos" / "i" / f"{i}.png"), image)
    return tmp_path / "photos"


@pytest.fixture
def place(photos):
    """place(lines) -> the data directory: the pictures, and a file of these lines."""

    def write(*lines, **options):
        file = photos.parent / "labels.csv"
        file.write_text("\n".join(lines) + "\n", **options)
        return with_labels("image_folder", str(photos), str(file))

    return write


def label_of(i):
    return "dog" if i % 3 else "cat"


LINES = [f"i/{i}.png,{label_of(i)}" for i in range(60)]


def test_pictures_have_the_classes_that_the_file_tells(photos, place):
    data = place("path,label", *LINES)
    spec = dataset_at("image_folder", data)
    assert (spec.class_names, spec.splits, spec.notes) == (("cat", "dog"), ("all",), ())
    source = load_split(spec, "all", data)
    names = [path.relative_to(photos).as_posix() for path in source.paths]
    told = dict(line.split(",") for line in LINES)
    assert [spec.class_names[label] for label in source.labels] == [told[name] for name in names]
    assert source[0]["image"].shape == (8, 8, 3)
    assert source.identity(0) == f"i/0.png {source.paths[0].stat().st_size}"


def test_absolute_paths_other_columns_and_excels_mark_are_read(photos, place):
    lines = [f'"{photos}/i/{i}.png",7,{label_of(i)}' for i in range(60)]
    data = place("Path, id ,LABEL", *lines, encoding="utf-8-sig")
    assert len(load_split(dataset_at("image_folder", data), "all", data)) == 60


def test_the_files_splits_are_used_and_known_by_their_usual_names(place):
    split = ["Train"] * 40 + ["valid"] * 12 + ["test"] * 8
    data = place("path,label,split", *(f"{a},{b}" for a, b in zip(LINES, split, strict=True)))
    spec = dataset_at("image_folder", data)
    lengths = {split: len(load_split(spec, split, data)) for split in spec.splits}
    assert lengths == {"train": 40, "val": 12, "test": 8}


def test_without_splits_a_pictures_split_follows_from_its_path(place):
    def split_of(*lines):
        data = place("path,label", *lines)
        spec = dataset_at("image_folder", data)
        splits = {}
        for split in ("train", "val", "test"):
            source = load_split(spec, split, data)
            splits |= {source.source.paths[i]: split for i in source.indices}
        return splits

    before = split_of(*LINES)
    assert len(before) == 60
    # In another order, one with another class, some gone.
    relabelled = [LINES[5].replace("dog", "cat"), *reversed(LINES[6:])]
    after = split_of(*relabelled)
    assert len(after) == 55
    assert all(before[path] == split for path, split in after.items())


def test_what_the_file_and_the_folder_do_not_share_is_a_line(photos, place):
    data = place("path,label", *LINES[:50], "i/gone.png,cat", LINES[3])
    file = data.labels
    assert dataset_at("image_folder", data).notes == (
        f"lines of {file} that repeat one before, counted once (1): i/3.png",
        f"pictures of {file} that are not there (1): i/gone.png",
        f"pictures that {file} does not name, not used (10): "
        "i/50.png, i/51.png, i/52.png, i/53.png, i/54.png and 5 more",
    )


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["image,class", "1.png,cat"], r"no column path and no column label; its first line is "
         "image,class, and should be path,label"),
        (["path,label"], "has no line below its first"),
        (["path,label", "i/0.png,"], "line 2: i/0.png has no label"),
        (["path,label", ",cat"], "line 2 has no path"),
        (["path,label", "../x.png,cat"], "line 2: ../x.png is not below --data-dir="),
        (["path,label", "/x.png,cat"], "line 2: /x.png is not below --data-dir="),
        (["path,label", "x.png,cat"], "none of the 1 pictures of .* is in .*/photos, .*x.png for"),
        (["path,label", LINES[0], "i/0.png,owl"], "line 3: i/0.png stands in line 2 "),
        (["path,label,split", f"{LINES[0]},trian"], "line 2: trian is no split; write train, val"),
        (["path,label,split", f"{LINES[0]},", f"{LINES[1]},val"], "line 3: some pictures have a"),
        (["path,label,split", f"{LINES[0]},test", f"{LINES[1]},train"], "has cat in test and not"),
    ],
)  # fmt: skip
def test_a_wrong_line_is_named(place, lines, message):
    with pytest.raises(UserError, match=message):
        dataset_at("image_folder", place(*lines))


def test_a_file_that_is_no_table_is_refused(photos, place):
    with pytest.raises(DataError, match=r"labels.csv is not UTF-8; save it as UTF-8"):
        dataset_at("image_folder", place("path,label", "caf\xe9.png,cat", encoding="latin-1"))
    with pytest.raises(DataNotFound, match="--labels=/nowhere.csv cannot be read: No such file"):
        dataset_at("image_folder", with_labels("image_folder", str(photos), "/nowhere.csv"))


@pytest.mark.parametrize(
    ("dataset", "data_dir", "message"),
    [
        (
            "cifar10",
            "/d",
            "--labels=l.csv is for --dataset=image_folder; cifar10 knows its classes",
        ),
        ("image_folder", None, "--labels=l.csv needs --data-dir=DIR"),
    ],
)
def test_labels_go_with_a_folder_of_pictures_only(dataset, data_dir, message):
    with pytest.raises(UserError, match=message):
        with_labels(dataset, data_dir, "l.csv")


def test_a_recipe_trains_on_the_classes_of_its_file(place):
    data = place("path,label", *LINES)
    recipe = Recipe("lenet5", "image_folder", data_dir=data.folder, labels=data.labels,
                    image_size=32, batch_size=8, resize="crop")  # fmt: skip
    feed = Feed(recipe)
    assert feed.spec.class_names == ("cat", "dog")
    assert next(feed.train_batches(0, 1))["label"].shape == (8,)
    assert differences(recipe, Recipe("lenet5", "image_folder", image_size=32, batch_size=8,
                                      resize="crop")) == []  # fmt: skip


def test_inspect_and_prepare_read_the_file(place, tmp_path, capsys):
    data = place("path,label", *LINES, "i/gone.png,cat")
    where = ["--dataset=image_folder", f"--data-dir={data.folder}", f"--labels={data.labels}"]
    assert inspect([*where, f"--output={tmp_path / 'out'}"]) == 0
    found = json.loads((tmp_path / "out" / "inspect.json").read_text())
    counts = np.sum([split["counts"] for split in found["splits"].values()], axis=0)
    assert counts.tolist() == [21, 40]
    assert found["notes"] == [f"pictures of {data.labels} that are not there (1): i/gone.png"]
    assert found["notes"][0] in capsys.readouterr().out
    assert found["notes"][0] in (tmp_path / "out" / "index.html").read_text()
    place("path,label", *LINES)
    args = [f"--from={data.folder}", f"--labels={data.labels}", f"--data-dir={tmp_path / 'tfds'}"]
    assert prepare(["photos", *args]) == 0
    prepared = dataset_at("tfds:photos", tmp_path / "tfds")
    source = load_split(prepared, "all", tmp_path / "tfds")
    assert (prepared.class_names, np.bincount(source.labels).tolist()) == (("cat", "dog"), [20, 40])


def test_a_pipe_is_not_waited_for_and_a_gigabyte_not_read(photos):
    pipe, large = photos.parent / "pipe.csv", photos.parent / "large.csv"
    os.mkfifo(pipe)
    with large.open("wb") as file:
        file.truncate(10**9)
    for file, told in ((pipe, "is a pipe, not a file"), (large, "is larger than 256 MB")):
        with within_limits(), pytest.raises(UserError, match=told):
            dataset_at("image_folder", with_labels("image_folder", str(photos), str(file)))
