"""Whether probabilities are what they say: of the predictions at 0.8, are 80% right?"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from jaxcnn.metrics.examples import Examples, check, examples_of, mean, row_blocks

BINS = 15  # Guo et al.'s.
# What a temperature is looked for between: beyond, all probabilities are 0 and 1, or all the same.
TEMPERATURES = (0.01, 100.0)


@dataclass(frozen=True)
class Bin:
    """Predictions with a confidence above `low`, up to `high`.

    Their mean confidence and how many are right, a fraction; both None where there are none.
    """

    low: float
    high: float
    count: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True)
class Calibration:
    """Each None of no images, and where logits are not finite.

    Attributes:
        ece: expected calibration error: by how much accuracy and confidence differ in a bin, the
            mean over predictions (Guo et al., 2017, https://arxiv.org/abs/1706.04599).
        brier: squared errors of all classes' probabilities, summed; the mean over images
            (Brier, 1950, "Verification of forecasts expressed in terms of probability"); 0 to 2.
        nll: mean negative log-likelihood in nats.
        mean_confidence: of the predicted classes.
        bins: as wide as each other.
    """

    ece: float | None
    brier: float | None
    nll: float | None
    mean_confidence: float | None
    bins: tuple[Bin, ...]

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "bins": [asdict(each) for each in self.bins]}


def calibration(labels: np.ndarray, logits: np.ndarray) -> Calibration:
    """Of predictions of one class; for labels and logits see `examples_of`.

    With a temperature: of the logits divided by it.
    """
    return calibration_of(examples_of(labels, logits))


def calibration_of(examples: Examples) -> Calibration:
    confidences, right = examples.confidences, examples.right
    finite = np.isfinite(confidences)
    edges = np.linspace(0, 1, BINS + 1)
    place = np.digitize(confidences[finite], edges[1:-1], right=True)
    counts = np.bincount(place, minlength=BINS)
    confidence, accuracy = (
        np.bincount(place, values[finite], minlength=BINS) / np.maximum(counts, 1)
        for values in (confidences, right)
    )
    known = len(examples) > 0 and bool(finite.all())
    return Calibration(
        ece=float(np.average(abs(confidence - accuracy), weights=counts)) if known else None,
        brier=mean(examples.squared_errors),
        nll=mean(examples.losses),
        mean_confidence=mean(confidences),
        bins=tuple(
            Bin(
                float(edges[i]),
                float(edges[i + 1]),
                int(counts[i]),
                float(confidence[i]) if counts[i] else None,
                float(accuracy[i]) if counts[i] else None,
            )
            for i in range(BINS)
        ),
    )


def fit_temperature(labels: np.ndarray, logits: np.ndarray) -> float:
    """What to divide logits by for the least loss: temperature scaling (Guo et al., 2017).

    To be fitted on validation images, never on those that it is then judged by. Between 0.01 and
    100; an image whose logits are not all finite is left out, and of none the answer is 1.

    Args:
        labels: as for `examples_of`.
        logits: float [N, K].
    """
    check(labels, logits)
    finite = np.isfinite(logits).all(1)
    labels, logits = labels[finite], logits[finite]
    if not len(logits):
        return 1.0
    if labels.ndim == 2:
        rights = (logits * (labels > 0)).sum(1) / np.maximum((labels > 0).sum(1), 1)
    else:
        rights = np.take_along_axis(logits, labels[:, None], axis=1)[:, 0]
    largest = logits.max(1)
    margin = (rights - largest).mean(dtype=np.float64)

    def loss(log_temperature: float) -> float:
        # As precise as the logits: of many images the rounding averages out.
        scale = np.exp(-log_temperature).astype(logits.dtype)
        sums = [
            np.exp((logits[rows] - largest[rows, None]) * scale).sum(1, dtype=np.float64)
            for rows in row_blocks(*logits.shape)
        ]
        return float(np.log(np.concatenate(sums)).mean() - margin * scale)

    found: Any = minimize_scalar(
        loss, bounds=tuple(np.log(TEMPERATURES)), method="bounded", options={"xatol": 1e-5}
    )
    return float(np.exp(found.x))
