"""Preparing a set: what it reads as, what a kill leaves, what is refused."""

import resource
import shutil
import sys
from collections import namedtuple

import cv2
import numpy as np
import pytest

from jaxcnn.data import DataError, DataNotFound, dataset_at, dataset_spec, load_split
from jaxcnn.data.prepare import preparation
from jaxcnn.data.prepare.command import main
from jaxcnn.data.prepare.preparation import prepare_from


def quiet(line: str) -> None:
    """Says nothing."""


@pytest.fixture
def folder(tmp_path):
    """12 cats and 20 dogs of as many sizes, lossless."""
    rng, root = np.random.default_rng(0), tmp_path / "photos"
    for name, count in (("cat", 12), ("dog", 20)):
        (root / name).mkdir(parents=True)
        for i in range(count):
            image = rng.integers(256, size=(20 + i, 30, 3), dtype=np.uint8)
            cv2.imwrite(str(root / name / f"{i}.png"), image)
    return root


@pytest.fixture
def coco(tmp_path, draw_shapes):
    draw_shapes(tmp_path / "coco", {"train2017": 24, "val2017": 8})
    return tmp_path / "coco"


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


def test_a_folder_of_images_reads_as_it_was(folder, tmp_path, capsys):
    assert main(["photos", f"--from={folder}", f"--data-dir={tmp_path / 'tfds'}"]) == 0
    printed = capsys.readouterr()
    assert printed.out.strip() == str(tmp_path / "tfds" / "photos" / "1.0.0")
    assert "needs 0.1 MB" in printed.err
    assert "GB are free" in printed.err
    spec = dataset_at("tfds:photos", tmp_path / "tfds")
    assert (spec.class_names, spec.splits, spec.multi_label) == (("cat", "dog"), ("all",), False)
    source = load_split(spec, "all", tmp_path / "tfds")
    assert np.bincount(source.labels).tolist() == [12, 20]
    original = load_split(dataset_at("image_folder", folder), "all", folder)
    expected = sorted((original[i]["label"], original[i]["image"].tobytes()) for i in range(32))
    found = sorted((source[i]["label"], source[i]["image"].tobytes()) for i in range(32))
    assert found == expected


def test_folders_for_splits_become_splits(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "both" / "train")
    shutil.copytree(folder, tmp_path / "both" / "val")
    prepare_from("imagenet2012", tmp_path / "both", tmp_path / "tfds", say=quiet)
    with pytest.raises(DataError, match="has 1000 classes, the set prepared there 2; read it as"):
        dataset_at("imagenet2012", tmp_path / "tfds")
    source = dataset_spec("imagenet2012").load("test", tmp_path / "tfds")
    assert len(source) == 32


def test_coco_is_prepared_where_its_row_looks(coco, tmp_path):
    prepared = prepare_from("coco", coco, tmp_path / "tfds", say=quiet)
    assert prepared == tmp_path / "tfds" / "coco" / "2017" / "1.0.0"
    assert len(dataset_spec("coco").load("train", tmp_path / "tfds")) == 24


def test_tfds_itself_reads_what_was_prepared(coco, tmp_path):
    import tensorflow_datasets as tfds

    prepared = prepare_from("shapes", coco, tmp_path / "tfds", say=quiet)
    theirs = tfds.builder_from_directory(prepared).as_data_source(split="validation")
    ours = load_split(dataset_at("tfds:shapes", tmp_path / "tfds"), "test", tmp_path / "tfds")
    for index in range(8):
        example, objects = ours[index], theirs[index]["objects"]
        single = ~np.array(objects["is_crowd"], bool)
        np.testing.assert_array_equal(example["box_labels"], np.array(objects["label"])[single])
        boxes = np.array(objects["bbox"], np.float32).reshape(-1, 4)[single]
        np.testing.assert_array_equal(example["boxes"], boxes)


