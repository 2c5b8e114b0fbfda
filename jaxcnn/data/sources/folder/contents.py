"""What a folder holds, as splits: which of its parts is trained on, which validates and tests.

Pictures that were trained on are never tested. With `train`, `val` and `test` each is what it is
called; of `train` and `val` alone, as ImageNet comes, val is the test split; wherever one is
missing, `jaxcnn.data.splits` takes it from the training pictures, each by its own name.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxcnn.data.errors import DataError, DataNotFound
from jaxcnn.data.sources.folder.names import in_order
from jaxcnn.data.sources.folder.source import FolderSource, draw
from jaxcnn.data.spec import DataDir
from jaxcnn.data.splits import by_draw, shares_of
from jaxcnn.text.phrases import first_few


class Picture(NamedTuple):
    """A file, the name that decides its split where the folder has none, and its group, if any."""

    path: Path
    drawn_by: str
    group: str | None = None


# The pictures of each class.
ByClass = Mapping[str, Sequence[Picture]]


@dataclass(frozen=True)
class Contents:
    """A folder's pictures.

    Attributes:
        root: the folder.
        class_names: the classes in their order.
        parts: by what the folder calls them, "train", "val" or "test"; "all" if it has no splits.
        called: our splits -> `parts`: what a `DatasetSpec` has as splits.
        notes: what was left out, sorted unusually or guessed, a line each.
        split_notes: our splits -> the classes that one has no picture of, in a line.
    """

    root: Path
    class_names: tuple[str, ...]
    parts: Mapping[str, FolderSource]
    called: Mapping[str, str]
    notes: tuple[str, ...]
    split_notes: Mapping[str, str] = field(default_factory=dict)

    def load(self, split: str, data_dir: DataDir = None) -> FolderSource:
        """One of the splits that the folder comes with. `data_dir` is known already."""
        return self.parts[self.called[split]]


def contents(root: Path, found: Mapping[str, ByClass], notes: Iterable[str]) -> Contents:
    """Puts in order what was found.

    Args:
        root: the folder.
        found: by part, "train", "val" and "test" as the folder calls them or "all".
        notes: what is to be known of it already.

    Raises DataError for a class that is tested but not trained on, DataNotFound for one that has no
    picture at all.
    """
    notes = list(notes)
    classes, order = in_order({name for part in found.values() for name in part})
    trained = found.get("train", found.get("all"))
    for part, by_class in found.items():
        if len(found) > 1 and not any(by_class.values()):
            raise DataError(f"{root} has no picture in {part}; add some, or remove that folder")
    for name in classes:
        if not any(part.get(name) for part in found.values()):
            seen = f" ({'; '.join(notes)})" if notes else ""
            raise DataNotFound(
                f"{root} has no picture of {name}; every class needs some: add them, or remove "
                f"that folder{seen}"
            )
        if trained is not None and not trained.get(name):
            where = " and ".join(part for part in found if found[part].get(name))
            raise DataError(
                f"{root} has {name} in {where} and not in train; "
                "add training pictures of it, or take it out"
            )
    called, guess = _protocol(found)
    parts = {part: _source(root, classes, by_class) for part, by_class in found.items()}
    notes += [line for line in (guess, order) if line]
    made = Contents(root, classes, parts, called, tuple(notes))
    lacks = {}
    for split, labels in _splits(made).items():
        lacking = np.flatnonzero(np.bincount(labels, minlength=len(classes)) == 0)
        if lacking.size and split != "train" and labels.size:
            names = first_few([classes[label] for label in lacking])
            lacks[split] = f"the {split} split has no picture of {names}"
    return replace(made, split_notes=lacks)


def _protocol(found: Mapping[str, ByClass]) -> tuple[dict[str, str], str]:
    """Our splits -> the folder's parts, and what was guessed in that."""
    if found.keys() == {"train"}:
        return {"all": "train"}, "train stands alone: 70 % of it trains, 10 % validates, 20 % tests"
    if found.keys() == {"train", "val"}:
        return {"train": "train", "test": "val"}, (
            "val is the test split, for there is no other; a tenth of train validates"
        )
    if found.keys() == {"val"}:
        return {"test": "val"}, "val is the test split, for there is no other"
    return {part: part for part in ("all", "train", "val", "test") if part in found}, ""


def _source(root: Path, classes: Sequence[str], by_class: ByClass) -> FolderSource:
    pictures = [
        (picture, label) for label, name in enumerate(classes) for picture in by_class.get(name, ())
    ]
    groups = [picture.group for picture, _ in pictures]
    return FolderSource(
        tuple(picture.path for picture, _ in pictures),
        np.array([label for _, label in pictures], np.int32),
        root,
        np.array([draw(picture.drawn_by) for picture, _ in pictures]),
        None if None in groups else np.array(groups),
    )


def _splits(made: Contents) -> dict[str, np.ndarray]:
    """The labels of each split as it will be used."""
    shares = shares_of(tuple(made.called))
    splits = {}
    for split in made.called:
        source = made.load(split)
        assert source.draws is not None, "of pictures in folders"
        if split in ("all", "train"):
            parts = by_draw(source.draws, shares)
            splits |= {part: source.labels[indices] for part, indices in parts.items()}
        else:
            splits[split] = source.labels
    return splits
