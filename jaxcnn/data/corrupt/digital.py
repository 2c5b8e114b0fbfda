"""What cameras and programs do: contrast, colour, elastic stretch, coarse pixels, JPEG.

Hendrycks and Dietterich, 2019, section 3 and appendix B, https://arxiv.org/abs/1903.12261.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.ndimage import map_coordinates

from jaxcnn.data.augment import pillow
from jaxcnn.data.augment.transform import Fixed
from jaxcnn.data.corrupt.levels import fractions_of, image_of
from jaxcnn.data.corrupt.smoothing import smoothed_mirrored


@dataclass(frozen=True)
class Contrast(Fixed):
    """Values come nearer to the mean of their channel: of the distance `share` is left."""

    share: float

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        fractions = fractions_of(image)
        means = fractions.mean(axis=(0, 1), keepdims=True)
        return image_of((fractions - means) * self.share + means)


@dataclass(frozen=True)
class Saturate(Fixed):
    """Saturation, as HSV has it, times `factor` plus `more`; grey pixels count as red.

    An image of one channel has no colours, and stays as it is.
    """

    factor: float
    more: float

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        if image.shape[2] == 1:
            return image.copy()
        fractions = fractions_of(image)
        value = fractions.max(axis=2, keepdims=True)
        below = value - fractions  # Saturation times value, of the channel that has least.
        most = below.max(axis=2, keepdims=True)
        saturation = np.divide(most, value, out=np.zeros_like(most), where=value > 0)
        wanted = np.clip(saturation * self.factor + self.more, 0, 1)
        of_most = np.divide(below, most, out=np.zeros_like(below), where=most > 0)
        of_most = np.where(most > 0, of_most, [0.0, 1.0, 1.0])
        return image_of(value - of_most * wanted * value)


@dataclass(frozen=True)
class ElasticTransform:
    """The image as rubber: three of its points are moved at random, then all of it in waves.

    Simard et al., 2003, http://cognitivemedium.com/assets/rmnist/Simard.pdf, has the waves.

    Args:
        amplitude: of the waves before they are smoothed, in pixels.
        sigma: of the Gaussian that smooths them, in pixels.
        reach: how far each of the points may go along each axis, in pixels.
    """

    amplitude: float
    sigma: float
    reach: float

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        height, width = image.shape[:2]
        middle = np.array([width // 2, height // 2], np.float32)
        third = min(height, width) // 3
        points = middle + third * np.array([[1, 1], [1, -1], [-1, -1]], np.float32)
        gone = rng.uniform(-self.reach, self.reach, size=points.shape).astype(np.float32)
        warped = cv2.warpAffine(
            fractions_of(image).astype(np.float32),
            cv2.getAffineTransform(points, points + gone),
            (width, height),
            borderMode=cv2.BORDER_REFLECT_101,
        ).reshape(image.shape)
        across, down = (
            smoothed_mirrored(rng.uniform(-1, 1, size=(height, width)), self.sigma) * self.amplitude
            for _ in range(2)
        )
        rows, columns = np.ogrid[:height, :width]
        places = np.stack([rows + down, columns + across])
        channels = [
            map_coordinates(warped[..., channel], places, order=1, mode="reflect")
            for channel in range(image.shape[2])
        ]
        return image_of(np.stack(channels, axis=-1))


@dataclass(frozen=True)
class Pixelate(Fixed):
    """Fewer pixels: `share` of each side, shown as squares."""

    share: float

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        height, width = image.shape[:2]
        rows, columns = (max(1, int(side * self.share)) for side in (height, width))
        return pillow.resize(pillow.resize(image, rows, columns, "box"), height, width, "box")


@dataclass(frozen=True)
class JpegCompression(Fixed):
    """Written as a JPEG of that `quality` and read again."""

    quality: int

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        # OpenCV has blue first; one channel turned round is itself.
        quality = [cv2.IMWRITE_JPEG_QUALITY, self.quality]
        _, coded = cv2.imencode(".jpg", image[..., ::-1], quality)
        decoded = cv2.imdecode(coded, cv2.IMREAD_UNCHANGED)
        assert decoded is not None  # It was written a line above.
        return np.ascontiguousarray(decoded.reshape(image.shape)[..., ::-1])
