"""Data that a program has: arrays, sources of random access, or whatever gives examples in turn."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from typing import Any

import numpy as np

from jaxcnn.data.errors import DataError
from jaxcnn.data.spec import ArraySource, DataDir, DatasetSpec, Example, Source, in_memory
from jaxcnn.data.splits import load_split
from jaxcnn.data.statistics import image_moments
from jaxcnn.text.lines import say
from jaxcnn.text.phrases import first_few

SPLITS = ("train", "val", "test")
WHOLE = "all"
KINDS = (
    "a DatasetSpec, a pair (images, labels), a source with len() and an index whose examples are "
    'dicts with "image" and "label", an iterable of such dicts, or {"train": ..., "val": ..., '
    '"test": ...} of these'
)
# Places of the mean and the standard deviation: the same on every machine.
PLACES = 4


@dataclass(frozen=True)
class RandomAccess:
    """A program's source of examples by index, each read when it is asked for.

    Attributes:
        examples: `examples[index]` is a dict with "image" and "label".
        name: what it is called in a message.
        labels: int32 [N].
        sizes: int [N, 3], height, width and channels of each image.
        moments: float64 [N, 2, C], of each image; see `image_moments`.
        content: SHA-256 of all its images.
    """

    examples: Any
    name: str
    labels: np.ndarray
    sizes: np.ndarray
    moments: np.ndarray
    content: str

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int, /) -> Example:
        image, label = _example(self.examples[int(index)], f"{self.name}[{index}]")
        return {"image": image, "label": label}


@dataclass(frozen=True)
class Parts:
    """What `DatasetSpec.load` is of a program's data."""

    by_split: Mapping[str, Source]

    def __call__(self, split: str, data_dir: DataDir = None) -> Source:
        return self.by_split[split]


def as_dataset(
    data: Any,
    *,
    name: str = "arrays",
    class_names: Sequence[str] = (),
    flip: bool = True,
    tell: Callable[[str], None] = say,
) -> DatasetSpec:
    """The row of a data set of one's own, for `recipe_for` and `fit`.

        data = jaxcnn.as_dataset((images, labels), name="stripes")
        data = jaxcnn.as_dataset({"train": (images, labels), "test": (others, their_labels)})

    Without splits it is divided into 70 %, 10 % and 20 %, stratified; where "val" is missing a
    tenth of "train" is held out, as for every data set. Mean and standard deviation are those of
    the training images.

    Args:
        data: images uint8 [N, H, W, C] or [N, H, W] with labels int [N]; or a source with `len`
            and an index (Grain's, a list) or an iterable, whose examples are dicts with "image",
            uint8 [H, W, C], and "label"; or a mapping from "train", "val" and "test" to such. A
            source is read once for its labels, an iterable once into memory.
        name: of the data set.
        class_names: in the order of the labels; the labels' numbers if not given.
        flip: whether an image mirrored left to right keeps its label.
        tell: is told what is read.

    Raises DataError for what is none of these, of another type or shape, for labels out of range,
    and for a split without examples.
    """
    if isinstance(data, DatasetSpec):
        return data
    given = data if _is_mapping_of_splits(data) else {WHOLE: data}
    by_split = {split: _source(part, split, tell) for split, part in given.items()}
    num_classes = _num_classes(by_split, tuple(class_names))
    sizes = {split: _sizes(source) for split, source in by_split.items()}
    channels = {size[2] for each in sizes.values() for size in each}
    if len(channels) > 1:
        raise DataError(f"images have {sorted(channels)} channels; give all the same number")
    sides = {side for each in sizes.values() for size in each for side in size[:2]}
    spec = DatasetSpec(
        name,
        num_classes=num_classes,
        image_size=sides.pop() if len(sides) == 1 else None,
        channels=channels.pop(),
        mean=(0.0,),
        std=(1.0,),
        flip=flip,
        class_names=tuple(class_names),
        load=Parts(by_split),
        splits=tuple(by_split),
    )
    mean, std = _moments(load_split(spec, "train"))
    if min(std) <= 0:
        raise DataError(f"{name}: all training images are alike in channel {std.index(min(std))}")
    return replace(spec, mean=mean, std=std)


