"""What a network has to beat: the most frequent class, and simpler networks."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console

from jaxcnn.comparison.candidates import Candidate, measured, refuse_other
from jaxcnn.data import Source
from jaxcnn.data.balance import class_counts
from jaxcnn.recipe import Recipe
from jaxcnn.train.fit import fit
from jaxcnn.trained.subject import Subject, subject_of_run

MAJORITY, LINEAR = "most frequent class", "linear"


def majority(train_labels: np.ndarray, labels: np.ndarray, num_classes: int) -> Candidate:
    """What says of every image how frequent each class is among the training images.

    Args:
        train_labels: int [M], or [M, K] where images show several.
        labels: int [N] or [N, K], of the images to be measured on.
        num_classes: K.
    """
    several = train_labels.ndim == 2
    shares = class_counts(train_labels, num_classes) / max(len(train_labels), 1)
    floor = np.finfo(np.float32).tiny
    logits = np.log(np.maximum(shares, floor))
    if several:
        logits = logits - np.log(np.maximum(1 - shares, floor))
    alike = np.broadcast_to(logits.astype(np.float32), (len(labels), num_classes))
    return Candidate(MAJORITY, labels, np.array(alike))


def trained(
    name: str,
    recipe: Recipe,
    folder: Path,
    split: str,
    *,
    beside: tuple[str, Subject, Source] | None,
    command: str,
    say: Callable[[str], None],
) -> tuple[Candidate, Subject, Source]:
    """A network trained in `folder`, or the one that was, measured on a split of its data.

    `beside` is another of the same images, with its name: UserError is raised where they are not.
    """
    say(f"training {name} in {folder}")
    fit(recipe, folder, console=Console(stderr=True, quiet=True), command=command)
    subject = subject_of_run(folder)
    source = subject.load(split)
    if beside is not None:
        other, other_subject, other_source = beside
        refuse_other((other_subject, other_source), (subject, source), (other, name), split)
    return measured(name, subject, source, recipe.seed), subject, source
