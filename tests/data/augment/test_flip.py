import numpy as np
import pytest

from jaxcnn.data.augment.flip import HorizontalFlip
from tests.data.augment.pictures import draws, picture


@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("channels", [1, 3])
def test_flip_mirrors_left_to_right_with_its_probability(probability, channels):
    image = picture(4, 5, channels)
    mirrored = image[:, ::-1]
    outs = draws(HorizontalFlip(probability), image, 500)
    flipped = [np.array_equal(out, mirrored) for out in outs]
    assert all(was or np.array_equal(out, image) for was, out in zip(flipped, outs, strict=True))
    assert abs(np.mean(flipped) - probability) < 0.1 * (0 < probability < 1) + 1e-9
