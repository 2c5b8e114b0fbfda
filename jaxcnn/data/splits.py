"""Who may see what: training, validation and test examples.

The test split is the official one and is never part of any other. Where a set comes without a
validation split, a stratified tenth of the training split is held out; a set without any split is
divided into 70 %, 10 % and 20 %, stratified. The seed of that is part of the protocol, not of a
run: all runs of a sweep tune on the same examples, and none has trained on what another was
validated with.

A user's own pictures come and go. Each goes to a split by a number drawn for its own name, in the
same shares on average, so that one more moves no other.
"""

import math
from collections.abc import Mapping

import numpy as np

from jaxcnn.data.errors import DataError
from jaxcnn.data.spec import Concatenation, DataDir, DatasetSpec, Source, Subset, example_name

SPLITS = ("train", "val", "train+val", "test", "all")
VAL_FRACTION = 0.1
TEST_FRACTION = 0.2  # Of a set that comes without a test split.
PROTOCOL_SEED = 0


def load_split(spec: DatasetSpec, split: str, data_dir: DataDir = None) -> Source:
    """The examples of one split: "train", "val", "train+val" or "test"; "all" for all of a set
    that comes without splits.

    Args:
        spec: row of the data set table.
        split: one of SPLITS.
        data_dir: where prepared data sets are; see `jaxcnn.data.sources.tfds.resolve_data_dir`.

    Raises:
        DataError: no such split, too few examples to divide, or a label out of range.
        DataNotFound: the data set is not there.
    """
    if split not in SPLITS:
        raise DataError(f"unknown split {split!r}; known: {', '.join(SPLITS)}")
    if "train" not in spec.splits and spec.splits != ("all",) and split not in spec.splits:
        raise DataError(f"{spec.name} is for testing only; it has no {split} split")
    if "train" in split and spec.num_classes == 1:
        raise DataError(
            f"{spec.name} has one class, {spec.class_names[0]}; training takes two or more"
        )
    if split == "all":
        if spec.splits != ("all",):
            raise DataError(f"{spec.name} comes in splits; give one of {', '.join(SPLITS[:-1])}")
        return _stored(spec, "all", data_dir)
    if spec.splits == ("all",):
        return _part_of(spec, _stored(spec, "all", data_dir), split)
    if split in spec.splits and (split != "train" or "val" in spec.splits):
        return _stored(spec, split, data_dir)
    if split == "train+val" and "val" in spec.splits:
        return Concatenation(*(_stored(spec, part, data_dir) for part in ("train", "val")))
    train = _stored(spec, "train", data_dir)
    return train if split == "train+val" else _part_of(spec, train, split)


def _stored(spec: DatasetSpec, split: str, data_dir: DataDir) -> Source:
    """A split that the set comes with, its labels known to be of its classes."""
    source = spec.load(split, data_dir)
    wrong = np.flatnonzero((source.labels < 0) | (source.labels >= spec.num_classes))
    if wrong.size:
        first = int(wrong[0])
        raise DataError(
            f"{spec.name}'s {split} split has label {source.labels[first]} at "
            f"{example_name(source, first)}; labels go from 0 to {spec.num_classes - 1}"
        )
    return source


def _part_of(spec: DatasetSpec, source: Source, split: str) -> Source:
    """A split that is made of `source`: the training examples, or all of a set without splits."""
    draws = getattr(source, "draws", None)
    if draws is not None:
        return _drawn(spec, source, draws, split)
    if spec.splits != ("all",):
        kept, held = hold_out(source.labels, VAL_FRACTION)
        return Subset(source, kept if split == "train" else held)
    rest, test = hold_out(source.labels, TEST_FRACTION)
    if split == "test":
        return Subset(source, test)
    if split == "train+val":
        return Subset(source, rest)
    train, val = hold_out(source.labels[rest], VAL_FRACTION / (1 - TEST_FRACTION))
    return Subset(source, rest[train if split == "train" else val])


