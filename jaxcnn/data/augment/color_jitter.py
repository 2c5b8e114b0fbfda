"""Images lighter, starker, gaudier or of other hues."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from jaxcnn.data.augment import colour


@dataclass(frozen=True)
class ColorJitter:
    """Random brightness, contrast, saturation and hue, in random order. torchvision's definition.

    Args:
        brightness, contrast, saturation: the factor is uniform in 1 ± this, and at least 0.
        hue: the turn is uniform in ± this, at most 0.5 of the circle.
    """

    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        factors = (
            (colour.brightness, self.brightness),
            (colour.contrast, self.contrast),
            (colour.saturation, self.saturation),
        )
        changes = [
            partial(change, factor=rng.uniform(max(0.0, 1 - reach), 1 + reach))
            for change, reach in factors
            if reach
        ]
        if self.hue:
            changes.append(partial(colour.hue, turn=rng.uniform(-self.hue, self.hue)))
        for index in rng.permutation(len(changes)):
            image = changes[index](image)
        return image
