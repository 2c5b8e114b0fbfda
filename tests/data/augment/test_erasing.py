import numpy as np
import pytest

from jaxcnn.data.augment.erasing import RandomErasing, TimmErasing
from tests.data.augment.pictures import draws, picture


def rectangle(changed: np.ndarray) -> tuple[int, int, int, int]:
    """Top, left, height and width of the box around the True values."""
    rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
    return rows[0], columns[0], rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1


def test_erasing_covers_a_rectangle_of_the_papers_area_and_aspect_with_noise():
    image = np.zeros((40, 60, 3), np.uint8)
    shares, aspects, noise = [], [], []
    for out in draws(RandomErasing(1.0), image, 400):
        changed = out.any(2)
        top, left, height, width = rectangle(changed)
        inside = out[top : top + height, left : left + width]
        # Noise is black in all three channels once in 2^24 pixels: the box is full.
        assert changed[top : top + height, left : left + width].mean() > 0.99
        shares.append(height * width / (40 * 60))
        aspects.append(height / width)
        noise.append(inside.mean())
    # Sides are rounded to pixels, so the bounds are loose by half a pixel a side.
    assert 0.015 < min(shares) < 0.04
    assert 0.3 < max(shares) < 0.42
    assert 0.25 < min(aspects) < 0.6
    assert 2 < max(aspects) < 3.8
    assert abs(np.mean(noise) - 127.5) < 2


@pytest.mark.parametrize("probability", [0.0, 0.25])
@pytest.mark.parametrize("timms", [False, True])
def test_erasing_leaves_other_images_alone(probability, timms):
    image = picture(8, 8, 1)
    erase = TimmErasing(probability, (0.5,), (0.2,)) if timms else RandomErasing(probability)
    same = [out is image for out in draws(erase, image, 800)]
    assert abs(np.mean(same) - (1 - probability)) < 0.07 * bool(probability) + 1e-9
