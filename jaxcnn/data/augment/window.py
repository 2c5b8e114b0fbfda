"""Windows that one looks at an image through, and transforms that show another one.

Boxes are fractions of the image's sides, so stretching leaves them alone. What moves them is a
change of the window: such a transform first chooses its `window`, then `cut`s it out, and
`transform_example` takes the boxes along.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from jaxcnn.data.augment.pillow import Interpolation


@dataclass(frozen=True)
class Window:
    """A rectangle in pixels of an image, which may reach beyond it, maybe seen in a mirror.

    Where it is brought to another size, `interpolation` says how.
    """

    top: int
    left: int
    height: int
    width: int
    mirrored: bool = False
    interpolation: Interpolation = "bilinear"

    def pixels(self, image: np.ndarray) -> np.ndarray:
        """The window's part of an image, black where it reaches beyond it."""
        top, left, height, width = self.top, self.left, self.height, self.width
        # A window that ends above or left of the image shows none of it.
        bottom, right = max(top + height, 0), max(left + width, 0)
        inside = image[max(top, 0) : bottom, max(left, 0) : right]
        if inside.shape[:2] == (height, width):
            return inside
        shown = np.zeros((height, width, image.shape[2]), np.uint8)
        row, column = max(-top, 0), max(-left, 0)
        shown[row : row + inside.shape[0], column : column + inside.shape[1]] = inside
        return shown

    def boxes(self, boxes: np.ndarray, height: int, width: int) -> np.ndarray:
        """Boxes [B, 4] of a height x width image, as fractions of the window; cut at its border."""
        size = np.array([height, width, height, width], np.float32)
        start = np.array([self.top, self.left, self.top, self.left], np.float32)
        sides = np.array([self.height, self.width, self.height, self.width], np.float32)
        moved = ((boxes * size - start) / sides).clip(0, 1)
        if self.mirrored:
            moved[:, [1, 3]] = 1 - moved[:, [3, 1]]
        return moved


class Windowed(ABC):
    """A transform that shows another window of the image."""

    @abstractmethod
    def window(self, image: np.ndarray, rng: np.random.Generator, /) -> Window:
        """Which part of the image is shown."""

    def cut(self, image: np.ndarray, window: Window, /) -> np.ndarray:
        """That part, black where it reaches beyond the image."""
        return window.pixels(image)

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        return self.cut(image, self.window(image, rng))
