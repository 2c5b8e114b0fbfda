"""Curves of one class, of no more points than a plot shows."""

from dataclasses import dataclass
from typing import Any

import numpy as np

MOST_POINTS = 200


@dataclass(frozen=True, eq=False)
class Curve:
    """Points [P] from one end to the other, each end included."""

    x: np.ndarray
    y: np.ndarray

    def to_json(self) -> dict[str, Any]:
        return {"x": self.x.tolist(), "y": self.y.tolist()}


def precision_over_recall(positive: np.ndarray, scores: np.ndarray) -> Curve | None:
    """x: recall, falling; y: precision. None where no image shows the class.

    Args:
        positive: bool [N] whether an image shows the class.
        scores: float [N] of any scale; what is no number ranks last.
    """
    if not positive.any():
        return None
    # Here, for a plain evaluation need not wait for scikit-learn.
    from sklearn.metrics import precision_recall_curve

    precision, recall, _ = precision_recall_curve(positive, _finite(scores), drop_intermediate=True)
    return _thinned(recall, precision)


def roc(positive: np.ndarray, scores: np.ndarray) -> Curve | None:
    """x: false positive rate, rising; y: true positive rate. None where all images show the class,
    or none does; for the arguments see `precision_over_recall`."""
    if not positive.any() or positive.all():
        return None
    from sklearn.metrics import roc_curve

    false_rate, true_rate, _ = roc_curve(positive, _finite(scores), drop_intermediate=True)
    return _thinned(false_rate, true_rate)


def _thinned(x: np.ndarray, y: np.ndarray) -> Curve:
    """Points that are about as far from each other along the curve, so that steps stay steps."""
    way = np.r_[0.0, np.cumsum(abs(np.diff(x)) + abs(np.diff(y)))]
    if len(way) > MOST_POINTS:
        kept = np.unique(np.searchsorted(way, np.linspace(0, way[-1], MOST_POINTS)))
        x, y = x[kept], y[kept]
    return Curve(x, y)


def _finite(scores: np.ndarray) -> np.ndarray:
    """What scikit-learn takes, in the same order."""
    scores = scores.astype(np.float64)
    return np.nan_to_num(scores, nan=np.finfo(np.float64).min)
