import dataclasses

import numpy as np
import pytest

from jaxcnn.data import dataset_spec, list_datasets, load_split
from jaxcnn.data.spec import ArraySource, Subset
from jaxcnn.data.splits import hold_out

SPLITS = ("train", "val", "train+val", "test")


@pytest.mark.parametrize("name", list_datasets())
def test_every_row_is_consistent(name):
    spec = dataset_spec(name)
    assert spec.name == name
    if spec.examine is None:  # Else the folder tells the names.
        assert len(spec.class_names) == len(set(spec.class_names)) == spec.num_classes
    assert len(spec.mean) == len(spec.std) == spec.channels
    assert all(0 < value < 1 for value in spec.mean + spec.std)
    allowed = [("all",), ("test",), ("train", "test"), ("train", "val", "test")]
    assert spec.splits in allowed
    assert spec.paper.startswith("http") or name == "image_folder"


def test_digit_sets_are_not_mirrored():
    unmirrored = [name for name in list_datasets() if not dataset_spec(name).flip]
    assert unmirrored == ["digits", "emnist_balanced", "emnist_letters", "mnist", "svhn_cropped"]


def test_a_set_for_testing_has_no_other_split(tmp_path):
    with pytest.raises(ValueError, match="imagenet_v2 is for testing only; it has no train split"):
        load_split(dataset_spec("imagenet_v2"), "train", tmp_path)


def test_mistyped_name_suggests_the_nearest():
    with pytest.raises(ValueError, match="unknown data set 'cifar1'; did you mean 'cifar10'?"):
        dataset_spec("cifar1")


def test_name_like_no_other_lists_what_there_is():
    with pytest.raises(ValueError, match=f"known: {', '.join(list_datasets())}"):
        dataset_spec("zzzz")


def test_import_is_light(run_python):
    program = (
        "import sys, jaxcnn.data\n"
        "heavy = {'tensorflow', 'tensorflow_datasets', 'grain', 'cv2', 'sklearn', 'jax'}\n"
        "others = {m for m in sys.modules if m.startswith('jaxcnn.')}\n"
        "print(sorted(heavy & set(sys.modules)), *sorted({m.split('.')[1] for m in others}))"
    )
    done = run_python("-c", program)
    assert done.stdout == "[] data discovery errors\n", done.stderr


def test_digits_are_the_real_ones_scaled_to_bytes():
    from sklearn.datasets import load_digits

    pixels, _ = load_digits(return_X_y=True)
    split = {name: load_split(dataset_spec("digits"), name) for name in ("train", "val", "test")}
    ours = [part[i]["image"].ravel() for part in split.values() for i in range(len(part))]
    scaled = sorted(map(tuple, np.round(pixels / 16 * 255).astype(int).tolist()))
    assert sorted(tuple(image.tolist()) for image in ours) == scaled
    assert [len(part) for part in split.values()] == [1257, 180, 360]


def test_statistics_of_digits_are_those_of_the_training_split():
    spec = dataset_spec("digits")
    train = load_split(spec, "train")
    pixels = np.stack([train[i]["image"] for i in range(len(train))]) / 255
    np.testing.assert_allclose(spec.mean, [pixels.mean()], atol=5e-5)
    np.testing.assert_allclose(spec.std, [pixels.std()], atol=5e-5)


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
