"""The page of a run or an evaluation: index.html."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from scipy.special import logsumexp

from jaxcnn.metrics.classes import ClassFigures
from jaxcnn.metrics.curves import precision_over_recall
from jaxcnn.metrics.several_labels import SetFigures
from jaxcnn.report import charts
from jaxcnn.report.galleries import of_one_class, of_several_classes, of_training
from jaxcnn.report.page import rendered
from jaxcnn.report.pictures import data_uri, enlarged, png_uri, shares_picture
from jaxcnn.report.shown import Shown

# With more classes the cells of a confusion matrix are too small for names and numbers; with more
# rows a table is a download.
MOST_NAMED_CLASSES, MOST_ROWS = 20, 1_000
# Of the classes' curves of precision and recall, the worst.
MOST_CURVES = 5
SAYS = {
    "top1": "of the images the first guess is right",
    "top5": "of the images one of the first five guesses is right",
    "loss": "mean negative log-likelihood of the right class, in nats",
    "balanced_accuracy": "mean recall of the classes, each counting alike",
    "macro_f1": "mean F1 of the classes, each counting alike",
    "kappa": "Cohen's: agreement beyond chance, 1 at most",
    "mcc": "Matthews' correlation of prediction and truth, 1 at most",
    "roc_auc": "mean area under the ROC curve, each class against the rest; 0.5 by chance",
    "mAP": "mean of the classes' average precision",
    "CF1": "harmonic mean of the classes' mean precision and recall",
    "OF1": "F1 of all yes and no together",
    "subset_accuracy": "of the images every yes and no is right",
    "hamming_loss": "of all yes and no are wrong",
    "label_ranking_average_precision": "how far up an image's own classes are ranked",
    "ece": "calibration error: how far confidence is from being right, on average",
    "brier": "squared error of the probabilities, 0 to 2",
    "mean_confidence": "how sure it is, on average",
}
NAMES = {"top1": "top-1", "top5": "top-5", "roc_auc": "ROC-AUC", "mcc": "MCC", "ece": "ECE",
         "macro_f1": "macro F1"}  # fmt: skip
OF_ONE = ("top1", "top5", "loss", "balanced_accuracy", "macro_f1", "kappa", "mcc", "roc_auc")
OF_SEVERAL = ("mAP", "CF1", "OF1", "loss", "subset_accuracy", "hamming_loss",
              "label_ranking_average_precision")  # fmt: skip
OF_CONFIDENCE = ("mean_confidence", "ece", "brier")


def run_page(shown: Shown, figures: ClassFigures | SetFigures) -> str:
    """The page as HTML. `figures` are those of what is shown."""
    several = isinstance(figures, SetFigures)
    head = "mAP" if several else "top1"
    value = getattr(figures, head)
    what = "mean average precision" if several else "top-1"
    galleries = of_several_classes(shown) if several else of_one_class(shown)
    if shown.seen is not None:
        galleries.append(of_training(shown.seen, shown))
    with charts.styled():
        curves = _curves(shown)
        more_charts = _confidence(figures, shown)
    counts = {split: each.tolist() for split, each in shown.counts.items()}
    classes = [{"class": k, **asdict(row)} for k, row in enumerate(figures.per_class)]
    return rendered(
        "run.html",
        title=shown.title,
        subtitle=shown.subtitle,
        headline={
            "value": value,
            "interval": figures.intervals.get(head),
            "text": f"{what} on {figures.n:,} images of the {shown.split} split",
        },
        notes=shown.notes,
        facts=shown.facts,
        command=shown.command,
        recipe=shown.recipe,
        curves=curves,
        split=shown.split,
        n=figures.n,
        figures=_figure_rows(figures),
        matrix=None if several else _matrix(figures, shown.class_names),
        matrix_picture=None if several else _matrix_picture(figures),
        pairs=[] if several else _pairs(figures, shown.class_names),
        galleries=galleries,
        filters=None if shown.filters is None else data_uri(enlarged(shown.filters), drawn=True),
        charts=more_charts,
        confidence_says="" if several else confidence_says(figures, shown.temperature),
        per_class=classes[:MOST_ROWS],
        more_classes=f"and {len(classes) - MOST_ROWS:,} classes more, in classes.json"
        if len(classes) > MOST_ROWS
        else "",
        balance=counts,
        balance_says=balance_says(counts.get("train")),
        again=shown.again,
        sections=[{**vars(each), "png": each.png and png_uri(each.png)} for each in shown.sections],
    )


def confidence_says(figures: ClassFigures, temperature: float | None) -> str:
    """How its confidence compares with how often it is right, in words."""
    found = figures.calibration
    if found.mean_confidence is None or found.ece is None or figures.top1 is None:
        return "Its probabilities are not all numbers, so that nothing can be said of them."
    gap = found.mean_confidence - figures.top1
    sides = "surer than it may be" if gap > 0 else "less sure than it could be"
    verdict = "about as sure as it is right" if abs(gap) < 0.01 else sides
    line = (
        f"On average it is {found.mean_confidence:.3f} sure and right {figures.top1:.3f} of the "
        f"time: {verdict} (expected calibration error {found.ece:.3f})."
    )
    if temperature is not None:
        line += f" Logits divided by {temperature:.2f}, fitted on validation, would say it best."
    return line


def balance_says(counts: Sequence[int] | None) -> str:
    """How unlike in number the classes' training images are, in words."""
    if not counts or max(counts) == 0:
        return ""
    if min(counts) == 0:
        return f"{counts.count(0)} of the {len(counts)} classes have no training image."
    ratio = max(counts) / min(counts)
    if ratio < 1.5:
        return "The classes have about as many training images each."
    return (
        f"The largest class has {ratio:.1f} times as many training images as the smallest: look "
        "at the figures in which each class counts alike."
    )


