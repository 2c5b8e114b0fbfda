"""A square of one colour."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxcnn.data.order import BatchRng


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
        drawn = self.draw(image.shape[:2], rng)
        top, left = (int(drawn[name]) - self.size // 2 for name in ("row", "column"))
        covered = image.copy()
        covered[max(top, 0) : top + self.size, max(left, 0) : left + self.size] = self.fill
        return covered

    def draw(
        self, size: tuple[int, int], rng: BatchRng | np.random.Generator, /
    ) -> Mapping[str, Any]:
        """The square's centre."""
        return {"row": rng.integers(size[0]), "column": rng.integers(size[1])}
