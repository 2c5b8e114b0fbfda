"""A part of an image, of any size, brought to the one that is asked for."""

from dataclasses import dataclass, replace

import numpy as np

from jaxcnn.data.augment import pillow
from jaxcnn.data.augment.pillow import DrawnInterpolation
from jaxcnn.data.augment.resize import Resize
from jaxcnn.data.augment.transform import Size
from jaxcnn.data.augment.window import Window, Windowed


@dataclass(frozen=True)
class RandomResizedCrop(Windowed):
    """A random part of the image, of random shape, brought to `size`.

    Szegedy et al., 2015, section 6, https://arxiv.org/abs/1409.4842, in torchvision's form: ten
    draws of area and log aspect; if none fits, the largest centre crop of an allowed aspect.

    Args:
        area: least and greatest share of the image.
        aspect: least and greatest width over height.
        interpolation: how it is brought there.
    """

    size: Size
    area: tuple[float, float] = (0.08, 1.0)
    aspect: tuple[float, float] = (3 / 4, 4 / 3)
    interpolation: DrawnInterpolation = "bilinear"

    def cut(self, image: np.ndarray, window: Window, /) -> np.ndarray:
        return Resize(self.size, window.interpolation).stretch(window.pixels(image))

    def window(self, image: np.ndarray, rng: np.random.Generator, /) -> Window:
        window = self._place(image, rng)
        return replace(window, interpolation=pillow.drawn(self.interpolation, rng))

    def _place(self, image: np.ndarray, rng: np.random.Generator) -> Window:
        rows, columns = image.shape[:2]
        log_aspect = np.log(self.aspect)
        for _ in range(10):
            area = rng.uniform(*self.area) * rows * columns
            ratio = np.exp(rng.uniform(*log_aspect))
            width, height = round((area * ratio) ** 0.5), round((area / ratio) ** 0.5)
            if 0 < width <= columns and 0 < height <= rows:
                top = int(rng.integers(rows - height + 1))
                left = int(rng.integers(columns - width + 1))
                return Window(top, left, height, width)
        least, greatest = self.aspect
        width = min(columns, max(1, round(rows * greatest)))
        height = min(rows, max(1, round(columns / least)))
        return Window((rows - height) // 2, (columns - width) // 2, height, width)
