"""What is taken for what: figures of a confusion matrix, [K, K] by true and predicted class."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array, csr_array

from jaxcnn.metrics.counts import Counts, macro_f1
from jaxcnn.metrics.intervals import MOST_AT_A_TIME, RESAMPLES, Interval, percentile_interval

Statistic = Callable[[Counts], np.ndarray]  # Counts [..., K] -> [...]


@dataclass(frozen=True)
class Pair:
    """Images of class `true` that were taken for `predicted`: how many, and which share of all of
    the class they are."""

    true: int
    predicted: int
    count: int
    share: float


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray, classes: int) -> csr_array:
    """int [K, K]: images by true class (rows) and predicted class (columns).

    Sparse, since that of 21,841 classes would take 4 GB; `toarray()` gives all of it.
    """
    ones = np.ones(len(labels), np.int64)
    return csr_array((ones, (labels, predicted)), shape=(classes, classes))  # Adds them up.


def counts_of(confusion: np.ndarray | csr_array) -> Counts:
    """The counts of each class, which are all that the figures below need."""
    parts = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
    # Integers would overflow: Matthews' coefficient has n to the fourth power.
    return Counts(*(np.asarray(part, np.float64) for part in parts))


def balanced_accuracy(counts: Counts) -> np.ndarray:
    """The mean recall of the classes that are shown."""
    with np.errstate(invalid="ignore"):
        return counts.recall.sum(-1) / (counts.shown > 0).sum(-1)


def kappa(counts: Counts) -> np.ndarray:
    """Cohen's: the accuracy beyond that by chance, as a share of what it could be.

    Not a number where all images are, and are taken for, one class. Cohen, 1960, "A coefficient of
    agreement for nominal scales".
    """
    n, by_chance = counts.shown.sum(-1), (counts.shown * counts.predicted).sum(-1)
    with np.errstate(invalid="ignore"):
        return (n * counts.hits.sum(-1) - by_chance) / (n * n - by_chance)


def matthews(counts: Counts) -> np.ndarray:
    """Matthews' correlation coefficient, of several classes.

    0 where all images are, or are taken for, one class, as in scikit-learn. Gorodkin, 2004,
    "Comparing two K-category assignments by a K-category correlation coefficient".
    """
    n, by_chance = counts.shown.sum(-1), (counts.shown * counts.predicted).sum(-1)
    spread = (n * n - (counts.shown**2).sum(-1)) * (n * n - (counts.predicted**2).sum(-1))
    covariance = n * counts.hits.sum(-1) - by_chance
    return np.where(spread > 0, covariance / np.sqrt(np.maximum(spread, 1)), 0.0)


STATISTICS: Mapping[str, Statistic] = {
    "balanced_accuracy": balanced_accuracy,
    "kappa": kappa,
    "mcc": matthews,
    "macro_f1": macro_f1,
}


def bootstrap_of_confusion(
    confusion: np.ndarray | csr_array,
    statistics: Mapping[str, Statistic],
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Interval | None]:
    """95% confidence intervals of figures that the confusion matrix tells.

    To draw N examples again, with replacement, is to draw the cells of the matrix multinomially:
    only those that are not empty, and of each draw only the counts of the classes are held. None
    for fewer than two images, and where a figure is undefined.
    """
    cells, classes = coo_array(confusion), len(confusion.diagonal())
    n, every = int(cells.sum()), np.ones(cells.nnz)
    if n < 2:
        return dict.fromkeys(statistics)
    true, predicted = cells.coords

    def sums(classes_of_cells: np.ndarray, counted: np.ndarray) -> csr_array:
        """Of the draws [R, cells] makes those of each class [R, K]."""
        places = (np.arange(cells.nnz), classes_of_cells)
        return csr_array((counted, places), shape=(cells.nnz, classes))

    of_class = [
        sums(true, (true == predicted).astype(float)),
        sums(true, every),
        sums(predicted, every),
    ]
    rng = np.random.default_rng(seed)
    values: dict[str, list[np.ndarray]] = {name: [] for name in statistics}
    batch = max(1, MOST_AT_A_TIME // max(cells.nnz, classes))
    for start in range(0, resamples, batch):
        size = min(batch, resamples - start)
        draws = rng.multinomial(n, cells.data / n, size=size).astype(float)
        counts = Counts(*(draws @ part for part in of_class))
        for name, statistic in statistics.items():
            values[name].append(statistic(counts))
    return {name: percentile_interval(np.concatenate(parts)) for name, parts in values.items()}


def worst_pairs(confusion: np.ndarray | csr_array, most: int) -> tuple[Pair, ...]:
    """The `most` most frequent confusions, the most frequent first."""
    cells, support = coo_array(confusion), confusion.sum(1)
    true, predicted = cells.coords
    counts = cells.data.astype(np.int64)
    wrong = np.flatnonzero((true != predicted) & (counts > 0))
    order = wrong[np.argsort(-counts[wrong], kind="stable")[:most]]
    return tuple(
        Pair(
            int(true[i]),
            int(predicted[i]),
            int(cells.data[i]),
            float(cells.data[i] / support[true[i]]),
        )
        for i in order
    )
