"""What a run keeps of its data, so that its folder is enough by itself.

`data.json` says which classes it tells apart, in what order, how many examples each split has and
which ones (a digest), how images come to its model, and what it was made by. `data.names.gz` lists
the examples where they have names, a line each: "train", a tab, "cat/1.jpg 5321".

No picture is read for that: a file is known by its path below the data folder and its size, so that
the same folder elsewhere is the same data.
"""

import gzip
import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import jax
import numpy as np

import jaxcnn
from jaxcnn.data import DatasetSpec, Source
from jaxcnn.data.spec import identity_of, version_of
from jaxcnn.errors import UserError
from jaxcnn.model_input import ModelInput
from jaxcnn.paths import expanded
from jaxcnn.recipe import Recipe

SPLITS = ("train", "val", "test")
# Files that a thread looks at in turn, and threads: a file server takes its time for each.
FILES_AT_ONCE, LOOKS_AT_ONCE = 1000, 16

# By split the size in bytes of each example by its name.
Names = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Examples:
    """Which examples a split has.

    Attributes:
        count: how many.
        digest: SHA-256 of their labels, and of their names and sizes if they have any, in order.
    """

    count: int
    digest: str


@dataclass(frozen=True)
class RunData:
    """What `data.json` holds.

    Attributes:
        class_names: in the order of the labels; empty where the set has none.
        num_classes: that the model tells apart.
        image_size: height and width of the set's images in pixels; None for photographs.
        channels: of the set's images.
        multi_label: whether every class is asked for on its own.
        input: what images are brought to in evaluation.
        splits: which examples they have; by "train", "val", "test".
        data_dir: where the data was, from any working directory.
        labels: where the file with its classes was, if they come by one; likewise.
        pretrained: where the weights were that the run started from; likewise.
        versions: of jaxcnn, jax, and the data set if it has versions.
        command: what made the run.
        unreadable: why the run ended, if an example could not be read. Its file may be replaced.
    """

    class_names: tuple[str, ...]
    num_classes: int
    image_size: int | None
    channels: int
    multi_label: bool
    input: ModelInput
    splits: Mapping[str, Examples]
    data_dir: str | None
    labels: str | None
    pretrained: str | None
    versions: Mapping[str, str]
    command: str
    unreadable: str | None = None

    def row(self, table: DatasetSpec) -> DatasetSpec:
        """The row of the data set as the run saw it, with no need of the data's folder."""
        return replace(
            table,
            class_names=self.class_names,
            num_classes=self.num_classes,
            image_size=self.image_size,
            channels=self.channels,
            multi_label=self.multi_label,
        )


def run_data(
    recipe: Recipe,
    data: DatasetSpec,
    input: ModelInput,
    sources: Mapping[str, Source],
    *,
    command: str,
) -> tuple[RunData, bytes]:
    """What a run of `recipe` is to keep of its data, and the content of `data.names.gz`.

    `sources` are the splits as they are stored. Of 1.3 million files it takes seconds.
    """
    listed = {split: listed_examples(split, source) for split, source in sources.items()}
    versions = {"jaxcnn": jaxcnn.__version__, "jax": jax.__version__}
    if (version := version_of(sources["train"])) is not None:
        versions["dataset"] = version
    kept = RunData(
        class_names=data.class_names,
        num_classes=data.num_classes,
        image_size=data.image_size,
        channels=data.channels,
        multi_label=data.multi_label,
        input=input,
        splits={split: examples for split, (examples, _) in listed.items()},
        data_dir=_absolute(recipe.data_dir),
        labels=_absolute(recipe.labels),
        pretrained=_absolute(recipe.pretrained),
        versions=versions,
        command=command,
    )
    return kept, b"".join(names for _, names in listed.values())


def listed_examples(split: str, source: Source) -> tuple[Examples, bytes]:
    """Which examples `source` has, and their part of `data.names.gz`: nothing without names."""
    labels = np.ascontiguousarray(source.labels)
    digest = hashlib.sha256(f"{labels.dtype} {labels.shape}\n".encode())
    digest.update(labels.tobytes())
    identity = identity_of(source)
    if identity is None:
        return Examples(len(source), digest.hexdigest()), b""
    starts = range(0, len(source), FILES_AT_ONCE)
    chunks = (range(start, min(start + FILES_AT_ONCE, len(source))) for start in starts)
    packed = []
    with ThreadPoolExecutor(LOOKS_AT_ONCE) as pool:
        for lines in pool.map(partial(_lines, split, identity), chunks):
            digest.update(lines)
            packed.append(gzip.compress(lines, mtime=0))
    return Examples(len(source), digest.hexdigest()), b"".join(packed)


def _lines(split: str, identity: Callable[[int], str], indices: Iterable[int]) -> bytes:
    # A name is one line, whatever is in it.
    names = (identity(index).replace("\n", "\\n") for index in indices)
    return "".join(f"{split}\t{name}\n" for name in names).encode()


def names_in(listing: bytes) -> Names:
    """The examples that the content of `data.names.gz` lists."""
    names: dict[str, dict[str, str]] = {}
    for line in gzip.decompress(listing).decode().split("\n")[:-1]:
        split, _, identity = line.partition("\t")
        name, _, size = identity.rpartition(" ")
        names.setdefault(split, {})[name] = size
    return names


def _absolute(place: str | None) -> str | None:
    """A path from any working directory; what is none, as "hf:timm/resnet18", as it is."""
    if place is None or not os.path.exists(expanded(place)):
        return place
    return os.path.abspath(expanded(place))


def to_json(data: RunData) -> dict[str, Any]:
    """Nested dictionaries of plain values, as `data.json` holds them."""
    return asdict(data)


def from_json(values: dict[str, Any]) -> RunData:
    """What `to_json` made `values` of. Raises UserError for fields it does not know."""
    try:
        model_input = {name: _frozen(value) for name, value in values["input"].items()}
        splits = {split: Examples(**examples) for split, examples in values["splits"].items()}
        return RunData(
            **{
                **values,
                "class_names": tuple(values["class_names"]),
                "input": ModelInput(**model_input),
                "splits": splits,
            }
        )
    except (TypeError, KeyError, AttributeError) as error:
        raise UserError(f"not what this version keeps of a run's data: {error}") from error


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
