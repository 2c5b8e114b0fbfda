"""Noise: of amplifiers, of few photons, of broken pixels.

Hendrycks and Dietterich, 2019, section 3 and appendix B, https://arxiv.org/abs/1903.12261. Each
value is drawn for itself, those of a pixel's channels too.
"""

from dataclasses import dataclass

import numpy as np

from jaxcnn.data.corrupt.levels import fractions_of, image_of


@dataclass(frozen=True)
class GaussianNoise:
    """Normal noise, as in low light.

    Args:
        std: standard deviation, white being 1.
    """

    std: float

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        return image_of(fractions_of(image) + rng.normal(scale=self.std, size=image.shape))


@dataclass(frozen=True)
class ShotNoise:
    """Light comes in whole photons: Poisson noise.

    Args:
        photons: that white is, on average.
    """

    photons: float

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        return image_of(rng.poisson(fractions_of(image) * self.photons) / self.photons)


@dataclass(frozen=True)
class ImpulseNoise:
    """Salt and pepper, in colours: errors of single bits.

    Args:
        share: of the values that become 0 or full, as often.
    """

    share: float

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        hit = rng.random(image.shape) <= self.share
        salt = rng.random(image.shape) <= 0.5
        return np.where(hit, np.where(salt, np.uint8(255), np.uint8(0)), image)


@dataclass(frozen=True)
class SpeckleNoise:
    """Normal noise in proportion to the light.

    Args:
        std: standard deviation over the value.
    """

    std: float

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        fractions = fractions_of(image)
        return image_of(fractions + fractions * rng.normal(scale=self.std, size=image.shape))
