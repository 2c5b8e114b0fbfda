from collections import Counter

import numpy as np

from jaxcnn.data.augment.operations import COMMON, USUAL
from jaxcnn.data.augment.rand_augment import RandAugment
from jaxcnn.data.augment.warp import Sampling
from tests.data.augment.pictures import rng
from tests.data.augment.torchvisions import golden_picture


def test_randaugment_does_so_many_operations_each_as_often_all_as_strong(performed):
    stream, draws = rng(), 2000
    for _ in range(draws):
        RandAugment(num_ops=2, magnitude=12)(golden_picture(), stream)
    assert len(performed) == 2 * draws
    counts = Counter(operation for operation, _ in performed)
    each = 2 * draws / len(COMMON)
    assert all(abs(counts[name] - each) < 5 * each**0.5 for name in COMMON)
    for operation, value in performed:
        assert abs(value) == abs(USUAL.value(operation, 0.4, golden_picture().shape))


def test_randaugments_magnitude_is_drawn_around_its_mean_within_0_and_30(performed):
    stream = rng()
    for _ in range(1500):
        RandAugment(num_ops=1, magnitude=27, magnitude_std=1.5)(golden_picture(), stream)
    drawn = np.array([abs(value) for name, value in performed if name == "Rotate"])
    assert abs(drawn.mean() - 27) < 0.6
    assert 1.0 < drawn.std() < 2.0
    assert drawn.max() <= 30


def test_the_fill_reaches_the_operations():
    policy = RandAugment(num_ops=1, magnitude=30, sampling=Sampling(fill=(1, 254, 3)))
    image = np.full((16, 16, 3), 128, np.uint8)
    outs = [policy(image, rng(seed)) for seed in range(40)]
    assert any((out == (1, 254, 3)).all(axis=2).any() for out in outs)
