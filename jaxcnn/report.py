"""A run in pictures and per class: how it learned, and what it still takes for what."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from sklearn.metrics import ConfusionMatrixDisplay, classification_report

from jaxcnn.data import Source
from jaxcnn.program import Evaluation

# With more classes the cells of a confusion matrix are too small for names and numbers.
MOST_NAMED_CLASSES = 20
MISTAKES_ROWS, MISTAKES_COLUMNS = 4, 6


def write_report(
    folder: Path,
    metrics: Sequence[Mapping[str, Any]],
    test: Evaluation,
    *,
    images: Source,
    class_names: Sequence[str],
) -> None:
    """Writes `curves.png`, `confusion.png`, `mistakes.png` and `classes.json` into `folder`.

    Args:
        metrics: the run's lines, one per epoch.
        test: the test split, evaluated.
        images: the test split itself, for showing the mistakes.
        class_names: of the data set.
    """
    folder.mkdir(exist_ok=True)
    figures = {
        "curves.png": curves(metrics),
        "confusion.png": confusion(test, class_names),
        "mistakes.png": mistakes(test, images, class_names),
    }
    for name, figure in figures.items():
        figure.savefig(folder / name, dpi=120, bbox_inches="tight")
    classes = classification_report(
        test.labels,
        test.predicted,
        labels=range(len(class_names)),
        target_names=list(class_names),
        output_dict=True,
        zero_division=0,  # pyright: ignore[reportArgumentType]  (the stub knows strings only)
    )
    (folder / "classes.json").write_text(json.dumps(classes, indent=2) + "\n")


def curves(metrics: Sequence[Mapping[str, Any]]) -> Figure:
    """Loss and top-1 by epoch, training beside validation."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    for axes, name in zip(figure.subplots(1, 2), ("loss", "top1"), strict=True):
        for split in ("train", "val"):
            values = [line[f"{split}_{name}"] for line in metrics]
            axes.plot([line["epoch"] for line in metrics], values, marker=".", label=split)
        axes.set(xlabel="epoch", ylabel=name)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend()
    return figure


def confusion(test: Evaluation, class_names: Sequence[str]) -> Figure:
    """Test images by true class (rows) and predicted class (columns)."""
    named = len(class_names) <= MOST_NAMED_CLASSES
    figure = Figure(figsize=(8, 7), layout="constrained")
    axes = figure.subplots()
    ConfusionMatrixDisplay.from_predictions(
        test.labels,
        test.predicted,
        labels=range(len(class_names)),
        display_labels=list(class_names) if named else None,
        include_values=named,
        xticks_rotation="vertical",
        cmap="Blues",
        ax=axes,
    )
    if not named:
        axes.set(xticks=[], yticks=[])
    return figure


def mistakes(test: Evaluation, images: Source, class_names: Sequence[str]) -> Figure:
    """The first wrongly classified test images, as true -> predicted."""
    wrong = np.flatnonzero(test.predicted != test.labels)
    rows = min(MISTAKES_ROWS, max(1, math.ceil(len(wrong) / MISTAKES_COLUMNS)))
    figure = Figure(figsize=(10, 1.5 * rows + 0.5), layout="constrained")
    figure.suptitle(f"{len(wrong):,} of {len(test.labels):,} test images are wrong")
    grid = figure.subplots(rows, MISTAKES_COLUMNS).ravel()
    for axes in grid:
        axes.axis("off")
    for axes, index in zip(grid, wrong, strict=False):
        axes.imshow(images[int(index)]["image"], cmap="gray", vmin=0, vmax=255)
        true, predicted = class_names[test.labels[index]], class_names[test.predicted[index]]
        axes.set_title(f"{true} → {predicted}", fontsize=9)
    return figure
