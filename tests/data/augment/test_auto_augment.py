import json
from collections import Counter

import numpy as np
import pytest

from jaxcnn.data.augment.auto_augment import PAIRS, AutoAugment
from jaxcnn.data.augment.operations import SIGNED, USUAL
from tests.data.augment.pictures import rng
from tests.data.augment.torchvisions import GOLDENS, golden_picture


@pytest.mark.parametrize("name", ["cifar10", "imagenet"])
def test_autoaugments_pairs_are_torchvisions(name):
    theirs = json.loads(str(GOLDENS[f"pairs/{name}"]))
    ours = [[list(step) for step in pair] for pair in PAIRS[name]]
    assert ours == theirs
    assert len(ours) == 25


@pytest.mark.parametrize("name", ["cifar10", "imagenet"])
def test_autoaugment_draws_pairs_evenly_and_each_operation_with_its_probability(name, performed):
    stream, expected, draws = rng(), Counter(), 3000
    for pair in PAIRS[name]:
        for operation, probability, level in pair:
            size = USUAL.value(operation, level / 9, golden_picture().shape)
            expected[operation, round(size, 6)] += draws * probability / 25
    for _ in range(draws):
        AutoAugment(name)(golden_picture(), stream)
    signed = [value for operation, value in performed if operation in SIGNED and value]
    assert abs(np.mean(np.array(signed) > 0) - 0.5) < 0.06
    counts = Counter((operation, round(abs(value), 6)) for operation, value in performed)
    assert counts.keys() <= expected.keys()
    for key, count in expected.items():
        assert abs(counts[key] - count) < 5 * count**0.5 + 1e-9