def _figure_rows(figures: ClassFigures | SetFigures) -> list[dict[str, Any]]:
    values: dict[str, float | None] = {}
    if isinstance(figures, SetFigures):
        values = {name: getattr(figures, name) for name in OF_SEVERAL}
    else:
        for name in OF_ONE:
            values[name] = figures.macro.f1 if name == "macro_f1" else getattr(figures, name)
        values |= {name: getattr(figures.calibration, name) for name in OF_CONFIDENCE}
    return [
        {
            "name": NAMES.get(name, name.replace("_", " ")),
            "value": value,
            "interval": figures.intervals.get(name),
            "says": SAYS[name],
        }
        for name, value in values.items()
        if value is not None or name == "top1"
    ]


def _shares(figures: ClassFigures) -> np.ndarray:
    """float [K, K], of the true class; rows of classes without images are not numbers."""
    matrix = figures.confusion.toarray().astype(float)
    with np.errstate(invalid="ignore"):
        return matrix / matrix.sum(1, keepdims=True)


def _matrix(figures: ClassFigures, names: Sequence[str]) -> dict[str, Any] | None:
    if len(figures.per_class) > MOST_NAMED_CLASSES:
        return None
    shares = _shares(figures)
    rows = [[None if np.isnan(share) else float(share) for share in row] for row in shares]
    return {"names": names or [str(k) for k in range(len(rows))], "rows": rows}


def _matrix_picture(figures: ClassFigures) -> str | None:
    if len(figures.per_class) <= MOST_NAMED_CLASSES or len(figures.per_class) > MOST_ROWS:
        return None
    return data_uri(shares_picture(_shares(figures)), drawn=True)


def _pairs(figures: ClassFigures, names: Sequence[str]) -> list[dict[str, Any]]:
    def name(k: int) -> str:
        return names[k] if names else f"class {k}"

    return [
        {"true": name(p.true), "predicted": name(p.predicted), "count": p.count, "share": p.share}
        for p in figures.worst_pairs
    ]


def _curves(shown: Shown) -> list[dict[str, str]]:
    if not shown.lines:
        return []
    head = "mAP" if shown.several else "top1"
    loss, score = (charts.learning_curve(shown.lines, name) for name in ("loss", head))
    rate = charts.by_step(shown.steps, "lr", "learning rate", "rate")
    norm = charts.by_step(shown.steps, "grad_norm", "gradient norm", "norm", log=True)
    captions = (
        (loss, "Training images measured as validation has them can be compared with it."),
        (score, ""),
        (rate, ""),
        (norm, ""),
        (charts.speed(shown.lines), ""),
    )
    return [{"svg": charts.svg_of(chart), "caption": text} for chart, text in captions if chart]


def _confidence(figures: ClassFigures | SetFigures, shown: Shown) -> list[dict[str, str]]:
    labels, logits = shown.evaluation.labels, shown.evaluation.kept
    found = []
    if isinstance(figures, ClassFigures):
        bins = figures.calibration.to_json()["bins"]
        if any(each["count"] for each in bins):
            found.append((charts.reliability(bins), "Bars below the diagonal: surer than right."))
    rows = [row for row in figures.per_class if row.average_precision is not None]
    worst = sorted(rows, key=lambda row: row.average_precision or 0.0)[:MOST_CURVES]
    curves = {}
    scores = logits if shown.several else logits - logsumexp(logits, axis=1, keepdims=True)
    for row in worst:
        k = figures.per_class.index(row)
        positive = labels[:, k] > 0 if labels.ndim == 2 else labels == k
        if (curve := precision_over_recall(positive, scores[:, k])) is not None:
            curves[f"{row.name} ({row.average_precision:.3f})"] = (curve.x, curve.y)
    if curves:
        text = "The classes of the lowest average precision, which stands behind their names."
        found.append((charts.precision_recall(curves), text))
    return [{"svg": charts.svg_of(chart), "caption": text} for chart, text in found]
