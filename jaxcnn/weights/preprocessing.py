"""What images must look like to a set of weights: part of the weights, not of the model."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

Interpolation = Literal["bilinear", "bicubic"]
Channels = tuple[float, ...]
Statistics = tuple[Channels, Channels]

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
    """timm's `pretrained_cfg`, as config.json on the Hugging Face Hub holds it."""
    default = Preprocessing()
    size = config.get("input_size")
    return Preprocessing(
        mean=tuple(config.get("mean", default.mean)),
        std=tuple(config.get("std", default.std)),
        image_size=size[-1] if size else None,
        crop_fraction=config.get("crop_pct", default.crop_fraction),
        interpolation="bilinear" if config.get("interpolation") == "bilinear" else "bicubic",
    )
