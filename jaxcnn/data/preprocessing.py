"""What images must look like to a set of weights: part of the weights, not of the model."""

import math
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from jaxcnn.errors import UserError

Interpolation = Literal["bilinear", "bicubic"]
Channels = tuple[float, ...]
Statistics = tuple[Channels, Channels]

# What no network has more of, in channels, and in pixels on a side.
MOST_CHANNELS, LARGEST_SIDE = 1024, 16_384

# Of ImageNet's training images; and what brings colours to -1 to 1.
IMAGENET: Statistics = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HALF: Statistics = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)


@dataclass(frozen=True)
class Preprocessing:
    """How the weights' own evaluation prepared a photograph.

    Attributes:
        mean: per channel, of images in [0, 1]; `std` likewise.
        image_size: height and width in pixels; None for the model's own.
        crop_fraction: side of the central crop over the shorter side of the resized photograph.
        interpolation: of that resize, antialiased.
    """

    mean: Channels = IMAGENET[0]
    std: Channels = IMAGENET[1]
    image_size: int | None = None
    crop_fraction: float = 0.875
    interpolation: Interpolation = "bicubic"

    def for_channels(self, channels: int, mean: Channels, std: Channels) -> "Preprocessing":
        """Itself for images of so many channels, or with the data's own `mean` and `std` where
        those here are of another number: a file of weights for grey images states none.
        """
        if len(self.mean) in (1, channels):
            return self
        return replace(self, mean=mean, std=std)


def from_config(config: Mapping[str, Any]) -> Preprocessing:
    """timm's `pretrained_cfg`, as config.json on the Hugging Face Hub holds it.

    Raises UserError, naming the field, for what no network's images are.
    """
    default = Preprocessing()
    mean = _numbers(config, "mean", default.mean)
    std = _numbers(config, "std", default.std)
    if len(mean) != len(std) or min(std) <= 0:
        raise UserError(
            f"std is {reprlib.repr(std)}, not a number above 0 for each channel of mean"
        )
    size = config.get("input_size")
    if size is not None and not (
        isinstance(size, list) and size and type(size[-1]) is int and 0 < size[-1] <= LARGEST_SIDE
    ):
        raise UserError(
            f"input_size is {reprlib.repr(size)}, not channels, height and width of at most "
            f"{LARGEST_SIDE:,} pixels"
        )
    crop = default.crop_fraction if config.get("crop_pct") is None else config["crop_pct"]
    if not (_is_number(crop) and 0 < crop <= 1):
        raise UserError(f"crop_pct is {reprlib.repr(crop)}, not above 0 and at most 1")
    return Preprocessing(
        mean=mean,
        std=std,
        image_size=size[-1] if size else None,
        crop_fraction=crop,
        interpolation="bilinear" if config.get("interpolation") == "bilinear" else "bicubic",
    )


def _numbers(config: Mapping[str, Any], name: str, default: Channels) -> Channels:
    values = config.get(name)
    if values is None:
        return default
    if not (isinstance(values, list) and 0 < len(values) <= MOST_CHANNELS):
        raise UserError(f"{name} is {reprlib.repr(values)}, not a number for each channel")
    if not all(map(_is_number, values)):
        raise UserError(f"{name} is {reprlib.repr(values)}, not finite numbers")
    return tuple(values)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 2**63 and math.isfinite(value)
