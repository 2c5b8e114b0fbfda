"""TrivialAugment: nothing to tune."""

from dataclasses import dataclass

import numpy as np

from jaxcnn.data.augment.operations import COMMON, WIDE, perform
from jaxcnn.data.augment.warp import Sampling


@dataclass(frozen=True)
class TrivialAugmentWide:
    """One operation at one strength, both drawn at random. Müller and Hutter, 2021.

    https://arxiv.org/abs/2103.10158, the wide search space; 31 strengths.
    """

    sampling: Sampling = Sampling()

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        name, strength = COMMON[rng.integers(len(COMMON))], rng.integers(31) / 30
        return perform(name, image, strength, WIDE, self.sampling, rng)
