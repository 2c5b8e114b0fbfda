from collections import Counter

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from jaxcnn.data import DataError, dataset_at, load_split, read_fold, with_fold, with_labels
from jaxcnn.data.folds import Fold, divided
from jaxcnn.data.spec import example_name, groups_of

LABELS = np.repeat(np.arange(3, dtype=np.int32), [40, 30, 20])


def parts(split, folds=5, seed=0):
    loaded = []
    for number in range(1, folds + 1):
        place = with_fold(None, Fold(number, folds, seed))
        source = load_split(dataset_at("digits", place), split, place)
        loaded.append({example_name(source, index) for index in range(len(source))})
    return loaded


def test_every_example_but_the_test_splits_validates_once_and_is_then_not_trained_on():
    train, val, (test, *others) = parts("train"), parts("val"), parts("test")
    assert all(each == test for each in others) and len(test) == 360
    assert sum(map(len, val)) == len(set.union(*val)) == len(load_digits().target) - len(test)
    assert not any(trained & held for trained, held in zip(train, val, strict=True))
    assert all(trained | held == set.union(*val) for trained, held in zip(train, val, strict=True))
    assert not set.union(*val) & test


def test_each_part_has_each_class_in_its_share():
    for number in range(1, 6):
        _, held = divided(LABELS, None, Fold(number, 5))
        assert Counter(LABELS[held].tolist()) == {0: 8, 1: 6, 2: 4}


def test_the_seed_draws_the_parts():
    first, again, other = (divided(LABELS, None, Fold(1, 5, seed))[1] for seed in (0, 0, 1))
    assert first.tolist() == again.tolist() != other.tolist()


def test_a_group_is_in_one_part():
    groups = np.array([f"g{index // 5}" for index in range(len(LABELS))])
    seen = []
    for number in range(1, 4):
        kept, held = divided(LABELS, groups, Fold(number, 3))
        assert not set(groups[kept]) & set(groups[held])
        seen += sorted(set(groups[held]))
    assert sorted(seen) == sorted(set(groups))


def test_a_folders_groups_are_those_of_its_csv_file_and_fall_to_one_split(tmp_path):
    lines = ["path,label,group"]
    for index in range(60):
        Image.new("L", (4, 4), index).save(tmp_path / f"{index}.png")
        lines.append(f"{index}.png,{'ab'[index % 2]},patient{index // 3}")
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    place = with_labels("image_folder", str(tmp_path), str(tmp_path / "labels.csv"))
    data = dataset_at("image_folder", place)
    splits = (load_split(data, split, place) for split in ("train", "val", "test"))
    train, val, test = (set(groups_of(source)) for source in splits)
    assert not (train & val or train & test or val & test) and len(train | val | test) == 20
    in_fold = with_fold(place, Fold(1, 3))
    rows = dataset_at("image_folder", in_fold)
    held = load_split(rows, "val", in_fold)
    names = [example_name(held, index).rpartition("/")[2] for index in range(len(held))]
    whole = Counter(int(name.removesuffix(".png")) // 3 for name in names)
    assert set(whole.values()) == {3}


@pytest.mark.parametrize("text", ["", "0/5", "6/5", "1/1", "1/101", "1", "a/b", "1/5/2", "-1/5"])
def test_what_is_no_fold_is_refused(text):
    with pytest.raises(DataError, match="give K/N, the K-th of N parts, as 1/5"):
        read_fold(text)


@pytest.mark.parametrize(
    ("labels", "groups", "message"),
    [
        ([0] * 9 + [1] * 3, None, "dog has 3 examples to train and validate with, fewer than 5"),
        ([0, 1] * 6, ["a", "b", "c", "d"] * 3, "there are 4 groups, fewer than 5 folds"),
        ([0] * 10 + [1] * 2, [*"aabbccddee", "f", "f"], "would train on no dog"),
    ],
)
def test_too_few_to_divide_are_refused_by_name(labels, groups, message):
    groups = None if groups is None else np.array(groups)
    with pytest.raises(DataError, match=message):
        for number in range(1, 6):
            divided(np.array(labels, np.int32), groups, Fold(number, 5), ("cat", "dog"))
