"""The baselines of a data set, trained and measured."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from jaxcnn.comparison.baselines import majority, trained
from jaxcnn.comparison.candidates import Candidate, Candidates
from jaxcnn.data import Source, dataset_at, load_split, with_labels
from jaxcnn.data.loader.pipeline import steps_per_epoch
from jaxcnn.data.loader.workers import step_seconds_an_image
from jaxcnn.data.spec import Subset
from jaxcnn.models import model_spec
from jaxcnn.models.tools.macs import count_macs
from jaxcnn.models.tools.size_and_work import gmacs_of
from jaxcnn.probes.nearest import nearest, nearest_pixels, neighbours_for
from jaxcnn.recipe import Recipe, recipe_for
from jaxcnn.run.test_uses import note_test_use
from jaxcnn.trained.frozen import Frozen, frozen_weights
from jaxcnn.trained.subject import Subject

if TYPE_CHECKING:
    from jaxcnn.baselines.command import Options

Say = Callable[[str], None]

# Sides in pixels of what LeNet-5 sees all of, without padding; it was made for such digits.
LENET_SIDE = 28
# What training a network may take, or features of training images, on the two cores that are
# counted with whatever the machine, so that the same command is the same recipe everywhere.
MOST_SECONDS, CORES = 300.0, 2
# Training images among which the nearest are looked for, and how many of them vote by pixels.
MOST_NEIGHBOURS, PIXEL_NEIGHBOURS = 50_000, 5


def networks_for(options: "Options") -> tuple[str, ...]:
    """Names of the networks that are trained: the folders of their runs."""
    place = with_labels(options.dataset, options.data_dir, options.labels)
    side = dataset_at(options.dataset, place).image_size
    small = "lenet5" if side is not None and side <= LENET_SIDE else "resnet20"
    return "linear", "mlp", small


def candidates_of(options: "Options", folder: Path, *, command: str, say: Say) -> Candidates:
    """All of them, the most frequent class first.

    Raises UserError where data or weights are not there, or do not fit.
    """
    split = options.split
    place = with_labels(options.dataset, options.data_dir, options.labels)
    data = dataset_at(options.dataset, place)
    train = load_split(data, "train", place)
    found: list[Candidate] = []
    first: tuple[str, Subject, Source] | None = None
    network = _published(options, say)  # Now, so that what is wrong is said before the training.
    for arch in networks_for(options):
        recipe = brief(recipe_for(arch, options.dataset, options.data_dir, labels=options.labels),
                       len(train))  # fmt: skip
        recipe = replace(recipe, data_dir=options.data_dir, labels=options.labels)
        one, subject, source = trained(
            arch, recipe, folder / arch, split, beside=first, command=command, say=say
        )
        if split == "test":
            note_test_use(folder / arch, by=command, say=say)
        found.append(one)
        first = first or (arch, subject, source)
    assert first is not None, "trained"
    _, subject, source = first
    labels, num_classes = found[0].labels, found[0].logits.shape[1]
    found.insert(0, majority(train.labels, labels, num_classes))
    if data.multi_label:
        say("neighbours vote for one class, and these images show several: left out")
    else:
        say("looking for the nearest by pixels")
        found.append(by_pixels(subject, subject.load("train"), source, labels, num_classes))
        if network is not None:
            say(f"looking for the nearest by features of {network.arch}")
            found.append(by_features(network, split, labels, num_classes))
    return Candidates(found, source, subject.class_names, data.multi_label, data.name)


def brief(recipe: Recipe, num_train: int) -> Recipe:
    """The recipe, or as many of its steps as take five minutes on two cores."""
    spec = model_spec(recipe.arch)
    gmacs = gmacs_of(recipe.arch) * (recipe.image_size / spec.image_size) ** 2
    seconds = recipe.batch_size * step_seconds_an_image(gmacs, platform="cpu", cores=CORES)
    most = max(1, int(MOST_SECONDS / seconds))
    steps = recipe.epochs * steps_per_epoch(num_train, recipe.batch_size)
    return recipe if steps <= most else replace(recipe, steps=most)


def by_pixels(
    subject: Subject, train: Source, source: Source, labels: np.ndarray, num_classes: int
) -> Candidate:
    """The nearest neighbours of images as a network gets them, before they are normalised."""
    train = evenly(train, MOST_NEIGHBOURS)
    transforms = subject.input.transforms(subject.data)
    known, asked = (
        np.concatenate(
            [batch["image"][batch["weight"] > 0] for batch in subject.batches(each, transforms)]
        )
        for each in (train, source)
    )
    logits = nearest_pixels(known, train.labels, asked, num_classes, k=PIXEL_NEIGHBOURS)
    return Candidate(f"{PIXEL_NEIGHBOURS}-NN, pixels", labels, logits)


def by_features(network: Frozen, split: str, labels: np.ndarray, num_classes: int) -> Candidate:
    """The nearest neighbours by a network's features."""
    size, channels = network.input.image_size, network.input.channels
    image = jax.ShapeDtypeStruct((1, size, size, channels), jnp.float32)
    gmacs = count_macs(
        lambda v, x: network.model.apply(v, x, train=False), network.variables, image
    ) / 1e9  # fmt: skip
    # Training takes three times as long as what is computed here.
    seconds = step_seconds_an_image(gmacs, platform="cpu", cores=CORES) / 3
    train = evenly(network.load("train"), min(MOST_NEIGHBOURS, int(MOST_SECONDS / seconds)))
    known, asked = (network.features(each) for each in (train, network.load(split)))
    k = neighbours_for(train.labels)
    params = sum(leaf.size for leaf in jax.tree.leaves(network.variables["params"]))
    logits = nearest(known, train.labels, asked, num_classes, k=k)
    return Candidate(f"{k}-NN, {network.arch}", labels, logits, params, gmacs)


def evenly(source: Source, most: int) -> Source:
    """All of a source, or so many of its examples, evenly over it: of each class its share."""
    if len(source) <= most:
        return source
    by_class = np.argsort(source.labels, kind="stable")
    return Subset(source, by_class[np.linspace(0, len(source) - 1, most).round().astype(int)])


def _published(options: "Options", say: Say) -> Frozen | None:
    if options.arch is None or options.pretrained is None:
        return None
    return frozen_weights(
        options.arch,
        options.pretrained,
        dataset=options.dataset,
        data_dir=options.data_dir,
        labels=options.labels,
        image_size=options.image_size,
        say=say,
    )
