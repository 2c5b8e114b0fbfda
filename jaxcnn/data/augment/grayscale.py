"""Images without colour."""

from dataclasses import dataclass

import numpy as np

from jaxcnn.data.augment import colour


@dataclass(frozen=True)
class Grayscale:
    """Takes the colour out of an image, which keeps its channels."""

    probability: float = 0.1

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        return colour.greyscale(image) if rng.random() < self.probability else image
