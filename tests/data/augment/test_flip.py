import numpy as np
import pytest

from jaxcnn.data.augment.flip import AlternatingFlip, HorizontalFlip
from jaxcnn.data.order import ExampleRng
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


def test_an_alternating_flip_mirrors_half_of_the_images_and_the_others_in_the_next_epoch():
    image = picture(4, 5, 3)

    def mirrored(epoch):
        rng = ExampleRng(seed=7, epoch=epoch)
        outs = [AlternatingFlip()(image, rng(example)) for example in range(400)]
        return np.array([np.array_equal(out, image[:, ::-1]) for out in outs])

    first = mirrored(0)
    assert abs(first.mean() - 0.5) < 0.1
    for epoch in range(1, 5):
        np.testing.assert_array_equal(mirrored(epoch), first ^ (epoch % 2 == 1))
