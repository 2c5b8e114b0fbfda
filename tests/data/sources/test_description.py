"""A prepared set from a stranger runs nothing and names no files but its own."""

import json

import numpy as np
import pytest

from jaxcnn.data import DataError, dataset_at
from jaxcnn.data.sources.description import FEATURES, refuse_foreign
from jaxcnn.errors import UserError
from tests.hostile.conftest import within_limits

MARK = "open('ran', 'w').close()\n"


@pytest.fixture
def stranger(tmp_path, monkeypatch, write_tfds):
    """A TFDS directory, where it would be looked at from, with a set and a module beside it."""
    images = np.zeros((4, 8, 8, 3), np.uint8)
    labels = np.arange(4, dtype=np.int32)
    folder = write_tfds(tmp_path, "stranger", {"train": (images, labels)})
    (tmp_path / "helpers.py").write_text(MARK)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return folder


def with_class(name):
    """Where a description may name a class: at its top, in a feature, within a text."""
    whole = {"pythonClassName": name}
    known = f"{FEATURES}features_dict.FeaturesDict"
    nested = {"featuresDict": {"features": {"image": whole}}, "pythonClassName": known}
    sequence = {"sequence": {"feature": {"pythonClassName": name}}, "pythonClassName": known}
    legacy = {"type": known, "content": json.dumps({"x": {"type": name, "content": "{}"}})}
    return [whole, nested, sequence, {"python_class_name": name}, {"type": name}, legacy]


@pytest.mark.parametrize("description", with_class("helpers.Evil"), ids=range(6))
def test_a_class_that_is_not_tfdss_own_is_not_imported(stranger, description):
    (stranger / "features.json").write_text(json.dumps(description))
    with pytest.raises(DataError, match="names the Python class 'helpers.Evil'"):
        dataset_at("tfds:stranger", stranger.parents[1])
    assert not (stranger.parents[1] / "ran").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"splits": [{"name": "train", "filepathTemplate": "/etc/{SPLIT}"}]},
        {"splits": [{"name": "../../train", "filepathTemplate": "{SPLIT}-{SHARD_X_OF_Y}"}]},
        {"name": "../other"},
    ],
    ids=["template", "split", "set"],
)
def test_files_of_another_folder_are_not_read(stranger, change):
    path = stranger / "dataset_info.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(DataError, match="names files in another folder"):
        dataset_at("tfds:stranger", stranger.parents[1])


def test_a_class_labels_file_is_the_sets_own(stranger):
    path = stranger / "features.json"
    features = json.loads(path.read_text())
    of_set = features["featuresDict"]["features"]
    of_set["../../names"] = of_set.pop("label")
    path.write_text(json.dumps(features))
    with pytest.raises(DataError, match="names files in another folder"):
        dataset_at("tfds:stranger", stranger.parents[1])


def test_a_configurations_description_is_looked_at_too(stranger):
    configuration = stranger.parent / "large" / "1.0.0"
    configuration.mkdir(parents=True)
    (configuration / "features.json").write_text(json.dumps(with_class("os.Evil")[1]))
    with pytest.raises(DataError, match="'os.Evil'"):
        refuse_foreign("stranger", str(stranger.parents[1]))


def test_a_description_of_tfdss_own_classes_is_read(stranger):
    assert dataset_at("tfds:stranger", stranger.parents[1]).num_classes == 10


def test_names_with_a_slash_are_taken(stranger):
    """COCO's features are called "image/filename" and "image/id"."""
    path = stranger / "features.json"
    features = json.loads(path.read_text())
    of_set = features["featuresDict"]["features"]
    of_set["image/filename"] = {"pythonClassName": f"{FEATURES}text_feature.Text", "text": {}}
    path.write_text(json.dumps(features))
    refuse_foreign("stranger", str(stranger.parents[1]))


def classes(number):
    return lambda f: f["featuresDict"]["features"]["label"].update(
        classLabel={"numClasses": number}
    )


def shards(lengths):
    return lambda info: info["splits"][0].update(shardLengths=lengths)


@pytest.mark.parametrize(
    ("file", "change", "told"),
    [
        ("features.json", classes("20000000"), "there are 20000000 classes"),
        ("features.json", classes(20_000_000), "there are 20000000 classes"),
        ("features.json", classes("-5"), "there are -5 classes"),
        ("features.json", classes("9" * 400), "there are 9"),
        ("dataset_info.json", shards(["-4", "1"]), "there are -4 records in a file"),
        ("dataset_info.json", shards(["1"] * 2_000_000), "there are 2000000 files"),
    ],
    ids=range(6),
)
def test_what_would_take_memory_by_what_a_file_says_is_refused(stranger, file, change, told):
    path = stranger / file
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))
    with within_limits(), pytest.raises(DataError, match=told):
        dataset_at("tfds:stranger", stranger.parents[1])


@pytest.mark.parametrize("file", ["features.json", "dataset_info.json", "label.labels.txt"])
def test_a_description_of_a_gigabyte_is_not_read(stranger, file):
    with (stranger / file).open("ab") as opened:
        opened.truncate(10**9)
    with within_limits(), pytest.raises(DataError, match="has 1,000,000,000 bytes; at most"):
        dataset_at("tfds:stranger", stranger.parents[1])


@pytest.mark.parametrize("file", ["features.json", "dataset_info.json"])
def test_a_description_that_is_nested_without_end_is_one_line(stranger, file):
    (stranger / file).write_text('{"a":' * 100_000)
    with within_limits(), pytest.raises(UserError, match=f"{file} cannot be read"):
        dataset_at("tfds:stranger", stranger.parents[1])
