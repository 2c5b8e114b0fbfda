"""RandAugment as timm writes it: `rand-m9-mstd0.5-inc1`.

Cubuk et al., 2020, https://arxiv.org/abs/1909.13719, in the form of timm's `auto_augment.py`, with
which DeiT, Swin, ConvNeXt and most of timm's own networks were trained. Other than torchvision's,
in `rand_augment`: each operation is left out half of the time; levels count to 10; what was outside
is filled with the mean colour, and pixels are interpolated.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from jaxcnn.data.augment import colour, pillow
from jaxcnn.data.augment.pillow import DrawnInterpolation, Fill, Interpolation
from jaxcnn.data.errors import DataError

FULL = 10.0  # The level at which an operation has its usual strength.

COMMON = ("AutoContrast", "Equalize", "Invert", "Rotate")
ENHANCEMENTS = ("Color", "Contrast", "Brightness", "Sharpness")
INCREASING_ENHANCEMENTS = tuple(f"{name}Increasing" for name in ENHANCEMENTS)
WARPS = ("ShearX", "ShearY", "TranslateXRel", "TranslateYRel")
# By whether a higher level is always a stronger change.
OPERATIONS = {
    False: (*COMMON, "Posterize", "Solarize", "SolarizeAdd", *ENHANCEMENTS, *WARPS),
    True: (
        *COMMON,
        "PosterizeIncreasing",
        "SolarizeIncreasing",
        "SolarizeAdd",
        *INCREASING_ENHANCEMENTS,
        *WARPS,
    ),
}


def value_of(name: str, level: float) -> float:
    """What an operation is given at `level`; of those that `is_signed` it may be negated.

    Degrees for Rotate, pixels a pixel for shears, sides of the image for shifts, bits that are kept
    for Posterize, grey levels for Solarize and SolarizeAdd, and a factor for enhancements, or how
    far it is from 1 where they increase.
    """
    share = level / FULL
    match name:
        case "Rotate":
            return share * 30
        case "ShearX" | "ShearY":
            return share * 0.3
        case "TranslateXRel" | "TranslateYRel":
            return share * 0.45
        case "Posterize":
            return int(share * 4)
        case "PosterizeIncreasing":
            return 4 - int(share * 4)
        case "Solarize":
            return min(256, int(share * 256))
        case "SolarizeIncreasing":
            return 256 - min(256, int(share * 256))
        case "SolarizeAdd":
            return min(128, int(share * 110))
        case _ if name in ENHANCEMENTS:
            return share * 1.8 + 0.1
        case _ if name in INCREASING_ENHANCEMENTS:
            return share * 0.9
    return 0.0


def is_signed(name: str) -> bool:
    """Whether an operation's value is as often negative as positive."""
    return name in ("Rotate", *WARPS) or name in INCREASING_ENHANCEMENTS


def perform(
    name: str,
    image: np.ndarray,
    value: float,
    interpolation: Interpolation,
    fill: Fill,
) -> np.ndarray:
    """uint8 [H, W, C] changed by an operation; `value` is `value_of`'s, signed."""
    height, width = image.shape[:2]
    match name.removesuffix("Increasing"):
        case "AutoContrast":
            return colour.autocontrast(image)
        case "Equalize":
            return colour.equalize(image)
        case "Invert":
            return colour.invert(image)
        case "Posterize":
            return image if value >= 8 else colour.posterize(image, int(value))
        case "Solarize":
            return colour.solarize(image, value)
        case "SolarizeAdd":
            added = np.minimum(255, image.astype(np.int16) + int(value)).astype(np.uint8)
            return np.where(image < 128, added, image)
        case "Color" | "Contrast" | "Brightness" | "Sharpness" as kind:
            factor = max(0.1, 1 + value) if name != kind else value
            return ENHANCE[kind](image, factor)
        case "Rotate":
            return pillow.rotate(image, value, interpolation, fill)
        case "ShearX":
            matrix = (1, value, 0, 0, 1, 0)
        case "ShearY":
            matrix = (1, 0, 0, value, 1, 0)
        case "TranslateXRel":
            matrix = (1, 0, value * width, 0, 1, 0)
        case "TranslateYRel":
            matrix = (1, 0, 0, 0, 1, value * height)
        case _:
            raise ValueError(f"no operation {name!r}")
    return pillow.transform(image, matrix, interpolation, fill)


