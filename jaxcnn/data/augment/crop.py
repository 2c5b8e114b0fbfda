"""A part of an image, of the size that is asked for."""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from jaxcnn.data.augment.pad import on_black
from jaxcnn.data.augment.transform import Size, pair
from jaxcnn.data.augment.window import Window, Windowed
from jaxcnn.data.errors import DataError
from jaxcnn.data.order import BatchRng


@dataclass(frozen=True)
class CenterCrop(Windowed):
    """The middle of the image."""

    size: Size

    def window(self, image: np.ndarray, rng: np.random.Generator, /) -> Window:
        height, width = pair(self.size)
        _check_crop(image, 0, height, width)
        # To the nearest pixel, as torchvision and timm have it.
        top, left = round((image.shape[0] - height) / 2), round((image.shape[1] - width) / 2)
        return Window(top, left, height, width)


@dataclass(frozen=True)
class RandomCrop(Windowed):
    """A window of `size` at any place of the image padded with `pad` black pixels each side."""

    size: Size
    pad: int = 0

    def window(self, image: np.ndarray, rng: np.random.Generator, /) -> Window:
        height, width = pair(self.size)
        _check_crop(image, self.pad, height, width)
        # The window's first row and column, in coordinates of the image before padding.
        top = int(rng.integers(image.shape[0] + 2 * self.pad - height + 1)) - self.pad
        left = int(rng.integers(image.shape[1] + 2 * self.pad - width + 1)) - self.pad
        return Window(top, left, height, width)

    def of_batch(self, images: np.ndarray, rng: BatchRng, /) -> np.ndarray:
        height, width = pair(self.size)
        _check_crop(images[0], self.pad, height, width)
        count, channels = len(images), images.shape[3]
        rows, columns = images.shape[1] + 2 * self.pad, images.shape[2] + 2 * self.pad
        padded = on_black(images, self.pad, self.pad, rows, columns)
        top = rng.integers(rows - height + 1)
        left = rng.integers(columns - width + 1)
        # A window's row is a run of bytes: where each starts, [N, height].
        row = np.arange(count) * rows + top
        starts = ((row[:, None] + np.arange(height)) * columns + left[:, None]) * channels
        runs = sliding_window_view(padded.reshape(-1), width * channels)
        return runs[starts].reshape(count, height, width, channels)


def _check_crop(image: np.ndarray, pad: int, height: int, width: int) -> None:
    rows, columns = image.shape[0] + 2 * pad, image.shape[1] + 2 * pad
    if height > rows or width > columns:
        raise DataError(f"cannot crop {height}x{width} from {rows}x{columns}; resize first")
