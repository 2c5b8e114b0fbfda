"""AugMix: chains of operations, mixed."""

from dataclasses import dataclass

import numpy as np

from jaxcnn.data.augment.operations import COMMON, MIXED, perform
from jaxcnn.data.augment.warp import Sampling

OPERATIONS = tuple(name for name in COMMON if name != "Identity")


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
            for index in rng.integers(len(OPERATIONS), size=self.depth or rng.integers(1, 4)):
                strength = rng.integers(self.severity) / 9
                chained = perform(OPERATIONS[index], chained, strength, MIXED, self.sampling, rng)
            mixed += weight * chained
        return np.rint(mixed).astype(np.uint8)
