"""RandAugment as big_vision writes it: `randaug(2,10)`.

Cubuk et al., 2020, https://arxiv.org/abs/1909.13719, in the form of `pp/autoaugment.py` of
https://github.com/google-research/big_vision, commit 0127fb6, which is that of EfficientNet's TPU
code, with which the ViTs of https://arxiv.org/abs/2205.01580 were trained. What its TensorFlow
makes of its formulas is done here too, since networks were trained with that: a threshold of 256 is
one of 0 in a byte, and "contrast" is around a grey that only the image's size says.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from jaxcnn.data.augment import colour, warp
from jaxcnn.data.augment.cutout import Cutout
from jaxcnn.data.augment.warp import Sampling

FULL = 10.0  # The level at which an operation has its usual strength.
OPERATIONS = (
    "AutoContrast",
    "Equalize",
    "Invert",
    "Rotate",
    "Posterize",
    "Solarize",
    "Color",
    "Contrast",
    "Brightness",
    "Sharpness",
    "ShearX",
    "ShearY",
    "TranslateX",
    "TranslateY",
    "Cutout",
    "SolarizeAdd",
)
# Their values are as often negative as positive.
SIGNED = ("Rotate", "ShearX", "ShearY", "TranslateX", "TranslateY")


def value_of(name: str, level: float) -> float:
    """What an operation is given at `level`; of those in SIGNED it may be negated.

    Degrees for Rotate, pixels a pixel for shears, pixels for shifts and half of Cutout's side, bits
    that are kept for Posterize, grey levels for Solarize and SolarizeAdd, a factor for the others.
    """
    share = level / FULL
    match name:
        case "Rotate":
            return share * 30
        case "ShearX" | "ShearY":
            return share * 0.3
        case "TranslateX" | "TranslateY":
            return share * 100
        case "Cutout":
            return int(share * 40)
        case "Posterize":
            return int(share * 4)
        case "Solarize":
            return int(share * 256)
        case "SolarizeAdd":
            return int(share * 110)
        case "Color" | "Contrast" | "Brightness" | "Sharpness":
            return share * 1.8 + 0.1
    return 0.0


def perform(
    name: str, image: np.ndarray, value: float, sampling: Sampling, rng: np.random.Generator
) -> np.ndarray:
    """uint8 [H, W, C] changed by an operation; `value` is `value_of`'s, signed."""
    match name:
        case "AutoContrast":
            return colour.autocontrast(image)
        case "Equalize":
            return colour.equalize(image)
        case "Invert":
            return colour.invert(image)
        case "Posterize":
            # A shift is a byte of at most 7, so that one bit stays, also where the bits are none.
            shift = min(int(8 - value) % 256, 7)
            return image >> shift << shift
        case "Solarize":
            return colour.solarize(image, value % 256)  # In a byte.
        case "SolarizeAdd":
            added = np.minimum(255, image.astype(np.int16) + int(value)).astype(np.uint8)
            return np.where(image < 128, added, image)
        case "Color":
            return image if image.shape[2] == 1 else colour.blend(_grey(image), image, value)
        case "Contrast":
            # Not the image's mean: the count of its pixels over that of levels, 196 for 224x224.
            grey = min(255, image.shape[0] * image.shape[1] // 256)
            return colour.blend(np.full_like(image, grey), image, value)
        case "Brightness":
            return colour.brightness(image, value)
        case "Sharpness":
            return colour.blend(_smooth(image), image, value)
        case "Rotate":
            return warp.rotate(image, value, sampling)
        case "ShearX":  # From the first pixel's centre, which is half a pixel in.
            return warp.affine(image, (1, value, -value / 2), (0, 1, 0), sampling)
        case "ShearY":
            return warp.affine(image, (1, 0, 0), (value, 1, -value / 2), sampling)
        case "TranslateX":
            return warp.translate_x(image, -round(value), sampling)
        case "TranslateY":
            return warp.translate_y(image, -round(value), sampling)
        case "Cutout":
            return Cutout(2 * int(value), sampling.fill)(image, rng)
    raise ValueError(f"no operation {name!r}")


@dataclass(frozen=True)
class BigVisionRandAugment:
    """A few operations drawn at random, all at one level; big_vision's `randaug`.

    Args:
        num_ops: operations an image, one after the other; `num_layers` there.
        magnitude: level of all operations; 10 is their usual strength.
    """

    num_ops: int = 2
    magnitude: float = FULL
    sampling: Sampling = Sampling("nearest", (128,))

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        for index in rng.integers(len(OPERATIONS), size=self.num_ops):
            name = OPERATIONS[index]
            value = value_of(name, self.magnitude)
            if name in SIGNED and rng.random() < 0.5:
                value = -value
            image = perform(name, image, value, self.sampling.drawn(rng), rng)
        return image


# TensorFlow's weights of red, green and blue; it rounds by the middle of 255 and 256.
_LUMA = np.array([[0.2989, 0.5870, 0.1140]] * 3, np.float32) * np.float32(255.5 / 255)
_SMOOTH = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]], np.float32) / 13


def _grey(image: np.ndarray) -> np.ndarray:
    return cv2.transform(image.astype(np.float32), _LUMA).astype(np.uint8)


def _smooth(image: np.ndarray) -> np.ndarray:
    """`colour.sharpness`'s, cut off to whole levels where that rounds. The border stays."""
    smooth = cv2.filter2D(image.astype(np.float32), -1, _SMOOTH).reshape(image.shape)
    smooth = smooth.astype(np.uint8)
    smooth[[0, -1]] = image[[0, -1]]
    smooth[:, [0, -1]] = image[:, [0, -1]]
    return smooth
