"""A report's folder: the page, its pictures as files, and each class's figures."""

from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import classification_report

from jaxcnn.files import own_files, strict_json
from jaxcnn.metrics.classes import ClassFigures, class_figures
from jaxcnn.metrics.several_labels import SetFigures, set_figures
from jaxcnn.report import figures as pictures
from jaxcnn.report.charts import styled
from jaxcnn.report.run_page import run_page
from jaxcnn.report.shown import Shown

DOTS_AN_INCH = 120


def figures_of(shown: Shown) -> ClassFigures | SetFigures:
    """What the evaluation that is shown is worth."""
    labels, logits = shown.evaluation.labels, shown.evaluation.kept
    names = shown.class_names or None
    if shown.several:
        return set_figures(labels, logits, shown.thresholds, names)
    return class_figures(labels, logits, names)


def by_name(shown: Shown, figures: ClassFigures | SetFigures) -> dict[str, Any]:
    """Each class's precision, recall, F1 and number of images, and of several its "AP"; and means
    of them, as scikit-learn's `classification_report` has them."""
    logits = shown.evaluation.kept
    predicted = logits > 0 if shown.several else logits.argmax(-1)
    labels = shown.evaluation.labels
    if not shown.several and labels.ndim == 2:  # Of several right classes that ranked highest.
        labels = np.where(labels > 0, logits, -np.inf).argmax(-1)
    names = [row.name for row in figures.per_class]
    classes: Any = classification_report(
        labels,
        predicted,
        labels=range(len(names)),
        target_names=names,
        output_dict=True,
        zero_division=0,  # pyright: ignore[reportArgumentType]  (the stub knows strings only)
    )
    if shown.several:
        for row in figures.per_class:
            classes[row.name]["AP"] = row.average_precision
    return classes


def write_report(folder: Path, shown: Shown, figures: ClassFigures | SetFigures) -> None:
    """Writes `index.html`, `curves.png` (of a run), `confusion.png` and `classes.json`.

    Where images show several classes `classes.png`, with each one's average precision, takes the
    place of `confusion.png`. `figures` are those of `figures_of`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    own_files.write(folder / "classes.json", strict_json.dumps(by_name(shown, figures), indent=2))
    with styled():
        drawn = {}
        if shown.lines:
            head = "mAP" if shown.several else "top1"
            drawn["curves.png"] = pictures.curves(shown.lines, head)
        if isinstance(figures, SetFigures):
            drawn["classes.png"] = pictures.average_precision_bars(figures)
        else:
            drawn["confusion.png"] = pictures.confusion(figures)
        for file, figure in drawn.items():
            figure.savefig(folder / file, dpi=DOTS_AN_INCH)
    own_files.write(folder / "index.html", run_page(shown, figures))
