"""Operations against Pillow's own."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageEnhance, ImageOps

from jaxcnn.data.augment import colour
from jaxcnn.data.augment.color_jitter import ColorJitter
from jaxcnn.data.errors import DataError
from tests.data.augment.pictures import noise, noisy_photograph, rng

IMAGES = st.tuples(st.integers(1, 12), st.integers(1, 12), st.sampled_from([1, 3])).flatmap(
    lambda shape: arrays(np.uint8, shape)
)


def pillow(image: np.ndarray) -> Image.Image:
    return Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image).reshape(image.height, image.width, -1)


ENHANCERS = {
    colour.brightness: ImageEnhance.Brightness,
    colour.contrast: ImageEnhance.Contrast,
    colour.saturation: ImageEnhance.Color,
    colour.sharpness: ImageEnhance.Sharpness,
}


@pytest.mark.parametrize("operation", ENHANCERS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("factor", [0.0, 0.1, 0.55, 1.0, 1.37, 1.9, 4.0])
def test_enhancements_are_pillows_to_the_grey_level(operation, channels, factor):
    for image in (noisy_photograph(channels), noise(41, 37, channels)):
        expected = ENHANCERS[operation](pillow(image)).enhance(factor)
        np.testing.assert_array_equal(operation(image, factor), pixels(expected))


@settings(max_examples=60, deadline=None)
@given(image=IMAGES, factor=st.floats(0, 3, width=32))
def test_enhancements_are_pillows_for_any_image_and_factor(image, factor):
    for operation, enhancer in ENHANCERS.items():
        expected = pixels(enhancer(pillow(image)).enhance(factor))
        np.testing.assert_array_equal(operation(image, factor), expected)


@settings(max_examples=100, deadline=None)
@given(
    image=IMAGES.map(lambda image: image // 3 + 20) | IMAGES,
    repeats=st.integers(1, 40),
    bits=st.integers(1, 8),
    threshold=st.integers(0, 256) | st.floats(0, 255),
)
def test_operations_on_levels_are_pillows_for_any_image(image, repeats, bits, threshold):
    image = np.repeat(image, repeats, axis=0)  # So that equalize has something to spread.
    for ours, theirs in (
        (colour.posterize(image, bits), ImageOps.posterize(pillow(image), bits)),
        (colour.solarize(image, threshold), ImageOps.solarize(pillow(image), threshold)),
        (colour.autocontrast(image), ImageOps.autocontrast(pillow(image))),
        (colour.equalize(image), ImageOps.equalize(pillow(image))),
        (colour.invert(image), ImageOps.invert(pillow(image))),
    ):
        np.testing.assert_array_equal(ours, pixels(theirs))


@pytest.mark.parametrize("channels", [1, 3])
def test_histogram_operations_are_pillows_for_a_photograph(channels):
    image = noisy_photograph(channels)
    for ours, theirs in ((colour.autocontrast, ImageOps.autocontrast), (colour.equalize,) * 2):
        if theirs is colour.equalize:
            theirs = ImageOps.equalize
        changed = ours(image)
        np.testing.assert_array_equal(changed, pixels(theirs(pillow(image))))
        assert not np.array_equal(changed, image)


def test_no_bits_are_black():
    assert not colour.posterize(noise(5, 4), 0).any()


@pytest.mark.parametrize("turn", [-0.5, -0.13, 0.0, 0.2, 0.5])
def test_hue_turns_pillows_bytes_of_hue(turn):
    image = noise(20, 30)
    hsv = np.array(Image.fromarray(image).convert("HSV")).astype(int)
    hsv[..., 0] = (hsv[..., 0] + int(turn * 255)) % 256
    expected = Image.fromarray(hsv.astype(np.uint8), "HSV").convert("RGB")
    np.testing.assert_array_equal(colour.hue(image, turn), np.asarray(expected))
    grey = noise(3, 3, 1)
    np.testing.assert_array_equal(colour.hue(grey, turn), grey)


def test_greyscale_is_pillows_luma_in_every_channel():
    image = noise(20, 30)
    luma = np.asarray(Image.fromarray(image).convert("L"))
    np.testing.assert_array_equal(colour.greyscale(image), np.stack([luma] * 3, axis=2))


def test_colours_of_other_images_are_refused_by_their_channels():
    with pytest.raises(DataError, match="cannot make 4 channels grey; give an image of 1 or 3"):
        ColorJitter(saturation=0.5)(noise(3, 3, 4), rng())
