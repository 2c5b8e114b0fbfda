import numpy as np
import pytest

from jaxcnn.data.augment.blur import GaussianBlur
from tests.data.augment.pictures import noise, rng


@pytest.mark.parametrize(("side", "kernel"), [(224, 23), (32, 3), (8, 3)])
@pytest.mark.parametrize("channels", [1, 3])
def test_blur_is_a_gaussian_of_a_tenth_of_the_side_mirrored_at_the_border(side, kernel, channels):
    image = noise(side, side + 3, channels)
    out = GaussianBlur(1.0, sigma=(1.7, 1.7))(image, rng())
    offsets = np.arange(kernel) - kernel // 2
    weights = np.exp(-0.5 * (offsets / 1.7) ** 2)
    weights /= weights.sum()
    half = kernel // 2
    padded = np.pad(image.astype(float), ((half, half), (half, half), (0, 0)), "reflect")
    rows = sum(w * padded[i : i + side] for i, w in enumerate(weights))
    expected = sum(w * rows[:, i : i + side + 3] for i, w in enumerate(weights))
    assert np.abs(out - expected).max() <= 0.5001  # Rounded to the nearest level.


def test_blur_draws_its_width_and_its_images():
    image, stream = noise(40, 40), rng()
    blurred = [GaussianBlur(0.4)(image, stream) for _ in range(300)]
    changed = [out for out in blurred if not np.array_equal(out, image)]
    # The least widths of all leave whole levels as they are.
    assert abs(len(changed) / 300 - 0.4) < 0.12
    contrasts = [out.std() for out in changed]
    assert max(contrasts) > 1.5 * min(contrasts)
