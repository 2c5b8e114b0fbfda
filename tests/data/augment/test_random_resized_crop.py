import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxcnn.data.augment.random_resized_crop import RandomResizedCrop
from tests.data.augment.pictures import picture, rng


@given(
    rows=st.integers(1, 60),
    columns=st.integers(1, 60),
    seed=st.integers(0, 2**32 - 1),
)
@settings(deadline=None)
def test_random_windows_lie_in_the_image_and_keep_to_area_and_aspect(rows, columns, seed):
    crop = RandomResizedCrop(8, area=(0.3, 0.9), aspect=(0.5, 2.0))
    window = crop.window(picture(rows, columns, 1), rng(seed))
    height, width = window.height, window.width
    assert 0 <= window.top <= rows - height
    assert 0 <= window.left <= columns - width
    assert min(height, width) >= 1
    if min(rows, columns) >= 30:  # Where rounding to pixels matters little.
        assert 0.25 <= height * width / (rows * columns) <= 1
        assert 0.45 <= width / height <= 2.2


def test_random_resized_crop_gives_its_size_and_is_a_function_of_the_generator():
    image = picture(40, 60, 3)
    crop = RandomResizedCrop((16, 24))
    one, same, other = (crop(image, rng(seed)) for seed in (1, 1, 2))
    assert one.shape == (16, 24, 3)
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
