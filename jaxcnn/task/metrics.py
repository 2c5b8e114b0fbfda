"""Metrics as sums and counts, so that batches, epochs and devices add up exactly.

`CLASSES` is for images of one class each, `MULTI_LABEL` for images that show several.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np

Sums = dict[str, float]
Figures = dict[str, float | int]

# The first of these that a summary has is what runs are compared by; higher is better. Where a task
# of one's own has none, the loss is, and lower is better.
HEADLINES = ("top1", "mAP", "OF1")


class Metrics(Protocol):
    """What is measured of a model.

    Attributes:
        sum_names: what `batch_sums` gives.
        batch_figures: figures that sums alone give, known of training too; beside loss and n.
        figures: figures of an evaluated split, beside loss and n.
        asks_all: whether `evaluated` asks for labels and outputs, all of them at once.
    """

    @property
    def sum_names(self) -> tuple[str, ...]: ...

    @property
    def batch_figures(self) -> tuple[str, ...]: ...

    @property
    def figures(self) -> tuple[str, ...]: ...

    @property
    def asks_all(self) -> bool: ...

    def batch_sums(
        self, losses: jax.Array, logits: jax.Array, labels: jax.Array, weight: jax.Array
    ) -> dict[str, jax.Array]:
        """Sums over a batch of what `summarize` divides.

        Args:
            losses: [N] loss of each example.
            logits: [N, K].
            labels: [N] class of each example, or [N, K] 1 for each of its classes; what
                `Task.labels` gives.
            weight: [N] 1 for a real example, 0 for one that only fills the batch.
        """
        ...

    def outputs(self, logits: jax.Array) -> jax.Array:
        """What is kept of each example's logits, [N, K]: all of them, for both below."""
        ...

    def summarize(self, sums: Mapping[str, float]) -> Figures:
        """`batch_figures`, the mean loss, and how many examples (n)."""
        ...

    def evaluated(
        self, sums: Mapping[str, float], labels: Any, outputs: np.ndarray | None
    ) -> Figures:
        """`figures`, the mean loss and n of a whole split.

        Without `asks_all` labels and outputs may be None.
        """
        ...


@dataclass(frozen=True)
class Classes:
    """One class an image: top-1 and top-5, fractions of the images.

    Where an image has several right classes, each of them counts
    (Beyer et al., 2020, https://arxiv.org/abs/2006.07159).
    """

    sum_names: tuple[str, ...] = ("loss", "top1", "top5", "n")
    batch_figures: tuple[str, ...] = ("top1",)
    figures: tuple[str, ...] = ("top1", "top5")
    asks_all: bool = False

    def batch_sums(
        self, losses: jax.Array, logits: jax.Array, labels: jax.Array, weight: jax.Array
    ) -> dict[str, jax.Array]:
        if labels.ndim == 2:
            labels = jnp.where(labels > 0, logits, -jnp.inf).argmax(-1)
        true_logit = jnp.take_along_axis(logits, labels[:, None], axis=-1)
        # How many classes the true one beats; a tie is lost to the lower class, as argmax has it.
        # Counted so that a logit that is no number beats none.
        classes = jnp.arange(logits.shape[-1])
        below = (logits < true_logit) | ((logits == true_logit) & (classes > labels[:, None]))
        rank = logits.shape[-1] - 1 - below.sum(-1)
        return {
            "loss": jnp.sum(losses * weight),
            "top1": jnp.sum((rank < 1) * weight),
            "top5": jnp.sum((rank < 5) * weight),
            "n": jnp.sum(weight),
        }

    def outputs(self, logits: jax.Array) -> jax.Array:
        return logits

    def summarize(self, sums: Mapping[str, float]) -> Figures:
        n = sums["n"]
        mean = {name: sums[name] / n for name in ("top1", "top5", "loss")}
        return {**mean, "n": round(n)}

    def evaluated(
        self, sums: Mapping[str, float], labels: Any, outputs: np.ndarray | None
    ) -> Figures:
        return self.summarize(sums)


@dataclass(frozen=True)
class MultiLabel:
    """Each class on its own: mAP, CF1 and OF1.

    A class is predicted where its logit is above 0, its probability above 0.5. OF1 is the F1 of
    all decisions together, CF1 the harmonic mean of the classes' mean precision and mean recall
    (Zhu et al., 2017, https://arxiv.org/abs/1702.05891); a class that is never
    predicted has precision 0. mAP is the mean of the classes' average precision. Classes that no
    image of the split shows count for none of the means.
    """

    sum_names: tuple[str, ...] = ("loss", "hits", "predicted", "positive", "n")
    batch_figures: tuple[str, ...] = ("OF1",)
    figures: tuple[str, ...] = ("mAP", "CF1", "OF1")
    asks_all: bool = True

    def batch_sums(
        self, losses: jax.Array, logits: jax.Array, labels: jax.Array, weight: jax.Array
    ) -> dict[str, jax.Array]:
        predicted, positive = logits > 0, labels > 0
        return {
            "loss": jnp.sum(losses * weight),
            "hits": jnp.sum((predicted & positive).sum(-1) * weight),
            "predicted": jnp.sum(predicted.sum(-1) * weight),
            "positive": jnp.sum(positive.sum(-1) * weight),
            "n": jnp.sum(weight),
        }

    def outputs(self, logits: jax.Array) -> jax.Array:
        return logits

    def summarize(self, sums: Mapping[str, float]) -> Figures:
        decisions = sums["predicted"] + sums["positive"]
        return {
            "OF1": 2 * sums["hits"] / decisions if decisions else 0.0,
            "loss": sums["loss"] / sums["n"],
            "n": round(sums["n"]),
        }

    def evaluated(
        self, sums: Mapping[str, float], labels: Any, outputs: np.ndarray | None
    ) -> Figures:
        assert outputs is not None, "it asks for all"
        shown = labels.any(axis=0)
        if not shown.any():
            return {"mAP": 0.0, "CF1": 0.0, **self.summarize(sums)}
        truth, logits = labels[:, shown] > 0, outputs[:, shown]
        hits, predicted = (truth & (logits > 0)).sum(0), (logits > 0).sum(0)
        precision = float(np.mean(hits / np.maximum(predicted, 1)))
        recall = float(np.mean(hits / truth.sum(0)))
        both = precision + recall
        return {
            "mAP": float(np.mean(average_precisions(truth, logits))),
            "CF1": 2 * precision * recall / both if both else 0.0,
            **self.summarize(sums),
        }


CLASSES, MULTI_LABEL = Classes(), MultiLabel()


def average_precisions(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Average precision of each class, float [K]; not a number where no image shows the class.

    scikit-learn's: precision summed over the steps of recall, not interpolated. Scores that are
    not finite rank last.

    Args:
        labels: [N, K] 1 where an image shows a class.
        scores: [N, K] of any scale.
    """
    from sklearn.metrics import average_precision_score

    floor = float(np.finfo(np.float32).min)
    scores = np.nan_to_num(scores, nan=floor, neginf=floor)
    return np.array(
        [
            average_precision_score(labels[:, k], scores[:, k]) if labels[:, k].any() else np.nan
            for k in range(labels.shape[1])
        ]
    )


def headline(figures: Mapping[str, float]) -> str:
    """The name of the figure that these are compared by: top1, or mAP; loss where there is none."""
    return next((name for name in HEADLINES if name in figures), "loss")


def add_sums(total: Mapping[str, float], sums: Mapping[str, jax.Array]) -> Sums:
    """`total` plus a batch's sums, on the host in double precision."""
    return {name: total.get(name, 0.0) + float(value) for name, value in sums.items()}
