"""What is compared: each with its predictions of the same images."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console

from jaxcnn.data import Source, load_split
from jaxcnn.errors import UserError
from jaxcnn.models.tools.macs import count_macs
from jaxcnn.recipe import data_place, recipe_for
from jaxcnn.run.folder import RunFolder
from jaxcnn.run.run_data import listed_examples
from jaxcnn.run.test_uses import note_test_use
from jaxcnn.train.fit import fit
from jaxcnn.trained.subject import Subject, subject_of_run

Say = Callable[[str], None]
MAJORITY, LINEAR = "most frequent class", "linear"
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


def candidates_of(
    runs: Sequence[str],
    *,
    split: str,
    data_dir: str | None,
    linear_folder: Path | None,
    command: str,
    say: Say,
) -> Candidates:
    """Each run measured on the split, and the baselines, if there is a folder for the linear one.

    Raises UserError where two runs tell other classes apart, or have other images in that split.
    """
    names = shown_names(runs)
    found: list[Candidate] = []
    first: tuple[Subject, Source] | None = None
    for run, name in zip(runs, names, strict=True):
        say(f"measuring {run}")
        subject = subject_of_run(run, data_dir=data_dir, say=say)
        source = subject.load(split)
        if first is None:
            first = subject, source
        else:
            refuse_other(first, (subject, source), (names[0], name), split)
        found.append(measured(name, subject, source, RunFolder(run).read_recipe().seed))
        if split == "test" and subject.is_own(split):
            note_test_use(run, by=command, say=say)
    assert first is not None, "one at least"
    subject, source = first
    if linear_folder is not None:
        found += baselines(runs[0], data_dir, first, split, linear_folder, found, say)
    several = subject.data.multi_label
    return Candidates(found, source, subject.class_names, several, subject.data.name)


def shown_names(runs: Sequence[str]) -> list[str]:
    """The last part of each folder's path, or as many parts as tell them apart."""
    parts = [Path(os.path.abspath(run)).parts for run in runs]
    for length in range(1, max(map(len, parts)) + 1):
        names = ["/".join(part[-length:]) for part in parts]
        if len(set(names)) == len(names):
            return names
    return list(runs)


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


def baselines(
    run: str,
    data_dir: str | None,
    first: tuple[Subject, Source],
    split: str,
    linear_folder: Path,
    found: Sequence[Candidate],
    say: Say,
) -> list[Candidate]:
    """What says the most frequent class of the training images, and a linear classifier."""
    subject, source = first
    labels, classes = found[0].labels, found[0].logits.shape[1]
    recipe = RunFolder(run).read_recipe()
    kept = RunFolder(run).read_data()
    place = data_dir or (kept.data_dir if kept is not None else None) or recipe.data_dir
    train = load_split(subject.data, "train", data_place(recipe) if place is None else place)
    of_class = (
        train.labels.sum(0)
        if train.labels.ndim == 2
        else np.bincount(train.labels, minlength=classes)
    )
    shares = of_class / max(len(train), 1)
    floor = np.finfo(np.float32).tiny
    logits = np.log(np.maximum(shares, floor))
    if subject.data.multi_label:
        logits = logits - np.log(np.maximum(1 - shares, floor))
    alike = np.broadcast_to(logits.astype(np.float32), (len(labels), classes))
    majority = Candidate(MAJORITY, labels, np.array(alike))
    if recipe.arch == "linear":
        return [majority]
    say(f"training the linear baseline in {linear_folder}")
    of_linear = recipe_for("linear", recipe.dataset, place, labels=recipe.labels)
    fit(of_linear, linear_folder, console=Console(stderr=True, quiet=True))
    linear = subject_of_run(linear_folder)
    linear_source = linear.load(split)
    refuse_other(first, (linear, linear_source), (run, LINEAR), split)
    return [majority, measured(LINEAR, linear, linear_source, of_linear.seed)]
