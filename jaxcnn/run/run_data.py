"""What a run keeps of its data, so that its folder is enough by itself.

`data.json` says which classes it tells apart, in what order, how many examples each split has and
which ones (a digest), how images come to its model, and what it was made by. `data.names.gz` lists
the examples where they have names, a line each: "train", a tab, "cat/1.jpg 5321".

No picture is read for that: a file is known by its path below the data folder and its size, so that
the same folder elsewhere is the same data.
"""

import gzip
import hashlib
import io
import json
import os
import zlib
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

import jax
import numpy as np

import jaxcnn
from jaxcnn.data import DataDir, DatasetSpec, Source, dataset_place, dataset_spec
from jaxcnn.data.augment.registry import augmentation_place
from jaxcnn.data.spec import content_of, identity_of, version_of
from jaxcnn.engine.given import NOTHING, Given, task_like
from jaxcnn.engine.model_input import ModelInput
from jaxcnn.errors import UserError
from jaxcnn.files.paths import expanded
from jaxcnn.files.typed_json import MOST_ITEMS, typed
from jaxcnn.models import model_place
from jaxcnn.plugins import Place
from jaxcnn.recipe import LARGEST_SIDE, PLACE_FIELDS, Recipe
from jaxcnn.run.known_again import Known, known, known_data
from jaxcnn.weights.origin import Origin

SPLITS = ("train", "val", "test")
# Of a run that ends without its test, which opens no other.
UNTESTED_SPLITS = ("train", "val")
# Files that a thread looks at in turn, and threads: a file server takes its time for each.
FILES_AT_ONCE, LOOKS_AT_ONCE = 1000, 16

# What no run has more of; one that says so is a stranger's.
MOST_CLASSES = MOST_ITEMS
MOST_CHANNELS = 1024
MOST_EXAMPLES = 10**9
# Of a line of `data.names.gz`.
MOST_CHARACTERS = 2**16

# By split the size in bytes of each example by its name.
Names = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Examples:
    """Which examples a split has.

    Attributes:
        count: how many.
        digest: SHA-256 of their labels, of their names and sizes if they have any, and of the
            pixels that a program gave, in order.
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
        splits: which examples they have; by "train", "val", and "test" unless the run ends without
            its test.
        data_dir: where the data was, from any working directory.
        labels: where the file with its classes was, if they come by one; likewise.
        pretrained: where the weights were that the run started from; likewise.
        versions: of jaxcnn, jax, and the data set if it has versions.
        command: what made the run.
        unreadable: why the run ended, if an example could not be read. Its file may be replaced.
        run: what tells its checkpoints from another run's, a digest of what it was begun with; None
            for a run of a version that kept none.
        weights: what was read of the weights that the run started from; None if it started from
            none, or is of a version that kept nothing of them.
        teacher: what was read of the teacher that the run learns from; None if it has none.
        changed: what a later version that went on with the run computes otherwise than the one
            before it, a line each.
        plugins: where its model ("arch"), its data set ("dataset") and what it is augmented by
            ("augmentation NAME") were registered, if by the user. Nothing imports what stands here:
            the user names plug-ins.
        given: how what a program gave the run is known again: "model", "data", "task",
            "transforms[0]". Nothing imports that either.
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
    run: str | None = None
    weights: Origin | None = None
    teacher: Origin | None = None
    changed: tuple[str, ...] = ()
    plugins: Mapping[str, Place] = field(default_factory=dict)
    given: Mapping[str, Known] = field(default_factory=dict)

    def row(self, name: str) -> DatasetSpec:
        """The row of the data set of that name as the run saw it, with no need of its folder."""
        if "data" in self.given:
            return self._row_of_given(name)
        return replace(
            dataset_spec(name),
            class_names=self.class_names,
            num_classes=self.num_classes,
            image_size=self.image_size,
            channels=self.channels,
            multi_label=self.multi_label,
        )

    def _row_of_given(self, name: str) -> DatasetSpec:
        def load(split: str, data_dir: DataDir) -> Source:
            raise UserError(f"a program gave the run its data, {name}; give it again")

        return DatasetSpec(
            name,
            num_classes=self.num_classes,
            image_size=self.image_size,
            channels=self.channels,
            mean=tuple(self.input.mean),
            std=tuple(self.input.std),
            flip=True,
            class_names=self.class_names,
            load=load,
            multi_label=self.multi_label,
        )


def splits_of(recipe: Recipe) -> tuple[str, ...]:
    """Those that a run opens."""
    return SPLITS if recipe.test else UNTESTED_SPLITS


def run_data(
    recipe: Recipe,
    data: DatasetSpec,
    input: ModelInput,
    sources: Mapping[str, Source],
    *,
    command: str,
    weights: Origin | None = None,
    teacher: Origin | None = None,
    given: Given = NOTHING,
) -> tuple[RunData, bytes]:
    """What a run of `recipe` is to keep of its data, and the content of `data.names.gz`.

    `sources` are the splits as they are stored. Of 1.3 million files it takes seconds.
    """
    pixels = given.data is not None
    listed = {
        split: listed_examples(split, source, pixels=pixels) for split, source in sources.items()
    }
    splits = {split: examples for split, (examples, _) in listed.items()}
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
        splits=splits,
        data_dir=_absolute(recipe.data_dir),
        labels=_absolute(recipe.labels),
        pretrained=_absolute(recipe.pretrained),
        versions=versions,
        command=command,
        run=_run_of(recipe, splits),
        weights=weights,
        teacher=teacher,
        plugins=plugins_of(recipe),
        given=things_of(recipe, given, data),
    )
    return kept, b"".join(names for _, names in listed.values())


def things_of(recipe: Recipe, given: Given, data: DatasetSpec) -> dict[str, Known]:
    """How what a program gave a run is known again."""
    found = {name: known(thing) for name, thing in given.things if name != "data"}
    if given.task is not None:
        # What tells whether outputs are shown as those of any task are.
        kind = type(task_like(recipe, given, data))
        found["task"] = replace(found["task"], shows=f"{kind.__module__}.{kind.__qualname__}")
    if given.data is not None:
        found["data"] = known_data(given.data)
    return found


def plugins_of(recipe: Recipe) -> dict[str, Place]:
    """Where a recipe's model, data set and augmentations were registered, as far as they are the
    user's own."""
    places = {
        "arch": model_place(recipe.arch),
        "dataset": dataset_place(recipe.dataset),
        **{f"augmentation {name}": augmentation_place(name) for name in recipe.augment.own},
    }
    return {name: place for name, place in places.items() if place is not None}


