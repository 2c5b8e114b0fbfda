"""Boxes from maps, and how many are right: localisation that no box was learned for.

Choe et al., 2020, https://arxiv.org/abs/2001.07437.
"""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from jaxcnn.errors import UserError

# As in the paper: a box is right from this overlap; any threshold between 0 and 1 may be best.
LEAST_OVERLAP = 0.5
THRESHOLDS = tuple(i / 100 for i in range(100))


class Box(NamedTuple):
    """Edges in pixels, from the picture's left and top: pixel 0 is from 0 to 1."""

    left: int
    top: int
    right: int
    bottom: int


class MaxBoxAcc(NamedTuple):
    """The share of pictures whose box is right, at the threshold where that is largest."""

    accuracy: float
    threshold: float


def box(map_: np.ndarray, threshold: float) -> Box:
    """The box around the largest connected part of what is `threshold` or above.

    Args:
        map_: [H, W]; its values are brought to [0, 1] first, by its least and largest. One that is
            everywhere the same counts as 1 everywhere.
        threshold: in [0, 1].

    Pixels that touch at a corner are connected; of equal parts the upper left counts.

    Raises UserError for a map of another rank or with a value that is not finite, or a threshold
    out of range.
    """
    if np.ndim(map_) != 2 or not np.isfinite(map_).all():
        raise UserError(f"a map is [H, W] of finite numbers; got {np.shape(map_)}")
    if not 0 <= threshold <= 1:
        raise UserError(f"threshold={threshold} is out of range; it must be 0 to 1")
    above = (_normalized(np.asarray(map_, np.float64)) >= threshold).astype(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(above, connectivity=8)
    parts = stats[1:]  # The first is what is below.
    left, top, width, height, _ = map(int, parts[parts[:, cv2.CC_STAT_AREA].argmax()])
    return Box(left, top, left + width, top + height)


def overlap(one: Box, other: Box) -> float:
    """Intersection over union: 0 apart, 1 the same."""
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    both = max(width, 0) * max(height, 0)
    return both / (_area(one) + _area(other) - both)


def max_box_accuracy(
    maps: Sequence[np.ndarray] | np.ndarray,
    boxes: Sequence[Sequence[Box]],
    least_overlap: float = LEAST_OVERLAP,
    thresholds: Sequence[float] = THRESHOLDS,
) -> MaxBoxAcc:
    """MaxBoxAcc: the accuracy of boxes at the best threshold, one for all pictures.

    The threshold is chosen on the pictures themselves, as the paper has it: it asks how well maps
    could do, so that how a method spreads its values does not count.

    Args:
        maps: [H, W] of each picture.
        boxes: the true ones of each picture, one or more; the map's has to overlap with any.
        least_overlap: intersection over union from which a box is right.
        thresholds: those tried, in [0, 1]; of equally good ones the first counts.

    Raises UserError where there are no maps, not as many as pictures with boxes, or one has none.
    """
    if not len(maps) == len(boxes) > 0 or not all(boxes):
        raise UserError(
            f"each map needs true boxes, one or more; got {len(maps)} maps, "
            f"{len(boxes)} pictures' boxes"
        )

    def accuracy(threshold: float) -> float:
        right = [
            max(overlap(box(map_, threshold), Box(*true)) for true in trues) >= least_overlap
            for map_, trues in zip(maps, boxes, strict=True)
        ]
        return float(np.mean(right))

    accuracies = [accuracy(threshold) for threshold in thresholds]
    best = int(np.argmax(accuracies))
    return MaxBoxAcc(accuracies[best], thresholds[best])


def _normalized(map_: np.ndarray) -> np.ndarray:
    low, high = map_.min(), map_.max()
    return (map_ - low) / (high - low) if high > low else np.ones_like(map_)


def _area(one: Box) -> int:
    return (one.right - one.left) * (one.bottom - one.top)
