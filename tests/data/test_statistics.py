import numpy as np
import pytest

from jaxcnn.data.statistics import ChannelMoments, image_moments


@pytest.mark.parametrize("channels", [1, 3])
def test_moments_are_those_of_all_pixels_of_images_of_one_size(channels):
    rng = np.random.default_rng(0)
    images = rng.integers(256, size=(20, 5, 7, channels), dtype=np.uint8)
    moments = ChannelMoments()
    for image in images:
        moments.add(image_moments(image))
    np.testing.assert_allclose(moments.mean, (images / 255).mean((0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(moments.std, (images / 255).std((0, 1, 2)), rtol=1e-12)


def test_every_image_counts_the_same_whatever_its_size():
    moments = ChannelMoments()
    for side, value in ((2, 0), (50, 255)):
        moments.add(image_moments(np.full((side, side, 1), value, np.uint8)))
    np.testing.assert_allclose((moments.mean, moments.std), 0.5)
