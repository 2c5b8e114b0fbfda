"""Boxes follow their objects through the transforms; other examples do not have any."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxcnn.data.augment.crop import CenterCrop, RandomCrop
from jaxcnn.data.augment.cutout import Cutout
from jaxcnn.data.augment.flip import HorizontalFlip
from jaxcnn.data.augment.pad import Pad
from jaxcnn.data.augment.random_resized_crop import RandomResizedCrop
from jaxcnn.data.augment.resize import Resize, ResizeShorter
from jaxcnn.data.augment.transform import transform_example
from jaxcnn.data.augment.window import Windowed
from jaxcnn.data.spec import Example

PLACED = {
    "resize": (Resize((64, 96)),),
    "enlarge": (Resize((301, 200), interpolation="bicubic"),),
    "shorter": (ResizeShorter(50),),
    "pad": (Pad((130, 170)),),
    "centre": (CenterCrop((70, 90)),),
    "crop": (RandomCrop((80, 100), pad=12),),
    "part": (RandomResizedCrop((60, 80), area=(0.3, 1.0)),),
    "flip": (HorizontalFlip(),),
    "all": (
        ResizeShorter(90),
        RandomResizedCrop(72, area=(0.4, 1.0)),
        Pad((80, 88)),
        RandomCrop(72, pad=4),
        HorizontalFlip(),
    ),
}


def with_object(top: int, left: int, height: int, width: int) -> Example:
    """A dark 100x120 image with one bright rectangle, and its box."""
    image = np.zeros((100, 120, 3), np.uint8)
    image[top : top + height, left : left + width] = 255
    box = [top / 100, left / 120, (top + height) / 100, (left + width) / 120]
    return {
        "image": image,
        "label": np.array([0, 1, 0], np.uint8),
        "boxes": np.array([box], np.float32),
        "box_labels": np.array([1], np.int32),
    }


@pytest.mark.parametrize("name", PLACED)
@given(
    corner=st.tuples(st.integers(0, 60), st.integers(0, 80)),
    size=st.tuples(st.integers(15, 40), st.integers(15, 40)),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=25, deadline=None)
def test_a_box_stays_around_its_object(name, corner, size, seed):
    """The bright pixels' own bounds, to the pixel or two that interpolation blurs."""
    out = transform_example(with_object(*corner, *size), PLACED[name], np.random.default_rng(seed))
    bright = out["image"][..., 0] > 127
    rows, columns = np.flatnonzero(bright.any(1)), np.flatnonzero(bright.any(0))
    assert "boxes" in out and "box_labels" in out
    if not len(rows):
        sides = out["boxes"] * np.tile(bright.shape, 2)
        assert all(min(b[2] - b[0], b[3] - b[1]) < 2 for b in sides)
        return
    found = [rows[0], columns[0], rows[-1] + 1, columns[-1] + 1]
    box = out["boxes"][0] * np.tile(bright.shape, 2)
    np.testing.assert_allclose(box, found, atol=1.5)
    assert out["box_labels"].tolist() == [1]


@pytest.mark.parametrize("name", PLACED)
def test_an_image_is_the_same_with_and_without_boxes(name):
    with_boxes = with_object(20, 30, 25, 20)
    without: Example = {"image": with_boxes["image"], "label": 1}
    one = transform_example(with_boxes, PLACED[name], np.random.default_rng(3))
    other = transform_example(without, PLACED[name], np.random.default_rng(3))
    image, stream = with_boxes["image"], np.random.default_rng(3)
    for transform in PLACED[name]:
        image = transform(image, stream)
    np.testing.assert_array_equal(one["image"], image)
    np.testing.assert_array_equal(other["image"], image)
    assert set(other) == {"image", "label"}


def test_a_box_out_of_sight_is_dropped_and_the_label_stays():
    example = with_object(0, 0, 20, 20)
    out = transform_example(example, (CenterCrop((40, 40)),), np.random.default_rng(0))
    assert (out.get("boxes").shape, out.get("box_labels").shape) == ((0, 4), (0,))
    assert out["label"].tolist() == [0, 1, 0]
    assert example["boxes"].shape == (1, 4)


def test_covering_pixels_leaves_boxes_alone():
    out = transform_example(with_object(20, 30, 25, 20), (Cutout(60),), np.random.default_rng(0))
    np.testing.assert_array_equal(out["boxes"], with_object(20, 30, 25, 20)["boxes"])
    assert not isinstance(Cutout(60), Windowed)


def test_an_example_without_objects_keeps_empty_boxes():
    example: Example = {
        **with_object(20, 30, 25, 20),
        "boxes": np.zeros((0, 4), np.float32),
        "box_labels": np.zeros(0, np.int32),
    }
    out = transform_example(example, PLACED["all"], np.random.default_rng(0))
    assert out.get("boxes").shape == (0, 4)
