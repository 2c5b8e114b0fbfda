"""The numbers that tell a batch are those that preparing it draws."""

import numpy as np
import pytest

from jaxcnn.data.augment.crop import RandomCrop
from jaxcnn.data.augment.cutout import Cutout
from jaxcnn.data.augment.flip import HorizontalFlip
from jaxcnn.data.loader.drawn import DrawnBatches
from jaxcnn.data.order import BalancedOrder, BatchRng, ExampleRng, Redrawn, TrainOrder

SIZE = (12, 10)
TRANSFORMS = (RandomCrop(SIZE, pad=2), HorizontalFlip(), Cutout(4))
LABELS = np.arange(50) % 7 // 3
ORDERS = {
    "shuffled": TrainOrder(50, 8, seed=3),
    "repeated": TrainOrder(50, 8, seed=3, repeats=2),
    "balanced": TrainOrder(50, 8, seed=3, balanced=BalancedOrder(LABELS, 3)),
}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_numbers_are_those_of_each_example(order):
    """Over two epochs' border: an epoch has six steps."""
    numbers = DrawnBatches(order, TRANSFORMS, SIZE, slice(None))(4, 9)
    for step in range(4, 9):
        epoch, examples, repeats = order(step)
        rng = ExampleRng(order.seed, epoch)
        for row, (example, repeat) in enumerate(
            zip(examples.tolist(), repeats.tolist(), strict=True)
        ):
            stream = rng(example, repeat)
            expected = {"example": example}
            for transform in TRANSFORMS:
                expected.update(transform.draw(SIZE, stream))
            assert {name: each[step - 4, row] for name, each in numbers.items()} == expected


def test_numbers_do_not_depend_on_how_many_steps_are_asked_for_at_once():
    draw = DrawnBatches(ORDERS["shuffled"], TRANSFORMS, SIZE, slice(2, 6))
    whole, parts = draw(0, 7), [draw(0, 2), draw(2, 3), draw(3, 7)]
    for name, each in whole.items():
        np.testing.assert_array_equal(each, np.concatenate([part[name] for part in parts]))
        assert each.shape == (7, 4) and each.dtype == np.int32


def test_numbers_that_numpy_would_draw_again_are_drawn_one_by_one(monkeypatch):
    draw = DrawnBatches(ORDERS["repeated"], TRANSFORMS, SIZE, slice(None))
    expected = draw(0, 8)

    def refused(rng, high):
        raise Redrawn

    monkeypatch.setattr(BatchRng, "integers", refused)
    for name, each in draw(0, 8).items():
        np.testing.assert_array_equal(each, expected[name])
