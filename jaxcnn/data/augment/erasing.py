"""Rectangles of noise, as their paper has them and as timm has."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class RandomErasing:
    """Cover a random rectangle with noise. Zhong et al., 2017, https://arxiv.org/abs/1708.04896.

    Args:
        probability: of erasing at all.
        area: least and greatest share of the image covered.
        aspect: least and greatest height over width.
    """

    probability: float
    area: tuple[float, float] = (0.02, 0.4)
    aspect: tuple[float, float] = (0.3, 1 / 0.3)

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        if rng.random() >= self.probability:
            return image
        rows, columns, channels = image.shape
        # The paper draws until the rectangle fits; an extreme image may have none that does.
        for _ in range(100):
            covered = rng.uniform(*self.area) * rows * columns
            ratio = rng.uniform(*self.aspect)
            height, width = round((covered * ratio) ** 0.5), round((covered / ratio) ** 0.5)
            if 0 < height <= rows and 0 < width <= columns:
                top = rng.integers(rows - height + 1)
                left = rng.integers(columns - width + 1)
                erased = image.copy()
                noise = rng.integers(256, size=(height, width, channels), dtype=np.uint8)
                erased[top : top + height, left : left + width] = noise
                return erased
        return image


@dataclass(frozen=True)
class TimmErasing:
    """Cover a random rectangle with what is normal noise once the image is normalised.

    timm's random erasing as DeiT, Swin and ConvNeXt were trained with it (mode pixel, one
    rectangle): the aspect is uniform in its logarithm. An image of bytes cuts the noise off at
    black and white: by ImageNet's statistics, 3 % of it. `timm/data/random_erasing.py` of
    https://github.com/huggingface/pytorch-image-models, 1.0.31

    Args:
        probability: of erasing at all.
        mean: per channel or one for all, of images in [0, 1], that they are normalised by.
        std: standard deviation, likewise.
        area: least and greatest share of the image covered.
        least_aspect: least height over width, and least width over height.
    """

    probability: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    area: tuple[float, float] = (0.02, 1 / 3)
    least_aspect: float = 0.3

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        if rng.random() >= self.probability:
            return image
        rows, columns, channels = image.shape
        log_aspect = np.log([self.least_aspect, 1 / self.least_aspect])
        for _ in range(10):
            covered = rng.uniform(*self.area) * rows * columns
            ratio = np.exp(rng.uniform(*log_aspect))
            height, width = round((covered * ratio) ** 0.5), round((covered / ratio) ** 0.5)
            if height < rows and width < columns:
                top = rng.integers(rows - height + 1)
                left = rng.integers(columns - width + 1)
                erased = image.copy()
                noise = rng.standard_normal((height, width, channels), np.float32)
                noise *= 255 * np.array(self.std, np.float32)
                # With a half, so that cutting off rounds.
                noise += 255 * np.array(self.mean, np.float32) + np.float32(0.5)
                erased[top : top + height, left : left + width] = noise.clip(0, 255, out=noise)
                return erased
        return image
