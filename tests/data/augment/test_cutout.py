import pytest

from jaxcnn.data.augment.cutout import Cutout
from tests.data.augment.pictures import draws, picture


@pytest.mark.parametrize("size", [1, 4, 5, 30])
def test_cutout_covers_a_square_around_any_pixel_clipped_at_the_border(size):
    image = picture(6, 9, 3)
    seen = {}
    for centre_row in range(6):
        for centre_column in range(9):
            expected = image.copy()
            for row in range(6):
                for column in range(9):
                    down, right = row - centre_row, column - centre_column
                    reach = range(-(size // 2), size - size // 2)
                    if down in reach and right in reach:
                        expected[row, column] = (1, 2, 3)
            seen[expected.tobytes()] = 0
    for out in draws(Cutout(size, fill=(1, 2, 3)), image, 1500):
        seen[out.tobytes()] += 1
    assert min(seen.values()) > 0
