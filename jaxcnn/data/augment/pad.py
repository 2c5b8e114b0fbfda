"""Black around an image, or its own pixels."""

from dataclasses import dataclass

import numpy as np

from jaxcnn.data.augment.transform import Fixed, Size, pair
from jaxcnn.data.augment.window import Window, Windowed
from jaxcnn.data.errors import DataError
from jaxcnn.data.order import BatchRng


@dataclass(frozen=True)
class Pad(Windowed, Fixed):
    """Add black all around, the image in the centre, as LeNet makes 32x32 of 28x28."""

    size: Size

    def window(self, image: np.ndarray, rng: np.random.Generator, /) -> Window:
        height, width = pair(self.size)
        top, left = (height - image.shape[0]) // 2, (width - image.shape[1]) // 2
        if top < 0 or left < 0:
            raise DataError(
                f"cannot pad {image.shape[0]}x{image.shape[1]} to {height}x{width};"
                " resize by interpolation"
            )
        return Window(-top, -left, height, width)

    def of_batch(self, images: np.ndarray, rng: BatchRng, /) -> np.ndarray:
        window = self.window(images[0], np.random.default_rng(0))  # It draws nothing.
        return on_black(images, -window.top, -window.left, window.height, window.width)


def on_black(images: np.ndarray, top: int, left: int, height: int, width: int) -> np.ndarray:
    """Images [N, H, W, C] so far below and right of the upper left corner of larger black ones."""
    rows, columns = images.shape[1:3]
    padded = np.zeros((len(images), height, width, images.shape[3]), np.uint8)
    padded[:, top : top + rows, left : left + columns] = images
    return padded


def mirrored_around(images: np.ndarray, pad: int) -> np.ndarray:
    """Images [N, H, W, C] with so many pixels more on each side, mirrored at the outermost ones."""
    return np.pad(images, ((0, 0), (pad, pad), (pad, pad), (0, 0)), mode="reflect")