def _is_mapping_of_splits(data: Any) -> bool:
    if not isinstance(data, Mapping):
        return False
    if unknown := sorted(str(split) for split in data if split not in SPLITS):
        raise DataError(f"data has {first_few(unknown)}; its splits are {', '.join(SPLITS)}")
    if missing := [split for split in ("train", "test") if split not in data]:
        raise DataError(
            f"data has no {' and no '.join(missing)}; give train and test (val is held out of "
            "train if not given), or all in one, (images, labels), to be split here"
        )
    return True


def _source(part: Any, split: str, tell: Callable[[str], None]) -> Source:
    where = "data" if split == WHOLE else split
    match part:
        case (images, labels) if not isinstance(images, Mapping):
            return _of_arrays(images, labels, where)
        case ArraySource():
            return _of_arrays(part.images, part.labels, where)
        case str() | bytes() | np.ndarray():
            pass
        case _ if hasattr(part, "__len__") and hasattr(part, "__getitem__"):
            return _of_random_access(part, where, tell)
        case Iterable():
            return _of_iterable(part, where, tell)
    raise DataError(f"{where} is of type {type(part).__name__}; give {KINDS}")


def _of_arrays(images: Any, labels: Any, where: str) -> ArraySource:
    images, labels = _array(images, f"{where}'s images"), _array(labels, f"{where}'s labels")
    _check_pixels(images, f"{where}'s images")
    if images.ndim == 3:
        images = images[..., None]
    shape = images.shape
    if images.ndim != 4 or 0 in shape[1:]:
        raise DataError(f"{where}'s images have shape {shape}; give [N, H, W, C] or [N, H, W]")
    if shape[1] in (1, 3) and shape[3] > 4:
        raise DataError(
            f"{where}'s images have shape {shape}, channels first; give [N, H, W, C], as of "
            "images.transpose(0, 2, 3, 1)"
        )
    if labels.ndim != 1:
        hint = "labels.argmax(-1)" if labels.ndim == 2 and len(labels) == len(images) else "[N]"
        raise DataError(f"{where}'s labels have shape {labels.shape}; one class an image: {hint}")
    if len(images) != len(labels):
        raise DataError(f"{where} has {len(images):,} images and {len(labels):,} labels")
    _check_labels(labels, where)
    return ArraySource(images, labels.astype(np.int32))


def _array(values: Any, what: str) -> np.ndarray:
    try:
        array = np.asarray(values)
    except ValueError:
        array = np.empty(0, object)  # Of lists of several lengths.
    if array.dtype == object:
        raise DataError(f"{what} are no array of numbers; images of one array have one size")
    return array


def _check_pixels(images: np.ndarray, what: str) -> None:
    if images.dtype != np.uint8:
        raise DataError(
            f"{what} are {images.dtype}; give uint8, 0 to 255: of values from 0 to 1 "
            "np.uint8(np.rint(images * 255))"
        )


def _check_labels(labels: np.ndarray, where: str) -> None:
    if not len(labels):
        raise DataError(f"{where} has no example; give one of each class or more")
    if labels.dtype.kind not in "iu":
        raise DataError(f"{where}'s labels are {labels.dtype}; give whole numbers from 0 on")
    if labels.min() < 0:
        raise DataError(f"{where} has label {labels.min()}; labels are whole numbers from 0 on")


def _example(example: Any, where: str) -> tuple[np.ndarray, int]:
    if not isinstance(example, Mapping) or not {"image", "label"} <= set(example):
        has = f"keys {first_few(sorted(map(str, example)))}" if isinstance(example, Mapping) else ""
        raise DataError(
            f"{where} is a {type(example).__name__} {has}".rstrip()
            + '; give dicts with "image" and "label"'
        )
    image, label = _array(example["image"], f"{where}'s image"), np.asarray(example["label"])
    _check_pixels(image, f"{where}'s image")
    if image.ndim == 2:
        image = image[..., None]
    if image.ndim != 3 or 0 in image.shape:
        raise DataError(f"{where}'s image has shape {image.shape}; give [H, W, C] or [H, W]")
    if label.size != 1 or label.dtype.kind not in "iu":
        raise DataError(f"{where}'s label is {example['label']!r}; give one whole number from 0 on")
    return image, int(label.item())


