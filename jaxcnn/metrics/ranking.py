"""How well scores put the images that show a class before the others.

scikit-learn's figures, from one sort of a class's scores: a thousand classes of 50,000 images take
its functions half a minute.
"""

from collections.abc import Iterator

import numpy as np

# Classes whose scores are copied at a time: a column of a matrix by rows is slow to read alone.
COLUMNS = 64


def ranking_figures(positive: np.ndarray, scores: np.ndarray) -> tuple[float | None, float | None]:
    """Average precision, and the area under the ROC curve.

    Average precision is precision summed over the steps of recall, not interpolated; None where no
    image shows the class. The area is how often an image that shows it has the higher score of two,
    a tie counting half; None where all show it, too.

    Args:
        positive: bool [N] whether an image shows the class.
        scores: float [N] of any scale; what is no number ranks last.
    """
    found = np.sort(_without_nan(scores[positive]))
    if not len(found):
        return None, None
    everyone = np.sort(_without_nan(scores))
    lower = np.searchsorted(everyone, found)  # Images below each that shows the class, or equal ...
    not_higher = np.searchsorted(everyone, found, side="right")
    found_lower = np.searchsorted(found, found)  # ... and of those that show it.
    precisions = (len(found) - found_lower) / (len(everyone) - lower)
    others = len(everyone) - len(found)
    if not others:
        return float(precisions.mean()), None
    found_not_higher = np.searchsorted(found, found, side="right")
    beaten = ((lower - found_lower) + (not_higher - found_not_higher)) / 2
    return float(precisions.mean()), float(beaten.mean() / others)


def columns(matrix: np.ndarray) -> Iterator[np.ndarray]:
    """Those of [N, K], each in one piece."""
    for start in range(0, matrix.shape[1], COLUMNS):
        yield from np.ascontiguousarray(matrix[:, start : start + COLUMNS].T)


def _without_nan(scores: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(scores), -np.inf, scores)
