"""What a data set is: a row of facts, and a way to read its official splits."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NotRequired, Protocol, TypedDict

import numpy as np

DataDir = str | os.PathLike[str] | None
# Copied together.
IMAGES_AT_ONCE = 4096


class Example(TypedDict):
    """One labelled image.

    `image` is uint8 [H, W, C]. `label` is a class in [0, num_classes), or of an image that shows
    several uint8 [num_classes], 1 for each of them. Where the objects are known, `boxes` float32
    [B, 4] has a row (ymin, xmin, ymax, xmax) for each, as fractions of the image's height and
    width, and `box_labels` int32 [B] their classes.
    """

    image: np.ndarray
    label: int | np.ndarray
    boxes: NotRequired[np.ndarray]
    box_labels: NotRequired[np.ndarray]


class Source(Protocol):
    """Examples by index; reading one never depends on what was read before."""

    @property
    def labels(self) -> np.ndarray:
        """The label of every example: int32 [N], or uint8 [N, K] where images show several."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Example: ...


@dataclass(frozen=True)
class ArraySource:
    """A source held in memory: images uint8 [N, H, W, C], labels int32 [N]."""

    images: np.ndarray
    labels: np.ndarray
    version: str | None = None
    """Of the data set, where it has versions."""

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int, /) -> Example:
        return {"image": self.images[index], "label": int(self.labels[index])}


@dataclass(frozen=True)
class Subset:
    """The examples of `source` at `indices` (int [N]), in that order; nothing is copied."""

    source: Source
    indices: np.ndarray

    @property
    def labels(self) -> np.ndarray:
        return self.source.labels[self.indices]

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int, /) -> Example:
        return self.source[self.indices[index]]


@dataclass(frozen=True)
class Concatenation:
    """The examples of `first`, then those of `second`."""

    first: Source
    second: Source

    @property
    def labels(self) -> np.ndarray:
        return np.concatenate([self.first.labels, self.second.labels])

    def __len__(self) -> int:
        return len(self.first) + len(self.second)

    def __getitem__(self, index: int, /) -> Example:
        split = len(self.first)
        return self.first[index] if index < split else self.second[index - split]


@dataclass(frozen=True)
class Relabelled:
    """The examples of `source`, class k of which is class `classes[k]` here."""

    source: Source
    classes: np.ndarray

    @property
    def labels(self) -> np.ndarray:
        return self.classes[self.source.labels]

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int, /) -> Example:
        example = self.source[index]
        return {**example, "label": int(self.classes[example["label"]])}


def in_memory(source: Source, indices: np.ndarray) -> tuple[ArraySource, np.ndarray] | None:
    """The arrays that hold the examples at `indices`, and where in them; None if none do."""
    match source:
        case ArraySource():
            return source, indices
        case Subset():
            return in_memory(source.source, source.indices[indices])
    return None


Load = Callable[[str, DataDir], Source]


def example_name(source: Source, index: int) -> str:
    """What a person finds an example by: its file, or its place in the set as it is stored."""
    match source:
        case Subset():
            return example_name(source.source, int(source.indices[index]))
        case Concatenation():
            split = len(source.first)
            if index < split:
                return example_name(source.first, index)
            return example_name(source.second, index - split)
        case Relabelled():
            return example_name(source.source, index)
    name = getattr(source, "name", None)
    return name(index) if name else f"example {index}"


def identity_of(source: Source) -> Callable[[int], str] | None:
    """`index -> identity`: what tells an example from all others, found without reading it.

    That of a picture file is its path below the data folder and its size in bytes. None where a
    source has no such thing.
    """
    match source:
        case Subset():
            inner, indices = identity_of(source.source), source.indices
            return inner and (lambda index: inner(int(indices[index])))
        case Concatenation():
            first, second = identity_of(source.first), identity_of(source.second)
            split = len(source.first)
            if first is None or second is None:
                return None
            return lambda index: first(index) if index < split else second(index - split)
        case Relabelled():
            return identity_of(source.source)
    return getattr(source, "identity", None)


def content_of(source: Source) -> Iterator[bytes]:
    """What tells a source's images from others; nothing where only reading each would tell."""
    if (stored := in_memory(source, np.arange(len(source)))) is not None:
        array, indices = stored
        yield f"{array.images.shape[1:]}".encode()
        for start in range(0, len(indices), IMAGES_AT_ONCE):
            yield array.images[indices[start : start + IMAGES_AT_ONCE]].tobytes()
        return
    match source:
        case Subset():
            yield from content_of(source.source)
            yield source.indices.tobytes()
        case Concatenation():
            yield from content_of(source.first)
            yield from content_of(source.second)
        case Relabelled():
            yield from content_of(source.source)
        case _ if (content := getattr(source, "content", None)) is not None:
            yield content.encode()


def groups_of(source: Source) -> np.ndarray | None:
    """The group of each example [N], whose examples belong together: of one patient, of one
    recording. None where a source knows of none."""
    match source:
        case Subset():
            groups = groups_of(source.source)
            return None if groups is None else groups[source.indices]
        case Concatenation():
            first, second = groups_of(source.first), groups_of(source.second)
            return None if first is None or second is None else np.concatenate([first, second])
        case Relabelled():
            return groups_of(source.source)
    return getattr(source, "groups", None)


def version_of(source: Source) -> str | None:
    """The version of the data set that a source is a part of; None where it has none."""
    match source:
        case Subset() | Relabelled():
            return version_of(source.source)
        case Concatenation():
            return version_of(source.first)
    return getattr(source, "version", None)


@dataclass(frozen=True)
class DatasetSpec:
    """A row of a data set table."""

    name: str
    num_classes: int
    image_size: int | None
    """Height and width of the images, pixels; None for photographs of many sizes."""
    channels: int
    mean: tuple[float, ...]
    """Per channel, of uint8 / 255 over the official training split."""
    std: tuple[float, ...]
    flip: bool
    """Whether an image mirrored left to right keeps its label."""
    class_names: tuple[str, ...]
    load: Load
    """load(split, data_dir): one of `splits`; raises DataNotFound if it is not there."""
    splits: tuple[str, ...] = ("train", "test")
    """The splits the set comes with, or ("all",); data/splits.py makes the others of them."""
    examine: Callable[[DataDir], "DatasetSpec"] | None = None
    """For a set whose classes and splits only its folder tells: the row with these filled in."""
    num_train: int | None = None
    """Examples of the official training split; None where only the files tell."""
    multi_label: bool = False
    """Whether every class is asked for on its own, in place of one class an image."""
    among_shown: bool = False
    """Whether a model is asked among the classes alone that the split has images of."""
    notes: tuple[str, ...] = ()
    """What was left out, sorted unusually or guessed, a line each, for people to read."""
    split_notes: Mapping[str, str] = field(default_factory=dict, hash=False)
    """By split, the classes that it has no example of, in a line."""
    prepared: str = ""
    """Name of the set in a TFDS directory, with its configuration, if it is not `name`."""
    paper: str = ""
    """URL."""

    @property
    def all_notes(self) -> tuple[str, ...]:
        """For who is to use all splits."""
        return (*self.notes, *self.split_notes.values())

    def notes_on(self, split: str) -> tuple[str, ...]:
        """For who is to use that split alone."""
        return (*self.notes, *(line for name, line in self.split_notes.items() if name == split))
