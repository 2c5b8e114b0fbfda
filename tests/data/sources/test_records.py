"""Sets that are read record by record."""

import pickle
import sys
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from array_record.python.array_record_data_source import ArrayRecordDataSource
from array_record.python.array_record_module import ArrayRecordWriter
from PIL import Image
from tensorflow_datasets.proto import tf_example_pb2

from jaxcnn.data import DataError, DataNotFound, dataset_at, dataset_spec, load_split
from jaxcnn.data.augment.augment import Augment
from jaxcnn.data.augment.chains import eval_transforms, train_transforms
from jaxcnn.data.loader.pipeline import eval_batches, train_batches
from jaxcnn.data.sources import array_record, records
from jaxcnn.data.sources.readable import find_unreadable
from jaxcnn.data.sources.tfds import load_images, load_records

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(256, size=(40, 12, 12, 3), dtype=np.uint8)
LABELS = np.arange(40) % 4


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def pictures(tmp_path, write_tfds):
    """(data_dir, folder) of 40 training and 20 test images."""
    splits = {"train": (IMAGES, LABELS), "test": (IMAGES[:20], LABELS[:20])}
    return tmp_path, write_tfds(tmp_path, "pictures", splits, num_shards=3)


@pytest.fixture
def decoded(monkeypatch):
    """How many images OpenCV has decoded."""
    import cv2

    count, decode = [0], cv2.imdecode

    def counting(*args):
        count[0] += 1
        return decode(*args)

    monkeypatch.setattr(cv2, "imdecode", counting)
    return count


def test_record_by_record_is_what_reading_all_at_once_gives(pictures):
    one, all_ = (
        load_records("pictures", "train", pictures[0]),
        load_images("pictures", "train", pictures[0], image_size=12, channels=3),
    )
    assert len(one) == len(all_) == 40
    np.testing.assert_array_equal(one.labels, all_.labels)
    for index in (39, 0, 17):
        np.testing.assert_array_equal(one[index]["image"], all_[index]["image"])
        assert one[index]["label"] == all_[index]["label"]


def test_only_the_images_asked_for_are_decoded(pictures, decoded):
    spec = dataset_at("tfds:pictures", pictures[0])
    train, val = (load_split(spec, split, pictures[0]) for split in ("train", "val"))
    assert (len(train), len(val), decoded[0]) == (36, 4, 0)
    assert train[3]["image"].shape == (12, 12, 3)
    assert decoded[0] == 1


def test_labels_are_read_once_for_all_runs(pictures, monkeypatch):
    first = load_records("pictures", "train", pictures[0]).labels

    def refuse(record):
        raise AssertionError("a record was read")

    monkeypatch.setattr(records, "parse", refuse)
    again = load_records("pictures", "train", pictures[0]).labels
    np.testing.assert_array_equal(first, again)
    assert first.dtype == again.dtype == np.int32


def test_labels_of_changed_files_are_read_again(pictures, write_tfds):
    import shutil

    old = load_records("pictures", "train", pictures[0]).labels
    shutil.rmtree(pictures[1])
    write_tfds(pictures[0], "pictures", {"train": (IMAGES, LABELS[::-1])}, num_shards=3)
    new = load_records("pictures", "train", pictures[0]).labels
    np.testing.assert_array_equal(new, old[::-1])


class Malicious:
    def __reduce__(self):
        return (exec, ("raise SystemExit('code of a pickle has run')",))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(pickle.dumps(Malicious())),
        lambda path: np.save(path, np.array([Malicious()], object), allow_pickle=True),
    ],
    ids=["cut", "empty", "pickle", "array of objects"],
)
def test_a_damaged_cache_of_labels_is_made_anew_and_runs_no_code(pictures, tmp_path, spoil):
    first = load_records("pictures", "train", pictures[0]).labels
    (kept,) = (tmp_path / "cache").rglob("*.npy")
    spoil(kept)
    again = load_records("pictures", "train", pictures[0]).labels
    np.testing.assert_array_equal(first, again)


