"""RandAugment in torchvision's form."""

from dataclasses import dataclass

import numpy as np

from jaxcnn.data.augment.operations import COMMON, USUAL, perform
from jaxcnn.data.augment.warp import Sampling


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
            image = perform(COMMON[index], image, magnitude / 30, USUAL, self.sampling, rng)
        return image
