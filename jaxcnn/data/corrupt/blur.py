"""Blur: out of focus, behind frosted glass, in motion, zooming.

Hendrycks and Dietterich, 2019, section 3 and appendix B, https://arxiv.org/abs/1903.12261.
Distances are pixels.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from jaxcnn.data.augment.transform import Fixed
from jaxcnn.data.corrupt.levels import fractions_of, image_of
from jaxcnn.data.corrupt.smoothing import smoothed


@dataclass(frozen=True)
class GaussianBlur(Fixed):
    """A Gaussian of standard deviation `sigma`."""

    sigma: float

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        return image_of(smoothed(fractions_of(image), self.sigma))


@dataclass(frozen=True)
class DefocusBlur(Fixed):
    """A point becomes a disc.

    Args:
        radius: of the disc.
        soft: sigma of the Gaussian that softens its rim.
    """

    radius: float
    soft: float

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        blurred = cv2.filter2D(fractions_of(image), -1, self._disc())
        return image_of(blurred.reshape(image.shape))

    def _disc(self) -> np.ndarray:
        """Small ones lie on 17 x 17 pixels and are softened among 3 x 3, others among 5 x 5."""
        small = self.radius <= 8
        reach = 8 if small else self.radius
        squares = np.arange(-reach, reach + 1) ** 2
        disc = (squares[:, None] + squares <= self.radius**2).astype(np.float32)
        softened = (3, 3) if small else (5, 5)
        return cv2.GaussianBlur(disc / disc.sum(), softened, sigmaX=self.soft)


@dataclass(frozen=True)
class GlassBlur:
    """Pixels out of place between two Gaussian blurs.

    One after the other, from the last row and column to the first, each pixel takes the colour that
    one near it has by then. The published sets have no exchange of two pixels, which the paper
    speaks of: NumPy's assignment from two views of one image copies one way.

    Args:
        sigma: of both blurs.
        reach: how far each way a colour may come from; of the far side one less.
        times: that all pixels are gone through.
    """

    sigma: float
    reach: int
    times: int

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        blurred = image_of(smoothed(fractions_of(image), self.sigma))
        height, width, channels = image.shape
        for _ in range(self.times):
            sources = self._sources(height, width, rng)
            blurred = blurred.reshape(-1, channels)[sources].reshape(image.shape)
        return image_of(smoothed(fractions_of(blurred), self.sigma))

    def _sources(self, height: int, width: int, rng: np.random.Generator) -> np.ndarray:
        """For each pixel, counted row by row, the one whose colour it has in the end."""
        rows = np.arange(height - self.reach, self.reach, -1)
        columns = np.arange(width - self.reach, self.reach, -1)
        size = len(rows), len(columns), 2
        across, down = np.moveaxis(rng.integers(-self.reach, self.reach, size=size), -1, 0)
        here = rows[:, None] * width + columns
        there = here + down * width + across
        # What a pixel takes is the other's old colour, or its new one if its turn was before. So
        # colours go along chains: of new ones, numbered by pixel, to an old one, numbered after
        # them all. Each round follows them twice as far, to their ends.
        pixels = height * width
        turns = np.zeros(pixels, bool)
        turns[here] = True
        chains = np.arange(pixels, 3 * pixels)
        chains[pixels:] -= pixels
        chains[here] = np.where(turns[there] & (there > here), there, there + pixels)
        while not np.array_equal(further := chains[chains], chains):
            chains = further
        return chains[:pixels] - pixels


@dataclass(frozen=True)
class MotionBlur:
    """The camera moves, in a direction within 45 degrees of the horizontal.

    Args:
        radius: a pixel is spread over twice as many, and itself.
        sigma: of the half Gaussian along the way.
    """

    radius: int
    sigma: float

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        return moved(image, self.radius, self.sigma, rng.uniform(-45, 45))


@dataclass(frozen=True)
class ZoomBlur(Fixed):
    """The camera goes towards the middle: the mean of the image and of its enlargements.

    Args:
        stop, step: enlargements are 1, 1 + step, ..., those below stop.
    """

    stop: float
    step: float

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        fractions = fractions_of(image).astype(np.float32)
        # As NumPy counts: by its rounding some published rows of enlargements have `stop` too.
        factors = np.arange(1, self.stop, self.step)
        total = fractions.copy()
        for factor in factors:
            total += zoomed(fractions, factor)
        return image_of(total / (len(factors) + 1))


def moved(image: np.ndarray, radius: int, sigma: float, degrees: float) -> np.ndarray:
    """ImageMagick's motion blur of a uint8 image [H, W, C]: a half Gaussian along a line.

    https://imagemagick.org/script/command-line-options.php#motion-blur. The line is of whole
    pixels, 0 degrees go to the right and 90 down; the border's pixels go on.
    """
    steps = np.arange(2 * radius + 1)
    weights = np.exp(-0.5 * (steps / sigma) ** 2)
    angle = math.radians(degrees)
    across, down = (
        np.ceil(steps * ratio - 0.5).astype(int) for ratio in (math.cos(angle), math.sin(angle))
    )
    left, top = int(across.min()), int(down.min())
    kernel = np.zeros((int(np.ptp(down)) + 1, int(np.ptp(across)) + 1))
    np.add.at(kernel, (down - top, across - left), weights / weights.sum())
    out = cv2.filter2D(
        image.astype(np.float64), -1, kernel, anchor=(-left, -top), borderType=cv2.BORDER_REPLICATE
    )
    # It computes in 1/257 of a grey level, to the nearest, and cuts off what is less than a level.
    return np.floor(out + 0.5 / 257).astype(np.uint8).reshape(image.shape)


def zoomed(fractions: np.ndarray, factor: float) -> np.ndarray:
    """Float [H, W, C]: its middle enlarged to its size, bilinear, corners on corners."""
    for axis in (0, 1):
        side = fractions.shape[axis]
        part = math.ceil(side / factor)
        whole = round(part * factor)
        # Of the enlarged part what is over is cut off on both sides.
        places = np.arange(side) + (whole - side) // 2
        places = (side - part) // 2 + places * ((part - 1) / max(whole - 1, 1))
        before = np.minimum(places.astype(int), max(side - 2, 0))
        shape = (-1, 1, 1) if axis == 0 else (1, -1, 1)
        share = (places - before).astype(fractions.dtype).reshape(shape)
        # In place: zoom blur does it up to 26 times, and new arrays cost more than sums.
        first = fractions.take(before, axis, mode="clip")
        second = fractions.take(before + 1, axis, mode="clip")
        second -= first
        second *= share
        second += first
        fractions = second
    return fractions
