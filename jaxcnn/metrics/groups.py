"""Figures of the parts of a split, by camera or hospital for one, and how far they are apart."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from jaxcnn.metrics.calibration import calibration_of
from jaxcnn.metrics.confusion import balanced_accuracy, confusion_matrix, counts_of
from jaxcnn.metrics.counts import macro_f1
from jaxcnn.metrics.examples import Examples, defined, examples_of, mean
from jaxcnn.metrics.intervals import Interval, bootstrap_of_mean, newcombe, wilson
from jaxcnn.metrics.several_labels import (
    average_precisions,
    check_sets,
    decisions,
    mean_of_shown,
    overall_f1,
    sigmoid_losses,
)
from jaxcnn.metrics.several_labels_intervals import of1_interval

# An image alone is right or wrong, and would be the best or the worst of all groups.
FEWEST_COMPARED = 2


@dataclass(frozen=True)
class Group:
    """Its n images' figures by name, None where undefined, and the 95% intervals of some."""

    n: int
    figures: dict[str, float | None]
    intervals: dict[str, Interval | None]

    def to_json(self) -> dict[str, Any]:
        intervals = {name: ci and list(ci) for name, ci in self.intervals.items()}
        return {"n": self.n, **self.figures, "intervals": intervals}


@dataclass(frozen=True)
class Gap:
    """The groups with the largest and the smallest of a figure, and the difference.

    Attributes:
        interval: of the difference of top-1 (Newcombe, 1998); None for other figures. It takes the
            two groups for given: of many equal groups, the two that are furthest apart differ by
            chance alone more often than it says.
    """

    largest: str
    smallest: str
    difference: float
    interval: Interval | None

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "interval": self.interval and list(self.interval)}


@dataclass(frozen=True)
class GroupFigures:
    """Each group by name, and the gaps by figure, of the groups with at least two images."""

    groups: dict[str, Group]
    gaps: dict[str, Gap]

    def to_json(self) -> dict[str, Any]:
        return {
            "groups": {name: group.to_json() for name, group in self.groups.items()},
            "gaps": {name: gap.to_json() for name, gap in self.gaps.items()},
        }


def by_group(groups: Sequence[str], labels: np.ndarray, logits: np.ndarray) -> GroupFigures:
    """Of predictions of one class: top1, balanced accuracy, macro F1, loss, mean confidence, ECE.

    Args:
        groups: N names, the group of each image.
        labels, logits: as for `class_figures`.

    Raises ValueError where they do not go together.
    """
    examples, classes = examples_of(labels, logits), logits.shape[1]
    return _of_groups(groups, len(logits), lambda rows: _classes(examples.among(rows), classes))


def sets_by_group(groups: Sequence[str], labels: np.ndarray, logits: np.ndarray) -> GroupFigures:
    """Of predictions of several classes: mAP, OF1 and loss.

    Args:
        groups: N names, the group of each image.
        labels, logits: as for `set_figures`, at a probability of 0.5.

    Raises ValueError where they do not go together.
    """
    check_sets(labels, logits)
    truth = labels > 0
    return _of_groups(groups, len(logits), lambda rows: _sets(truth[rows], logits[rows]))


def _classes(examples: Examples, classes: int) -> Group:
    counts = counts_of(confusion_matrix(examples.labels, examples.predicted, classes))
    calibration = calibration_of(examples)
    n, right = len(examples), int(examples.right.sum())
    return Group(
        n=n,
        figures={
            "top1": mean(examples.right),
            "balanced_accuracy": defined(balanced_accuracy(counts)),
            "macro_f1": defined(macro_f1(counts)),
            "loss": mean(examples.losses),
            "mean_confidence": calibration.mean_confidence,
            "ece": calibration.ece,
        },
        intervals={"top1": wilson(right, n), "loss": bootstrap_of_mean(examples.losses)},
    )


def _sets(truth: np.ndarray, logits: np.ndarray) -> Group:
    predicted = decisions(logits, np.full(logits.shape[1], 0.5))
    of_images = (truth & predicted).sum(1), truth.sum(1), predicted.sum(1)
    losses = sigmoid_losses(truth, logits)
    return Group(
        n=len(truth),
        figures={
            "mAP": mean_of_shown(average_precisions(truth, logits)),
            "OF1": overall_f1(*of_images),
            "loss": mean(losses),
        },
        intervals={"OF1": of1_interval(*of_images), "loss": bootstrap_of_mean(losses)},
    )


def _of_groups(
    groups: Sequence[str], n: int, figures: Callable[[np.ndarray], Group]
) -> GroupFigures:
    if len(groups) != n:
        raise ValueError(f"{len(groups)} names of groups for {n} images")
    names, which, sizes = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
    # One part, of none, where there is no group.
    parts = np.split(np.argsort(which, kind="stable"), np.cumsum(sizes)[:-1])
    found = {str(name): figures(rows) for name, rows in zip(names, parts, strict=False)}
    compared = {name: group for name, group in found.items() if group.n >= FEWEST_COMPARED}
    kinds = dict.fromkeys(kind for group in compared.values() for kind in group.figures)
    gaps = {kind: _gap(kind, compared) for kind in kinds}
    return GroupFigures(found, {kind: gap for kind, gap in gaps.items() if gap is not None})


def _gap(figure: str, groups: dict[str, Group]) -> Gap | None:
    """None where fewer than two groups have the figure."""
    known = {name: value for name in groups if (value := groups[name].figures[figure]) is not None}
    if len(known) < 2:
        return None
    largest, smallest = max(known, key=known.__getitem__), min(known, key=known.__getitem__)
    if largest == smallest:  # All are equal.
        smallest = next(reversed(known))
    interval = None
    if figure == "top1":
        one, other = (
            (round(known[name] * groups[name].n), groups[name].n) for name in (largest, smallest)
        )
        interval = newcombe(*one, *other)
    return Gap(largest, smallest, known[largest] - known[smallest], interval)
