"""Who sees what: splits that share no example, and stay as they are when others come."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxcnn.data import DataError, dataset_spec, load_split
from jaxcnn.data.spec import ArraySource, Subset
from jaxcnn.data.splits import by_draw, hold_out, shares_of

SPLITS = ("train", "val", "train+val", "test")


def numbered(labels: np.ndarray) -> ArraySource:
    """Images of one pixel that tell the example's number."""
    numbers = np.arange(len(labels), dtype=np.uint32).view(np.uint8).reshape(-1, 1, 1, 4)
    return ArraySource(numbers, labels.astype(np.int32))


def numbers_of(source) -> list[int]:
    return [int(source[i]["image"].view(np.uint32).item()) for i in range(len(source))]


@pytest.fixture
def spec_without_val():
    """CIFAR-100's row over sources whose examples are numbered, test examples from 10,000 on."""
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(100), 27))
    train, everything = numbered(labels), numbered(np.zeros(10_050))
    sources = {"train": train, "test": Subset(everything, np.arange(10_000, 10_050))}
    spec = dataset_spec("cifar100")
    return dataclasses.replace(spec, load=lambda split, data_dir: sources[split])


def test_train_and_val_divide_the_official_training_split(spec_without_val):
    parts = {split: numbers_of(load_split(spec_without_val, split)) for split in SPLITS}
    assert set(parts["train"]).isdisjoint(parts["val"])
    assert sorted(parts["train"] + parts["val"]) == parts["train+val"] == list(range(2700))
    assert min(parts["test"]) == 10_000
    assert len(parts["test"]) == 50


def test_held_out_tenth_has_every_class_in_proportion(spec_without_val):
    val = load_split(spec_without_val, "val")
    assert len(val) == 270
    counts = np.bincount(val.labels, minlength=100)
    assert counts.min() >= 2
    assert counts.max() <= 3


def test_labels_of_a_split_are_those_of_its_examples(spec_without_val):
    for spec in (spec_without_val, dataset_spec("digits")):
        for split in SPLITS:
            source = load_split(spec, split)
            assert [source[i]["label"] for i in range(len(source))] == source.labels.tolist()


def test_a_set_without_splits_is_divided_in_proportion():
    spec = dataset_spec("digits")
    sizes = {split: len(load_split(spec, split)) for split in SPLITS}
    assert sizes == {"train": 1257, "val": 180, "train+val": 1437, "test": 360}
    both = load_split(spec, "train+val")
    assert len(load_split(spec, "all")) == 1797
    for split in ("train", "val", "test"):
        shares = np.bincount(load_split(spec, split).labels) / sizes[split]
        whole = np.bincount(np.concatenate([both.labels, load_split(spec, "test").labels])) / 1797
        np.testing.assert_allclose(shares, whole, atol=0.005)


def test_division_is_the_same_every_time_and_does_not_touch_the_global_generator():
    labels = np.repeat(np.arange(5), 40)
    np.random.seed(1)
    before = np.random.get_state()[1].tolist()  # pyright: ignore
    first = hold_out(labels, 0.1)
    np.random.seed(1)
    second = hold_out(labels, 0.1)
    np.testing.assert_array_equal(first[1], second[1])
    assert np.random.get_state()[1].tolist() == before  # pyright: ignore


def test_unknown_split_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"unknown split 'dev'; known: train, val, train\+val"):
        load_split(dataset_spec("digits"), "dev")


def test_a_set_for_testing_has_no_other_split(tmp_path):
    with pytest.raises(ValueError, match="imagenet_v2 is for testing only; it has no train split"):
        load_split(dataset_spec("imagenet_v2"), "train", tmp_path)


LABELS = st.lists(st.integers(0, 3), min_size=40, max_size=80).filter(
    lambda labels: min(np.bincount(labels, minlength=4)) > 1
)


@settings(max_examples=20, deadline=None)
@given(LABELS, st.floats(0.1, 0.5))
def test_what_is_held_out_is_each_classs_share_and_the_rest_is_kept(labels, fraction):
    labels = np.array(labels)
    kept, held = hold_out(labels, fraction)
    assert sorted([*kept, *held]) == list(range(len(labels)))
    assert (np.diff(kept) > 0).all() and (np.diff(held) > 0).all()
    shares = np.bincount(labels[held], minlength=4) - fraction * np.bincount(labels)
    assert np.abs(shares).max() <= 1.0 + 1e-9


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 0, 0, 1], "class 1 has one example only; it takes two to divide"),
        ([0, 0, 1, 1, 2, 2], "6 examples of 3 classes are too few to hold out 0.1 of them"),
    ],
)
def test_classes_too_small_to_be_divided_are_refused(labels, message):
    with pytest.raises(DataError, match=message):
        hold_out(np.array(labels), 0.1)


DRAWS = st.lists(st.floats(0, 1, exclude_max=True), max_size=30)


@settings(max_examples=50, deadline=None)
@given(DRAWS, st.floats(0, 1, exclude_max=True), st.data())
def test_one_picture_more_moves_no_other(draws, more, data):
    """Whichever place it comes to, the others stay in the splits that they were in."""
    shares = shares_of(("all",))
    place = data.draw(st.integers(0, len(draws)))
    before = by_draw(np.array(draws), shares)
    after = by_draw(np.array([*draws[:place], more, *draws[place:]]), shares)
    for split, indices in before.items():
        moved = {index + (index >= place) for index in indices.tolist()}
        assert moved <= set(after[split].tolist()) <= moved | {place}


def test_draws_fall_to_test_then_val_then_train():
    parts = by_draw(np.array([0.5, 0.25, 0.0, 0.19, 0.31]), shares_of(("all",)))
    found = {split: indices.tolist() for split, indices in parts.items()}
    assert found == {"test": [2, 3], "val": [1], "train": [0, 4]}


@pytest.mark.parametrize(
    ("native", "made"),
    [(("all",), {"test", "val"}), (("train", "test"), {"val"}), (("train", "val", "test"), set())],
)
def test_only_splits_that_a_set_lacks_are_made(native, made):
    assert shares_of(native).keys() == made
