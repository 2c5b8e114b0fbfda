"""A run in pictures and per class: how it learned, and what it still takes for what."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from sklearn.metrics import ConfusionMatrixDisplay, classification_report

from jaxcnn.data import Source
from jaxcnn.engine.evaluate import Evaluation
from jaxcnn.files import strict_json
from jaxcnn.task.metrics import average_precisions, headline
from jaxcnn.text.figure_text import drawn, plain_text

# With more classes the cells of a confusion matrix are too small for names and numbers.
MOST_NAMED_CLASSES = 20
MISTAKES_ROWS, MISTAKES_COLUMNS = 4, 6
# Characters that have room above a picture; more would run into the next one's.
MOST_ABOVE_A_PICTURE = 22


def write_report(
    folder: Path,
    metrics: Sequence[Mapping[str, Any]],
    test: Evaluation,
    *,
    images: Source,
    class_names: Sequence[str],
) -> None:
    """Writes `curves.png`, `confusion.png`, `mistakes.png` and `classes.json` into `folder`.

    Where images show several classes, `classes.png` with each one's average precision takes the
    place of `confusion.png`.

    Args:
        metrics: the run's lines, one per epoch.
        test: the test split, evaluated.
        images: the test split itself, for showing the mistakes.
        class_names: of the data set; drawn as they are, whatever characters they have.
    """
    folder.mkdir(exist_ok=True)
    several = test.labels.ndim == 2
    predicted = test.predicted > 0 if several else test.predicted
    classes: Any = classification_report(
        test.labels,
        predicted,
        labels=range(len(class_names)),
        target_names=list(class_names),
        output_dict=True,
        zero_division=0,  # pyright: ignore[reportArgumentType]  (the stub knows strings only)
    )
    precisions = average_precisions(test.labels, test.predicted) if several else None
    if precisions is not None:
        for name, value in zip(class_names, precisions, strict=True):
            classes[name]["AP"] = float(value)
    (folder / "classes.json").write_text(strict_json.dumps(classes, indent=2) + "\n")
    names = [drawn(name) for name in class_names]
    with plain_text():
        figures = {"curves.png": curves(metrics)}
        if precisions is not None:
            figures["classes.png"] = average_precision_bars(precisions, names)
            figures["mistakes.png"] = confident_mistakes(test, images, names)
        else:
            figures["confusion.png"] = confusion(test, names)
            figures["mistakes.png"] = mistakes(test, images, names)
        for file, figure in figures.items():
            figure.savefig(folder / file, dpi=120)


def curves(metrics: Sequence[Mapping[str, Any]]) -> Figure:
    """Loss and headline figure by epoch, training beside validation where both are known."""
    known = {
        split: [key.removeprefix(f"{split}_") for key in metrics[0] if key.startswith(f"{split}_")]
        for split in ("train", "val")
    }
    names = ["loss", *dict.fromkeys(headline(dict.fromkeys(known[s], 0)) for s in known)]
    figure = Figure(figsize=(5 * len(names), 4), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(names)), names, strict=True):
        for split in (split for split in known if name in known[split]):
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
    figure, grid = _grid(
        len(wrong), f"{len(wrong):,} of {len(test.labels):,} test images are wrong"
    )
    for axes, index in zip(grid, wrong, strict=False):
        axes.imshow(images[int(index)]["image"], cmap="gray", vmin=0, vmax=255)
        true = class_names[int(test.labels[index])]
        predicted = class_names[int(test.predicted[index])]
        line = f"{true} → {predicted}"
        if len(line) > MOST_ABOVE_A_PICTURE:
            most = MOST_ABOVE_A_PICTURE - len(" →")
            line = f"{drawn(true, most)} →\n{drawn(predicted, most)}"
        axes.set_title(line, fontsize=9)
    return figure


def average_precision_bars(precisions: np.ndarray, class_names: Sequence[str]) -> Figure:
    """A bar for each class's average precision, the worst on top; unseen classes have none."""
    seen = [k for k in np.argsort(precisions) if not math.isnan(precisions[k])]
    figure = Figure(figsize=(7, 1 + 0.2 * len(seen)), layout="constrained")
    axes = figure.subplots()
    # By their places: two names may look alike.
    axes.barh(range(len(seen)), precisions[seen])
    axes.set_yticks(range(len(seen)), [class_names[int(k)] for k in seen])
    axes.invert_yaxis()
    axes.margins(y=0.01)
    axes.axvline(float(np.nanmean(precisions)), color="black", linestyle=":", label="mean")
    axes.set(xlim=(0, 1), xlabel="average precision")
    axes.grid(alpha=0.3, axis="x")
    axes.legend(loc="lower left")
    return figure


def confident_mistakes(test: Evaluation, images: Source, class_names: Sequence[str]) -> Figure:
    """Test images whose worst decision is the most confident: a class missed (-) or imagined (+).

    Where the objects are known, those of the missed class are framed.
    """
    margins = np.where(test.labels > 0, -test.predicted, test.predicted)  # [N, K], above 0: wrong
    worst = margins.max(axis=1)
    wrong = [index for index in np.argsort(-worst) if worst[index] > 0]
    figure, grid = _grid(
        len(wrong), f"{len(wrong):,} of {len(test.labels):,} test images have a class wrong"
    )
    for axes, index in zip(grid, wrong, strict=False):
        example, k = images[int(index)], int(margins[index].argmax())
        missed = bool(test.labels[index, k])
        axes.imshow(example["image"], cmap="gray", vmin=0, vmax=255)
        if missed and "boxes" in example and "box_labels" in example:
            height, width = example["image"].shape[:2]
            for top, left, bottom, right in example["boxes"][example["box_labels"] == k]:
                size = ((right - left) * width, (bottom - top) * height)
                # A pixel is drawn around its centre.
                corner = (left * width - 0.5, top * height - 0.5)
                axes.add_patch(Rectangle(corner, *size, fill=False, color="red"))
        axes.set_title(
            f"{'−' if missed else '+'} {drawn(class_names[k], MOST_ABOVE_A_PICTURE - 2)}",
            fontsize=9,
        )
    return figure


def _grid(count: int, title: str) -> tuple[Figure, Sequence[Any]]:
    """Room for up to `count` pictures."""
    rows = min(MISTAKES_ROWS, max(1, math.ceil(count / MISTAKES_COLUMNS)))
    figure = Figure(figsize=(10, 1.5 * rows + 0.5), layout="constrained")
    figure.suptitle(title)
    # No ticks: to lay out those of as many axes takes a second, though they are not drawn.
    bare = {"xticks": [], "yticks": []}
    grid = figure.subplots(rows, MISTAKES_COLUMNS, subplot_kw=bare).ravel()
    for axes in grid:
        axes.axis("off")
    return figure, grid
