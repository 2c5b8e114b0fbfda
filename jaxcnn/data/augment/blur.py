"""Images out of focus."""

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class GaussianBlur:
    """Blurs by a Gaussian of random width, the image mirrored at its border.

    Chen et al., 2020, appendix A, https://arxiv.org/abs/2002.05709: half of the images, by a kernel
    of a tenth of the image's shorter side (here at least 3 pixels).

    Args:
        probability: of blurring at all.
        sigma: least and greatest standard deviation, in pixels.
    """

    probability: float = 0.5
    sigma: tuple[float, float] = (0.1, 2.0)

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        if rng.random() >= self.probability:
            return image
        side = 2 * max(1, min(image.shape[:2]) // 20) + 1
        weights = cv2.getGaussianKernel(side, rng.uniform(*self.sigma))
        # Nearer than cv2.GaussianBlur, which rounds the weights, and faster.
        blurred = cv2.sepFilter2D(image, -1, weights, weights, borderType=cv2.BORDER_REFLECT_101)
        return blurred.reshape(image.shape)