def _of_random_access(examples: Any, where: str, tell: Callable[[str], None]) -> RandomAccess:
    tell(f"reading the {len(examples):,} examples of {where} once, for their labels")
    digest, labels, sizes, moments = sha256(), [], [], []
    for index in range(len(examples)):
        image, label = _example(examples[index], f"{where}[{index}]")
        digest.update(f"{image.shape}".encode())
        digest.update(np.ascontiguousarray(image).data)
        labels.append(label)
        sizes.append(image.shape)
        moments.append(image_moments(image))
        if sizes[0][2] != sizes[-1][2]:
            raise DataError(
                f"{where}[{index}] has {sizes[-1][2]} channels, {where}[0] {sizes[0][2]}; give one"
            )
    _check_labels(np.array(labels, np.int64), where)
    return RandomAccess(
        examples,
        where,
        np.array(labels, np.int32),
        np.array(sizes),
        np.stack(moments),
        digest.hexdigest(),
    )


def _of_iterable(examples: Iterable[Any], where: str, tell: Callable[[str], None]) -> ArraySource:
    read = [_example(example, f"{where}[{i}]") for i, example in enumerate(examples)]
    _check_labels(np.array([label for _, label in read], np.int64), where)
    first = read[0][0].shape
    for index, (image, _) in enumerate(read):
        if image.shape != first:
            raise DataError(
                f"{where}[{index}]'s image has shape {image.shape}, {where}[0]'s {first}; bring "
                "them to one size, or give a source with len() and an index"
            )
    images = np.stack([image for image, _ in read])
    tell(f"{where}: {len(images):,} examples are read into memory, {images.nbytes / 1e6:,.3g} MB")
    return ArraySource(images, np.array([label for _, label in read], np.int32))


def _num_classes(by_split: Mapping[str, Source], class_names: tuple[str, ...]) -> int:
    """By the names, or else the training labels; every label is one of them."""
    first = WHOLE if WHOLE in by_split else "train"
    where = "data" if first == WHOLE else first
    counts = np.bincount(by_split[first].labels)
    if class_names and len(set(class_names)) != len(class_names):
        raise DataError("class_names has a name twice; each class has its own")
    num_classes = len(class_names) or len(counts)
    if len(counts) < 2:
        raise DataError(f"{where} has one class; training takes two or more")
    if not class_names and not counts.all():
        raise DataError(
            f"{where} has no example of class {int(np.argmin(counts))}, but of {num_classes - 1}; "
            "labels go from 0 on without a gap, as of np.unique(labels, return_inverse=True)[1], "
            "or give class_names"
        )
    for split, source in by_split.items():
        if (most := int(source.labels.max())) >= num_classes:
            has = "class_names has" if class_names else f"{where} has"
            raise DataError(
                f"{'data' if split == WHOLE else split} has label {most}; {has} {num_classes} "
                f"classes, 0 to {num_classes - 1}"
            )
    return num_classes


def _sizes(source: Source) -> set[tuple[int, int, int]]:
    """(height, width, channels) of its images, each once."""
    if isinstance(source, RandomAccess):
        return {(int(h), int(w), int(c)) for h, w, c in np.unique(source.sizes, axis=0)}
    assert isinstance(source, ArraySource), "made here"
    return {source.images.shape[1:]}


def _moments(train: Source) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation by channel, of uint8 / 255."""
    stored = in_memory(train, np.arange(len(train)))
    if stored is not None:
        source, indices = stored
        images = source.images[indices]
        # All of one size: one below the other they are one image.
        moments = image_moments(images.reshape(-1, *images.shape[2:]))
    else:
        whole: Any = getattr(train, "source", train)
        indices = getattr(train, "indices", np.arange(len(train)))
        moments = whole.moments[indices].mean(0)
    mean, square = moments
    std = np.sqrt(np.maximum(square - mean**2, 0.0))
    as_floats = partial(round, ndigits=PLACES)
    return tuple(map(as_floats, mean.tolist())), tuple(map(as_floats, std.tolist()))
