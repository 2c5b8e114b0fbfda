"""Where a class is predicted: a probability of its own, in place of 0.5."""

import numpy as np
from scipy.special import expit, logit

from jaxcnn.metrics.ranking import columns


def tuned_thresholds(labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """The probability above which to predict each class for the most F1, float [K].

    To be tuned on validation images, never on those that they are then judged by. Half way between
    the logits of two images; of equally good ones that nearest to 0.5, which is also that of a
    class that no image shows.

    Args:
        labels: [N, K] 1 where an image shows a class.
        logits: float [N, K].
    """
    both = zip(columns(labels > 0), columns(logits), strict=True)
    return np.array([_tuned(positive, scores.astype(np.float64)) for positive, scores in both])


def _tuned(positive: np.ndarray, scores: np.ndarray) -> float:
    scores = np.nan_to_num(scores, nan=-np.inf)
    found, everyone = np.sort(scores[positive]), np.sort(scores)
    found_values = np.unique(found[np.isfinite(found)])
    if not len(found_values):
        return 0.5
    # The best lies just below an image that shows the class.
    place = np.searchsorted(everyone, found_values)
    lower = np.where(place > 0, everyone[place - 1], -np.inf)
    cuts = np.where(np.isfinite(lower), (lower + found_values) / 2, found_values - 1)
    candidates = np.unique(np.append(expit(cuts), 0.5))
    # As they are used, so that a probability that rounds is judged by what it does.
    used = logit(candidates)
    predicted = len(everyone) - np.searchsorted(everyone, used, side="right")
    hits = len(found) - np.searchsorted(found, used, side="right")
    f1 = 2 * hits / (predicted + len(found))
    best = candidates[f1 == f1.max()]
    return float(best[abs(best - 0.5).argmin()])