def changed_plugins(recipe: Recipe, before: Mapping[str, Place]) -> list[str]:
    """A line for each plug-in whose file is not what it was; `before` are those of a run."""
    names = {"arch": recipe.arch, "dataset": recipe.dataset}
    brought: dict[tuple[str, str, str], list[str]] = {}
    for name, now in plugins_of(recipe).items():
        was = before.get(name)
        if was and was.sha256 and now.sha256 and was.sha256 != now.sha256:
            changed = (now.source, now.sha256[:12], was.sha256[:12])
            brought.setdefault(changed, []).append(names.get(name, name))
    return [
        f"{source}, which brings {' and '.join(names)}, has changed: its SHA-256 is {now}..., "
        f"where the run had {was}..."
        for (source, now, was), names in brought.items()
    ]


def listed_examples(split: str, source: Source, *, pixels: bool = False) -> tuple[Examples, bytes]:
    """Which examples `source` has, and their part of `data.names.gz`: nothing without names.

    With `pixels` the digest is of those too, where they are in memory.
    """
    labels = np.ascontiguousarray(source.labels)
    digest = hashlib.sha256(f"{labels.dtype} {labels.shape}\n".encode())
    digest.update(labels.tobytes())
    if pixels:
        for part in content_of(source):
            digest.update(part)
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


def names_in(listing: bytes, splits: Mapping[str, Examples]) -> Names:
    """The examples of `splits` that the content of `data.names.gz` lists.

    Raises UserError if it is damaged, or lists more than there are.
    """
    names: dict[str, dict[str, str]] = {split: {} for split in splits}
    room = sum(examples.count for examples in splits.values())
    try:
        with gzip.open(io.BytesIO(listing)) as lines:
            while listing and (line := lines.readline(MOST_CHARACTERS)):
                split, _, identity = line.decode().removesuffix("\n").partition("\t")
                name, _, size = identity.rpartition(" ")
                names[split][name] = size
                room -= 1
                if room < 0:
                    raise UserError("data.names.gz lists more examples than data.json counts")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, KeyError) as error:
        raise UserError("data.names.gz is damaged; put a copy of it back") from error
    return names


def _run_of(recipe: Recipe, splits: Mapping[str, Examples]) -> str:
    """Sixteen characters, other ones for each recipe and data."""
    computes = {name: value for name, value in asdict(recipe).items() if name not in PLACE_FIELDS}
    begun_with = [computes, {split: asdict(splits[split]) for split in splits}]
    return hashlib.sha256(json.dumps(begun_with).encode()).hexdigest()[:16]


def _absolute(place: str | None) -> str | None:
    """A path from any working directory; what is none, as "hf:timm/resnet18", as it is."""
    if place is None or not os.path.exists(expanded(place)):
        return place
    return os.path.abspath(expanded(place))


def to_json(data: RunData) -> dict[str, Any]:
    """Nested dictionaries of plain values, as `data.json` holds them."""
    return asdict(data)


def from_json(values: Any) -> RunData:
    """What `to_json` made `values` of.

    Raises UserError for fields it does not know, of another type, or out of range.
    """
    try:
        data: RunData = typed(RunData, values, "")
        _check(data)
    except UserError as error:
        raise UserError(f"not what this version keeps of a run's data: {error}") from error
    return data


def _check(data: RunData) -> None:
    """Raises UserError for a value that no run has; it may be a stranger's."""
    input = data.input
    sizes = {"input.image_size": input.image_size}
    if data.image_size is not None:
        sizes["image_size"] = data.image_size
    counts = {f"splits.{split}.count": data.splits[split].count for split in data.splits}
    ranges = (
        ({"num_classes": data.num_classes}, 1, MOST_CLASSES),
        (sizes, 1, LARGEST_SIDE),
        ({"channels": data.channels, "input.channels": input.channels}, 1, MOST_CHANNELS),
        (counts, 0, MOST_EXAMPLES),
    )
    for fields, least, most in ranges:
        for name, value in fields.items():
            if not least <= value <= most:
                raise UserError(f"{name} is {value}, not {least:,} to {most:,}")
    if sorted(data.splits) not in (sorted(SPLITS), sorted(UNTESTED_SPLITS)):
        raise UserError(f"splits has other names than {', '.join(SPLITS)}")
    if len(data.class_names) not in (0, data.num_classes):
        raise UserError(f"class_names has {len(data.class_names)} names, not {data.num_classes}")
    for name in ("mean", "std"):
        if len(getattr(input, name)) not in (1, input.channels):
            raise UserError(f"input.{name} has a number for each of more or fewer channels")
    if min(input.std) <= 0:
        raise UserError(f"input.std has {min(input.std)}, not numbers above 0")
    if not 0 < input.crop_fraction <= 1:
        raise UserError(f"input.crop_fraction is {input.crop_fraction}, not above 0 and at most 1")
