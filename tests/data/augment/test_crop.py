import numpy as np
import pytest

from jaxcnn.data.augment.crop import CenterCrop, RandomCrop
from tests.data.augment.pictures import draws, picture, rng


def test_centre_crop_takes_the_middle():
    image = picture(9, 8, 3)
    np.testing.assert_array_equal(CenterCrop((5, 4))(image, rng()), image[2:7, 2:6])


@pytest.mark.parametrize(
    ("size", "pad", "padding"),
    [
        ((5, 6), 2, "black"),
        ((3, 3), 0, "black"),
        ((4, 6), 1, "black"),
        ((9, 10), 2, "black"),
        ((5, 6), 2, "reflect"),
        ((3, 4), 1, "reflect"),
    ],
)
def test_random_crop_takes_every_window_of_the_padded_image_equally_often(size, pad, padding):
    image = picture(5, 6, 1)
    mode = {"black": "constant", "reflect": "reflect"}[padding]
    padded = np.pad(image, ((pad, pad), (pad, pad), (0, 0)), mode=mode)
    windows = {}
    for top in range(5 + 2 * pad - size[0] + 1):
        for left in range(6 + 2 * pad - size[1] + 1):
            window = padded[top : top + size[0], left : left + size[1]]
            windows[window.tobytes()] = 0
    each = 200
    for out in draws(RandomCrop(size, pad, padding), image, each * len(windows)):
        windows[out.tobytes()] += 1
    counts = np.array(list(windows.values()))
    assert ((counts - each) ** 2 / each).sum() <= len(counts) + 4 * (2 * len(counts)) ** 0.5
