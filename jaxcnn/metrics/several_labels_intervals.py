"""How sure mAP and OF1 are: images drawn again."""

from collections.abc import Callable

import numpy as np

from jaxcnn.metrics.intervals import MOST_AT_A_TIME, RESAMPLES, Interval, percentile_interval

# Decisions, N K, above which mAP's interval would take more than seconds.
MOST_DECISIONS = 200_000


def of1_interval(
    hits: np.ndarray, shown: np.ndarray, predicted: np.ndarray, seed: int = 0
) -> Interval | None:
    """Of `overall_f1`, for its arguments; None of fewer than two images.

    Images with the same three counts, of which there are few, are drawn together.
    """
    n = len(hits)
    if n < 2:
        return None
    alike, images = np.unique(np.stack([hits, shown + predicted], 1), axis=0, return_counts=True)
    rng = np.random.default_rng(seed)
    draws = rng.multinomial(n, images / n, size=RESAMPLES)  # [R, A]
    right, made = (draws @ alike).T
    return percentile_interval(2 * right / np.maximum(made, 1))


def mean_average_precision_interval(
    truth: np.ndarray, logits: np.ndarray, seed: int = 0
) -> Interval | None:
    """Of mAP, for bool and float [N, K]; None of fewer than two images, and of too many decisions.

    In each resample the mean is over the classes that it shows.
    """
    n, classes = truth.shape
    if n < 2 or n * classes > MOST_DECISIONS or not truth.any():
        return None
    scores = np.where(np.isnan(logits), -np.inf, logits)
    of_class = [_precision_of(truth[:, k], scores[:, k]) for k in np.flatnonzero(truth.any(0))]
    rng = np.random.default_rng(seed)
    batch = max(1, MOST_AT_A_TIME // n)
    means = []
    for start in range(0, RESAMPLES, batch):
        size = min(batch, RESAMPLES - start)
        drawn = rng.integers(n, size=(size, n)) + n * np.arange(size)[:, None]
        times = np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n)
        precisions = np.stack([precision(times) for precision in of_class])
        known = np.isfinite(precisions)
        means.append(np.where(known, precisions, 0.0).sum(0) / np.maximum(known.sum(0), 1))
    return percentile_interval(np.concatenate(means))


def _precision_of(positive: np.ndarray, scores: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """A class's average precision, [R], where the images count int [R, N] times; not a number
    where those that show it count for nothing."""
    order = np.argsort(-scores, kind="stable")
    ranked = -scores[order]  # Rising.
    found = order[positive[order]]
    # Of each image that shows the class: how many have its score or a higher one.
    not_lower = np.searchsorted(ranked, -scores[found], side="right") - 1
    found_not_lower = np.searchsorted(-scores[found], -scores[found], side="right") - 1

    def precision(times: np.ndarray) -> np.ndarray:
        weights = times[:, found]
        images = times[:, order].cumsum(1)[:, not_lower]
        hits = weights.cumsum(1)
        every = hits[:, -1]
        parts = weights * hits[:, found_not_lower] / np.maximum(images, 1)
        return np.where(every > 0, parts.sum(1) / np.maximum(every, 1), np.nan)

    return precision
