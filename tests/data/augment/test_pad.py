import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jaxcnn.data.augment.pad import Pad
from tests.data.augment.pictures import picture, rng


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 5), st.integers(0, 5))
def test_padding_centres_the_image_in_black(height, width, more_rows, more_columns):
    image = picture(height, width, 1)
    out = Pad((height + more_rows, width + more_columns))(image, rng())
    expected = np.pad(
        image,
        (
            (more_rows // 2, more_rows - more_rows // 2),
            (more_columns // 2, more_columns - more_columns // 2),
            (0, 0),
        ),
    )
    np.testing.assert_array_equal(out, expected)


def test_lenet_padding_adds_two_pixels_each_side():
    image = picture(28, 28, 1)
    np.testing.assert_array_equal(Pad(32)(image, rng()), np.pad(image, ((2, 2), (2, 2), (0, 0))))
