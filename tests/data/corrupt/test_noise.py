import numpy as np
import pytest

from jaxcnn.data.corrupt.noise import GaussianNoise, ImpulseNoise, ShotNoise, SpeckleNoise
from tests.data.augment.pictures import rng


def grey(level: int, channels: int = 3) -> np.ndarray:
    return np.full((128, 128, channels), level, np.uint8)


@pytest.mark.parametrize(
    ("transform", "std"),
    [
        (GaussianNoise(0.08), 0.08),
        (SpeckleNoise(0.15), 0.15 * 100 / 255),
        (ShotNoise(60), (100 / 255 / 60) ** 0.5),
    ],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_noise_has_its_mean_and_standard_deviation(transform, std, channels):
    out = transform(grey(100, channels), rng()).astype(float)
    # Half a level is lost where fractions are cut off.
    assert out.mean() == pytest.approx(99.5, abs=4 * 255 * std / out.size**0.5 + 0.1)
    assert out.std() / 255 == pytest.approx(std, rel=0.03)


def test_each_channel_has_noise_of_its_own():
    out = GaussianNoise(0.1)(grey(128), rng()).reshape(-1, 3)
    assert np.abs(np.corrcoef(out.T) - np.eye(3)).max() < 0.03


def test_shot_noise_is_whole_photons():
    out = ShotNoise(5)(grey(100), rng())
    assert set(np.unique(out)) == {0, 51, 102, 153, 204, 255}


def test_impulses_are_the_share_of_values_asked_for_half_of_them_white():
    image = grey(100)
    out = ImpulseNoise(0.2)(image, rng())
    assert (out == 0).mean() == pytest.approx(0.1, abs=0.01)
    assert (out == 255).mean() == pytest.approx(0.1, abs=0.01)
    assert (out == image).mean() == pytest.approx(0.8, abs=0.01)
