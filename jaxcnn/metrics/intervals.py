"""How sure a figure is: 95% confidence intervals."""

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

Interval = tuple[float, float]

CONFIDENCE = 0.95
RESAMPLES = 1000
# Values that are drawn at a time, whatever the number of examples.
MOST_AT_A_TIME = 2**22


def wilson(successes: int, n: int) -> Interval | None:
    """Of a proportion, by inverting the score test (Wilson, 1927); None for n = 0.

    https://doi.org/10.1080/01621459.1927.10502953
    """
    if n == 0:
        return None
    ci = stats.binomtest(successes, n).proportion_ci(CONFIDENCE, method="wilson")
    return float(ci.low), float(ci.high)


def newcombe(successes: int, n: int, other_successes: int, other_n: int) -> Interval | None:
    """Of the difference of two independent proportions, the first less the other.

    From the Wilson interval of each (Newcombe, 1998, "Interval estimation for the difference
    between independent proportions", method 10); None where either has n = 0.
    """
    one, other = wilson(successes, n), wilson(other_successes, other_n)
    if one is None or other is None:
        return None
    p, q = successes / n, other_successes / other_n
    low = p - q - math.hypot(p - one[0], other[1] - q)
    return low, p - q + math.hypot(one[1] - p, q - other[0])


def bootstrap_of_mean(values: np.ndarray, seed: int = 0) -> Interval | None:
    """Of the mean of `values`, float [N], by the percentiles of resampled means.

    None for fewer than two values, which say nothing of the spread, and where one is not finite.
    BCa would need N means of N - 1 values, which is minutes for 50,000.
    """
    if len(values) < 2 or not np.isfinite(values).all():
        return None
    result = stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=RESAMPLES,
        batch=max(1, MOST_AT_A_TIME // len(values)),
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    return float(result.confidence_interval.low), float(result.confidence_interval.high)


def student(values: Sequence[float]) -> Interval | None:
    """Of the mean of few values, by Student's t; None for fewer than two."""
    if len(values) < 2:
        return None
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1) * stats.sem(values))
    mean = float(np.mean(values))
    return mean - half, mean + half


def percentile_interval(resampled: np.ndarray) -> Interval | None:
    """Of a figure, by its values over resamples, float [R].

    Resamples for which it is undefined, not a number, are left out; None if it is for all.
    """
    defined = resampled[np.isfinite(resampled)]
    if not len(defined):
        return None
    low, high = np.quantile(defined, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)
