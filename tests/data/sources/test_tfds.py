import random
import shlex

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow_datasets.core import read_only_builder
from tensorflow_datasets.proto import tf_example_pb2

from jaxcnn.data import (
    DataError,
    DataNotFound,
    dataset_at,
    dataset_spec,
    list_datasets,
    load_split,
)
from jaxcnn.data.sources import tfds as tfds_module
from jaxcnn.data.sources.tfds import load_images, load_records, resolve_data_dir
from jaxcnn.errors import UserError
from tests.hostile.conftest import within_limits

TFDS_SETS = [name for name in list_datasets() if name not in ("digits", "image_folder")]
IN_MEMORY = [name for name in TFDS_SETS if dataset_spec(name).image_size is not None]
AS_STORED = [name for name in IN_MEMORY if not name.startswith("emnist")]


def examples(count: int, spec) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(count)
    shape = (count, spec.image_size, spec.image_size, spec.channels)
    labels = rng.permutation(np.arange(count) % spec.num_classes)
    return rng.integers(256, size=shape, dtype=np.uint8), labels


@pytest.fixture
def prepared(tmp_path, write_tfds):
    """A MNIST of 100 and 20 examples of noise: (data_dir, folder of the version)."""
    spec = dataset_spec("mnist")
    splits = {"train": examples(100, spec), "test": examples(20, spec)}
    return tmp_path, write_tfds(tmp_path, "mnist", splits)


@pytest.mark.parametrize("name", AS_STORED)
def test_every_set_of_one_size_gives_the_stored_pixels_and_labels_in_order(
    name, tmp_path, write_tfds
):
    spec = dataset_spec(name)
    train, test = examples(1100, spec), examples(7, spec)
    write_tfds(tmp_path, name, {"train": train, "test": test})
    for split, (images, labels) in {"train": train, "test": test}.items():
        source = spec.load(split, tmp_path)
        np.testing.assert_array_equal(source.labels, labels)
        np.testing.assert_array_equal([source[i]["image"] for i in range(len(source))], images)
        assert source[3]["image"].dtype == np.uint8
        assert source[3]["label"] == labels[3]


def test_colours_and_labels_are_those_tfds_decodes(tmp_path, write_tfds):
    import tensorflow_datasets as tfds

    folder = write_tfds(tmp_path, "cifar10", {"test": examples(9, dataset_spec("cifar10"))})
    ours = load_images("cifar10", "test", tmp_path, image_size=32, channels=3)
    theirs = tfds.builder_from_directory(folder).as_data_source(split="test")
    for index in range(9):
        np.testing.assert_array_equal(ours[index]["image"], theirs[index]["image"])
        assert ours[index]["label"] == theirs[index]["label"]


def test_reading_does_not_import_tensorflow(prepared, run_python, refuse_tensorflow):
    program = (
        f"{refuse_tensorflow}\n"
        "from jaxcnn.data import dataset_spec, load_split\n"
        f"source = load_split(dataset_spec('mnist'), 'train+val', {str(prepared[0])!r})\n"
        "print(len(source), 'tensorflow' in sys.modules)"
    )
    done = run_python("-c", program)
    assert done.stdout == "100 False\n", done.stderr


