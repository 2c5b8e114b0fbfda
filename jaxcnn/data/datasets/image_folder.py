"""A user's own pictures: a folder per class, with or without train, val and test folders above.

    photos/train/cat/1.jpg  photos/train/dog/2.png  photos/test/cat/3.jpg     or
    photos/cat/1.jpg        photos/dog/2.png

Classes are the folders' names in sorted order, as torchvision's ImageFolder has them.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from jaxcnn.data.errors import DataNotFound
from jaxcnn.data.pictures import check_name, pictures_below, read_picture
from jaxcnn.data.spec import DataDir, DatasetSpec, Example
from jaxcnn.paths import expanded

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class FolderSource:
    """Image files, decoded when asked for; as many bytes as their paths."""

    paths: tuple[Path, ...]
    labels: np.ndarray
    root: Path

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int, /) -> Example:
        return {"image": read_picture(self.paths[index]), "label": int(self.labels[index])}

    def name(self, index: int) -> str:
        return str(self.paths[index])

    def identity(self, index: int) -> str:
        """The file's path below the root and its size in bytes: "train/cat/1.jpg 5321"."""
        path = str(self.paths[index])
        return f"{path[len(str(self.root)) :].lstrip(os.sep)} {os.stat(path).st_size}"


def _examine(data_dir: DataDir) -> DatasetSpec:
    """The row for one folder: its classes and its splits."""
    root = _root(data_dir)
    splits = tuple(split for split in SPLITS if (root / split).is_dir())
    if splits and "train" not in splits:
        splits = (*splits, "train")  # Found missing, by name, once it is asked for.
    folders = [path for split in splits or ("",) for path in _folders(root / split)]
    for path in folders:
        check_name(path)
    classes = sorted({path.name for path in folders})
    if len(classes) < 2:
        raise DataNotFound(f"{root} has {len(classes)} folders; give one with a folder per class")
    return replace(
        DATASETS["image_folder"],
        num_classes=len(classes),
        class_names=tuple(classes),
        splits=splits or ("all",),
    )


def _load(split: str, data_dir: DataDir = None) -> FolderSource:
    root = _root(data_dir)
    folder = root / ("" if split == "all" else split)
    class_names = _examine(data_dir).class_names
    paths: list[Path] = []
    labels: list[int] = []
    for label, name in enumerate(class_names):
        images = list(pictures_below(folder / name))
        if not images:
            raise DataNotFound(f"{folder / name} has no image; every class needs one there")
        paths += images
        labels += [label] * len(images)
    return FolderSource(tuple(paths), np.array(labels, np.int32), root)


def _root(data_dir: DataDir) -> Path:
    if data_dir is None:
        raise DataNotFound("image_folder needs --data-dir=DIR, a folder with a folder per class")
    root = Path(expanded(data_dir))
    if not root.is_dir():
        raise DataNotFound(f"no folder {root}; give one with a folder per class")
    return root


def _folders(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from (p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))


DATASETS = {
    "image_folder": DatasetSpec(
        name="image_folder",
        num_classes=0,
        image_size=None,
        channels=3,
        # ImageNet's, as weights that are to be tuned expect them.
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        flip=True,
        class_names=(),
        load=_load,
        splits=("all",),
        examine=_examine,
    )
}
