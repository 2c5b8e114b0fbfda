"""Two models on the same images: what one does better is more certain than their figures apart."""

import numpy as np
from scipy import stats

from jaxcnn.metrics.intervals import Interval, bootstrap_of_mean


def mcnemar(right_a: np.ndarray, right_b: np.ndarray) -> float:
    """p-value of that two models are right equally often: McNemar's test, exact.

    Of the images for which one is right and the other wrong, each has a half by chance (McNemar,
    1947, https://doi.org/10.1007/BF02295996); 1 where there are none.

    Args:
        right_a, right_b: bool [N] whether each model is right, of the same images in one order.
    """
    only_a, only_b = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
    discordant = only_a + only_b
    return float(stats.binomtest(only_a, discordant).pvalue) if discordant else 1.0


def mean_difference(
    values_a: np.ndarray, values_b: np.ndarray, seed: int = 0
) -> tuple[float, Interval | None]:
    """The mean of `values_a` less that of `values_b`, and its 95% confidence interval.

    Images are drawn again in pairs, which is to draw their differences again; for None see
    `bootstrap_of_mean`.

    Args:
        values_a, values_b: [N] of each model, losses or whether it is right, of the same images in
            one order; at least one.
    """
    differences = values_a.astype(np.float64) - values_b
    return float(differences.mean()), bootstrap_of_mean(differences, seed)