def test_data_dir_is_the_argument_then_our_variable_then_that_of_tfds(monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.delenv("JAXCNN_DATA_DIR", raising=False)
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
    assert resolve_data_dir() == "/home/someone/tensorflow_datasets"
    monkeypatch.setenv("TFDS_DATA_DIR", "/tfds")
    assert resolve_data_dir() == "/tfds"
    monkeypatch.setenv("JAXCNN_DATA_DIR", "gs://bucket/sets")
    assert resolve_data_dir() == "gs://bucket/sets"
    assert resolve_data_dir("~/here") == "/home/someone/here"


def test_emnist_is_turned_upright_and_its_letters_count_from_0(tmp_path, write_tfds):
    spec = dataset_spec("emnist_letters")
    images, labels = examples(60, spec)
    write_tfds(tmp_path, "emnist/letters", {"train": (images, labels + 1)})
    source = spec.load("train", tmp_path)
    np.testing.assert_array_equal(source.labels, labels)
    for index in range(60):
        np.testing.assert_array_equal(source[index]["image"], images[index].swapaxes(0, 1))
    assert spec.load("train", tmp_path) is source


def test_a_set_that_tfds_does_not_have_is_prepared_from_a_folder(tmp_path):
    for name in ("imagenet21k", "tfds:photos"):
        with pytest.raises(DataNotFound) as caught:
            dataset_at(name, tmp_path)
        official = name.removeprefix("tfds:")
        assert str(caught.value) == (
            f"no {official} in {tmp_path}; prepare it with: python -m jaxcnn.data.prepare"
            f" {official} --from=FOLDER --data-dir={tmp_path}"
        )


@pytest.mark.parametrize("name", [name for name in TFDS_SETS if name != "imagenet21k"])
def test_missing_set_says_where_it_looked_and_what_prepares_it(name, tmp_path):
    with pytest.raises(DataNotFound) as caught:
        load_split(dataset_spec(name), "test", tmp_path)
    message, name = str(caught.value), dataset_spec(name).prepared or name
    assert "\n" not in message
    assert message.startswith(f"no {name} in {tmp_path}; prepare it with: ")
    program = shlex.split(message.split("&& ")[1])
    assert program[:2] == ["python", "-c"]
    compile(program[2], "command", "exec")
    assert program[2].endswith(f"tfds.data_source('{name}', data_dir='{tmp_path}')")


@pytest.mark.parametrize("shard", [0, 1])
@pytest.mark.parametrize("left", [None, 0, 1000, 60_000])
def test_truncated_or_missing_shard_is_named(prepared, shard, left):
    data_dir, folder = prepared
    file = sorted(folder.glob("*train*"))[shard]
    whole = file.read_bytes()
    assert len(whole) > 60_000
    file.unlink()
    if left is not None:
        file.write_bytes(whole[:left])
    with pytest.raises(DataNotFound) as caught:
        dataset_spec("mnist").load("train", data_dir)
    assert str(caught.value).startswith(f"{file} cannot be read (")
    assert f"put a whole copy in its place, or else, with {folder} out of" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", [None, "", "{", "[]"])
def test_damaged_description_is_one_line(prepared, text):
    data_dir, folder = prepared
    file = folder / "dataset_info.json"
    file.unlink()
    if text is not None:
        file.write_text(text)
    with pytest.raises(DataNotFound, match="cannot be read .*; its records may be whole") as caught:
        dataset_spec("mnist").load("train", data_dir)
    assert "\n" not in str(caught.value)
    if text != "[]":  # Well-formed, so only TFDS knows what is wrong with it.
        assert str(caught.value).startswith(str(file))


def test_missing_split_says_which_there_are(tmp_path, write_tfds):
    write_tfds(tmp_path, "mnist", {"train": examples(20, dataset_spec("mnist"))})
    with pytest.raises(DataNotFound, match="has no split 'test', only train;"):
        dataset_spec("mnist").load("test", tmp_path)


def test_other_file_format_is_refused(tmp_path, write_tfds):
    splits = {"train": examples(20, dataset_spec("mnist"))}
    write_tfds(tmp_path, "mnist", splits, file_format="tfrecord")
    with pytest.raises(DataNotFound, match="is not in ArrayRecord files; convert it") as caught:
        dataset_spec("mnist").load("train", tmp_path)
    converted = f"--out_dir={tmp_path}-array_record/mnist/3.0.1; then give --data-dir={tmp_path}-"
    assert f"--dataset_version_dir={tmp_path}/mnist/3.0.1 " in str(caught.value)
    assert converted in str(caught.value)


@pytest.mark.parametrize("error", [ImportError("no\nmodule"), TypeError("a protobuf")])
def test_what_tfds_fails_with_is_told_as_it_is(prepared, monkeypatch, error):
    def fail(name, data_dir):
        raise error

    monkeypatch.setattr(read_only_builder, "builder_from_files", fail)
    with pytest.raises(DataNotFound) as caught:
        dataset_spec("mnist").load("train", prepared[0])
    reason = " ".join(str(error).split())
    assert f"cannot be read ({type(error).__name__}: {reason})" in str(caught.value)
    assert "damaged" not in str(caught.value) and "delete" not in str(caught.value)


def test_undecodable_image_is_one_line(prepared, monkeypatch):
    monkeypatch.setattr(cv2, "imdecode", lambda *_: None)  # What OpenCV gives for such bytes.
    with pytest.raises(DataNotFound, match="has an image that cannot be decoded .*; if a file"):
        dataset_spec("mnist").load("train", prepared[0])


@pytest.mark.parametrize("label", [-1, 10])
def test_a_label_out_of_range_is_named(tmp_path, write_tfds, label):
    images, labels = examples(20, dataset_spec("mnist"))
    labels[7] = label
    write_tfds(tmp_path, "mnist", {"test": (images, labels)})
    message = f"mnist's test split has label {label} at example 7; labels go from 0 to 9"
    with pytest.raises(DataError, match=message):
        load_split(dataset_spec("mnist"), "test", tmp_path)


def test_a_label_too_large_for_its_type_is_named(prepared, monkeypatch):
    example = tf_example_pb2.Example()
    example.features.feature["label"].int64_list.value.append(2**40)
    image = cv2.imencode(".png", np.zeros((28, 28), np.uint8))[1].tobytes()
    example.features.feature["image"].bytes_list.value.append(image)
    monkeypatch.setattr(tfds_module, "_records", lambda *_: [example.SerializeToString()])
    with pytest.raises(DataError, match="mnist/3.0.1 has label 1099511627776, which is no class's"):
        load_images("mnist", "train", prepared[0], image_size=28, channels=1)


def test_a_shard_with_fewer_records_than_promised_is_refused(prepared):
    data_dir, folder = prepared
    first, second = sorted(folder.glob("*test*"))
    description = (folder / "dataset_info.json").read_text()
    assert '"shardLengths": ["10", "10"]' in description
    changed = description.replace('"shardLengths": ["10", "10"]', '"shardLengths": ["10", "15"]')
    (folder / "dataset_info.json").write_text(changed)
    with pytest.raises(DataNotFound, match="cannot be read .*put a whole copy") as caught:
        load_split(dataset_spec("mnist"), "test", data_dir)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("record", [b"\xff\xff", b"", None])
def test_a_record_that_is_no_example_is_one_line(prepared, monkeypatch, record):
    """Such records are well-formed in an ArrayRecord file: only decoding tells."""
    if record is None:  # An image of another size.
        image = cv2.imencode(".png", np.zeros((5, 5), np.uint8))[1].tobytes()
        example = tf_example_pb2.Example()
        example.features.feature["image"].bytes_list.value.append(image)
        example.features.feature["label"].int64_list.value.append(1)
        record = example.SerializeToString()
    monkeypatch.setattr(tfds_module, "_records", lambda *_: [record])
    with pytest.raises(DataNotFound, match="cannot be decoded or is not of 28x28") as caught:
        dataset_spec("mnist").load("test", prepared[0])
    assert "\n" not in str(caught.value)


def test_a_set_is_decoded_once(prepared):
    spec = dataset_spec("mnist")
    train, val = (load_split(spec, split, prepared[0]) for split in ("train", "val"))
    assert train.source is val.source  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("data_dir", ["gs://no-such-bucket/sets", "nothing://here"])
def test_a_bucket_that_cannot_be_read_is_one_line_with_the_way_out(data_dir, monkeypatch):
    def without_reader(name, data_dir):
        raise ImportError("Please install gcsfs\nto access Google Storage")

    monkeypatch.setattr(tfds_module, "refuse_foreign", without_reader)
    with pytest.raises(
        DataNotFound, match="Please install gcsfs to access .*; or mount it"
    ) as caught:
        load_records("food101", "train", data_dir)
    assert str(caught.value).startswith(f"{data_dir} cannot be read (ImportError: ")
    assert "\n" not in str(caught.value)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32))
def test_whatever_is_done_to_a_file_of_records_the_error_is_one_line(
    tmp_path_factory, write_tfds, seed
):
    folder, draws = tmp_path_factory.mktemp("mutated"), random.Random(seed)
    images = np.random.default_rng(0).integers(256, size=(6, 8, 8, 3), dtype=np.uint8)
    prepared = write_tfds(folder, "strange", {"train": (images, np.arange(6) % 3)})
    path = draws.choice(sorted(prepared.glob("*array_record*")))
    data = bytearray(path.read_bytes())
    for _ in range(draws.randint(1, 4)):
        start = draws.randrange(len(data))
        match draws.randrange(3):
            case 0:
                data[start] = draws.randrange(256)
            case 1:
                del data[start:]
                data += b"\0"
            case 2:
                data[start:start] = draws.randbytes(draws.randint(1, 99))
    path.write_bytes(data)
    try:
        with within_limits():
            source = load_records("strange", "train", folder)
            for index in range(len(source)):
                source[index]
    except UserError as error:
        assert "\n" not in str(error)
