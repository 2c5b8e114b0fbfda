"""Grey images for models of colour."""

from dataclasses import dataclass

import numpy as np

from jaxcnn.data.augment.transform import Fixed
from jaxcnn.data.errors import DataError
from jaxcnn.data.order import BatchRng


@dataclass(frozen=True)
class ToChannels(Fixed):
    """Grey repeated over `channels`; an image that has them already stays as it is."""

    channels: int

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        if image.shape[2] == self.channels:
            return image
        if image.shape[2] != 1:
            raise DataError(f"cannot make {self.channels} channels of {image.shape[2]}")
        return np.repeat(image, self.channels, axis=2)

    def of_batch(self, images: np.ndarray, rng: BatchRng, /) -> np.ndarray:
        if images.shape[3] == 1:
            return np.repeat(images, self.channels, axis=3)
        self(images[0], np.random.default_rng(0))  # Of other channels it says what is wrong.
        return images
