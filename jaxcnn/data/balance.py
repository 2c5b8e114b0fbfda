"""How evenly the classes are filled, and the weights that make up for it."""

import numpy as np

# The share of new information that an example beyond the first brings: that of 1,000 examples and
# of any number are much the same. One of the values that Cui et al. try, 0.9 to 0.9999.
EFFECTIVE_BETA = 0.999


def class_counts(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Examples per class, int [num_classes], of labels int [N] or, where there are several,
    [N, num_classes] with a 1 for each class."""
    if labels.ndim == 2:
        return labels.sum(axis=0, dtype=np.int64)
    return np.bincount(labels, minlength=num_classes)


def imbalance_ratio(counts: np.ndarray) -> float:
    """The largest class over the smallest; infinite where a class is empty."""
    return float(counts.max() / counts.min()) if counts.min() else float("inf")


def normalized_entropy(counts: np.ndarray) -> float:
    """Entropy of the class of a random example over that of even classes: 1 even, 0 all in one.

    Pielou's evenness, 1966, https://doi.org/10.1016/0022-5193(66)90013-0.
    """
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum() / np.log(len(counts))) + 0.0


def inverse_frequency_weights(counts: np.ndarray) -> np.ndarray:
    """A weight per class, float [K], by which every class counts the same in a sum over examples.

    The weights' mean over the examples is 1, so that the learning rate keeps its meaning. A class
    without examples has weight 0.
    """
    return _mean_one(np.divide(1.0, counts, where=counts > 0, out=np.zeros(len(counts))), counts)


def effective_number_weights(counts: np.ndarray, beta: float = EFFECTIVE_BETA) -> np.ndarray:
    """As above, but by the number of examples that a class is worth: (1 - beta^n) / (1 - beta).

    Cui et al., 2019, section 3, https://arxiv.org/abs/1901.05555: examples overlap, so a class ten
    times as large is worth less than ten times as much. Between no weights (beta 0) and inverse
    frequency (beta near 1). The authors divide by the mean over classes, we by that over examples.
    """
    worth = (1 - beta ** counts.astype(np.float64)) / (1 - beta)
    return _mean_one(np.divide(1.0, worth, where=counts > 0, out=np.zeros(len(counts))), counts)


def _mean_one(weights: np.ndarray, counts: np.ndarray) -> np.ndarray:
    return weights * counts.sum() / (weights * counts).sum()
