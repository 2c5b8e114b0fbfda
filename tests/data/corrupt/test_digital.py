import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from jaxcnn.data.corrupt.digital import (
    Contrast,
    ElasticTransform,
    JpegCompression,
    Pixelate,
    Saturate,
)
from jaxcnn.data.corrupt.smoothing import smoothed, smoothed_mirrored
from tests.data.augment.pictures import noise, photograph, rng


def test_contrast_leaves_the_mean_and_a_share_of_the_rest():
    image = noise(50, 50)
    out = Contrast(0.3)(image, rng()).astype(float)
    np.testing.assert_allclose(out.mean((0, 1)), image.mean((0, 1)) - 0.5, atol=0.1)
    assert out.std() == pytest.approx(0.3 * image.std(), rel=0.01)


def test_saturation_keeps_the_value_and_grey_turns_red():
    image = np.array([[[200, 100, 150], [80, 80, 80], [0, 0, 0]]], np.uint8)
    halved = Saturate(0.5, 0)(image, rng())
    assert np.abs(halved.astype(int) - [[[200, 150, 175], [80, 80, 80], [0, 0, 0]]]).max() <= 1
    redder = Saturate(1, 0.1)(image, rng())
    assert np.abs(redder.astype(int) - [[[200, 80, 140], [80, 72, 72], [0, 0, 0]]]).max() <= 1


def test_grey_images_have_no_saturation():
    image = noise(9, 9, 1)
    np.testing.assert_array_equal(Saturate(20, 0.2)(image, rng()), image)


def test_pixelate_shows_squares():
    image = noise(60, 40, 1)
    out = Pixelate(0.25)(image, rng())
    blocks = out.reshape(15, 4, 10, 4)
    assert (blocks == blocks[:, :1, :, :1]).all()
    means = image.reshape(15, 4, 10, 4).mean(axis=(1, 3))
    assert np.abs(blocks[:, 0, :, 0] - means).max() <= 1


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_of_less_quality_is_further_from_the_image(channels):
    image = np.ascontiguousarray(photograph(48, 40)[..., :channels])
    errors = [
        np.abs(JpegCompression(quality)(image, rng()).astype(int) - image).mean()
        for quality in (90, 25, 7)
    ]
    assert errors[0] < errors[1] < errors[2]
    # Colours stay where they are.
    assert np.abs(JpegCompression(90)(image, rng()).mean((0, 1)) - image.mean((0, 1))).max() < 1


def test_elastic_transform_without_reach_or_amplitude_leaves_the_image():
    image = noise(30, 20)
    out = ElasticTransform(0, 0, 0)(image, rng())
    assert np.abs(out.astype(int) - image).max() <= 1


def test_elastic_transform_moves_pixels_by_its_waves():
    ramp = np.tile(np.arange(224, dtype=np.uint8)[None, :, None], (224, 1, 1))
    out = ElasticTransform(12.2, 2.44, 0)(ramp, rng()).astype(float)
    moved = (out - ramp)[30:-30, 30:-30]
    # Uniform numbers of variance 1/3, smoothed by a Gaussian: divided by 4 pi sigma^2.
    expected = 12.2 * (1 / 3 / (4 * np.pi * 2.44**2)) ** 0.5
    assert moved.std() == pytest.approx(expected, rel=0.2)


@pytest.mark.parametrize("sigma", [0, 0.05, 0.7, 6, 40])
@pytest.mark.parametrize("size", [(20, 31), (8, 1)])
def test_gaussian_filters_are_scipys(sigma, size):
    field = rng().normal(size=size)
    theirs = gaussian_filter(field, sigma, mode="reflect", truncate=3)
    np.testing.assert_allclose(smoothed_mirrored(field, sigma), theirs, atol=1e-12)
    theirs = gaussian_filter(field, sigma, mode="nearest", truncate=4)
    np.testing.assert_allclose(smoothed(field, sigma), theirs, atol=1e-12)
