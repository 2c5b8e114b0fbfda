"""What is compared: each with its predictions of the same images."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from jaxcnn.data import Source
from jaxcnn.errors import UserError
from jaxcnn.models.tools.macs import count_macs
from jaxcnn.run.run_data import listed_examples
from jaxcnn.trained.subject import Subject

# The speed is that of so many seconds, of a batch that is there already.
TIMED_SECONDS = 1.0


@dataclass(frozen=True)
class Candidate:
    """One that is compared.

    Attributes:
        name: what it is called in the tables.
        labels: int [N], or [N, K] where images show several.
        logits: float32 [N, K].
        params: of the network; None of what has none, as for the next two.
        gmacs: 1e9 multiply-accumulates of one image's forward pass.
        images_per_second: evaluated, of prepared images.
        seed: of the run.
    """

    name: str
    labels: np.ndarray
    logits: np.ndarray
    params: int | None = None
    gmacs: float | None = None
    images_per_second: float | None = None
    seed: int | None = None


@dataclass(frozen=True)
class Candidates:
    """All of them, the first the one that the others are compared with; and the images."""

    all: Sequence[Candidate]
    images: Source
    class_names: Sequence[str]
    several: bool
    dataset: str


def refuse_other(
    first: tuple[Subject, Source],
    other: tuple[Subject, Source],
    names: tuple[str, str],
    split: str,
) -> None:
    """Raises UserError unless both have the same classes, and the same images in one order."""
    one, two = (subject.class_names for subject, _ in (first, other))
    if one != two:
        raise UserError(
            f"{names[0]} and {names[1]} tell other classes apart ({len(one)} and {len(two)}); "
            "compare runs of the same data"
        )
    if listed_examples(split, first[1])[0] != listed_examples(split, other[1])[0]:
        raise UserError(
            f"{names[0]} and {names[1]} have not the same {split} images; compare runs of the same "
            "data, or give one --data-dir for both"
        )


def measured(name: str, subject: Subject, source: Source, seed: int | None) -> Candidate:
    evaluation = subject.evaluate(source)
    size, channels = subject.input.image_size, subject.input.channels
    image = jax.ShapeDtypeStruct((1, size, size, channels), jnp.float32)
    macs = count_macs(lambda v, x: subject.model.apply(v, x, train=False), subject.variables, image)
    return Candidate(
        name,
        evaluation.labels,
        evaluation.kept,
        subject.num_params,
        macs / 1e9,
        images_per_second(subject, source),
        seed,
    )


def images_per_second(subject: Subject, source: Source) -> float:
    """Of prepared images: what the network takes, and not the reading of files."""
    batch = next(iter(subject.batches(source, subject.input.transforms(subject.data))))
    done, begun = 0, time.monotonic()
    while (seconds := time.monotonic() - begun) < TIMED_SECONDS:
        subject.measured([batch])
        done += int(np.asarray(batch["weight"]).sum())
    return done / seconds
