"""Images resized, moved and turned by Pillow, as recipes of timm and torchvision have them.

Images are uint8 [H, W, C] with 1 or 3 channels; none is changed in place. Resizing is antialiased,
each axis by itself.
"""

from typing import Literal

import numpy as np
from PIL import Image

Interpolation = Literal["bilinear", "bicubic"]
"""Between the 2 pixels around a place along each axis, or the 4."""
DrawnInterpolation = Literal["bilinear", "bicubic", "random"]
"""random: one of the two by a coin, each time."""
Fill = tuple[int, ...]
"""Colour of what was outside an image, one value or one a channel."""

_RESAMPLING = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "box": Image.Resampling.BOX,
}


def drawn(interpolation: DrawnInterpolation, rng: np.random.Generator) -> Interpolation:
    """That one, or what the coin says: timm's default."""
    if interpolation == "random":
        return ("bilinear", "bicubic")[rng.integers(2)]
    return interpolation


def resize(
    image: np.ndarray,
    height: int,
    width: int,
    interpolation: Interpolation | Literal["box"] = "bilinear",
) -> np.ndarray:
    """Stretched to height x width pixels; box: means of whole pixels, or squares of one."""
    return _pixels(_picture(image).resize((width, height), _RESAMPLING[interpolation]))


def transform(
    image: np.ndarray, matrix: tuple[float, ...], interpolation: Interpolation, fill: Fill
) -> np.ndarray:
    """The pixel at (x, y) is taken from (a x + b y + c, d x + e y + f) for `matrix` (a, ..., f)."""
    picture = _picture(image)
    moved = picture.transform(
        picture.size,
        Image.Transform.AFFINE,
        matrix,
        _RESAMPLING[interpolation],
        fillcolor=_colour(image, fill),
    )
    return _pixels(moved)


def rotate(
    image: np.ndarray, degrees: float, interpolation: Interpolation, fill: Fill
) -> np.ndarray:
    """Counter-clockwise around the centre."""
    fillcolor = _colour(image, fill)
    turned = _picture(image).rotate(degrees, _RESAMPLING[interpolation], fillcolor=fillcolor)
    return _pixels(turned)


def _picture(image: np.ndarray) -> Image.Image:
    return Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)


def _pixels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture).reshape(picture.height, picture.width, -1)


def _colour(image: np.ndarray, fill: Fill) -> int | Fill:
    if image.shape[2] == 1:
        return fill[0]
    return fill * image.shape[2] if len(fill) == 1 else fill
