"""Pictures worth a look: what is taken for what with most confidence, and what is hardly known."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from scipy.special import expit, softmax

from jaxcnn.report.pictures import data_uri, is_smooth, under_heat
from jaxcnn.report.shown import HeatOf, Seen, Shown

MOST_PICTURES = 12
# Classes named below a picture, and the share of a target below which none is named.
MOST_NAMED, LEAST_SHARE = 3, 0.05


@dataclass(frozen=True)
class Line:
    """Below a picture; `kind` is how it looks, see templates/page.html."""

    text: str
    kind: str = ""


@dataclass(frozen=True)
class Picture:
    image: str
    alt: str
    lines: Sequence[Line]
    smooth: bool
    heat: str | None = None


@dataclass(frozen=True)
class Gallery:
    title: str
    says: str
    pictures: Sequence[Picture]
    small: bool = False


def of_one_class(shown: Shown) -> list[Gallery]:
    """The most confident mistakes, and the least sure hits."""
    labels, logits = shown.evaluation.labels, shown.evaluation.kept
    probabilities = softmax(np.nan_to_num(logits.astype(np.float64)), axis=1)
    confidence, predicted = probabilities.max(1), logits.argmax(1)
    rows = np.arange(len(logits))
    right = labels[rows, predicted] > 0 if labels.ndim == 2 else predicted == labels
    wrong, hits = np.flatnonzero(~right), np.flatnonzero(right)
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")][:MOST_PICTURES]
    least_sure = hits[np.argsort(confidence[hits], kind="stable")][:MOST_PICTURES]
    heats = _heats(shown.heat_of, np.concatenate([worst, least_sure]), predicted)

    def picture(index: int, heat: np.ndarray | None) -> Picture:
        image = shown.images[index]["image"]
        true = " or ".join(_names(shown, np.flatnonzero(labels[index]))) if labels.ndim == 2 else (
            _name(shown, labels[index])
        )  # fmt: skip
        taken = _name(shown, predicted[index])
        first = Line(true, "right") if right[index] else Line(f"{true} → {taken}", "tag")
        best = np.argsort(-probabilities[index], kind="stable")[:MOST_NAMED]
        others = [Line(f"{_name(shown, k)} {probabilities[index, k]:.3f}") for k in best]
        shown_heat = None if heat is None else data_uri(under_heat(image, heat))
        lines = [first, *others]
        return Picture(data_uri(image), first.text, lines, is_smooth(image), shown_heat)

    pictures = [picture(int(i), heat) for i, heat in zip([*worst, *least_sure], heats, strict=True)]
    explained = f" Beside each, {shown.heat_name}: where what it predicts is seen."
    beside = explained if any(heat is not None for heat in heats) else ""
    n = len(logits)
    return [
        Gallery(
            "The most confident mistakes",
            f"{len(wrong):,} of {n:,} images are wrong; these it is surest of.{beside}"
            if len(wrong)
            else f"All {n:,} images are right.",
            pictures[: len(worst)],
        ),
        Gallery(
            "The least sure hits",
            f"Right, but nearly taken for something else.{beside}"
            if len(hits)
            else "No image is right.",
            pictures[len(worst) :],
        ),
    ]


def of_several_classes(shown: Shown) -> list[Gallery]:
    """Images whose worst decision is the most confident: a class missed (−) or imagined (+).

    Where the objects are known, those of the missed class are framed.
    """
    labels, logits = shown.evaluation.labels, shown.evaluation.kept
    margins = np.where(labels > 0, -logits, logits)  # [N, K], above 0: wrong.
    worst = margins.max(1)
    wrong = np.flatnonzero(worst > 0)
    chosen = wrong[np.argsort(-worst[wrong], kind="stable")][:MOST_PICTURES]
    asked = margins.argmax(1)
    heats = _heats(shown.heat_of, chosen, asked)
    pictures = []
    for index, heat in zip(chosen, heats, strict=True):
        example, k = shown.images[int(index)], int(asked[index])
        missed = bool(labels[index, k])
        image = example["image"]
        if missed and "boxes" in example and "box_labels" in example:
            image = _framed(image, example["boxes"][example["box_labels"] == k])
        first = Line(f"{'−' if missed else '+'} {_name(shown, k)}", "tag")
        second = Line(f"{'shown' if missed else 'not shown'}, {expit(logits[index, k]):.3f}")
        there = ", ".join(_names(shown, np.flatnonzero(labels[index])))
        lines = [first, second, Line(f"shows {there or 'none of the classes'}")]
        shown_heat = None if heat is None else data_uri(under_heat(example["image"], heat))
        pictures.append(Picture(data_uri(image), first.text, lines, is_smooth(image), shown_heat))
    n = len(logits)
    says = f"{len(wrong):,} of {n:,} images have a class wrong; − one missed, + one imagined."
    return [Gallery("The most confident mistakes", says, pictures)]


def of_training(seen: Seen, shown: Shown) -> Gallery:
    """What a step learns from."""
    pictures = []
    for image, target in zip(seen.images, seen.targets, strict=True):
        shares = [k for k in np.argsort(-target, kind="stable") if target[k] >= LEAST_SHARE]
        named = [f"{_name(shown, k)} {target[k]:.2f}" for k in shares[:MOST_NAMED]]
        if len(shares) == 1 or shown.several:
            named = [_name(shown, k) for k in shares[:MOST_NAMED]]
        lines = [Line(text) for text in named or ["no class"]]
        pictures.append(Picture(data_uri(image), lines[0].text, lines, is_smooth(image)))
    says = "Training images after augmentation and mixing, with what is to be learned of each."
    return Gallery("A batch as the model saw it", says, pictures, small=True)


def _heats(
    heat_of: HeatOf | None, indices: np.ndarray, classes: np.ndarray
) -> Iterable[np.ndarray | None]:
    if heat_of is None or not len(indices):
        return [None] * len(indices)
    return list(heat_of(indices, classes[indices]))


def _framed(image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """With a frame around each of `boxes`, rows of (ymin, xmin, ymax, xmax) in fractions."""
    height, width, channels = image.shape
    framed = np.ascontiguousarray(np.repeat(image, 3 // channels, axis=2))
    thick = max(1, round(min(height, width) / 80))
    for top, left, bottom, right in boxes:
        corners = ((left, top), (right, bottom))
        first, last = ((round(x * (width - 1)), round(y * (height - 1))) for x, y in corners)
        cv2.rectangle(framed, first, last, (213, 94, 0), thick)
    return framed


def _names(shown: Shown, classes: Iterable[int]) -> list[str]:
    return [_name(shown, k) for k in classes]


def _name(shown: Shown, k: int) -> str:
    return shown.class_names[int(k)] if shown.class_names else f"class {int(k)}"
