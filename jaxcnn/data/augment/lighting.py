"""Images in another light."""

from dataclasses import dataclass

import numpy as np

from jaxcnn.data.augment import colour
from jaxcnn.data.errors import DataError

# Principal components of ImageNet's pixels in units of 1 (white), the vectors as columns; computed
# for fb.resnet.torch, https://github.com/facebookarchive/fb.resnet.torch (datasets/imagenet.lua).
IMAGENET_EIGENVALUES = (0.2175, 0.0188, 0.0045)
IMAGENET_EIGENVECTORS = (
    (-0.5675, 0.7192, 0.4009),
    (-0.5808, -0.0045, -0.8140),
    (-0.5836, -0.6948, 0.4203),
)


@dataclass(frozen=True)
class Lighting:
    """Adds one random colour, distributed as ImageNet's, to all pixels of an image.

    Krizhevsky et al., 2012, section 4.1,
    https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks

    Args:
        std: of the share of each principal component; the paper's is 0.1.
    """

    std: float = 0.1

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        if image.shape[2] != 3:
            raise DataError(f"lighting needs 3 channels, the image has {image.shape[2]}")
        shares = rng.normal(scale=self.std, size=3) * IMAGENET_EIGENVALUES
        added = 255 * (np.array(IMAGENET_EIGENVECTORS) @ shares)
        return colour.tint(image, added)