def test_a_cache_that_cannot_be_written_costs_nothing_else(pictures, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    np.testing.assert_array_equal(load_records("pictures", "train", pictures[0]).labels, LABELS)


def test_memory_holds_few_records_at_a_time(pictures, monkeypatch):
    monkeypatch.setattr(records, "LABELS_AT_ONCE", 7)
    source = load_records("pictures", "train", pictures[0])
    asked, read = [], source._records.__getitems__

    def reading(self, keys):
        asked.append(len(keys))
        return read(keys)

    monkeypatch.setattr(type(source._records), "__getitems__", reading)
    np.testing.assert_array_equal(source.labels, LABELS)
    assert asked == [7, 7, 7, 7, 7, 5]


def test_a_source_travels_to_other_processes(pictures):
    source = load_records("pictures", "train", pictures[0])
    before = source[5]["image"]
    copy = pickle.loads(pickle.dumps(source))
    np.testing.assert_array_equal(copy[5]["image"], before)
    spec = dataset_at("tfds:pictures", pictures[0])
    options = {"image_size": 12, "channels": 3}
    batches = eval_batches(source, eval_transforms(spec, **options), batch_size=20, num_workers=1)
    np.testing.assert_array_equal(np.concatenate([b["label"] for b in batches]), LABELS)


def test_any_prepared_set_describes_itself(tmp_path, write_tfds):
    grey = RNG.integers(256, size=(40, 9, 9, 1), dtype=np.uint8)
    write_tfds(tmp_path, "grey", {"train": (grey, LABELS)})
    spec = dataset_at("tfds:grey", tmp_path)
    assert (spec.name, spec.image_size, spec.channels, spec.splits) == ("tfds:grey", 9, 1, ("all",))
    assert spec.class_names == tuple("0123456789")
    assert len(spec.mean) == len(spec.std) == 1
    assert load_split(spec, "test", tmp_path)[0]["image"].shape == (9, 9, 1)
    tall = RNG.integers(256, size=(40, 9, 14, 3), dtype=np.uint8)
    write_tfds(tmp_path, "tall", {"train": (tall, LABELS), "test": (tall, LABELS)})
    spec = dataset_at("tfds:tall", tmp_path)
    assert (spec.image_size, spec.channels, spec.splits) == (None, 3, ("train", "test"))


@pytest.mark.parametrize(
    ("native", "ours"),
    [
        (("train",), {"all": "train"}),
        (("train", "test"), {"train": "train", "test": "test"}),
        (("train", "validation"), {"train": "train", "test": "validation"}),
        (("test", "train", "validation"), {"train": "train", "val": "validation", "test": "test"}),
        (("train", "test", "extra"), {"train": "train", "test": "test"}),
        (("validation",), {"test": "validation"}),
        (("everything",), {"all": "everything"}),
    ],
)
def test_validation_is_the_test_split_where_there_is_no_other(tmp_path, write_tfds, native, ours):
    write_tfds(tmp_path, "some", dict.fromkeys(native, (IMAGES, LABELS)))
    spec = dataset_at("tfds:some", tmp_path)
    assert spec.load.args == ("some", ours)
    assert spec.splits == tuple(ours)


def test_splits_without_a_known_name_are_listed(tmp_path, write_tfds):
    write_tfds(tmp_path, "some", dict.fromkeys(("left", "right"), (IMAGES, LABELS)))
    with pytest.raises(DataError, match="some has the splits left, right; none is called train"):
        dataset_at("tfds:some", tmp_path)


def test_a_secret_label_is_refused(tmp_path, write_tfds):
    splits = {"train": (IMAGES, LABELS), "test": (IMAGES, np.full(40, -1))}
    write_tfds(tmp_path, "secret", splits)
    with pytest.raises(DataError, match="has no label; choose a split that has labels"):
        load_split(dataset_at("tfds:secret", tmp_path), "test", tmp_path)


def rewrite(folder, change):
    """Does `change` to record 3 of the second training file; returns how errors name it."""
    file = sorted(folder.glob("*train*"))[1]
    stored = ArrayRecordDataSource([str(file)])
    whole = [stored[index] for index in range(len(stored))]
    writer = ArrayRecordWriter(str(file), "group_size:1")
    for index, record in enumerate(whole):
        example = tf_example_pb2.Example.FromString(record)
        writer.write(change(example) if index == 3 else record)
    writer.close()
    return f"record 3 of {file}"


def with_labels(*labels):
    def change(example):
        example.features.feature["label"].int64_list.value[:] = labels
        return example.SerializeToString()

    return change


def with_image(change_image):
    def change(example):
        images = example.features.feature["image"].bytes_list.value
        images[:] = change_image(images[0])
        return example.SerializeToString()

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (with_labels(), "has no label"),
        (with_labels(-(2**40)), "has no label"),
        (with_labels(2**40), "has label 1099511627776, which is no class's"),
        (with_labels(10), "label 10 at .*; labels go from 0 to 9"),
        (lambda example: b"no example", "is damaged; if a file is damaged put a whole copy"),
    ],
)
def test_a_label_that_makes_no_sense_is_refused_by_name(pictures, change, message):
    name = rewrite(pictures[1], change)
    with pytest.raises(DataError, match=message) as caught:
        load_split(dataset_at("tfds:pictures", pictures[0]), "train", pictures[0])
    assert name in str(caught.value)


