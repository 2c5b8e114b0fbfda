import numpy as np
import pytest

from jaxcnn.data.augment import colour
from jaxcnn.data.augment.color_jitter import ColorJitter
from tests.data.augment.pictures import noisy_photograph, rng


def factors_of(image: np.ndarray, outs: list[np.ndarray]) -> np.ndarray:
    return np.array([out.mean() / image.mean() for out in outs])


def test_jitter_draws_brightness_evenly_around_one():
    image = np.full((2, 2, 3), 100, np.uint8)
    stream = rng()
    factors = factors_of(image, [ColorJitter(brightness=0.4)(image, stream) for _ in range(800)])
    assert 0.59 <= factors.min() < 0.63
    assert 1.37 < factors.max() <= 1.4
    assert abs(factors.mean() - 1) < 0.03
    dark = [ColorJitter(brightness=3.0)(image, stream) for _ in range(200)]
    assert min(out.mean() for out in dark) < 10  # The least factor is 0, not -2.
    assert sum(not out.any() for out in dark) < 20


@pytest.mark.parametrize("name", ["brightness", "contrast", "saturation", "hue"])
def test_each_jitter_is_its_operation_with_a_factor_of_its_range(name):
    image = noisy_photograph()
    out = ColorJitter(**{name: 0.3})(image, rng(5))
    operation, centre = getattr(colour, name), 0 if name == "hue" else 1
    factor = rng(5).uniform(centre - 0.3, centre + 0.3)
    np.testing.assert_array_equal(out, operation(image, factor))


def test_jitters_come_in_every_order():
    """From black, brightness and contrast give the same in either order; from this they do not."""
    image = np.array([[[200], [10]]], np.uint8)
    seen = {ColorJitter(0.9, 0.9)(image, rng(seed)).tobytes() for seed in range(30)}
    by_order = {False: 0, True: 0}
    for seed in range(30):
        stream = rng(seed)
        light, stark = stream.uniform(0.1, 1.9), stream.uniform(0.1, 1.9)
        out = ColorJitter(0.9, 0.9)(image, rng(seed))
        one = colour.contrast(colour.brightness(image, light), stark)
        two = colour.brightness(colour.contrast(image, stark), light)
        assert np.array_equal(out, one) or np.array_equal(out, two)
        if not np.array_equal(one, two):
            by_order[np.array_equal(out, one)] += 1
    assert len(seen) > 20
    assert min(by_order.values()) >= 3
