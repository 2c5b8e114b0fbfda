import numpy as np
import pytest

from jaxcnn.data.corrupt import blur
from jaxcnn.data.corrupt.blur import DefocusBlur, GlassBlur, MotionBlur, ZoomBlur, moved, zoomed
from tests.data.augment.pictures import noise, rng


def point(side: int = 41) -> np.ndarray:
    image = np.zeros((side, side, 1), np.uint8)
    image[side // 2, side // 2] = 255
    return image


def test_glass_blur_moves_pixels_one_after_the_other():
    """By a loop over pixels, as the definition has it."""
    image, reach = noise(19, 23), 2
    transform = GlassBlur(sigma=0.01, reach=reach, times=2)  # Too little to blur.
    expected, stream = image.copy(), rng(3)
    for _ in range(2):
        for row in range(19 - reach, reach, -1):
            for column in range(23 - reach, reach, -1):
                across, down = stream.integers(-reach, reach, size=2)
                expected[row, column] = expected[row + down, column + across]
    np.testing.assert_array_equal(transform(image, rng(3)), expected)


def test_defocus_spreads_a_point_over_a_disc():
    out = DefocusBlur(6, 0.5)(point(), rng())
    y, x = np.nonzero(out[..., 0])
    distance = np.hypot(y - 20, x - 20)
    assert 6 <= distance.max() < 8.5
    assert len(y) >= np.pi * 6**2 * 0.95


@pytest.mark.parametrize("degrees", [0, 30, -45, -90])
def test_motion_goes_one_way_and_fades(degrees):
    out = moved(point(61), 10, 5, degrees)[..., 0].astype(float)
    y, x = np.nonzero(out)
    # A pixel takes from where the angle points to, so a point goes the other way.
    along = -(np.cos(np.radians(degrees)) * (x - 30) + np.sin(np.radians(degrees)) * (y - 30))
    beside = np.sin(np.radians(degrees)) * (x - 30) - np.cos(np.radians(degrees)) * (y - 30)
    assert along.min() == 0 and 10 < along.max() <= 20.5
    assert np.abs(beside).max() <= 0.71
    near, far = out[y, x][along < 8].sum(), out[y, x][along >= 8].sum()
    assert near > 4 * far > 0


def test_motion_blur_draws_its_direction_within_45_degrees(monkeypatch):
    drawn = []
    monkeypatch.setattr(blur, "moved", lambda image, *how: drawn.append(how) or image)
    stream = rng()
    for _ in range(200):
        MotionBlur(10, 3)(point(), stream)
    angles = [degrees for _, _, degrees in drawn]
    assert -45 <= min(angles) < -40 and 40 < max(angles) <= 45


@pytest.mark.parametrize("size", [(30, 30, 3), (31, 44, 1), (2, 3, 1), (1, 1, 1)])
def test_an_enlargement_keeps_size_and_middle(size):
    image = noise(*size).astype(float)
    np.testing.assert_allclose(zoomed(image, 1), image)
    rows, columns, _ = size
    ramp = np.broadcast_to(np.arange(columns)[None, :, None], size).astype(float)
    out = zoomed(ramp, 1.5)
    assert out.shape == size
    assert abs(out.mean() - ramp.mean()) <= 0.5
    np.testing.assert_allclose(np.diff(out, axis=0), 0)
    steps = np.diff(out, axis=1)
    np.testing.assert_allclose(steps, steps.mean() if steps.size else 0)  # Even.
    assert columns < 30 or steps.mean() == pytest.approx(1 / 1.5, rel=0.05)


def test_zoom_blur_leaves_the_middle_sharper_than_the_rim():
    image = noise(96, 96)
    out = ZoomBlur(1.31, 0.03)(image, rng()).astype(float)
    middle, rim = out[40:56, 40:56], out[:16, :16]
    assert middle.std() > 1.5 * rim.std()