def test_a_killed_preparation_goes_on_and_ends_as_one_that_was_not(
    coco, tmp_path, monkeypatch, run_python
):
    """SIGKILL in the middle of the third of six files."""
    monkeypatch.setattr(preparation, "SHARD_BYTES", 8000)
    program = (
        "import os, signal, sys; from pathlib import Path\n"
        "from jaxcnn.data.prepare import preparation\n"
        "preparation.SHARD_BYTES = 8000\n"
        "count = lambda name: len(list(Path(sys.argv[2]).rglob(name)))\n"
        "def stop(done, total):\n"
        "    if count('*-of-?????') == 2 and count('*.partial') == 1:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "preparation.prepare_from('shapes', Path(sys.argv[1]), Path(sys.argv[2]),\n"
        "    say=print, progress=stop)\n"
    )
    killed = run_python("-c", program, str(coco), str(tmp_path / "tfds"))
    assert killed.returncode == -9, killed.stderr
    incomplete = tmp_path / "tfds" / "shapes" / "1.0.0.incomplete"
    done = sorted(path.name for path in incomplete.glob("*-of-?????"))
    assert len(done) == 2
    assert list(incomplete.glob("*.partial"))
    with pytest.raises(DataNotFound, match="no shapes in .*; prepare it with: "):
        dataset_at("tfds:shapes", tmp_path / "tfds")

    before = {name: (incomplete / name).stat().st_mtime_ns for name in done}
    said = []
    prepared = prepare_from("shapes", coco, tmp_path / "tfds", say=said.append)
    assert said[0] == f"going on in {incomplete}"
    assert {name: (prepared / name).stat().st_mtime_ns for name in done} == before
    assert not incomplete.exists()
    whole = prepare_from("shapes", coco, tmp_path / "whole", say=quiet)
    assert len(contents(whole)) > 6
    assert contents(prepared) == contents(whole)


def test_what_was_begun_from_other_images_is_begun_again(coco, tmp_path, monkeypatch):
    monkeypatch.setattr(preparation, "SHARD_BYTES", 8000)
    stopped = RuntimeError("stop")

    def stop(done, total):
        if done == 20:
            raise stopped

    with pytest.raises(RuntimeError):
        prepare_from("shapes", coco, tmp_path / "tfds", say=quiet, progress=stop)
    cv2.imwrite(str(coco / "train2017" / "00000.jpg"), np.zeros((60, 60, 3), np.uint8))
    said = []
    prepared = prepare_from("shapes", coco, tmp_path / "tfds", say=said.append)
    assert said[0].endswith("1.0.0.incomplete was begun from other images: starting again")
    assert contents(prepared) == contents(
        prepare_from("shapes", coco, tmp_path / "whole", say=quiet)
    )


def test_a_whole_set_is_not_prepared_again(coco, tmp_path):
    prepared = prepare_from("shapes", coco, tmp_path / "tfds", say=quiet)
    before, said = contents(prepared), []
    shutil.rmtree(coco)
    assert prepare_from("shapes", coco, tmp_path / "tfds", say=said.append) == prepared
    assert said == [f"{prepared} is prepared already; another name or --data-dir prepares it anew"]
    assert contents(prepared) == before


def test_a_full_disk_is_refused_before_anything_is_written(coco, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**6, 10**6 - 100, 100))
    with pytest.raises(DataError, match=r"needs 0\.. MB in .*, 0\.0 MB are free; make room"):
        prepare_from("shapes", coco, tmp_path / "tfds", say=quiet)
    assert not list((tmp_path / "tfds").rglob("*array_record*"))


def test_files_appear_at_their_place_whole(coco, tmp_path, monkeypatch):
    """An image that is none stops the file it is in, and leaves none that looks like one."""
    (coco / "train2017" / "00003.jpg").write_bytes(b"not an image")
    with pytest.raises(DataError, match=r"train2017/00003.jpg is not a picture; replace"):
        prepare_from("shapes", coco, tmp_path / "tfds", say=quiet)
    assert not list((tmp_path / "tfds").rglob("*-of-?????"))


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-60])


def make_a_folder_of(path):
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (cut_short, "cat/3.png is damaged or incomplete; replace or remove it"),
        (make_a_folder_of, "cat/3.png cannot be read: Is a directory"),
    ],
)
def test_a_bad_picture_is_refused_or_left_out_and_listed(folder, tmp_path, capsys, spoil, message):
    spoil(folder / "cat" / "3.png")
    args = ["photos", f"--from={folder}", f"--data-dir={tmp_path / 'tfds'}"]
    assert main(args) == 2
    assert capsys.readouterr().err.splitlines()[-1].endswith(message)
    assert main([*args, "--on-error=skip"]) == 0
    said = capsys.readouterr().err.splitlines()
    assert said[-2] == "left out of train: 1 pictures that cannot be read"
    assert said[-1].endswith(message)
    source = load_split(dataset_at("tfds:photos", tmp_path / "tfds"), "all", tmp_path / "tfds")
    assert np.bincount(source.labels).tolist() == [11, 20]
    heights = {source[index]["image"].shape[0] for index in np.flatnonzero(source.labels == 0)}
    assert heights == {20 + i for i in range(12)} - {23}


