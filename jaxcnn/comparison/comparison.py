"""What the candidates' predictions say: each by itself, and each beside the first."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jaxcnn.comparison.candidates import Candidate, Candidates
from jaxcnn.metrics.classes import ClassFigures, class_figures
from jaxcnn.metrics.corrections import holm
from jaxcnn.metrics.examples import examples_of
from jaxcnn.metrics.intervals import Interval
from jaxcnn.metrics.paired import mcnemar, mean_difference
from jaxcnn.metrics.several_labels import SetFigures, set_figures, sigmoid_losses


@dataclass(frozen=True)
class Row:
    """One by itself."""

    candidate: Candidate
    figures: ClassFigures | SetFigures


@dataclass(frozen=True)
class Beside:
    """One beside the first.

    Attributes:
        name: the one.
        difference: of the shares of images that are right, the one's less the first's; of images
            that show several classes, of the mean loss.
        interval: of it, 95%, by paired bootstrap.
        p_value: McNemar's, corrected by Holm for as many as are compared; None of several classes.
        better, worse: indices of the images that the one has right and the first wrong; and the
            other way round.
    """

    name: str
    difference: float
    interval: Interval | None
    p_value: float | None
    better: Sequence[int]
    worse: Sequence[int]


@dataclass(frozen=True)
class Comparison:
    split: str
    metric: str
    rows: Sequence[Row]
    beside: Sequence[Beside]


def comparison_of(candidates: Candidates, split: str) -> Comparison:
    """All rows, and all but the first beside the first."""
    several = candidates.several
    names = candidates.class_names or None
    rows = [
        Row(
            each,
            set_figures(each.labels, each.logits, None, names)
            if several
            else class_figures(each.labels, each.logits, names),
        )
        for each in candidates.all
    ]
    first, *others = candidates.all
    if several:
        return Comparison(split, "mAP", rows, [_sets_beside(first, each) for each in others])
    p_values = holm([_p_value(first, each) for each in others])
    beside = [_beside(first, each, p) for each, p in zip(others, p_values, strict=True)]
    return Comparison(split, "top1", rows, beside)


def _p_value(first: Candidate, other: Candidate) -> float:
    return mcnemar(*(examples_of(each.labels, each.logits).right for each in (other, first)))


def _beside(first: Candidate, other: Candidate, p_value: float) -> Beside:
    of_first, of_other = (examples_of(each.labels, each.logits) for each in (first, other))
    right_first, right_other = of_first.right, of_other.right
    difference, interval = mean_difference(right_other, right_first)
    better = np.flatnonzero(right_other & ~right_first)
    worse = np.flatnonzero(right_first & ~right_other)
    # The surest first: of whichever is wrong.
    better = better[np.argsort(-of_first.confidences[better], kind="stable")]
    worse = worse[np.argsort(-of_other.confidences[worse], kind="stable")]
    return Beside(other.name, difference, interval, p_value, better.tolist(), worse.tolist())


def _sets_beside(first: Candidate, other: Candidate) -> Beside:
    of_other, of_first = (sigmoid_losses(one.labels > 0, one.logits) for one in (other, first))
    difference, interval = mean_difference(of_other, of_first)
    return Beside(other.name, difference, interval, None, (), ())
