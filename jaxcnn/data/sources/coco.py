"""COCO's annotation files, looked at before they are believed: https://cocodataset.org/#format-data."""

import json
import math
import os
import reprlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from jaxcnn.data.errors import DataError
from jaxcnn.errors import UserError
from jaxcnn.files import own_files

# COCO's own training annotations are 470 MB.
MOST_BYTES = 4 * 10**9
MOST_CATEGORIES = 1_000_000
LARGEST_SIDE = 2**31  # Pixels; PNG's own.


@dataclass(frozen=True)
class CocoImage:
    """An image's line: its id, its name below the split's folder, and its sides in pixels."""

    id: int
    file_name: str
    height: int
    width: int


@dataclass(frozen=True)
class CocoObject:
    """An annotation: `bbox` is x, y, width, height in pixels, `area` in square pixels."""

    id: int
    image_id: int
    category_id: int
    bbox: tuple[float, float, float, float]
    area: float
    is_crowd: bool


@dataclass(frozen=True)
class CocoFile:
    """One split's annotations, each checked by itself; categories are (id, name)."""

    categories: tuple[tuple[int, str], ...]
    images: Sequence[CocoImage]
    objects: Sequence[CocoObject]


def read_coco(path: Path) -> CocoFile:
    """Raises DataError, naming the file and the entry, for what is not COCO's format."""
    try:
        file = json.loads(own_files.read(path, MOST_BYTES))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    except UserError as error:
        raise DataError(str(error)) from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is not JSON, or is cut short: {error}") from error
    if not isinstance(file, dict):
        raise DataError(f"{path} has no images, annotations, categories; is it COCO's format?")
    if missing := {"images", "annotations", "categories"} - file.keys():
        raise DataError(f"{path} has no {', '.join(sorted(missing))}; is it COCO's format?")
    categories = _all(path, file, "categories", _category)
    if not 0 < len(categories) <= MOST_CATEGORIES:
        raise DataError(f"{path} has {len(categories):,} categories; at most {MOST_CATEGORIES:,}")
    images = _all(path, file, "images", _image)
    for name, ids in (
        ("categories", [c[0] for c in categories]),
        ("images", [i.id for i in images]),
    ):
        if len(set(ids)) < len(ids):
            raise DataError(f"{path} has several {name} of one id")
    return CocoFile(tuple(sorted(categories)), images, _all(path, file, "annotations", _object))


def picture_path(folder: Path, file_name: str) -> Path:
    """Where an image is. Raises DataError if that is not in `folder`, as by a link that leads out.

    `folder` itself may be a link.
    """
    path = folder / file_name
    real = os.path.realpath(path)
    if not real.startswith(os.path.join(os.path.realpath(folder), "")):
        raise DataError(f"{path} leads out of its folder, to {real}; put a copy in its place")
    return path


def _all(
    path: Path, file: Mapping[str, Any], name: str, read: Callable[[Mapping[str, Any]], Any]
) -> list[Any]:
    """Every entry of the list `name`, as `read` makes it of one."""
    if not isinstance(file[name], list):
        raise DataError(f"{path}: {name} is {reprlib.repr(file[name])}, not a list")
    entries = []
    for index, entry in enumerate(file[name]):
        try:
            if not isinstance(entry, dict):
                raise DataError(f"it is {reprlib.repr(entry)}, not an object")
            entries.append(read(entry))
        except DataError as error:
            raise DataError(f"{path}: {name}[{index}] cannot be used: {error}") from error
    return entries


def _category(entry: Mapping[str, Any]) -> tuple[int, str]:
    return _whole(entry, "id"), _text(entry, "name")


def _image(entry: Mapping[str, Any]) -> CocoImage:
    name = _text(entry, "file_name")
    parts = PurePosixPath(name.replace("\\", "/"))
    if parts.is_absolute() or ".." in parts.parts or Path(name).drive or not parts.parts:
        raise DataError(f"file_name {reprlib.repr(name)} is not below the folder of its split")
    sides = _whole(entry, "height"), _whole(entry, "width")
    if not all(0 < side < LARGEST_SIDE for side in sides):
        raise DataError(f"height {sides[0]} and width {sides[1]} are no picture's")
    return CocoImage(_whole(entry, "id"), name, *sides)


def _object(entry: Mapping[str, Any]) -> CocoObject:
    bbox = entry.get("bbox")
    if not (isinstance(bbox, list) and len(bbox) == 4 and all(map(_is_figure, bbox))):
        raise DataError(f"bbox is {reprlib.repr(bbox)}, not four numbers")
    area, crowd = entry.get("area", 0), entry.get("iscrowd", 0)
    if not (_is_figure(area) and abs(area) < 2**63):
        raise DataError(f"area is {reprlib.repr(area)}, not a number of pixels")
    if crowd not in (0, 1):
        raise DataError(f"iscrowd is {reprlib.repr(crowd)}, not 0 or 1")
    x, y, width, height = bbox
    return CocoObject(
        id=_whole(entry, "id"),
        image_id=_whole(entry, "image_id"),
        category_id=_whole(entry, "category_id"),
        bbox=(x, y, width, height),
        area=area,
        is_crowd=bool(crowd),
    )


def _whole(entry: Mapping[str, Any], name: str) -> int:
    value = entry.get(name)
    if type(value) is not int or not -(2**63) <= value < 2**63:
        raise DataError(f"{name} is {reprlib.repr(value)}, not a whole number of 64 bits")
    return value


def _text(entry: Mapping[str, Any], name: str) -> str:
    value = entry.get(name)
    if not isinstance(value, str) or len(value) > 4096:
        raise DataError(f"{name} is {reprlib.repr(value)}, not a text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise DataError(f"{name} is {ascii(value)[:100]}, which is no text") from None
    return value


def _is_figure(value: Any) -> bool:
    if type(value) is int:
        return abs(value) < 2**63
    return type(value) is float and math.isfinite(value)
