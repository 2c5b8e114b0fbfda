"""predictions.csv: a row for each image, in the split's order."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import expit, log_softmax

from jaxcnn.data import Source
from jaxcnn.data.spec import identity_of
from jaxcnn.engine.evaluate import Evaluation
from jaxcnn.metrics.examples import examples_of
from jaxcnn.metrics.several_labels import decisions, sigmoid_losses
from jaxcnn.text.phrases import MOST_OF_A_NAME, printable
from jaxcnn.text.sheet import sheet_cell

COLUMNS = ("label", "prediction", "confidence", "top_k", "probabilities", "loss")
# Of few classes all stand in `top_k`, of many the first.
MOST_WHOLE, TOP_K = 20, 5


@dataclass(frozen=True)
class Cells:
    """Of one image, as `write_predictions` says."""

    label: str
    prediction: str
    confidence: float
    top_k: Sequence[int]
    probabilities: Sequence[float]
    loss: float


def names_of(source: Source) -> list[str] | None:
    """The path of each example below the data folder; None where examples have no names."""
    identity = identity_of(source)
    if identity is None:
        return None
    return [identity(index).rpartition(" ")[0] for index in range(len(source))]


def write_predictions(
    path: Path,
    evaluation: Evaluation,
    names: Sequence[str] | None,
    class_names: Sequence[str],
    thresholds: np.ndarray | None = None,
) -> None:
    """Writes a row for each image.

    The columns: `path`, or `index` in the split where images have no names; `label` and
    `prediction`, by name where classes have names; `confidence`, the prediction's probability;
    `top_k`, a JSON list of the most probable classes (of at most 20 all), and `probabilities`,
    theirs; `loss`, in nats.

    With `thresholds` [K], of images that show several classes: `label` and `prediction` are JSON
    lists, `confidence` is the probability of the least sure yes or no.
    """
    number = len(evaluation.kept)
    rows = (
        _of_one(evaluation, class_names)
        if thresholds is None
        else _of_several(evaluation, class_names, thresholds)
    )
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(("index" if names is None else "path", *COLUMNS))
    for name, row in zip(range(number) if names is None else names, rows, strict=True):
        confidence, loss = f"{row.confidence:.6g}", f"{row.loss:.6g}"
        top = _top_cells(class_names, row.top_k, row.probabilities)
        writer.writerow((sheet_cell(str(name)), row.label, row.prediction, confidence, *top, loss))
    path.write_text(file.getvalue(), errors="backslashreplace", newline="")


def predicted_rows(
    predictions: Iterable[tuple[Path, np.ndarray]],
    class_names: Sequence[str],
    *,
    several: bool,
) -> str:
    """The content of such a file for pictures whose labels are not known: no `label`, no `loss`.

    Args:
        predictions: of each picture the path and the probabilities [K].
        class_names: of the classes; empty where they are not known.
        several: whether each class is asked for on its own, yes above a probability of 0.5.
    """
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(("path", *(column for column in COLUMNS if column not in ("label", "loss"))))
    for path, probabilities in predictions:
        if several:
            taken = np.flatnonzero(probabilities > 0.5)
            prediction = json.dumps([_name(class_names, k) for k in taken], ensure_ascii=False)
            confidence = float(np.maximum(probabilities, 1 - probabilities).min())
        else:
            prediction = sheet_cell(_name(class_names, probabilities.argmax()))
            confidence = float(probabilities.max())
        top = _top(probabilities)
        cells = _top_cells(class_names, top, probabilities[top].tolist())
        writer.writerow((sheet_cell(str(path)), prediction, f"{confidence:.6g}", *cells))
    return file.getvalue()


def _top_cells(
    class_names: Sequence[str], top: Sequence[int], probabilities: Sequence[float]
) -> tuple[str, str]:
    """JSON lists: the classes, and their probabilities."""
    names = json.dumps([_name(class_names, k) for k in top], ensure_ascii=False)
    return names, json.dumps([float(f"{p:.6g}") for p in probabilities])


def _of_one(evaluation: Evaluation, class_names: Sequence[str]) -> Iterator[Cells]:
    labels, logits = evaluation.labels, evaluation.kept
    examples = examples_of(labels, logits)
    for index, row in enumerate(logits):
        probabilities = np.exp(log_softmax(row.astype(np.float64)))
        top = _top(row)
        if labels.ndim == 2:
            right = [_name(class_names, k) for k in np.flatnonzero(labels[index])]
            label = json.dumps(right, ensure_ascii=False)
        else:
            label = sheet_cell(_name(class_names, labels[index]))
        yield Cells(
            label,
            sheet_cell(_name(class_names, examples.predicted[index])),
            float(examples.confidences[index]),
            top,
            probabilities[top].tolist(),
            float(examples.losses[index]),
        )


def _of_several(
    evaluation: Evaluation, class_names: Sequence[str], thresholds: np.ndarray
) -> Iterator[Cells]:
    labels, logits = evaluation.labels, evaluation.kept
    losses, predicted = sigmoid_losses(labels > 0, logits), decisions(logits, thresholds)
    for index, row in enumerate(logits):
        probabilities = expit(row.astype(np.float64))
        top = _top(row)
        shown, taken = (
            json.dumps([_name(class_names, k) for k in np.flatnonzero(each[index])],
                       ensure_ascii=False)
            for each in (labels, predicted)
        )  # fmt: skip
        least_sure = float(np.maximum(probabilities, 1 - probabilities).min())
        yield Cells(
            shown, taken, least_sure, top, probabilities[top].tolist(), float(losses[index])
        )


def _top(values: np.ndarray) -> list[int]:
    """Of logits or probabilities, [K]."""
    most = len(values) if len(values) <= MOST_WHOLE else TOP_K
    return np.argsort(-values, kind="stable")[:most].tolist()


def _name(class_names: Sequence[str], k: int | np.integer) -> str:
    return printable(class_names[int(k)], MOST_OF_A_NAME) if class_names else str(int(k))
