"""Data of a program's own as a data set, split and known as every other."""

import numpy as np
import pytest

from jaxcnn.data import ArraySource, DatasetSpec, load_split
from jaxcnn.data.datasets.digits import DATASETS
from jaxcnn.data.errors import DataError
from jaxcnn.data.own import as_dataset
from jaxcnn.data.spec import content_of

IMAGES = np.random.default_rng(0).integers(0, 255, (60, 4, 4), dtype=np.uint8)
LABELS = np.arange(60) % 3
DICTS = [{"image": image, "label": label} for image, label in zip(IMAGES, LABELS, strict=True)]


def quiet(line):
    pass


def of(data, **more):
    return as_dataset(data, tell=quiet, **more)


def pixels_and_labels(source):
    examples = [source[index] for index in range(len(source))]
    return np.stack([each["image"] for each in examples]), [each["label"] for each in examples]


def test_arrays_are_divided_as_a_set_without_splits_is_and_their_statistics_are_trainings():
    digits = DATASETS["digits"]
    whole = digits.load("all", None)
    own = of((whole.images, whole.labels), name="mine")
    for split in ("train", "val", "test"):
        expected, found = load_split(digits, split), load_split(own, split)
        np.testing.assert_array_equal(found.labels, expected.labels)
    train, _ = pixels_and_labels(load_split(own, "train"))
    assert own.mean == pytest.approx([(train / 255).mean()], abs=1e-4)
    assert own.std == pytest.approx([(train / 255).std()], abs=1e-4)
    assert (own.num_classes, own.image_size, own.channels) == (10, 8, 1)


@pytest.mark.parametrize("data", [DICTS, iter(DICTS), (IMAGES, LABELS.tolist())])
def test_arrays_sources_and_iterables_are_the_same_data(data):
    own, arrays = of(data), of((IMAGES[..., None], LABELS))
    assert (own.mean, own.std, own.image_size) == (arrays.mean, arrays.std, 4)
    for split in ("train", "val", "test"):
        for one, other in zip(
            pixels_and_labels(load_split(own, split)),
            pixels_and_labels(load_split(arrays, split)),
            strict=True,
        ):
            np.testing.assert_array_equal(one, other)


def test_what_is_read_once_is_said():
    told = []
    as_dataset(DICTS, tell=told.append)
    as_dataset({"train": iter(DICTS), "test": DICTS}, tell=told.append)
    assert told == [
        "reading the 60 examples of data once, for their labels",
        "train: 60 examples are read into memory, 0.00096 MB",
        "reading the 60 examples of test once, for their labels",
    ]


def test_splits_that_are_given_are_kept_and_a_row_is_left_as_it_is():
    spec = of({"train": (IMAGES, LABELS), "test": (IMAGES[:9], LABELS[:9])})
    assert [len(load_split(spec, split)) for split in ("train", "val", "test")] == [54, 6, 9]
    assert isinstance(spec, DatasetSpec) and as_dataset(spec) is spec


@pytest.mark.parametrize("data", [(IMAGES, LABELS), DICTS])
def test_one_pixel_makes_other_content(data):
    def content(given):
        return [b"".join(content_of(load_split(of(given), s))) for s in ("train", "val", "test")]

    changed = IMAGES.copy()
    changed[17, 2, 2] ^= 1
    other = (changed, LABELS)
    if data is DICTS:
        other = [{"image": image, "label": e["label"]} for image, e in zip(changed, DICTS)]  # noqa: B905
    assert content(data) == content(data) != content(other)


def test_images_of_many_sizes_are_photographs():
    sizes = [{"image": np.full((4 + k % 2, 5, 3), k, np.uint8), "label": k % 2} for k in range(40)]
    spec = of(sizes)
    assert (spec.image_size, spec.channels) == (None, 3)
    with pytest.raises(DataError, match=r"data\[1\]'s image has shape \(5, 5, 3\), data\[0\]'s"):
        of(iter(sizes))


ONE = (IMAGES, LABELS)


@pytest.mark.parametrize(
    ("data", "more", "told"),
    [
        ((IMAGES / 255, LABELS), {}, r"are float64; give uint8, .*np.rint\(images \* 255\)"),
        ((IMAGES.reshape(60, 16), LABELS), {}, r"shape \(60, 16\); give \[N, H, W, C\]"),
        ((np.zeros((6, 3, 8, 8), np.uint8), LABELS[:6]), {}, "channels first; .*transpose"),
        (([[[1, 2]], [[1]]], [0, 1]), {}, "no array of numbers; images of one array have one size"),
        ((IMAGES, np.eye(3)[LABELS]), {}, r"one class an image: labels.argmax\(-1\)"),
        ((IMAGES, LABELS * 1.0), {}, "labels are float64; give whole numbers"),
        ((IMAGES, LABELS - 1), {}, "data has label -1; labels are whole numbers from 0 on"),
        ((IMAGES, LABELS + 1), {}, r"no example of class 0, but of 3; .*return_inverse"),
        ((IMAGES, LABELS[:-1]), {}, "60 images and 59 labels"),
        ((IMAGES, LABELS * 0), {}, "data has one class; training takes two or more"),
        ((IMAGES[:0], LABELS[:0]), {}, "data has no example"),
        ({"train": ONE, "test": (IMAGES[:0], LABELS[:0])}, {}, "test has no example"),
        ({"train": ONE, "test": (IMAGES, LABELS + 1)}, {}, "test has label 3; train has 3 classes"),
        ({"train": ONE}, {}, "data has no test; give train and test"),
        ({"train": ONE, "tset": ONE}, {}, "data has tset; its splits are train, val, test"),
        (
            {"train": ONE, "test": (np.zeros((3, 4, 4, 3), np.uint8), [0, 1, 2])},
            {},
            r"\[1, 3\] cha",
        ),
        (ONE, {"class_names": ("a", "b")}, "label 2; class_names has 2 classes, 0 to 1"),
        (ONE, {"class_names": ("a", "b", "a")}, "a name twice"),
        ((np.zeros_like(IMAGES), LABELS), {}, "all training images are alike in channel 0"),
        ("mnist", {}, "data is of type str; give a DatasetSpec, a pair"),
        (IMAGES, {}, "data is of type ndarray"),
        ([{"img": IMAGES[0], "label": 1}], {}, r"data\[0\] is a dict keys img, label; give dicts"),
        (iter([3]), {}, r"data\[0\] is a int; give dicts"),
        ([{"image": IMAGES[0], "label": 1.5}], {}, r"data\[0\]'s label is 1.5"),
        ([{"image": IMAGES[0] / 2, "label": 1}], {}, r"data\[0\]'s image are float64"),
    ],
)
def test_what_is_no_data_is_refused_in_a_line(data, more, told):
    with pytest.raises(DataError, match=told) as refused:
        of(data, **more)
    assert "\n" not in str(refused.value)


def test_a_source_of_ours_is_taken_as_its_arrays():
    spec = of(ArraySource(IMAGES[..., None], LABELS.astype(np.int32)))
    assert spec.image_size == 4
