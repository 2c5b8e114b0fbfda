"""Ice on a window pane, drawn: sheaves of needles, dim and bright patches."""

import math

import cv2
import numpy as np

# Of white; ice is a little blue. Its levels are about those of photographs of frost: means of 0.45
# to 0.8 with standard deviations of 0.1 to 0.17.
TINT = np.array([0.9, 0.96, 1.0])
NEEDLES = 12
"""In a sheaf."""
SUBPIXEL_BITS = 4


def ice(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """Float [height, width, 3] in [0, 1]; needles are 6 to 60 pixels long."""
    needles = np.zeros((height, width), np.uint8)
    # The later ones lie on those before, and are brighter.
    for brightness in (70, 140, 255):
        lines = _sheaves(height, width, max(3, height * width // 700), rng)
        fixed = np.rint(lines * 2**SUBPIXEL_BITS).astype(np.int32)
        cv2.polylines(needles, list(fixed), False, brightness, 1, cv2.LINE_AA, SUBPIXEL_BITS)
    light = needles / 255
    # Edges stand out from what is around them, as where ice breaks light.
    relief = light - cv2.GaussianBlur(light, (0, 0), 3)
    patches = rng.random((4, 4))
    dense = cv2.resize(patches, (width, height), interpolation=cv2.INTER_CUBIC)
    bright = rng.uniform(0.4, 0.75) + 0.25 * dense + (0.2 + 0.4 * dense) * relief
    return np.clip(bright[..., None] * TINT, 0, 1)


def _sheaves(height: int, width: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Float [N, 2, 2]: needles from (x, y) to (x, y), those of a sheaf in about one direction."""
    many = (count, NEEDLES)
    root = rng.uniform(0, (width, height), size=(count, 1, 2))
    starts = root + rng.normal(scale=3, size=(*many, 2))
    angle = rng.uniform(0, 2 * math.pi, size=(count, 1)) + rng.normal(scale=0.4, size=many)
    length = np.minimum(6 + rng.exponential(12, size=many), 60)
    ends = starts + length[..., None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    return np.stack([starts, ends], axis=-2).reshape(-1, 2, 2)
