import numpy as np
import pytest

from jaxcnn.data.corrupt.ice import ice
from jaxcnn.data.corrupt.plasma import plasma
from jaxcnn.data.corrupt.weather import MUD, WATER, Brightness, Fog, Frost, Snow, Spatter
from tests.data.augment.pictures import noise, rng


@pytest.mark.parametrize("size", [(64, 64), (50, 100), (1, 1)])
def test_clouds_reach_from_0_to_1_and_are_smooth_at_the_seam(size):
    cloud = plasma(*size, 2.0, rng())
    assert cloud.shape == size
    assert cloud.min() >= 0 and cloud.max() <= 1
    if size == (64, 64):
        assert (cloud.min(), cloud.max()) == (0, 1)
        inner = np.abs(np.diff(cloud, axis=1)).mean()
        assert np.abs(cloud[:, 0] - cloud[:, -1]).mean() < 3 * inner


def test_clouds_are_finer_where_decay_is_less():
    rough, smooth = (np.abs(np.diff(plasma(128, 128, decay, rng()))).mean() for decay in (1.4, 3))
    assert rough > 2 * smooth


def test_fog_leaves_nothing_lighter_than_the_lightest():
    image = noise(40, 40) // 2
    out = Fog(1.5, 2)(image, rng())
    assert out.max() <= image.max()
    assert out.std() < image.std()


def test_snow_whitens_and_falls_the_same_from_both_ends():
    black = np.zeros((64, 64, 3), np.uint8)
    out = Snow(0.1, 0.3, 3, 0.5, 10, 4, 0.8)(black, rng())
    # Black is whitened by a fifth of a half; flakes come on top.
    assert out.min() == 25 and out.max() > 90
    np.testing.assert_array_equal(out, out[::-1, ::-1])
    assert (out == out[..., :1]).all()


@pytest.mark.parametrize("side", [32, 224])
def test_ice_is_of_levels_like_photographs_and_never_the_same(side):
    stream = rng()
    pieces = [ice(side, side, stream) for _ in range(12)]
    means = [piece.mean() for piece in pieces]
    assert min(means) > 0.4 and max(means) < 0.9 and np.std(means) > 0.04
    assert all(0.04 < piece.std() < 0.25 for piece in pieces)
    blue_above_red = [(piece[..., 2] - piece[..., 0]).min() for piece in pieces]
    assert min(blue_above_red) >= 0


def test_frost_adds_ice_to_what_it_leaves_of_the_image():
    black, grey = np.zeros((40, 60, 3), np.uint8), np.full((40, 60, 3), 100, np.uint8)
    frost = Frost(0.5, 0.4, 0.2)
    ice_alone, both = frost(black, rng()), frost(grey, rng())
    assert 0.4 * 0.4 < ice_alone.mean() / 255 < 0.4 * 0.9
    assert np.abs(both - ice_alone.astype(int) - 50).max() <= 1


def test_brightness_raises_the_value_and_keeps_hue_and_saturation():
    image = np.array([[[100, 50, 0], [0, 0, 0], [250, 250, 100]]], np.uint8)
    out = Brightness(0.2)(image, rng())
    expected = [[[151, 75, 0], [51, 51, 51], [255, 255, 102]]]
    assert np.abs(out.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("mud", [False, True])
def test_spatter_is_of_water_that_adds_or_of_mud_that_covers(mud, channels):
    row = (0.65, 0.3, 1, 0.65, 1.5, True) if mud else (0.65, 0.3, 2, 0.68, 0.5, False)
    image = np.full((224, 224, channels), 90, np.uint8)
    out = Spatter(*row)(image, rng()).astype(int)
    changed = (out != 90).any(axis=2)
    assert 0.02 < changed.mean() < 0.6
    if mud:
        covered = out[changed].min(axis=0) / 255
        if channels == 3:  # At least four fifths of it.
            np.testing.assert_allclose(covered, MUD, atol=0.01)
        assert (out <= 90).all()
    else:
        added = (out - 90).max(axis=(0, 1)) / 255
        assert (out >= 90).all()
        if channels == 3:
            np.testing.assert_allclose(added, 0.5 * WATER, atol=0.01)


def test_spatter_without_a_drop_leaves_the_image():
    image = noise(8, 8)
    np.testing.assert_array_equal(Spatter(0, 0, 1, 0.7, 0.5, False)(image, rng()), image)
