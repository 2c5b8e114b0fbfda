"""What the page of a run, or of an evaluation, is made of."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from jaxcnn.data import Source
from jaxcnn.engine.evaluate import Evaluation

# (indices into the split, classes [N]) -> maps [N, H, W] of what speaks for them.
HeatOf = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Seen:
    """Training images as a step gets them, and the classes that it is to learn of each.

    Attributes:
        images: uint8 [N, H, W, C], after augmentation and mixing.
        targets: float [N, K].
    """

    images: np.ndarray
    targets: np.ndarray


@dataclass(frozen=True)
class Section:
    """Something more that was measured.

    Attributes:
        title: of the section.
        says: below the title.
        rows: a table, its first row the names of the columns.
        png: a picture of it; None for none.
    """

    title: str
    says: str
    rows: Sequence[Sequence[str]]
    png: bytes | None = None


@dataclass(frozen=True)
class Shown:
    """What is shown.

    Attributes:
        title: of the page.
        subtitle: above it, smaller.
        split: that was evaluated.
        evaluation: its labels and logits.
        images: the split itself.
        class_names: of the data set; shown as they are, whatever characters they have.
        several: whether images show several classes.
        facts: what was trained on what, as rows of name and value.
        command: what printed the figures, or made the run.
        recipe: all fields of the run's recipe.
        lines: the run's `metrics.jsonl`.
        steps: the run's `steps.jsonl`.
        counts: by split, images of each class [K].
        seen: training images as the model got them.
        filters: of the first layer beside each other, uint8 [H, W, C].
        heat_of: explains predictions.
        heat_name: what it explains them by.
        temperature: that logits are best divided by, of validation images.
        thresholds: of several classes: the probability above which each is predicted.
        again: commands that measure and predict again.
        sections: what else was measured, of groups for one.
        notes: what a reader should know first.
    """

    title: str
    subtitle: str
    split: str
    evaluation: Evaluation
    images: Source
    class_names: Sequence[str]
    several: bool = False
    facts: Sequence[tuple[str, str]] = ()
    command: str = ""
    recipe: Sequence[tuple[str, Any]] = ()
    lines: Sequence[Mapping[str, Any]] = ()
    steps: Sequence[Mapping[str, Any]] = ()
    counts: Mapping[str, np.ndarray] = field(default_factory=dict)
    seen: Seen | None = None
    filters: np.ndarray | None = None
    heat_of: HeatOf | None = None
    heat_name: str = "Grad-CAM"
    temperature: float | None = None
    thresholds: np.ndarray | None = None
    again: Sequence[str] = ()
    sections: Sequence[Section] = ()
    notes: Sequence[str] = ()