def shares_of(native: tuple[str, ...]) -> dict[str, float]:
    """What is taken of the examples, by split, where a set comes with the splits `native`."""
    if native == ("all",):
        return {"test": TEST_FRACTION, "val": VAL_FRACTION}
    return {"val": VAL_FRACTION} if "train" in native and "val" not in native else {}


def by_draw(draws: np.ndarray, shares: Mapping[str, float]) -> dict[str, np.ndarray]:
    """Indices of the examples of each split, ascending; those of no other are to train on.

    Args:
        draws: float64 [N] in [0, 1), one for each example, whatever the others are.
        shares: by split, how much of [0, 1) is its; the first begins at 0.
    """
    edges = np.cumsum(list(shares.values()))
    place = np.searchsorted(edges, draws, side="right")
    return {split: np.flatnonzero(place == i) for i, split in enumerate([*shares, "train"])}


def _drawn(spec: DatasetSpec, source: Source, draws: np.ndarray, split: str) -> Source:
    parts = by_draw(draws, shares_of(spec.splits))
    # What is tested at a run's end has to be there at its beginning.
    for part in parts if "train" in split else (split,):
        if not parts[part].size:
            raise DataError(
                f"of {len(source):,} pictures none falls to {part}; add pictures, or make folders "
                "train, val and test of your own"
            )
    if "train" in split:
        counts = np.bincount(source.labels[parts["train"]], minlength=spec.num_classes)
        if not counts.all():
            name = spec.class_names[int(np.argmin(counts))]
            count = int(np.sum(source.labels == np.argmin(counts)))
            raise DataError(
                f"none of {name}'s pictures ({count}) falls to train; add pictures of it, or make "
                "folders train, val and test of your own"
            )
    if split == "train+val":
        return Subset(source, np.sort(np.concatenate([parts["train"], parts["val"]])))
    return Subset(source, parts[split])


def hold_out(labels: np.ndarray, fraction: float) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the kept and of the held-out examples, each ascending.

    Every class is divided in the same proportion, to the nearest example. Of labels uint8 [N, K]
    an example goes by the rarest class that it shows, so that rare classes are divided evenly too.
    The same labels are always divided the same way. Raises DataError for a class with a single
    example, or so few examples that not every class gets one on both sides.
    """
    from sklearn.model_selection import train_test_split

    strata = strata_of(labels)
    lonely = np.flatnonzero(np.bincount(strata) == 1)
    if lonely.size:
        raise DataError(
            f"class {lonely[0]} has one example only; it takes two to divide a class into splits"
        )
    num_classes, num_held = len(np.unique(strata)), math.ceil(fraction * len(labels))
    if min(num_held, len(labels) - num_held) < num_classes:
        raise DataError(
            f"{len(labels)} examples of {num_classes} classes are too few to hold out "
            f"{fraction:.3g} of them with each class among them; add examples"
        )
    kept, held = train_test_split(
        np.arange(len(labels)), test_size=fraction, stratify=strata, random_state=PROTOCOL_SEED
    )
    return np.sort(kept), np.sort(held)


def strata_of(labels: np.ndarray) -> np.ndarray:
    """What examples are divided evenly by, int [N]: their class, or the rarest that they show."""
    return labels if labels.ndim == 1 else _rarest_class(labels)


def _rarest_class(labels: np.ndarray) -> np.ndarray:
    """For each example the rarest of the classes it shows; K for those that show none.

    A class that is the rarest of a single example cannot be divided: that one joins those of K.
    """
    num_classes = labels.shape[1]
    counts = labels.sum(axis=0, dtype=np.int64)
    rarity = np.where(labels > 0, counts, np.iinfo(np.int64).max)
    rarest = np.where(labels.any(axis=1), rarity.argmin(axis=1), num_classes)
    alone = np.flatnonzero(np.bincount(rarest, minlength=num_classes + 1) == 1)
    rarest[np.isin(rarest, alone)] = num_classes
    if (rarest == num_classes).sum() == 1:
        # The only one of its kind joins the largest stratum.
        rarest[rarest == num_classes] = np.bincount(rarest).argmax()
    return rarest
