"""A stranger's annotations name pictures of their folder, and say what is wrong with them."""

import json
import os
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxcnn.data import DataError
from jaxcnn.data.prepare import command as prepare
from jaxcnn.data.sources.coco import read_coco
from jaxcnn.errors import UserError
from tests.hostile.conftest import within_limits

FILE = {
    "categories": [{"id": 3, "name": "disc"}],
    "images": [{"id": 1, "file_name": "a.png", "height": 4, "width": 4, "license": 2}],
    "annotations": [
        {"id": 7, "image_id": 1, "category_id": 3, "bbox": [0, 0.5, 2, 2], "area": 4, "iscrowd": 0}
    ],
}


@pytest.fixture
def coco(tmp_path):
    """Writes a set with one picture in it; gives the file of its annotations."""
    import cv2
    import numpy as np

    folder = tmp_path / "coco"
    (folder / "annotations").mkdir(parents=True)
    (folder / "train2017").mkdir()
    for path in (folder / "train2017/a.png", tmp_path / "passport.png"):
        cv2.imwrite(str(path), np.zeros((4, 4, 3), np.uint8))
    path = folder / "annotations/instances_train2017.json"
    path.write_text(json.dumps(FILE))
    return path


def changed(part, name, value):
    file = json.loads(json.dumps(FILE))
    file[part][0][name] = value
    return file


def refused_by_prepare(refused, coco, tmp_path):
    args = ("strange", f"--from={coco.parents[1]}", f"--data-dir={tmp_path / 'tfds'}")
    line = refused(prepare.main, *args)
    assert not list((tmp_path / "tfds").rglob("*.array_record*"))
    return line


def test_an_honest_set_is_prepared(coco, tmp_path):
    args = ["strange", f"--from={coco.parents[1]}", f"--data-dir={tmp_path / 'tfds'}"]
    assert prepare.main(args) == 0


@pytest.mark.parametrize(
    "name", ["{root}/passport.png", "../../passport.png", "x/../../../passport.png"]
)
def test_a_name_that_leads_out_of_the_folder_is_refused(refused, coco, tmp_path, name):
    coco.write_text(json.dumps(changed("images", "file_name", name.format(root=tmp_path))))
    assert "is not below the folder of its split" in refused_by_prepare(refused, coco, tmp_path)


def test_a_picture_that_is_a_link_out_of_the_folder_is_refused(refused, coco, tmp_path):
    picture = coco.parents[1] / "train2017/a.png"
    picture.unlink()
    picture.symlink_to(tmp_path / "passport.png")
    assert "leads out of its folder" in refused_by_prepare(refused, coco, tmp_path)


def test_a_folder_of_pictures_may_be_a_link(coco, tmp_path):
    pictures = coco.parents[1] / "train2017"
    pictures.rename(tmp_path / "elsewhere")
    pictures.symlink_to(tmp_path / "elsewhere")
    args = ["strange", f"--from={coco.parents[1]}", f"--data-dir={tmp_path / 'tfds'}"]
    assert prepare.main(args) == 0


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("annotations", "bbox", None),
        ("annotations", "bbox", [1, 2, 3]),
        ("annotations", "bbox", [1, 2, 3, "4"]),
        ("annotations", "bbox", [1, 2, 3, float("nan")]),
        ("annotations", "area", float("inf")),
        ("annotations", "area", 2**70),
        ("annotations", "area", None),
        ("annotations", "id", 2**70),
        ("annotations", "id", "7"),
        ("annotations", "image_id", [1]),
        ("annotations", "category_id", 4),
        ("annotations", "iscrowd", {}),
        ("images", "id", None),
        ("images", "height", 0),
        ("images", "width", 2**40),
        ("images", "width", True),
        ("images", "file_name", 5),
        ("images", "file_name", ""),
        ("images", "file_name", "\ud800"),
        ("categories", "id", 2**70),
        ("categories", "name", None),
    ],
)
def test_a_malformed_entry_is_named_in_one_line(refused, coco, tmp_path, part, name, value):
    coco.write_text(json.dumps(changed(part, name, value)))
    line = refused_by_prepare(refused, coco, tmp_path)
    assert f"{part}[0]" in line or "no category" in line
    assert len(line) < 600


@pytest.mark.parametrize(
    "text",
    [
        "null",
        "[]",
        '{"images": 1, "annotations": [], "categories": []}',
        "[" * 200_000,
        "9" * 5000,
        "",
    ],
)
def test_what_is_no_list_of_annotations_is_one_line(refused, coco, tmp_path, text):
    coco.write_text(text)
    assert "instances_train2017.json" in refused_by_prepare(refused, coco, tmp_path)


def test_a_pipe_is_not_waited_for(refused, coco, tmp_path):
    coco.unlink()
    os.mkfifo(coco)
    assert "is a pipe" in refused_by_prepare(refused, coco, tmp_path)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32))
def test_whatever_is_done_to_the_file_the_error_is_one_line(tmp_path_factory, seed):
    draws = random.Random(seed)
    data = bytearray(json.dumps(FILE).encode())
    for _ in range(draws.randint(1, 6)):
        start = draws.randrange(len(data))
        match draws.randrange(4):
            case 0:
                data[start] = draws.randrange(256)
            case 1:
                del data[start : start + draws.randint(1, 20)]
            case 2:
                data[start:start] = draws.choice([b"null", b"1e999", b"-", b'"', b"[", b"9" * 30])
            case 3:
                data[start:start] = data[: draws.randrange(len(data))]
    path = tmp_path_factory.mktemp("mutated") / "instances_train2017.json"
    path.write_bytes(data)
    try:
        with within_limits():
            read_coco(path)
    except (DataError, UserError) as error:
        assert "\n" not in str(error)
