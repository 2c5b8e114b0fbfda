import numpy as np
import pytest

from jaxcnn.data.augment.grayscale import Grayscale
from tests.data.augment.pictures import noise, rng


@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
def test_grayscale_takes_out_colour_with_its_probability(probability):
    image, stream = noise(4, 5), rng()
    grey = [not np.ptp(Grayscale(probability)(image, stream), axis=2).any() for _ in range(500)]
    assert abs(np.mean(grey) - probability) < 0.07 * (0 < probability < 1) + 1e-9