@pytest.fixture
def small_files():
    """At most so many bytes fit into a file, as if the disk were full behind them."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(("size", "file"), [(30_000, "train.array_record"), (500, "1.0.0.incompl")])
def test_a_disk_that_fills_up_meanwhile_is_one_line_and_goes_on_later(
    folder, tmp_path, small_files, monkeypatch, capsys, size, file
):
    args = ["photos", f"--from={folder}", f"--data-dir={tmp_path / 'tfds'}"]
    if size == 500:  # All written but the description.
        describe = preparation._describe
        monkeypatch.setattr(
            preparation, "_describe", lambda *given: (small_files(size), describe(*given))
        )
    else:
        small_files(size)
    assert main(args) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert "/tfds/photos/1.0.0.incomplete" in said and file in said
    assert said.endswith("make room or leave to write, and run the same command again to go on")
    assert not list(tmp_path.rglob("*.partial"))
    monkeypatch.undo()
    small_files(resource.RLIM_INFINITY)
    assert main(args) == 0
    source = load_split(dataset_at("tfds:photos", tmp_path / "tfds"), "all", tmp_path / "tfds")
    assert len([source[index] for index in range(len(source))]) == 32


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda root: (root / "train2017" / "00001.jpg").unlink(), "00001.jpg is missing; the tr"),
        (lambda root: (root / "annotations" / "instances_val2017.json").write_text('{"images": ['),
         "instances_val2017.json is not JSON, or is cut short"),
        (lambda root: (root / "annotations" / "instances_val2017.json").write_text("{}"),
         "instances_val2017.json has no annotations, categories, images; is it COCO's format?"),
        (lambda root: (root / "annotations" / "instances_val2017.json").rename(
            root / "annotations" / "instances_dev.json"),
         "instances_dev.json in .* is not one split's of train, val, test; rename or remove it"),
    ],
)  # fmt: skip
def test_an_incomplete_coco_is_one_line(coco, tmp_path, capsys, change, message):
    change(coco)
    assert main(["shapes", f"--from={coco}", f"--data-dir={tmp_path / 'tfds'}"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    with pytest.raises(DataError, match=message):
        raise DataError(error)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["My Set"], "'My Set' is no name of a data set; use small letters"),
        (["shapes", "--from=/nowhere"], "no folder /nowhere; give --from=DIR"),
        (["shapes"], "TFDS has no shapes; give --from=FOLDER with its images"),
        (["cifar10", "--data-dir=gs://bucket/sets"], "cannot write to gs://bucket/sets"),
        ([], "name"),
    ],
)
def test_wrong_input_exits_2_with_one_line(args, message, capsys):
    assert main(args) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_without_tensorflow_the_one_command_is_named(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    monkeypatch.setattr(preparation.importlib.util, "find_spec", lambda name: None)
    assert main(["emnist_letters", f"--data-dir={tmp_path}"]) == 2
    assert capsys.readouterr().err == (
        "python -m jaxcnn.data.prepare: TFDS needs TensorFlow to prepare emnist/letters, once:"
        " pip install 'jaxcnn[prepare]' && python -m jaxcnn.data.prepare emnist_letters"
        f" --data-dir={tmp_path}\n"
    )


def test_preparing_does_not_import_tensorflow(folder, tmp_path, run_python, refuse_tensorflow):
    program = (
        f"{refuse_tensorflow}\n"
        "from jaxcnn.data.prepare.command import main\n"
        f"assert main(['photos', '--from={folder}', '--data-dir={tmp_path}']) == 0\n"
        "print('tensorflow' in sys.modules)"
    )
    done = run_python("-c", program)
    assert done.stdout.endswith("False\n"), done.stderr
