"""A part of an image, of the size that is asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from jaxcnn.data.augment.augment import Padding
from jaxcnn.data.augment.pad import mirrored_around, on_black
from jaxcnn.data.augment.transform import Fixed, Size, pair
from jaxcnn.data.augment.window import Window, Windowed
from jaxcnn.data.errors import DataError
from jaxcnn.data.order import BatchRng


@dataclass(frozen=True)
class CenterCrop(Windowed, Fixed):
    """The middle of the image."""

    size: Size

    def window(self, image: np.ndarray, rng: np.random.Generator, /) -> Window:
        height, width = pair(self.size)
        _check_crop(image.shape[:2], 0, height, width)
        # To the nearest pixel, as torchvision and timm have it.
        top, left = round((image.shape[0] - height) / 2), round((image.shape[1] - width) / 2)
        return Window(top, left, height, width)


@dataclass(frozen=True)
class RandomCrop(Windowed):
    """A window of `size` at any place of the image padded with `pad` pixels each side.

    Black ones, or the image's own, mirrored at its border, which itself is not repeated.
    """

    size: Size
    pad: int = 0
    padding: Padding = "black"

    def window(self, image: np.ndarray, rng: np.random.Generator, /) -> Window:
        drawn = self.draw(image.shape[:2], rng)
        # In coordinates of the image before padding.
        top, left = int(drawn["top"]) - self.pad, int(drawn["left"]) - self.pad
        return Window(top, left, *pair(self.size))

    def cut(self, image: np.ndarray, window: Window, /) -> np.ndarray:
        if self.padding == "black":
            return window.pixels(image)
        moved = replace(window, top=window.top + self.pad, left=window.left + self.pad)
        return moved.pixels(mirrored_around(image[None], self.pad)[0])

    def draw(
        self, size: tuple[int, int], rng: BatchRng | np.random.Generator, /
    ) -> Mapping[str, Any]:
        """The window's first row and column, counted from the corner of the padding."""
        height, width = pair(self.size)
        _check_crop(size, self.pad, height, width)
        rows, columns = (side + 2 * self.pad for side in size)
        return {"top": rng.integers(rows - height + 1), "left": rng.integers(columns - width + 1)}

    def of_batch(self, images: np.ndarray, rng: BatchRng, /) -> np.ndarray:
        drawn = self.draw(images.shape[1:3], rng)
        height, width = pair(self.size)
        count, channels = len(images), images.shape[3]
        rows, columns = images.shape[1] + 2 * self.pad, images.shape[2] + 2 * self.pad
        if self.padding == "black":
            padded = on_black(images, self.pad, self.pad, rows, columns)
        else:
            padded = mirrored_around(images, self.pad)
        # A window's row is a run of bytes: where each starts, [N, height].
        row = np.arange(count) * rows + drawn["top"]
        starts = ((row[:, None] + np.arange(height)) * columns + drawn["left"][:, None]) * channels
        runs = sliding_window_view(padded.reshape(-1), width * channels)
        return runs[starts].reshape(count, height, width, channels)


def _check_crop(size: tuple[int, int], pad: int, height: int, width: int) -> None:
    rows, columns = (side + 2 * pad for side in size)
    if height > rows or width > columns:
        raise DataError(f"cannot crop {height}x{width} from {rows}x{columns}; resize first")
