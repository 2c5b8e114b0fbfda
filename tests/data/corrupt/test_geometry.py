import numpy as np
import pytest

from jaxcnn.data.corrupt.geometry import Rotation, Scale, Shift
from tests.data.augment.pictures import picture, rng


@pytest.mark.parametrize("channels", [1, 3])
def test_shifts_go_all_four_ways_and_bring_in_black(channels):
    image, stream = picture(9, 7, channels), rng()
    outs = [Shift(2)(image, stream) for _ in range(60)]
    ways = {
        "right": (slice(None), slice(2, None), slice(None), slice(None, -2)),
        "left": (slice(None), slice(None, -2), slice(None), slice(2, None)),
        "down": (slice(2, None), slice(None), slice(None, -2), slice(None)),
        "up": (slice(None, -2), slice(None), slice(2, None), slice(None)),
    }
    seen = set()
    for out in outs:
        for way, (rows, columns, old_rows, old_columns) in ways.items():
            expected = np.zeros_like(image)
            expected[rows, columns] = image[old_rows, old_columns]
            if np.array_equal(out, expected):
                seen.add(way)
                break
        else:
            pytest.fail("moved another way")
    assert seen == ways.keys()


def test_a_quarter_turn_goes_counter_clockwise():
    image = picture(12, 12)
    np.testing.assert_array_equal(Rotation(90)(image, rng()), np.rot90(image))


@pytest.mark.parametrize(("factor", "side"), [(2, 32), (0.5, 8), (1, 16)])
def test_scale_enlarges_the_middle(factor, side):
    image = np.zeros((40, 40, 1), np.uint8)
    image[12:28, 12:28] = 200
    out = Scale(factor)(image, rng())
    assert out.shape == image.shape
    assert out.sum() == pytest.approx(200 * side**2, rel=0.02)
    np.testing.assert_array_equal(out, out[::-1, ::-1])
