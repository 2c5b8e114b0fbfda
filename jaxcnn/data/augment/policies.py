"""Random sequences of operations: AutoAugment, RandAugment, TrivialAugment, AugMix.

Operations, their greatest magnitudes and how a magnitude becomes a value are torchvision's
(torchvision/transforms/autoaugment.py), so that its recipes mean here what they mean there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from jaxcnn.data.augment import colour, rand_augment, warp
from jaxcnn.data.augment.big_vision import BigVisionRandAugment
from jaxcnn.data.augment.pillow import DrawnInterpolation, Fill
from jaxcnn.data.augment.rand_augment import TimmRandAugment
from jaxcnn.data.augment.warp import Sampling
from jaxcnn.data.errors import DataError

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
AUGMIX = tuple(name for name in COMMON if name != "Identity")


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


@dataclass(frozen=True)
class AutoAugment:
    """One of 25 pairs of operations found by search. Cubuk et al., 2019, arxiv.org/abs/1805.09501.

    Args:
        found_on: the data set whose policy it is (Tables 7 and 9).
    """

    found_on: Literal["cifar10", "imagenet"] = "imagenet"
    sampling: Sampling = Sampling()

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        pairs = AUTOAUGMENT_PAIRS[self.found_on]
        for name, probability, level in pairs[rng.integers(len(pairs))]:
            if rng.random() < probability:
                image = _perform(name, image, level / 9, USUAL, self.sampling, rng)
        return image


@dataclass(frozen=True)
class RandAugment:
    """A few operations drawn at random, all equally strong. Cubuk et al., 2020.

    https://arxiv.org/abs/1909.13719

    Args:
        num_ops: operations an image, one after the other.
        magnitude: of all of them, 0 to 30 (timm counts to 10: its 9 is 27 here).
        magnitude_std: standard deviation around it, drawn anew each time, in the same unit.
    """

    num_ops: int = 2
    magnitude: float = 9
    magnitude_std: float = 0.0
    sampling: Sampling = Sampling()

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        for index in rng.integers(len(COMMON), size=self.num_ops):
            magnitude = self.magnitude
            if self.magnitude_std:
                magnitude = min(30.0, max(0.0, rng.normal(magnitude, self.magnitude_std)))
            image = _perform(COMMON[index], image, magnitude / 30, USUAL, self.sampling, rng)
        return image


@dataclass(frozen=True)
class TrivialAugmentWide:
    """One operation at one strength, both drawn at random. Müller and Hutter, 2021.

    https://arxiv.org/abs/2103.10158, the wide search space; 31 strengths.
    """

    sampling: Sampling = Sampling()

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        name, strength = COMMON[rng.integers(len(COMMON))], rng.integers(31) / 30
        return _perform(name, image, strength, WIDE, self.sampling, rng)


@dataclass(frozen=True)
class AugMix:
    """A random mixture of an image and of chains of operations on it. Hendrycks et al., 2020.

    https://arxiv.org/abs/1912.02781; the images only, not the paper's consistency loss.

    Args:
        severity: how strong an operation may be, 1 to 10.
        width: chains that are mixed.
        depth: operations a chain; drawn from 1 to 3 for each if None.
        alpha: of the mixture's Dirichlet and Beta distributions.
    """

    severity: int = 3
    width: int = 3
    depth: int | None = None
    alpha: float = 1.0
    sampling: Sampling = Sampling("bilinear")

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        share = rng.beta(self.alpha, self.alpha)
        mixed = (1 - share) * image.astype(np.float32)
        for weight in share * rng.dirichlet([self.alpha] * self.width):
            chained = image
            for index in rng.integers(len(AUGMIX), size=self.depth or rng.integers(1, 4)):
                strength = rng.integers(self.severity) / 9
                chained = _perform(AUGMIX[index], chained, strength, MIXED, self.sampling, rng)
            mixed += weight * chained
        return np.rint(mixed).astype(np.uint8)


Policy = (
    AutoAugment | RandAugment | TrivialAugmentWide | AugMix | TimmRandAugment | BigVisionRandAugment
)


def make_policy(
    name: str,
    *,
    thumbnails: bool,
    magnitude: float,
    magnitude_std: float,
    num_ops: int,
    fill: Fill = (128,),
    interpolation: DrawnInterpolation | None = None,
) -> Policy:
    """The policy of that name as its authors set it; the RandAugments as the three arguments say.

    AutoAugment's depends on what it was searched for: CIFAR-10 for `thumbnails`, else ImageNet.
    timm's RandAugment may be a text (see `rand_augment.parse`), and fills with the colour `fill`.
    `interpolation` is of what is sheared, shifted or turned; without, as the authors have it.
    Raises DataError for any other name, or a magnitude that the policy has not.
    """
    sampling = Sampling(interpolation) if interpolation else Sampling()
    match name:
        case "autoaugment":
            return AutoAugment("cifar10" if thumbnails else "imagenet", sampling)
        case "randaugment":
            return RandAugment(num_ops, magnitude, magnitude_std, sampling)
        case "randaugment_timm":
            if magnitude > rand_augment.FULL:
                raise DataError(
                    f"randaugment_timm counts to 10, not to {magnitude:g}; as rand-m15-mmax20 it"
                    " goes on"
                )
            return TimmRandAugment(
                magnitude,
                num_ops,
                magnitude_std=magnitude_std,
                fill=fill,
                interpolation=interpolation or "random",
            )
        case "randaugment_big_vision":
            if magnitude_std:
                raise DataError("randaugment_big_vision has one magnitude; its deviation is 0")
            return BigVisionRandAugment(
                num_ops, magnitude, Sampling(sampling.interpolation, (128,))
            )
        case "trivialaugment":
            return TrivialAugmentWide(sampling)
        case "augmix":
            return AugMix(sampling=Sampling(interpolation or "bilinear"))
        case _:
            return rand_augment.parse(name, fill=fill, interpolation=interpolation or "random")


def _perform(
    name: str,
    image: np.ndarray,
    strength: float,
    ranges: Ranges,
    sampling: Sampling,
    rng: np.random.Generator,
) -> np.ndarray:
    value = ranges.value(name, strength, image.shape)
    if name in SIGNED and rng.random() < 0.5:
        value = -value
    return OPERATIONS[name](image, value, sampling.drawn(rng))


Step = tuple[str, float, int]
"""Operation, probability, level from 0 to 9 (0 for operations that have none)."""

# The appendix of the paper, Tables 7 and 9.
AUTOAUGMENT_PAIRS: dict[str, tuple[tuple[Step, Step], ...]] = {
    "cifar10": (
        (("Invert", 0.1, 0), ("Contrast", 0.2, 6)),
        (("Rotate", 0.7, 2), ("TranslateX", 0.3, 9)),
        (("Sharpness", 0.8, 1), ("Sharpness", 0.9, 3)),
        (("ShearY", 0.5, 8), ("TranslateY", 0.7, 9)),
        (("AutoContrast", 0.5, 0), ("Equalize", 0.9, 0)),
        (("ShearY", 0.2, 7), ("Posterize", 0.3, 7)),
        (("Color", 0.4, 3), ("Brightness", 0.6, 7)),
        (("Sharpness", 0.3, 9), ("Brightness", 0.7, 9)),
        (("Equalize", 0.6, 0), ("Equalize", 0.5, 0)),
        (("Contrast", 0.6, 7), ("Sharpness", 0.6, 5)),
        (("Color", 0.7, 7), ("TranslateX", 0.5, 8)),
        (("Equalize", 0.3, 0), ("AutoContrast", 0.4, 0)),
        (("TranslateY", 0.4, 3), ("Sharpness", 0.2, 6)),
        (("Brightness", 0.9, 6), ("Color", 0.2, 8)),
        (("Solarize", 0.5, 2), ("Invert", 0.0, 0)),
        (("Equalize", 0.2, 0), ("AutoContrast", 0.6, 0)),
        (("Equalize", 0.2, 0), ("Equalize", 0.6, 0)),
        (("Color", 0.9, 9), ("Equalize", 0.6, 0)),
        (("AutoContrast", 0.8, 0), ("Solarize", 0.2, 8)),
        (("Brightness", 0.1, 3), ("Color", 0.7, 0)),
        (("Solarize", 0.4, 5), ("AutoContrast", 0.9, 0)),
        (("TranslateY", 0.9, 9), ("TranslateY", 0.7, 9)),
        (("AutoContrast", 0.9, 0), ("Solarize", 0.8, 3)),
        (("Equalize", 0.8, 0), ("Invert", 0.1, 0)),
        (("TranslateY", 0.7, 9), ("AutoContrast", 0.9, 0)),
    ),
    "imagenet": (
        (("Posterize", 0.4, 8), ("Rotate", 0.6, 9)),
        (("Solarize", 0.6, 5), ("AutoContrast", 0.6, 0)),
        (("Equalize", 0.8, 0), ("Equalize", 0.6, 0)),
        (("Posterize", 0.6, 7), ("Posterize", 0.6, 6)),
        (("Equalize", 0.4, 0), ("Solarize", 0.2, 4)),
        (("Equalize", 0.4, 0), ("Rotate", 0.8, 8)),
        (("Solarize", 0.6, 3), ("Equalize", 0.6, 0)),
        (("Posterize", 0.8, 5), ("Equalize", 1.0, 0)),
        (("Rotate", 0.2, 3), ("Solarize", 0.6, 8)),
        (("Equalize", 0.6, 0), ("Posterize", 0.4, 6)),
        (("Rotate", 0.8, 8), ("Color", 0.4, 0)),
        (("Rotate", 0.4, 9), ("Equalize", 0.6, 0)),
        (("Equalize", 0.0, 0), ("Equalize", 0.8, 0)),
        (("Invert", 0.6, 0), ("Equalize", 1.0, 0)),
        (("Color", 0.6, 4), ("Contrast", 1.0, 8)),
        (("Rotate", 0.8, 8), ("Color", 1.0, 2)),
        (("Color", 0.8, 8), ("Solarize", 0.8, 7)),
        (("Sharpness", 0.4, 7), ("Invert", 0.6, 0)),
        (("ShearX", 0.6, 5), ("Equalize", 1.0, 0)),
        (("Color", 0.4, 0), ("Equalize", 0.6, 0)),
        (("Equalize", 0.4, 0), ("Solarize", 0.2, 4)),
        (("Solarize", 0.6, 5), ("AutoContrast", 0.6, 0)),
        (("Invert", 0.6, 0), ("Equalize", 1.0, 0)),
        (("Color", 0.6, 4), ("Contrast", 1.0, 8)),
        (("Equalize", 0.8, 0), ("Equalize", 0.6, 0)),
    ),
}
