"""Rows of prepared sets: facts that are known beforehand, and the rest from the folder."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from jaxcnn.data.errors import DataError
from jaxcnn.data.preprocessing import IMAGENET, Statistics
from jaxcnn.data.spec import DataDir, DatasetSpec, Load, Source

# As weights that are to be tuned expect photographs: ImageNet's; of grey ones, their mean.
GREY: Statistics = (0.449,), (0.226,)

PREFIX = "tfds:"


def photographs(
    name: str,
    prepared: str,
    *,
    num_classes: int,
    splits: Mapping[str, str],
    paper: str,
    multi_label: bool = False,
    load: Load | None = None,
    num_train: int | None = None,
) -> DatasetSpec:
    """The row of a set of colour photographs of many sizes; class names are in its folder.

    Args:
        name: ours.
        prepared: TFDS's, with its configuration if it has several.
        num_classes: 0 if only the folder tells.
        splits: ours -> TFDS's.
        paper: URL.
        multi_label: whether every class is asked for on its own.
        load: where not all of a split is used; see `DatasetSpec.load`.
        num_train: see `DatasetSpec.num_train`.
    """
    row = DatasetSpec(
        name=name,
        num_classes=num_classes,
        image_size=None,
        channels=3,
        mean=IMAGENET[0],
        std=IMAGENET[1],
        flip=True,
        class_names=(),
        load=load or partial(load_prepared, prepared, splits),
        splits=tuple(splits),
        num_train=num_train,
        multi_label=multi_label,
        prepared=prepared,
        paper=paper,
    )
    return replace(row, examine=partial(_with_class_names, row, prepared))


def any_prepared(name: str) -> DatasetSpec:
    """The row of "tfds:NAME", NAME being any set in the TFDS directory with images and classes."""
    row = photographs(name, name.removeprefix(PREFIX), num_classes=0, splits={}, paper="")
    return replace(row, examine=partial(_examined, row))


def load_prepared(
    prepared: str, splits: Mapping[str, str], split: str, data_dir: DataDir = None
) -> Source:
    """One of `splits` (ours -> TFDS's) of a prepared set, read as it is asked for."""
    from jaxcnn.data.sources.tfds import load_records

    return load_records(prepared, splits[split], data_dir)


def _with_class_names(row: DatasetSpec, prepared: str, data_dir: DataDir) -> DatasetSpec:
    from jaxcnn.data.sources.tfds import examine

    names = examine(prepared, data_dir).class_names
    if row.num_classes and len(names) != row.num_classes:
        raise DataError(
            f"{row.name} has {row.num_classes} classes, the set prepared there {len(names)};"
            f" read it as --dataset={PREFIX}{prepared}"
        )
    return replace(row, class_names=names, num_classes=len(names))


def _examined(row: DatasetSpec, data_dir: DataDir) -> DatasetSpec:
    from jaxcnn.data.sources.records import OneClass
    from jaxcnn.data.sources.tfds import examine

    prepared = row.name.removeprefix(PREFIX)
    facts = examine(prepared, data_dir)
    splits = _protocol(prepared, facts.splits)
    mean, std = GREY if facts.channels == 1 else IMAGENET
    return replace(
        row,
        num_classes=len(facts.class_names),
        class_names=facts.class_names,
        image_size=facts.image_size,
        channels=facts.channels,
        mean=mean,
        std=std,
        load=partial(load_prepared, prepared, splits),
        splits=tuple(splits),
        multi_label=not isinstance(facts.annotation, OneClass),
    )


def _protocol(name: str, native: tuple[str, ...]) -> dict[str, str]:
    """Ours -> TFDS's: what is called validation is the test split where there is no other."""
    known = {"train", "validation", "test"} & set(native)
    if known == {"train"}:
        return {"all": "train"}
    if known == {"train", "validation"}:
        return {"train": "train", "test": "validation"}
    if "train" in known:
        ours = {"train": "train", "validation": "val", "test": "test"}
        return {ours[split]: split for split in ("train", "validation", "test") if split in known}
    if known:
        return {"test": "test" if "test" in known else "validation"}
    if len(native) == 1:
        return {"all": native[0]}
    raise DataError(f"{name} has the splits {', '.join(native)}; none is called train or test")
