"""Predictions of one class an image."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from jaxcnn.metrics.calibration import Calibration, calibration_of
from jaxcnn.metrics.confusion import (
    STATISTICS,
    Pair,
    balanced_accuracy,
    bootstrap_of_confusion,
    confusion_matrix,
    counts_of,
    kappa,
    matthews,
    worst_pairs,
)
from jaxcnn.metrics.counts import (
    Average,
    ClassRow,
    class_rows,
    macro,
    micro,
    rows_to_json,
    weighted,
)
from jaxcnn.metrics.examples import Examples, defined, examples_of, log_probabilities, mean
from jaxcnn.metrics.intervals import Interval, bootstrap_of_mean, wilson
from jaxcnn.metrics.ranking import columns, ranking_figures

# With more a confusion matrix is no longer for people, and most of its file is zeros.
MOST_CLASSES_IN_JSON = 100
WORST_PAIRS = 20


@dataclass(frozen=True, eq=False)
class ClassFigures:
    """Figures of a split whose images are of one class each, fractions where nothing else is said.

    What is undefined is None: means over no images, top-5 of five classes or fewer.

    Attributes:
        n: images.
        top1, top5: how often the right class is the first, one of the first five.
        loss: mean negative log-likelihood in nats.
        intervals: 95% confidence intervals, by the figures' names; of proportions Wilson's, the
            others by bootstrap.
        per_class: a row of each class, in order. Average precision is by the class's probability.
        macro, micro, weighted: means over the classes that occur, by sum of their decisions, by
            how often they are shown.
        balanced_accuracy: mean recall of the classes that are shown.
        kappa: Cohen's.
        mcc: Matthews' correlation coefficient.
        roc_auc: of each class against the rest, by its probability; the mean over those that some
            image shows and not all.
        calibration: of the probabilities.
        confusion: int [K, K] images by true and predicted class, sparse.
        worst_pairs: the most frequent confusions.
    """

    n: int
    top1: float | None
    top5: float | None
    loss: float | None
    intervals: dict[str, Interval | None]
    per_class: tuple[ClassRow, ...]
    macro: Average
    micro: Average
    weighted: Average
    balanced_accuracy: float | None
    kappa: float | None
    mcc: float | None
    roc_auc: float | None
    calibration: Calibration
    confusion: csr_array
    worst_pairs: tuple[Pair, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values; the confusion matrix of at most 100 classes."""
        few = len(self.per_class) <= MOST_CLASSES_IN_JSON
        return {
            "n": self.n,
            "top1": self.top1,
            "top5": self.top5,
            "loss": self.loss,
            "intervals": {name: ci and list(ci) for name, ci in self.intervals.items()},
            "per_class": rows_to_json(self.per_class),
            "macro": asdict(self.macro),
            "micro": asdict(self.micro),
            "weighted": asdict(self.weighted),
            "balanced_accuracy": self.balanced_accuracy,
            "kappa": self.kappa,
            "mcc": self.mcc,
            "roc_auc": self.roc_auc,
            "calibration": self.calibration.to_json(),
            **({"confusion": self.confusion.toarray().tolist()} if few else {}),
            "worst_pairs": [asdict(pair) for pair in self.worst_pairs],
        }


def class_figures(
    labels: np.ndarray, logits: np.ndarray, class_names: Sequence[str] | None = None
) -> ClassFigures:
    """Of N predictions.

    Where several classes of an image are right, any of them is a hit. The image then stands in the
    confusion matrix, and in what comes of it, for that which the model ranks highest; average
    precision and ROC-AUC count it for each.

    Args:
        labels: int [N] the right class, or [N, K] 1 for each of several right ones.
        logits: float [N, K].
        class_names: K of them; their indices if not given.

    Raises ValueError for labels that do not go with the logits.
    """
    examples = examples_of(labels, logits)
    n, classes = logits.shape
    confusion = confusion_matrix(examples.labels, examples.predicted, classes)
    counts = counts_of(confusion)
    precisions, areas = _against_the_rest(labels, logits, examples)
    top5 = examples.ranks < 5 if classes > 5 else None
    names = [str(k) for k in range(classes)] if class_names is None else list(class_names)
    return ClassFigures(
        n=n,
        top1=mean(examples.right),
        top5=None if top5 is None else mean(top5),
        loss=mean(examples.losses),
        intervals={
            "top1": wilson(int(examples.right.sum()), n),
            "top5": None if top5 is None else wilson(int(top5.sum()), n),
            "loss": bootstrap_of_mean(examples.losses),
            **bootstrap_of_confusion(confusion, STATISTICS),
        },
        per_class=class_rows(counts, precisions, names),
        macro=macro(counts),
        micro=micro(counts),
        weighted=weighted(counts),
        balanced_accuracy=defined(balanced_accuracy(counts)),
        kappa=defined(kappa(counts)),
        mcc=defined(matthews(counts)),
        roc_auc=mean(np.array([area for area in areas if area is not None])),
        calibration=calibration_of(examples),
        confusion=confusion,
        worst_pairs=worst_pairs(confusion, WORST_PAIRS),
    )


def _against_the_rest(
    labels: np.ndarray, logits: np.ndarray, examples: Examples
) -> tuple[list[float | None], list[float | None]]:
    """Average precision, and area under the ROC curve, of each class."""
    shown = (
        columns(labels > 0) if labels.ndim == 2 else (labels == k for k in range(logits.shape[1]))
    )
    figures = [
        ranking_figures(positive, log_probabilities(logit, examples))
        for positive, logit in zip(shown, columns(logits), strict=True)
    ]
    return [precision for precision, _ in figures], [area for _, area in figures]
