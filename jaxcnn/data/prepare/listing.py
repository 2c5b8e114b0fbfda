"""What is to be prepared: the images of a folder, and what is known of each."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from jaxcnn.data.datasets.image_folder import contents_of
from jaxcnn.data.errors import DataError
from jaxcnn.data.sources.coco import CocoFile, CocoObject, picture_path, read_coco
from jaxcnn.data.sources.folder.source import FolderSource
from jaxcnn.data.sources.labelled import with_labels
from jaxcnn.data.sources.pictures import read_encoded
from jaxcnn.data.sources.readable import unreadable_among
from jaxcnn.data.spec import DataDir

# Feature name -> its values: text, integers or fractions.
Values = Mapping[str, bytes | Sequence[int] | Sequence[float]]

# Names of splits, as folders and COCO's files have them, -> TFDS's.
TFDS_SPLITS = {"all": "train", "train": "train", "val": "validation", "test": "test"}


@dataclass(frozen=True)
class Split:
    """Image files; `values(i)` is what is known of the i-th."""

    paths: Sequence[Path]
    values: Callable[[int], Values]


@dataclass(frozen=True)
class Listing:
    """A set, not read yet: `splits` by TFDS's names; whether its labels are objects or classes."""

    class_names: tuple[str, ...]
    splits: Mapping[str, Split]
    has_objects: bool
    notes: Sequence[str] = ()
    """What was left out, sorted unusually or guessed, a line each."""


def leave_out_unreadable(listing: Listing) -> tuple[Listing, Mapping[str, Sequence[str]]]:
    """The listing without what cannot be read, and by split why that is; reads all there is."""
    splits, reasons = {}, {}
    for name, split in listing.splits.items():
        paths = split.paths
        bad = unreadable_among(len(paths), lambda index, paths=paths: read_encoded(paths[index]))
        if bad:
            reasons[name] = [example.reason for example in bad]
        kept = np.delete(np.arange(len(paths)), [example.index for example in bad])
        splits[name] = _part(split, kept.tolist())
    return replace(listing, splits=splits), reasons


def _part(split: Split, indices: Sequence[int]) -> Split:
    return Split([split.paths[i] for i in indices], lambda i: split.values(indices[i]))


def list_images(root: Path, labels: str | None = None) -> Listing:
    """A folder in COCO's layout, with a folder per class, or with a CSV file of labels.

    Raises UserError for any other.
    """
    annotations = sorted((root / "annotations").glob("instances_*.json"))
    if labels is None and annotations:
        return list_coco(root, annotations)
    return list_folder(with_labels("image_folder", root, labels))


def list_folder(place: DataDir) -> Listing:
    """A folder of pictures, as `image_folder` reads it."""
    there = contents_of(place)
    splits = {}
    for part, source in there.parts.items():

        def values(index: int, source: FolderSource = source) -> Values:
            path = source.paths[index]
            name = f"{path.parent.name}/{path.name}".encode()
            return {"label": [int(source.labels[index])], "file_name": name}

        splits[TFDS_SPLITS[part]] = Split(source.paths, values)
    # Of the splits that are in the folder; others are made of what is prepared.
    lacks = [line for split, line in there.split_notes.items() if split in there.called]
    notes = (*there.notes, *lacks)
    return Listing(there.class_names, splits, has_objects=False, notes=notes)


def list_coco(root: Path, annotations: Sequence[Path]) -> Listing:
    """COCO's layout: `annotations/instances_train2017.json` beside the images in `train2017/`.

    The format is that of https://cocodataset.org/#format-data: boxes are x, y, width, height in
    pixels, and class ids any numbers, which become 0, 1, 2, ... in ascending order.
    """
    files = {path.stem.removeprefix("instances_"): read_coco(path) for path in annotations}
    categories = {file.categories for file in files.values()}
    if len(categories) != 1:
        raise DataError(f"the files in {annotations[0].parent} do not have the same categories")
    ids, names = zip(*categories.pop(), strict=True)
    label_of = {category: label for label, category in enumerate(ids)}
    splits = {}
    for stem, file in files.items():
        split = re.sub(r"[\d_]*$", "", stem)
        if split not in TFDS_SPLITS or TFDS_SPLITS[split] in splits:
            raise DataError(
                f"instances_{stem}.json in {annotations[0].parent} is not one split's of train,"
                " val, test; rename or remove it"
            )
        splits[TFDS_SPLITS[split]] = _coco_split(root / stem, file, label_of)
    return Listing(names, splits, has_objects=True)


def _coco_split(folder: Path, file: CocoFile, label_of: Mapping[int, int]) -> Split:
    images = sorted(file.images, key=lambda image: image.id)
    objects: dict[int, list[CocoObject]] = {image.id: [] for image in images}
    for entry in file.objects:
        if entry.image_id not in objects or entry.category_id not in label_of:
            raise DataError(f"{folder.name}: annotation {entry.id} has no image or no category")
        objects[entry.image_id].append(entry)

    def values(index: int) -> Values:
        image = images[index]
        own = objects[image.id]
        sides = np.array([image.height, image.width] * 2, float)
        corners = [(y, x, y + h, x + w) for x, y, w, h in (entry.bbox for entry in own)]
        boxes = (np.array(corners).reshape(-1, 4) / sides).clip(0, 1)
        return {
            "image/filename": image.file_name.encode(),
            "image/id": [image.id],
            "objects/id": [entry.id for entry in own],
            "objects/area": [round(entry.area) for entry in own],
            "objects/bbox": boxes.ravel().tolist(),
            "objects/label": [label_of[entry.category_id] for entry in own],
            "objects/is_crowd": [int(entry.is_crowd) for entry in own],
        }

    return Split([picture_path(folder, image.file_name) for image in images], values)
