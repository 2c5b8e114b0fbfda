"""Images brought to another size."""

from dataclasses import dataclass

import cv2
import numpy as np

from jaxcnn.data.augment import pillow
from jaxcnn.data.augment.pillow import Interpolation
from jaxcnn.data.augment.transform import Fixed, Size, pair


@dataclass(frozen=True)
class Resize(Fixed):
    """Stretch to `size`. What shrinks is averaged over areas, so that nothing aliases."""

    size: Size
    interpolation: Interpolation = "bilinear"

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        return self.stretch(image)

    def stretch(self, image: np.ndarray) -> np.ndarray:
        height, width = pair(self.size)
        if image.shape[:2] == (height, width):
            return image
        rows, columns = image.shape[:2]
        shrinks = height <= rows and width <= columns
        if not shrinks and (height < rows or width < columns):
            # OpenCV would treat both axes alike, and one of them alias.
            return pillow.resize(image, height, width, self.interpolation)
        between = {"bilinear": cv2.INTER_LINEAR, "bicubic": cv2.INTER_CUBIC}[self.interpolation]
        if shrinks and rows <= 2 * height and columns <= 2 * width:
            # Half the time of OpenCV's averages over areas of other sizes, and on photographs
            # within a grey level of Pillow's antialiased bilinear, or two of its bicubic.
            image = cv2.resize(image, (2 * width, 2 * height), interpolation=between)
        resized = cv2.resize(
            image, (width, height), interpolation=cv2.INTER_AREA if shrinks else between
        )
        return resized.reshape(height, width, -1)  # OpenCV drops a single channel.


@dataclass(frozen=True)
class ResizeShorter(Fixed):
    """Bring the shorter side to `size` pixels, the longer in proportion.

    By Pillow, whose antialiased interpolation is what timm and torchvision evaluate with: weights
    are measured with the very pixels that they were published with.
    """

    size: int
    interpolation: Interpolation = "bicubic"

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        height, width = image.shape[:2]
        shorter = min(height, width)
        if shorter == self.size:
            return image
        height, width = self.size * height // shorter, self.size * width // shorter
        return pillow.resize(image, height, width, self.interpolation)
