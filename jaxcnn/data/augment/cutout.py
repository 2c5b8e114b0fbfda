"""A square of one colour."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Cutout:
    """Cover a square whose centre is any pixel. DeVries & Taylor, 2017, arxiv.org/abs/1708.04552.

    Args:
        size: side of the square in pixels; what lies beyond the border is cut off.
        fill: colour; the paper's, 0 after normalisation, is the mean of the training set.
    """

    size: int
    fill: tuple[int, ...] = (0,)

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        rows, columns, _ = image.shape
        top = int(rng.integers(rows)) - self.size // 2
        left = int(rng.integers(columns)) - self.size // 2
        covered = image.copy()
        covered[max(top, 0) : top + self.size, max(left, 0) : left + self.size] = self.fill
        return covered
