"""Weather: snow, frost, fog, bright light, splashes of rain and mud.

Hendrycks and Dietterich, 2019, section 3 and appendix B, https://arxiv.org/abs/1903.12261. Colours
are shares of white; of an image of one channel their brightness is taken.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from jaxcnn.data.augment.transform import Fixed
from jaxcnn.data.corrupt.blur import moved, zoomed
from jaxcnn.data.corrupt.ice import ice
from jaxcnn.data.corrupt.levels import fractions_of, grey_of, image_of
from jaxcnn.data.corrupt.plasma import plasma
from jaxcnn.data.corrupt.smoothing import smoothed

WATER = np.array([175, 238, 238]) / 255
MUD = np.array([63, 42, 20]) / 255


@dataclass(frozen=True)
class Snow:
    """Flakes in a whitened image: the peaks of normal noise, enlarged, falling askew.

    Args:
        mean, std: of the noise.
        zoom: how much it is enlarged.
        threshold: what is lower is no flake.
        radius, sigma: of the flakes' motion blur, see `MotionBlur`.
        share: of the image that is not whitened.
    """

    mean: float
    std: float
    zoom: float
    threshold: float
    radius: int
    sigma: float
    share: float

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        noise = rng.normal(self.mean, self.std, size=(*image.shape[:2], 1))
        flakes = zoomed(noise, self.zoom)
        flakes[flakes < self.threshold] = 0
        falling = moved(image_of(flakes), self.radius, self.sigma, rng.uniform(-135, -45)) / 255
        fractions = fractions_of(image)
        white = np.maximum(fractions, grey_of(fractions) * 1.5 + 0.5)
        whitened = self.share * fractions + (1 - self.share) * white
        return image_of(whitened + falling + falling[::-1, ::-1])


@dataclass(frozen=True)
class Frost:
    """Ice on the pane. The ice is drawn (see `ice`): the published sets have photographs of it.

    Args:
        share: of the image that is left.
        more: share of the ice that is added.
        size: of the ice's crystals, 1 for images of 224 pixels.
    """

    share: float
    more: float
    size: float

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        height, width, channels = image.shape
        frozen = ice(round(height / self.size), round(width / self.size), rng)
        if self.size != 1:
            # Needles alias, as those of the photographs do in the published sets.
            frozen = cv2.resize(frozen, (width, height), interpolation=cv2.INTER_LINEAR)
        if channels == 1:
            frozen = grey_of(frozen)
        return image_of(self.share * fractions_of(image) + self.more * frozen)


@dataclass(frozen=True)
class Fog:
    """Clouds before the image, the whole no lighter than the image was.

    Args:
        amount: of the densest fog, white being 1.
        decay: of its finer parts, see `plasma`.
    """

    amount: float
    decay: float

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        fractions = fractions_of(image)
        lightest = fractions.max()
        height, width = image.shape[:2]
        cloud = self.amount * plasma(height, width, self.decay, rng)[..., None]
        return image_of((fractions + cloud) * lightest / (lightest + self.amount))


@dataclass(frozen=True)
class Brightness(Fixed):
    """The value, as HSV has it, `more` higher, up to 1; hue and saturation stay."""

    more: float

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        fractions = fractions_of(image)
        value = fractions.max(axis=2, keepdims=True)
        wanted = np.clip(value + self.more, 0, 1)
        times = np.divide(wanted, value, out=np.zeros_like(value), where=value > 0)
        return image_of(wanted - (value - fractions) * times)


@dataclass(frozen=True)
class Spatter:
    """Drops on the lens: the peaks of smoothed normal noise.

    Args:
        mean, std: of the noise.
        sigma: of the Gaussian that smooths it.
        threshold: what is lower is no drop.
        strength: of water the share of its colour that is added; of mud the sigma of the Gaussian
            that softens its drops.
        mud: it covers, where water adds its reflections.
    """

    mean: float
    std: float
    sigma: float
    threshold: float
    strength: float
    mud: bool

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        noise = rng.normal(self.mean, self.std, size=image.shape[:2])
        drops = smoothed(noise, self.sigma)
        drops[drops < self.threshold] = 0
        fractions = fractions_of(image)
        colour = MUD if self.mud else WATER
        if image.shape[2] == 1:
            colour = grey_of(colour)
        if not self.mud:
            return image_of(fractions + self._reflections(drops)[..., None] * colour)
        cover = smoothed((drops > self.threshold).astype(np.float64), self.strength)
        cover[cover < 0.8] = 0
        return image_of(fractions * (1 - cover[..., None]) + cover[..., None] * colour)

    def _reflections(self, drops: np.ndarray) -> np.ndarray:
        """Float [H, W]: light on the drops' rims from one side, `strength` where it is most."""
        levels = (drops * 255).astype(np.uint8)
        rims = cv2.Canny(levels, 50, 150)
        distance = np.minimum(cv2.distanceTransform(255 - rims, cv2.DIST_L2, 5), 20)
        near = cv2.equalizeHist(cv2.blur(distance, (3, 3)).astype(np.uint8))
        from_one_side = np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]], np.float32)
        lit = cv2.blur(cv2.filter2D(near, cv2.CV_8U, from_one_side), (3, 3))
        light = levels * lit.astype(np.float32)
        brightest = light.max()
        return light * (self.strength / brightest) if brightest else light