ENHANCE: dict[str, Callable[[np.ndarray, float], np.ndarray]] = {
    "Color": colour.saturation,
    "Contrast": colour.contrast,
    "Brightness": colour.brightness,
    "Sharpness": colour.sharpness,
}


@dataclass(frozen=True)
class TimmRandAugment:
    """A few operations drawn at random, each of them left out by `1 - probability`.

    Args:
        magnitude: level of all operations; 10 is their usual strength.
        num_ops: operations an image, one after the other.
        probability: of performing an operation that was drawn.
        magnitude_std: standard deviation around the magnitude, drawn anew for each operation;
            infinite for a level uniform between 0 and the magnitude.
        most: bound of a level.
        increasing: whether a higher level is always a stronger change.
        fill: colour of what was outside, one value or one a channel.
        interpolation: of what is sheared, shifted or turned.
    """

    magnitude: float = FULL
    num_ops: int = 2
    probability: float = 0.5
    magnitude_std: float = 0.0
    most: float = FULL
    increasing: bool = False
    fill: Fill = (128,)
    interpolation: DrawnInterpolation = "random"

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        names = OPERATIONS[self.increasing]
        for index in rng.integers(len(names), size=self.num_ops):
            if rng.random() < self.probability:
                image = self._perform(names[index], image, rng)
        return image

    def _perform(self, name: str, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        value = value_of(name, self._level(rng))
        if is_signed(name) and rng.random() < 0.5:
            value = -value
        return perform(name, image, value, pillow.drawn(self.interpolation, rng), self.fill)

    def _level(self, rng: np.random.Generator) -> float:
        level = self.magnitude
        if math.isinf(self.magnitude_std):
            level = rng.uniform(0, level)
        elif self.magnitude_std:
            level = rng.normal(level, self.magnitude_std)
        return max(0.0, min(level, self.most))


def parse(
    text: str, *, fill: Fill = (128,), interpolation: DrawnInterpolation = "random"
) -> TimmRandAugment:
    """The policy that timm's `--aa` of this text is: `rand-m9-mstd0.5-inc1`.

    m: magnitude; n: operations an image; p: probability of each; mstd: standard deviation of the
    magnitude, more than 100 for uniform; mmax: its bound; inc: 1 for increasing operations.

    Raises DataError for a text that is none, or names another set of operations (t).
    """
    policy = TimmRandAugment(fill=fill, interpolation=interpolation)
    first, *sections = text.split("-")
    try:
        if first != "rand":
            raise ValueError(first)
        for section in sections:
            key = section.rstrip("0123456789.")
            policy = replace(policy, **_SECTIONS[key](section.removeprefix(key)))
    except (ValueError, KeyError) as error:
        raise DataError(
            f"{text!r} is no policy; name one of autoaugment, randaugment, randaugment_timm,"
            " randaugment_big_vision, trivialaugment, augmix, or timm's RandAugment as"
            " rand-m9-mstd0.5-inc1"
        ) from error
    return policy


_SECTIONS: dict[str, Callable[[str], dict[str, float | bool]]] = {
    "m": lambda value: {"magnitude": float(value)},
    "n": lambda value: {"num_ops": int(value)},
    "p": lambda value: {"probability": float(value)},
    "mstd": lambda value: {"magnitude_std": float(value) if float(value) <= 100 else math.inf},
    "mmax": lambda value: {"most": float(value)},
    "inc": lambda value: {"increasing": bool(int(value))},
}
