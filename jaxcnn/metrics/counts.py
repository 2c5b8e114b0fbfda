"""Precision, recall and F1 of each class, and their averages, by counts."""

from dataclasses import asdict, dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Counts:
    """Decisions about K classes, arrays [..., K]: of one split, or of many resamples of it.

    Attributes:
        hits: images rightly predicted to show the class.
        shown: images that show it.
        predicted: images predicted to show it.
    """

    hits: np.ndarray
    shown: np.ndarray
    predicted: np.ndarray

    @property
    def occur(self) -> np.ndarray:
        """Whether a class is shown or predicted: what averages are over, as in scikit-learn."""
        return self.shown + self.predicted > 0

    @property
    def precision(self) -> np.ndarray:
        """0 of a class that is never predicted."""
        return self.hits / np.maximum(self.predicted, 1)

    @property
    def recall(self) -> np.ndarray:
        """0 of a class that is never shown."""
        return self.hits / np.maximum(self.shown, 1)

    @property
    def f1(self) -> np.ndarray:
        return 2 * self.hits / np.maximum(self.shown + self.predicted, 1)


@dataclass(frozen=True)
class Average:
    """Over classes; each None where no class is shown or predicted."""

    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True)
class ClassRow:
    """One class: `average_precision` is None where no image shows it."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int
    average_precision: float | None


def macro(counts: Counts) -> Average:
    """Every class that is shown or predicted counts the same."""
    return _average(counts, counts.occur.astype(float))


def weighted(counts: Counts) -> Average:
    """A class counts as often as it is shown."""
    return _average(counts, counts.shown)


def micro(counts: Counts) -> Average:
    """Of all decisions together."""
    every = Counts(
        *(part.sum(keepdims=True) for part in (counts.hits, counts.shown, counts.predicted))
    )
    return macro(every)


def macro_f1(counts: Counts) -> np.ndarray:
    """[...] of Counts [..., K]; not a number where no class is shown or predicted."""
    with np.errstate(invalid="ignore"):
        return counts.f1.sum(-1) / counts.occur.sum(-1)


def class_rows(
    counts: Counts, precisions: list[float | None], names: list[str]
) -> tuple[ClassRow, ...]:
    """One of each class, in order."""
    figures = zip(names, counts.precision, counts.recall, counts.f1, strict=True)
    return tuple(
        ClassRow(name, float(p), float(r), float(f1), int(support), average)
        for (name, p, r, f1), support, average in zip(
            figures, counts.shown, precisions, strict=True
        )
    )


def rows_to_json(rows: tuple[ClassRow, ...]) -> list[dict]:
    return [{"class": index, **asdict(row)} for index, row in enumerate(rows)]


def _average(counts: Counts, weights: np.ndarray) -> Average:
    if not weights.any():
        return Average(None, None, None)
    figures = (counts.precision, counts.recall, counts.f1)
    return Average(*(float(np.average(figure, weights=weights)) for figure in figures))
