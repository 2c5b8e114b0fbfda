"""Pictures classified by a run's model or by published weights, and explained on request."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np

from jaxcnn.data.loader.pipeline import eval_batches, seconds_an_image
from jaxcnn.data.loader.workers import Hands
from jaxcnn.data.sources.pictures import UNREADABLE, Pictures
from jaxcnn.engine.feed import hands_of
from jaxcnn.explain.figure import HeatMap
from jaxcnn.models import model_spec
from jaxcnn.trained.classifier import BATCHES, Classifier
from jaxcnn.trained.heat import occluding_square, stage_of
from jaxcnn.trained.methods import OF_A_STAGE, Method

LARGEST_BATCH = BATCHES[-1]
# So many are begun with at once: to measure what reading one takes would take as long.
FEW, TWO_THREADS = 256, Hands(0, 2)


@dataclass(frozen=True)
class Prediction:
    """A picture, classified.

    Attributes:
        path: its file.
        probabilities: float32 [K].
        image: uint8 [H, W, C], as the model got it.
        heat: what spoke for the most probable class; None if that was not asked for.
    """

    path: Path
    probabilities: np.ndarray
    image: np.ndarray
    heat: HeatMap | None

    def top(self, k: int) -> list[tuple[int, float]]:
        """The `k` most probable classes, or all if they are fewer, with their probabilities."""
        order = np.argsort(-self.probabilities, kind="stable")[:k]
        return [(int(index), float(self.probabilities[index])) for index in order]


@dataclass(frozen=True)
class Unreadable:
    """A file that could not be used, and why, in one line."""

    path: Path
    problem: str


def classify(
    classifier: Classifier, paths: Sequence[Path], *, explain: Method | None = None
) -> Iterator[Prediction | Unreadable]:
    """One for each path, in order.

    Args:
        classifier: the model.
        paths: picture files.
        explain: how to explain the most probable class of each.

    Raises UserError if the model cannot take the images, or not be explained that way.
    """
    source = Pictures(paths, channels=classifier.data.channels, transforms=classifier.transforms)
    hands = _hands(classifier, source)
    batches = eval_batches(
        source,
        (),
        batch_size=min(len(paths), LARGEST_BATCH),
        num_workers=hands.workers,
        num_threads=hands.threads,
    )
    variables = classifier.variables
    stage: str | None = None
    index = 0
    for batch in batches:
        images = batch["image"]
        if explain in OF_A_STAGE and stage is None:
            stage = stage_of(classifier.model, variables, images)
        probabilities = np.asarray(classifier.probabilities_of(variables, images))
        heat: list[HeatMap | None] = [None] * len(images)
        if explain is not None:
            values, gaps = jax.device_get(
                classifier.heat_of(explain, variables, images, probabilities.argmax(-1))
            )
            gaps = [None] * len(values) if gaps is None else gaps.tolist()
            heat = [
                _heat_map(explain, one, images.shape[1], gap, stage)
                for one, gap in zip(values, gaps, strict=True)
            ]
        for row in range(int(batch["weight"].sum())):
            if batch["label"][row] == UNREADABLE:
                if index not in source.problems:  # A worker read it, and knows why.
                    source[index]
                yield Unreadable(paths[index], source.problems[index])
            else:
                yield Prediction(paths[index], probabilities[row], images[row], heat[row])
            index += 1


def _hands(classifier: Classifier, source: Pictures) -> Hands:
    """What reads the pictures, as evaluation chooses it; two threads for few."""
    if len(source) <= FEW:
        return TWO_THREADS
    hands = hands_of(
        model_spec(classifier.arch),
        classifier.input.image_size,
        len(source),
        lambda: seconds_an_image(source, ()),
    )
    return hands if hands.workers else Hands(0, max(hands.threads, TWO_THREADS.threads))


UNITS = {
    "grad_cam": "Grad-CAM",
    "grad_cam_plus_plus": "Grad-CAM++",
    "score_cam": "Score-CAM",
    "smooth_grad": "absolute gradient, smoothed",
    "guided_backprop": "absolute guided gradient",
    "attention_rollout": "share of what is read",
}


def _heat_map(
    method: Method, values: np.ndarray, image_size: int, gap: float | None, stage: str | None
) -> HeatMap:
    whole = (0, image_size, image_size, 0)
    match method:
        case "integrated_gradients":
            return HeatMap(values, whole, signed=True, unit="logit", gap=gap)
        case "occlusion":
            # Each value is drawn in the middle of its square, as wide as squares are apart.
            size, stride = occluding_square(image_size)
            first = (size - stride) / 2
            last = first + stride * len(values)
            edges = (first, last, last, first)
            return HeatMap(values, edges, signed=True, unit="probability lost when covered")
        case _:
            return HeatMap(values, whole, signed=False, unit=UNITS[method], stage=stage)
