"""A user's own pictures: a folder per class, with or without train, val and test folders above.

    photos/train/cat/1.jpg  photos/train/dog/2.png  photos/test/cat/3.jpg     or
    photos/cat/1.jpg        photos/dog/2.png

Or with classes that a CSV file tells. Classes are numbered in the order of their names, as
torchvision's ImageFolder has them, or of their values where all are numbers.
"""

from dataclasses import replace
from pathlib import Path

from jaxcnn.data.errors import DataNotFound
from jaxcnn.data.preprocessing import IMAGENET
from jaxcnn.data.sources.folder.contents import Contents
from jaxcnn.data.sources.folder.labels import told_by
from jaxcnn.data.sources.folder.layout import laid_out
from jaxcnn.data.sources.folder.source import FolderSource
from jaxcnn.data.sources.labelled import LabelledFolder
from jaxcnn.data.spec import DataDir, DatasetSpec
from jaxcnn.files.paths import expanded


def contents_of(data_dir: DataDir) -> Contents:
    """What is in a folder, read once. Raises DataNotFound or DataError if it is no data set."""
    if data_dir is None:
        raise DataNotFound("image_folder needs --data-dir=DIR, a folder with a folder per class")
    root = Path(expanded(data_dir))
    if not root.is_dir():
        raise DataNotFound(f"no folder {root}; give one with a folder per class")
    if isinstance(data_dir, LabelledFolder):
        return told_by(root, Path(expanded(data_dir.labels)))
    return laid_out(root)


def _examine(data_dir: DataDir) -> DatasetSpec:
    """The row for one folder: its classes and its splits, which it reads no second time."""
    there = contents_of(data_dir)
    return replace(
        DATASETS["image_folder"],
        num_classes=len(there.class_names),
        class_names=there.class_names,
        load=there.load,
        splits=tuple(there.called),
        notes=there.notes,
        split_notes=there.split_notes,
    )


def _load(split: str, data_dir: DataDir = None) -> FolderSource:
    return contents_of(data_dir).load(split)


DATASETS = {
    "image_folder": DatasetSpec(
        name="image_folder",
        num_classes=0,
        image_size=None,
        channels=3,
        # ImageNet's, as weights that are to be tuned expect them.
        mean=IMAGENET[0],
        std=IMAGENET[1],
        flip=True,
        class_names=(),
        load=_load,
        splits=("all",),
        examine=_examine,
    )
}
