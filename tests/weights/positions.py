"""Positions that are resampled, drawn anew each time, so that the goldens have results alone."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

GOLDENS = Path(__file__).parent / "goldens" / "positions.npz"


@dataclass(frozen=True)
class Positions:
    """From `old` patches, or tokens of a window, each way to `new`; `first` tokens before them."""

    kind: str
    old: int
    new: int
    first: int = 0

    @property
    def id(self) -> str:
        return f"{self.kind}-{self.first}-{self.old}-{self.new}"


EMBEDDINGS = [
    Positions("embedding", 24, 14, first=1),
    Positions("embedding", 7, 12, first=1),
    Positions("embedding", 14, 9, first=0),
]
BIAS_TABLES = [
    Positions("bias_table", 12, 7),
    Positions("bias_table", 7, 12),
    Positions("bias_table", 7, 8),
]


def embedding(case: Positions) -> np.ndarray:
    rng = np.random.default_rng(case.old)
    return rng.normal(size=(1, case.first + case.old**2, 3)).astype(np.float32)


def bias_table(case: Positions) -> np.ndarray:
    rng = np.random.default_rng(case.old)
    return rng.normal(size=((2 * case.old - 1) ** 2, 2)).astype(np.float32)
