from collections import Counter

from jaxcnn.data.augment.operations import COMMON
from jaxcnn.data.augment.trivial_augment import TrivialAugmentWide
from tests.data.augment.pictures import rng
from tests.data.augment.torchvisions import golden_picture


def test_trivialaugment_does_one_operation_at_any_of_31_strengths(performed):
    stream, draws = rng(), 3000
    for _ in range(draws):
        TrivialAugmentWide()(golden_picture(), stream)
    assert len(performed) == draws
    counts = Counter(operation for operation, _ in performed)
    each = draws / len(COMMON)
    assert all(abs(counts[name] - each) < 5 * each**0.5 for name in COMMON)
    angles = {round(abs(value), 4) for name, value in performed if name == "Rotate"}
    assert angles <= {round(4.5 * level, 4) for level in range(31)}
    assert len(angles) > 25
