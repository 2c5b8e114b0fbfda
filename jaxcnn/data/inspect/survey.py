"""What there is in a data set, found by reading every example of every split once."""

import math
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from jaxcnn.data.balance import class_counts, imbalance_ratio, normalized_entropy
from jaxcnn.data.errors import DataError
from jaxcnn.data.inspect.duplicates import (
    Fingerprint,
    Fingerprints,
    Pair,
    copies,
    exact_pairs,
    fingerprint,
    near_pairs,
)
from jaxcnn.data.loader.budget import DECODING
from jaxcnn.data.sources.readable import Unreadable
from jaxcnn.data.spec import DataDir, DatasetSpec, Source, example_name
from jaxcnn.data.splits import load_split
from jaxcnn.data.statistics import ChannelMoments, image_moments


@dataclass(frozen=True)
class SplitSurvey:
    """One split, read.

    Attributes:
        source: its examples.
        readable: indices of those that can be read, int [N].
        unreadable: the others.
        sizes: height and width in pixels of the readable ones, int [N, 2].
        prints: fingerprints of the readable ones.
        mean, std: per channel, of uint8 / 255, over the readable ones.
    """

    source: Source
    readable: np.ndarray
    unreadable: Sequence[Unreadable]
    sizes: np.ndarray
    prints: Fingerprints
    mean: np.ndarray
    std: np.ndarray

    def classes(self, position: int) -> list[int]:
        """What the readable example at `position` shows."""
        label = self.source.labels[self.readable[position]]
        return np.flatnonzero(label).tolist() if label.ndim else [int(label)]

    def showing(self, label: int) -> np.ndarray:
        """Positions among the readable of those that show a class."""
        labels = self.source.labels[self.readable]
        return np.flatnonzero(labels[:, label] if labels.ndim == 2 else labels == label)

    def name(self, position: int) -> str:
        return example_name(self.source, int(self.readable[position]))


class SharedPictures(NamedTuple):
    """Pictures of split `second` that are in split `first` too; positions among the readable."""

    first: str
    second: str
    exact: Sequence[Pair]
    near: Sequence[Pair]


@dataclass(frozen=True)
class Survey:
    """A data set, read.

    Attributes:
        spec: its row, with the classes of its folder.
        splits: by name; the training split first.
        shared: for every two splits.
        copies: by split, the examples that repeat one before them pixel by pixel.
        note: why the splits are not those of training; empty where they are.
    """

    spec: DatasetSpec
    splits: Mapping[str, SplitSurvey]
    shared: Sequence[SharedPictures]
    copies: Mapping[str, Sequence[Pair]]
    note: str = ""

    @property
    def train(self) -> SplitSurvey:
        return next(iter(self.splits.values()))

    def counts(self, split: str) -> np.ndarray:
        """Examples per class, int [num_classes]."""
        return class_counts(self.splits[split].source.labels, self.spec.num_classes)


def survey(
    spec: DatasetSpec, data_dir: DataDir, say: Callable[[str], None] = lambda line: None
) -> Survey:
    """Reads the data set and looks for what should not be there.

    `say` is told what is being done. Raises UserError where there is no such data set, or none of a
    split's examples can be read; single bad ones are part of what is found.
    """
    sources, note = _sources(spec, data_dir)
    splits: dict[str, SplitSurvey] = {}
    for name, source in sources.items():
        say(f"reading {len(source):,} examples of {name}")
        splits[name] = survey_split(source)
    shared: list[SharedPictures] = []
    for first, second in combinations(splits, 2):
        say(f"looking for pictures of {second} in {first}")
        one, other = splits[first].prints, splits[second].prints
        shared.append(
            SharedPictures(first, second, exact_pairs(one, other), near_pairs(one, other))
        )
    return Survey(
        spec, splits, shared, {name: copies(part.prints) for name, part in splits.items()}, note
    )


def _sources(spec: DatasetSpec, data_dir: DataDir) -> tuple[dict[str, Source], str]:
    trained = {"train", "all"} & {*spec.splits}
    splits = ("train", "val", "test") if trained else spec.splits
    try:
        return {split: load_split(spec, split, data_dir) for split in splits}, ""
    except DataError as error:
        if spec.splits != ("all",):
            raise
        # A set that cannot be divided cannot be trained on, but looked at.
        return {"all": load_split(spec, "all", data_dir)}, str(error)


def survey_split(source: Source) -> SplitSurvey:
    """Reads every example of a source. Raises DataError if none can be read."""

    def read(index: int) -> tuple[Fingerprint, np.ndarray, tuple[int, ...]] | Unreadable:
        with DECODING.kept():
            try:
                image = source[index]["image"]
            except DataError as error:
                return Unreadable(index, str(error))
            return fingerprint(image), image_moments(image), image.shape[:2]

    readable: list[int] = []
    unreadable: list[Unreadable] = []
    prints: list[Fingerprint] = []
    sizes: list[tuple[int, ...]] = []
    moments = ChannelMoments()
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # OpenCV lets other threads run.
        for index, found in enumerate(pool.map(read, range(len(source)))):
            if isinstance(found, Unreadable):
                unreadable.append(found)
                continue
            readable.append(index)
            prints.append(found[0])
            moments.add(found[1])
            sizes.append(found[2])
    if not readable:
        reason = f"; the first: {unreadable[0].reason}" if unreadable else ""
        raise DataError(f"no example can be read{reason}")
    return SplitSurvey(
        source,
        np.array(readable),
        unreadable,
        np.array(sizes),
        Fingerprints.of(prints),
        moments.mean,
        moments.std,
    )


def summary(found: Survey) -> dict[str, Any]:
    """What was found as plain values, for `inspect.json`."""

    def pairs(first: str, second: str, which: Sequence[Pair]) -> list[dict[str, Any]]:
        one, other = found.splits[first], found.splits[second]
        return [
            {
                first: one.name(pair.first),
                f"{second} (copy)" if first == second else second: other.name(pair.second),
                "classes": [one.classes(pair.first), other.classes(pair.second)],
                "bits": pair.bits,
                "similarity": round(pair.similarity, 4),
            }
            for pair in which
        ]

    return {
        "dataset": found.spec.name,
        "note": found.note,
        "notes": [*found.spec.all_notes],
        "mean": found.train.mean.tolist(),
        "std": found.train.std.tolist(),
        "splits": {
            name: {
                "examples": len(part.source),
                "counts": found.counts(name).tolist(),
                **balance(found.counts(name)),
                "unreadable": [example.reason for example in part.unreadable],
                "sizes": len(Counter(map(tuple, part.sizes.tolist()))),
                "copies": pairs(name, name, found.copies[name]),
            }
            for name, part in found.splits.items()
        },
        "shared": [
            {
                "splits": [shared.first, shared.second],
                "exact": pairs(shared.first, shared.second, shared.exact),
                "near": pairs(shared.first, shared.second, shared.near),
            }
            for shared in found.shared
        ],
    }


def balance(counts: np.ndarray) -> dict[str, float | None]:
    """The imbalance ratio, None where a class is empty, and the normalised entropy."""
    ratio = imbalance_ratio(counts)
    return {
        "imbalance_ratio": ratio if math.isfinite(ratio) else None,
        "normalized_entropy": normalized_entropy(counts),
    }
