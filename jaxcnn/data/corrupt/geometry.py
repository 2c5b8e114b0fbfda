"""Images moved, turned and enlarged by given amounts; what comes from outside of them is black.

Engstrom et al., 2019, https://arxiv.org/abs/1712.02779, measure accuracy over such amounts.
"""

from dataclasses import dataclass

import numpy as np

from jaxcnn.data.augment import warp
from jaxcnn.data.augment.transform import Fixed
from jaxcnn.data.augment.warp import Sampling
from jaxcnn.data.augment.window import Window

BILINEAR = Sampling("bilinear")
WAYS = ((1, 0), (-1, 0), (0, 1), (0, -1))


@dataclass(frozen=True)
class Shift:
    """By `pixels` to the right, to the left, down or up, which of them is drawn."""

    pixels: int

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        across, down = WAYS[rng.integers(len(WAYS))]
        height, width = image.shape[:2]
        return Window(-down * self.pixels, -across * self.pixels, height, width).pixels(image)


@dataclass(frozen=True)
class Rotation(Fixed):
    """Counter-clockwise around the centre."""

    degrees: float

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        return warp.rotate(image, self.degrees, BILINEAR)


@dataclass(frozen=True)
class Scale(Fixed):
    """Around the centre: `factor` 2 shows the middle twice as large."""

    factor: float

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        x, y = image.shape[1] / 2, image.shape[0] / 2
        shrunk = 1 / self.factor
        across, down = (shrunk, 0, x - x * shrunk), (0, shrunk, y - y * shrunk)
        return warp.affine(image, across, down, BILINEAR)
