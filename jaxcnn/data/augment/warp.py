"""Images sheared, shifted and turned, in their own frame: what was outside is filled with a colour.

Coordinates are pixels, x to the right and y down from the top left corner of the image.
"""

import math
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np

from jaxcnn.data.augment import pillow
from jaxcnn.data.augment.pillow import Fill


@dataclass(frozen=True)
class Sampling:
    """Where an image's values come from that lie between its pixels, or outside.

    Args:
        interpolation: the nearest pixel, bilinear between four, or bicubic between sixteen, as
            Pillow has it; random: one of the last two by a coin.
        fill: colour of what was outside, one value or one a channel.
    """

    interpolation: Literal["nearest", "bilinear", "bicubic", "random"] = "nearest"
    fill: Fill = (0,)

    def drawn(self, rng: np.random.Generator) -> "Sampling":
        """Itself with the coin tossed, where it has one."""
        if self.interpolation != "random":
            return self
        return replace(self, interpolation=pillow.drawn("random", rng))


def shear_x(image: np.ndarray, slope: float, sampling: Sampling) -> np.ndarray:
    """Each row moves left by `slope` times its distance from the top."""
    return affine(image, (1, slope, 0), (0, 1, 0), sampling)


def shear_y(image: np.ndarray, slope: float, sampling: Sampling) -> np.ndarray:
    """Each column moves up by `slope` times its distance from the left."""
    return affine(image, (1, 0, 0), (slope, 1, 0), sampling)


def translate_x(image: np.ndarray, pixels: float, sampling: Sampling) -> np.ndarray:
    """To the right, by whole pixels: a fraction is cut off."""
    return affine(image, (1, 0, -int(pixels)), (0, 1, 0), sampling)


def translate_y(image: np.ndarray, pixels: float, sampling: Sampling) -> np.ndarray:
    """Down, by whole pixels: a fraction is cut off."""
    return affine(image, (1, 0, 0), (0, 1, -int(pixels)), sampling)


def rotate(image: np.ndarray, degrees: float, sampling: Sampling) -> np.ndarray:
    """Counter-clockwise around the centre."""
    x, y = image.shape[1] / 2, image.shape[0] / 2
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    across = (cos, -sin, x - x * cos + y * sin)
    return affine(image, across, (sin, cos, y - x * sin - y * cos), sampling)


def affine(
    image: np.ndarray,
    across: tuple[float, float, float],
    down: tuple[float, float, float],
    sampling: Sampling,
) -> np.ndarray:
    """The pixel at p is taken from (across · (p, 1), down · (p, 1)); `sampling` is drawn."""
    if sampling.interpolation == "bicubic":
        return pillow.transform(image, (*across, *down), "bicubic", sampling.fill)
    # The same where coordinates are those of pixel centres, the first of which is at (0.5, 0.5).
    matrix = np.array([across, down], np.float64) @ [[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]]
    if sampling.interpolation == "nearest":
        # In 1/65536 pixels, as Pillow's: of two pixels equally near, most often the same is taken.
        matrix = np.floor(matrix * 65536 + 0.5) / 65536
    matrix[:, 2] -= 0.5
    fill = sampling.fill * image.shape[2] if len(sampling.fill) == 1 else sampling.fill
    flag = {"nearest": cv2.INTER_NEAREST, "bilinear": cv2.INTER_LINEAR}[sampling.interpolation]
    warped = cv2.warpAffine(
        image,
        matrix,
        (image.shape[1], image.shape[0]),
        flags=flag | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=fill,
    )
    return warped.reshape(image.shape)
