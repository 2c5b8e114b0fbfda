from collections import Counter

import numpy as np

from jaxcnn.data.augment import aug_mix, operations
from jaxcnn.data.augment.aug_mix import AugMix
from tests.data.augment.pictures import rng
from tests.data.augment.torchvisions import golden_picture


def test_augmix_does_three_chains_of_one_to_three_operations_up_to_its_severity(performed):
    stream, lengths = rng(), Counter()
    for _ in range(400):
        before = len(performed)
        AugMix(severity=3)(golden_picture(), stream)
        lengths[len(performed) - before] += 1
    assert set(lengths) == set(range(3, 10))
    assert {name for name, _ in performed} == set(aug_mix.OPERATIONS)
    angles = {round(abs(value), 6) for name, value in performed if name == "Rotate"}
    assert angles == {0.0, round(30 / 9, 6), round(60 / 9, 6)}
    performed.clear()
    AugMix(width=2, depth=5)(golden_picture(), stream)
    assert len(performed) == 10


def test_augmix_mixes_the_image_and_its_chains_by_weights_that_sum_to_one(monkeypatch):
    """Every operation paints the image one colour: what is mixed can be read off."""
    paint = {
        name: lambda image, value, sampling: np.full_like(image, 200)
        for name in operations.OPERATIONS
    }
    monkeypatch.setattr(operations, "OPERATIONS", paint)
    image = np.full((2, 2, 3), 100, np.uint8)
    stream = rng()
    shares = np.array([(AugMix()(image, stream)[0, 0, 0] - 100) / 100 for _ in range(500)])
    assert shares.min() < 0.02
    assert shares.max() > 0.98
    assert abs(shares.mean() - 0.5) < 0.06  # Beta(1, 1).
    near = [AugMix(alpha=200.0)(image, stream)[0, 0, 0] for _ in range(20)]
    assert max(abs(int(v) - 150) for v in near) < 15
