"""Pictures of a run as files, for a paper or a slide; the page has its own."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from jaxcnn.metrics.classes import ClassFigures
from jaxcnn.metrics.several_labels import SetFigures
from jaxcnn.report.charts import BLUE, INK, draw_learning
from jaxcnn.text.figure_text import drawn

# With more classes the cells of a confusion matrix are too small for names and numbers.
MOST_NAMED_CLASSES = 20
MOST_BARS = 200


def curves(lines: Sequence[Mapping[str, Any]], head: str) -> Figure:
    """Loss and the headline figure by epoch, side by side."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    both = figure.subplots(1, 2)
    for axes, name in zip(both, ("loss", head), strict=True):
        draw_learning(axes, lines, name)
    handles, labels = both[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=8)
    return figure


def confusion(found: ClassFigures) -> Figure:
    """Images by true class (rows) and predicted class (columns), per cent of the true class."""
    matrix = found.confusion.toarray().astype(float)
    shares = 100 * matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    named = len(shares) <= MOST_NAMED_CLASSES
    figure = Figure(figsize=(8, 7), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=100)
    figure.colorbar(image, ax=axes, label="per cent of the true class")
    axes.set(xlabel="predicted class", ylabel="true class", title="What is taken for what")
    axes.grid(False)
    if not named:
        axes.set(xticks=[], yticks=[])
        return figure
    names = [drawn(row.name, 24) for row in found.per_class]
    axes.set_xticks(range(len(names)), names, rotation="vertical")
    axes.set_yticks(range(len(names)), names)
    for true, predicted in zip(*np.nonzero(matrix), strict=True):
        share = shares[true, predicted]
        colour = "white" if share > 50 else INK
        axes.text(predicted, true, f"{share:.1f}", ha="center", va="center", color=colour, size=8)
    return figure


def average_precision_bars(found: SetFigures) -> Figure:
    """A bar for each class's average precision, the worst on top; unseen classes have none."""
    seen = [row for row in found.per_class if row.average_precision is not None]
    worst = sorted(seen, key=lambda row: row.average_precision or 0.0)[:MOST_BARS]
    figure = Figure(figsize=(7, 1.2 + 0.2 * len(worst)), layout="constrained")
    axes = figure.subplots()
    # By their places: two names may look alike.
    axes.barh(range(len(worst)), [row.average_precision or 0.0 for row in worst], color=BLUE)
    axes.set_yticks(range(len(worst)), [drawn(row.name) for row in worst])
    axes.invert_yaxis()
    axes.margins(y=0.01)
    mean = found.mAP if found.mAP is not None else math.nan
    axes.axvline(mean, color=INK, linestyle=":", label=f"mean {mean:.3f}")
    axes.set(xlim=(0, 1), xlabel="average precision", title="Each class")
    axes.legend(loc="lower left")
    return figure
