"""What is done to images on the devices is what a host does to them, byte for byte."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxcnn.data.augment.crop import RandomCrop
from jaxcnn.data.augment.cutout import Cutout
from jaxcnn.data.augment.flip import HorizontalFlip
from jaxcnn.ops.augment import cover, crop, mirror


class Given:
    """A generator whose numbers are known."""

    def __init__(self, *numbers):
        self.numbers = iter(numbers)

    def integers(self, high):
        return next(self.numbers) % high

    random = integers


@settings(max_examples=25, deadline=None)
@given(
    st.data(),
    st.integers(1, 9),
    st.integers(1, 9),
    st.sampled_from([1, 3]),
    st.integers(0, 4),
    st.sampled_from(["black", "reflect"]),
)
def test_a_crop_is_the_hosts(data, height, width, channels, pad, padding):
    images = np.random.default_rng(0).integers(0, 256, (3, 9, 9, channels), np.uint8)
    rows, columns = 9 + 2 * pad - height, 9 + 2 * pad - width
    top = data.draw(st.lists(st.integers(0, rows), min_size=3, max_size=3))
    left = data.draw(st.lists(st.integers(0, columns), min_size=3, max_size=3))
    places, reflect = (jnp.array(top), jnp.array(left)), padding == "reflect"
    ours = crop(jnp.array(images), *places, (height, width), pad, reflect=reflect)
    transform = RandomCrop((height, width), pad, padding)
    expected = [transform(*each) for each in zip(images, map(Given, top, left), strict=True)]
    np.testing.assert_array_equal(ours, expected)


def test_a_mirrored_image_is_the_hosts():
    images = np.random.default_rng(0).integers(0, 256, (4, 5, 6, 3), np.uint8)
    mirrored = np.array([1, 0, 0, 1], np.int32)
    generators = (np.random.default_rng(0) for _ in images)
    expected = [
        HorizontalFlip(probability=float(each))(image, rng)
        for image, each, rng in zip(images, mirrored, generators, strict=True)
    ]
    np.testing.assert_array_equal(mirror(jnp.array(images), jnp.array(mirrored)), expected)


@pytest.mark.parametrize("side", [1, 4, 5, 30])
@pytest.mark.parametrize("colour", [(7,), (1, 200, 3)])
def test_a_covered_square_is_the_hosts(side, colour):
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 10, len(colour)), np.uint8)
    row, column = np.array([0, 7, 3, 5]), np.array([0, 9, 4, 1])
    ours = cover(jnp.array(images), jnp.array(row), jnp.array(column), side, colour)
    cutout = Cutout(side, colour)
    expected = [cutout(*each) for each in zip(images, map(Given, row, column), strict=True)]
    np.testing.assert_array_equal(ours, expected)
