"""Operations that AutoAugment, RandAugment, TrivialAugment and AugMix make random sequences of.

They, their greatest magnitudes and how a magnitude becomes a value are torchvision's
(torchvision/transforms/autoaugment.py), so that its recipes mean here what they mean there.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from jaxcnn.data.augment import colour, warp
from jaxcnn.data.augment.warp import Sampling

Operation = Callable[[np.ndarray, float, Sampling], np.ndarray]
"""(image, value, sampling) -> image; values are those of `Ranges.value`."""

OPERATIONS: dict[str, Operation] = {
    "Identity": lambda image, value, sampling: image,
    "ShearX": warp.shear_x,
    "ShearY": warp.shear_y,
    "TranslateX": warp.translate_x,
    "TranslateY": warp.translate_y,
    "Rotate": warp.rotate,
    "Brightness": lambda image, value, sampling: colour.brightness(image, 1 + value),
    "Color": lambda image, value, sampling: colour.saturation(image, 1 + value),
    "Contrast": lambda image, value, sampling: colour.contrast(image, 1 + value),
    "Sharpness": lambda image, value, sampling: colour.sharpness(image, 1 + value),
    "Posterize": lambda image, value, sampling: colour.posterize(image, int(value)),
    "Solarize": lambda image, value, sampling: colour.solarize(image, value),
    "AutoContrast": lambda image, value, sampling: colour.autocontrast(image),
    "Equalize": lambda image, value, sampling: colour.equalize(image),
    "Invert": lambda image, value, sampling: colour.invert(image),
}
WARPS = ("ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate")
ENHANCEMENTS = ("Brightness", "Color", "Contrast", "Sharpness")
# Their values are as often negative as positive.
SIGNED = frozenset({*WARPS, *ENHANCEMENTS})
# What RandAugment and TrivialAugment draw from.
COMMON = ("Identity", *WARPS, *ENHANCEMENTS, "Posterize", "Solarize", "AutoContrast", "Equalize")


@dataclass(frozen=True)
class Ranges:
    """The value of each operation at full strength; at none it changes nothing, or least.

    Attributes:
        shear: pixels per pixel.
        translate: length of the image's side in pixels -> pixels.
        rotate: degrees.
        enhance: how far a factor is from 1.
        bits: kept by posterize at no strength, and at full strength.
    """

    shear: float
    translate: Callable[[int], float]
    rotate: float
    enhance: float
    bits: tuple[int, int]

    def value(self, name: str, strength: float, shape: tuple[int, ...]) -> float:
        """The value of the operation `name` at a strength of 0 to 1, for an image [H, W, C]."""
        match name:
            case "ShearX" | "ShearY":
                return strength * self.shear
            case "TranslateX":
                return strength * self.translate(shape[1])
            case "TranslateY":
                return strength * self.translate(shape[0])
            case "Rotate":
                return strength * self.rotate
            case "Posterize":
                most, least = self.bits
                return most - round(strength * (most - least))
            case "Solarize":
                return 255 * (1 - strength)
            case _:
                return strength * self.enhance if name in ENHANCEMENTS else 0.0


# AutoAugment's are the paper's (Table 6); it shifts images of 331 pixels by up to 150.
USUAL = Ranges(0.3, lambda side: 150 / 331 * side, 30, enhance=0.9, bits=(8, 4))
WIDE = Ranges(0.99, lambda side: 32, 135, enhance=0.99, bits=(8, 2))
MIXED = Ranges(0.3, lambda side: side / 3, 30, enhance=0.9, bits=(4, 0))


def perform(
    name: str,
    image: np.ndarray,
    strength: float,
    ranges: Ranges,
    sampling: Sampling,
    rng: np.random.Generator,
) -> np.ndarray:
    """The image changed by the operation `name`, as often one way as the other if it is signed."""
    value = ranges.value(name, strength, image.shape)
    if name in SIGNED and rng.random() < 0.5:
        value = -value
    return OPERATIONS[name](image, value, sampling.drawn(rng))
