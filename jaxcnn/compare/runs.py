"""The runs that are compared, and the baselines beside them."""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from jaxcnn.comparison.baselines import LINEAR, majority, trained
from jaxcnn.comparison.candidates import Candidate, Candidates, measured, refuse_other
from jaxcnn.data import Source, load_split
from jaxcnn.recipe import data_place, recipe_for
from jaxcnn.run.folder import RunFolder
from jaxcnn.run.test_uses import note_test_use
from jaxcnn.trained.subject import Subject, subject_of_run

Say = Callable[[str], None]


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
        found += baselines(runs[0], data_dir, first, split, linear_folder, found, command, say)
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


def baselines(
    run: str,
    data_dir: str | None,
    first: tuple[Subject, Source],
    split: str,
    linear_folder: Path,
    found: Sequence[Candidate],
    command: str,
    say: Say,
) -> list[Candidate]:
    """What says the most frequent class of the training images, and a linear classifier."""
    subject, source = first
    labels, classes = found[0].labels, found[0].logits.shape[1]
    recipe = RunFolder(run).read_recipe()
    kept = RunFolder(run).read_data()
    place = data_dir or (kept.data_dir if kept is not None else None) or recipe.data_dir
    here = replace(recipe, data_dir=place)
    train = load_split(subject.data, "train", data_place(here))
    of_majority = majority(train.labels, labels, classes)
    if recipe.arch == "linear":
        return [of_majority]
    of_data = recipe_for("linear", recipe.dataset, place, labels=recipe.labels)
    of_linear, *_ = trained(
        LINEAR,
        # A fold is drawn by its run's seed.
        replace(
            of_data,
            data_dir=place,
            labels=recipe.labels,
            fold=recipe.fold,
            seed=of_data.seed if recipe.fold is None else recipe.seed,
        ),
        linear_folder,
        split,
        beside=(run, subject, source),
        command=command,
        say=say,
    )
    return [of_majority, of_linear]
