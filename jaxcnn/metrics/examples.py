"""What each prediction of one class is worth by itself, by one pass over the logits.

Figures of all of them, of a group or of two models side by side are then means of these.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
from scipy.special import log_softmax

# Logits of which double precision copies are held at a time: 16 MiB each.
MOST_AT_A_TIME = 2**21


@dataclass(frozen=True, eq=False)
class Examples:
    """Arrays [N].

    Attributes:
        labels: the right class; of several right ones that which the model ranks highest.
        predicted: the class of the largest logit, the lowest of them in a tie; where a logit is no
            number that of the first such.
        ranks: how many classes the right one does not beat. A tie is lost to the lower class, and
            to a logit that is no number.
        losses: negative log-likelihood in nats. Several right classes share the target.
        squared_errors: of the probabilities of all classes, summed (Brier, 1950).
        confidences: the largest probability.
        log_sums: logarithm of the sum of the exponentials of the logits; a logit less this is the
            logarithm of the class's probability.
    """

    labels: np.ndarray
    predicted: np.ndarray
    ranks: np.ndarray
    losses: np.ndarray
    squared_errors: np.ndarray
    confidences: np.ndarray
    log_sums: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def right(self) -> np.ndarray:
        """Whether the predicted class is right; never where a logit is no number."""
        return self.ranks < 1

    def among(self, rows: np.ndarray) -> "Examples":
        """Those of `rows`, indices or a mask."""
        return Examples(*(getattr(self, field.name)[rows] for field in fields(self)))


def examples_of(labels: np.ndarray, logits: np.ndarray) -> Examples:
    """Each of N predictions.

    Args:
        labels: int [N] the right class, or [N, K] 1 for each of several right ones, any of which
            counts (Beyer et al., 2020, https://arxiv.org/abs/2006.07159).
        logits: float [N, K].

    Raises ValueError for labels that do not go with the logits.
    """
    check(labels, logits)
    parts = [_examples(labels[rows], logits[rows]) for rows in row_blocks(*logits.shape)]
    return Examples(
        *(
            np.concatenate([getattr(part, field.name) for part in parts])
            for field in fields(Examples)
        )
    )


def log_probabilities(logits: np.ndarray, examples: Examples) -> np.ndarray:
    """Of one class, float32 [N], from its logits [N]; no number where a row has no probabilities.

    They rank images as probabilities do, and tell apart what would round to 0; but not what
    differs by the rounding of a sum.
    """
    with np.errstate(invalid="ignore"):
        return (logits.astype(np.float64) - examples.log_sums).astype(np.float32)


def check(labels: np.ndarray, logits: np.ndarray) -> None:
    """Raises ValueError for labels that do not go with the logits."""
    if logits.ndim != 2 or labels.shape not in (logits.shape[:1], logits.shape):
        raise ValueError(
            f"labels {list(labels.shape)} with logits {list(logits.shape)}; "
            "there must be labels [N] or [N, K] for logits [N, K]"
        )
    classes = logits.shape[1]
    if labels.ndim == 1 and len(labels) and not 0 <= labels.min() <= labels.max() < classes:
        raise ValueError(f"labels {labels.min()} to {labels.max()} of classes 0 to {classes - 1}")


def row_blocks(n: int, classes: int) -> Iterator[slice]:
    """The rows of [N, K], so many at a time that copies of them are small; at least one block."""
    step = max(1, MOST_AT_A_TIME // classes)
    return (slice(start, start + step) for start in range(0, max(n, 1), step))


def _examples(labels: np.ndarray, logits: np.ndarray) -> Examples:
    logits = logits.astype(np.float64)
    classes = np.arange(logits.shape[1])
    if labels.ndim == 2:
        right = labels > 0
        labels = np.where(right, logits, -np.inf).argmax(1)
    else:
        right = labels[:, None] == classes
    true_logit = np.take_along_axis(logits, labels[:, None], axis=1)
    below = (logits < true_logit) | ((logits == true_logit) & (classes > labels[:, None]))
    with np.errstate(invalid="ignore"):  # Of logits that are not finite.
        log_probabilities = log_softmax(logits, axis=1)
        largest = log_probabilities.max(1)
        log_sums = logits.max(1) - largest
    shares = right / np.maximum(right.sum(1, keepdims=True), 1)
    # Where, since a class that is not right may have no probability at all.
    losses = -np.where(right, log_probabilities, 0.0).sum(1) / np.maximum(right.sum(1), 1)
    errors = np.exp(log_probabilities) - shares
    return Examples(
        labels=labels,
        predicted=logits.argmax(1),
        ranks=len(classes) - 1 - below.sum(1),
        losses=losses,
        squared_errors=np.einsum("nk,nk->n", errors, errors),
        confidences=np.exp(largest),
        log_sums=log_sums,
    )


def mean(values: np.ndarray) -> float | None:
    """None of no values, and where one is not finite."""
    return defined(values.mean()) if len(values) else None


def defined(value: np.ndarray | float) -> float | None:
    """None for what is not finite."""
    return float(value) if np.isfinite(value) else None