@pytest.mark.parametrize("feature", ["objects", "labels"])
@pytest.mark.parametrize("label", [-1, 4, 2**40])
def test_a_label_among_several_that_is_no_class_is_refused(feature, label):
    annotation = {
        "objects": records.Objects("objects", 4), "labels": records.SeveralClasses("labels", 4)
    }[feature]  # fmt: skip
    example = tf_example_pb2.Example()
    values = example.features.feature[{"objects": "objects/label"}.get(feature, feature)]
    values.int64_list.value[:] = [2, label]
    with pytest.raises(DataError, match=f"has label {label}; labels go from 0 to 3"):
        annotation.label(example.features.feature)


@pytest.mark.parametrize(
    "change",
    [
        with_image(lambda image: []),
        with_image(lambda image: [b""]),
        with_image(lambda image: [image[: len(image) // 2]]),
        with_image(lambda image: [b"no picture"]),
    ],
)
def test_a_bad_image_is_named_and_can_be_left_out(pictures, change):
    name = rewrite(pictures[1], change)
    source = load_records("pictures", "train", pictures[0])
    (bad,) = find_unreadable(source)
    assert bad.index == 14 + 3
    assert bad.reason.startswith(f"{name} has an image that cannot be decoded: it is ")


def test_photographs_are_upright_but_where_boxes_refer_to_them_as_stored(pictures):
    """As `image_folder` reads them."""
    turned, encoded = Image.Exif(), BytesIO()
    turned[0x112] = 6
    Image.fromarray(IMAGES[0, :8]).save(encoded, "PNG", exif=turned)
    rewrite(pictures[1], with_image(lambda image: [encoded.getvalue()]))
    source = load_records("pictures", "train", pictures[0])
    np.testing.assert_array_equal(source[17]["image"], np.rot90(IMAGES[0, :8], -1))
    boxes = replace(source, annotation=records.Objects("objects", 4))
    np.testing.assert_array_equal(boxes[17]["image"], IMAGES[0, :8])


def test_a_prepared_picture_is_read_as_the_file_that_it_was(pictures):
    """Where OpenCV alone would make something else of it."""
    see_through = np.dstack([IMAGES[0, :8], np.full_like(IMAGES[0, :8, :, 0], 90)])
    encoded = BytesIO()
    Image.fromarray(see_through).save(encoded, "TIFF")
    rewrite(pictures[1], with_image(lambda image: [encoded.getvalue()]))
    source = load_records("pictures", "train", pictures[0])
    np.testing.assert_array_equal(source[17]["image"], IMAGES[0, :8])


@pytest.mark.parametrize("left", [None, 0, 1000])
def test_a_missing_or_damaged_file_is_named(pictures, left):
    file = sorted(pictures[1].glob("*train*"))[1]
    whole = file.read_bytes()
    file.unlink()
    if left is not None:
        file.write_bytes(whole[:left])
    with pytest.raises(DataNotFound) as caught:
        _ = load_records("pictures", "train", pictures[0]).labels
    words = f"there is no {file}; " if left is None else f"{file} cannot be read ("
    assert str(caught.value).startswith(words)
    assert "put a whole copy in its place" in str(caught.value)
    assert "\n" not in str(caught.value)
    if left is not None:
        with pytest.raises(DataNotFound, match="cannot be read .*put a whole copy in its place"):
            load_records("pictures", "train", pictures[0])[20]


def test_other_files_than_array_records_are_refused(tmp_path, write_tfds):
    write_tfds(tmp_path, "old", {"train": (IMAGES, LABELS)}, file_format="tfrecord")
    with pytest.raises(DataNotFound, match="old/3.0.1 is not in ArrayRecord files; convert"):
        load_records("old", "train", tmp_path)


def test_reals_images_without_a_label_are_left_out_and_any_label_is_right(tmp_path, monkeypatch):
    """Its labels are sets: see also `metrics.Classes`."""
    import json

    import cv2
    import tensorflow_datasets as tfds
    from array_record.python.array_record_module import ArrayRecordWriter
    from tensorflow_datasets.proto import tf_example_pb2

    folder = tmp_path / "imagenet2012_real" / "1.0.0"
    folder.mkdir(parents=True)
    sets = [[3], [], [7, 999], [0, 1, 2]]
    writer = ArrayRecordWriter(
        str(folder / "imagenet2012_real-validation.array_record-00000-of-00001"), "group_size:1"
    )
    for number, labels in enumerate(sets):
        example = tf_example_pb2.Example()
        feature = example.features.feature
        image = np.full((8 + number, 9, 3), number, np.uint8)
        feature["image"].bytes_list.value.append(cv2.imencode(".png", image)[1].tobytes())
        feature["original_label"].int64_list.value.append(5)
        feature["real_label"].int64_list.value.extend(labels)
        writer.write(example.SerializeToString())
    writer.close()
    classes = tfds.features.ClassLabel(num_classes=1000)
    tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(),
            "original_label": classes,
            "real_label": tfds.features.Sequence(classes),
        }
    ).save_config(folder)
    info = {
        "name": "imagenet2012_real",
        "version": "1.0.0",
        "fileFormat": "array_record",
        "moduleName": "__main__",
        "supervisedKeys": {
            "tuple": {"items": [{"featureKey": "image"}, {"featureKey": "real_label"}]}
        },
        "splits": [
            {
                "name": "validation",
                "filepathTemplate": "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
                "shardLengths": ["4"],
                "numBytes": "1",
            }
        ],
    }
    (folder / "dataset_info.json").write_text(json.dumps(info))
    spec = dataset_at("imagenet2012_real", tmp_path)
    assert (spec.num_classes, spec.multi_label) == (1000, False)
    test = load_split(spec, "test", tmp_path)
    found = [np.flatnonzero(test[i]["label"]).tolist() for i in range(len(test))]
    assert found == [[3], [7, 999], [0, 1, 2]]


def test_an_image21k_folder_of_wordnet_ids_needs_no_preparation(tmp_path):
    import cv2

    for name in ("n00000001", "n00000002"):
        (tmp_path / name).mkdir()
        for i in range(10):
            cv2.imwrite(str(tmp_path / name / f"{i}.png"), IMAGES[i])
    spec = dataset_at("imagenet21k", tmp_path)
    assert (spec.name, spec.num_classes, spec.splits) == ("imagenet21k", 2, ("all",))
    assert len(load_split(spec, "all", tmp_path)) == 20
    folder = dataset_at("image_folder", tmp_path)
    assert replace(spec, name="image_folder", paper="", load=folder.load) == folder


def test_images_of_many_sizes_are_stretched_or_cropped_to_one(coco_like):
    data_dir, spec = coco_like
    source = load_split(spec, "test", data_dir)
    for resize in ("interpolate", "crop"):
        options = {"image_size": 24, "channels": 3, "resize": resize}
        for batch in (
            next(eval_batches(source, eval_transforms(spec, **options), batch_size=8)),
            next(
                train_batches(
                    source,
                    train_transforms(spec, Augment(flip=True), **options),
                    batch_size=8,
                    seed=0,
                    stop_step=1,
                )
            ),
        ):
            assert batch["image"].shape == (8, 24, 24, 3)
            assert (batch["label"].shape, batch["label"].dtype) == ((8, 4), np.uint8)
    with pytest.raises(DataError, match="many sizes; bring them to one by --resize=crop, or by"):
        eval_transforms(spec, image_size=20, channels=3, resize="pad")


@pytest.fixture
def coco_like(tmp_path, draw_shapes):
    from jaxcnn.data.prepare.preparation import prepare_from

    draw_shapes(tmp_path / "coco", {"train2017": 12, "val2017": 9})
    prepare_from("shapes", tmp_path / "coco", tmp_path / "tfds", say=lambda line: None)
    return tmp_path / "tfds", dataset_at("tfds:shapes", tmp_path / "tfds")


def test_a_row_asks_for_the_classes_it_knows(tmp_path, write_tfds):
    assert dataset_spec("food101").num_classes == 101
    write_tfds(tmp_path, "food101", {"train": (IMAGES, LABELS)})
    with pytest.raises(DataError, match="food101 has 101 classes, the set prepared there 10; read"):
        dataset_at("food101", tmp_path)


def test_without_a_home_for_a_cache_labels_are_read_anew(pictures, monkeypatch):
    """As for a container's user who is in no table of users."""

    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(records.Path, "home", homeless)
    for _ in range(2):
        np.testing.assert_array_equal(load_records("pictures", "train", pictures[0]).labels, LABELS)


def test_without_array_record_a_prepared_set_is_refused_in_one_line(pictures, monkeypatch):
    """There is none for Windows."""
    for module in ("array_record_data_source", "array_record_module"):
        monkeypatch.setitem(sys.modules, f"array_record.python.{module}", None)
    source = load_records("pictures", "train", pictures[0])
    with pytest.raises(DataError, match="array_record, which is not here") as refused:
        _ = source.labels
    assert "\n" not in str(refused.value)
    with pytest.raises(DataError, match="array_record, which is not here"):
        array_record.writer(str(pictures[0] / "new"), "group_size:1")
