"""What a prepared set's own files may say, looked at before TFDS believes it.

`features.json` names a Python class for each feature, and TFDS imports its module: in a set from a
stranger, theirs. `dataset_info.json` says how its files are called.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from etils import epath

from jaxcnn.data.errors import DataError

FEATURES = "tensorflow_datasets.core.features."
# TFDS's own, those of Protocol Buffers, and those of TFDS before 4.5.
CLASS_KEYS = ("pythonClassName", "python_class_name", "type")
# A split's name becomes a part of its files'.
FILE_KEYS = ("filepathTemplate", "filepath_template", "name")
CLASS_COUNT_KEYS = ("numClasses", "num_classes")
SHARD_KEYS = ("shardLengths", "shard_lengths")
# What no set has, and what would take memory or time by what a file says alone.
MOST_BYTES, MOST_CLASSES, MOST_SHARDS = 64 * 10**6, 1_000_000, 100_000


def refuse_foreign(name: str, data_dir: str) -> None:
    """Raises DataError if a description of the set names what is neither TFDS's nor its own, or
    counts what cannot be.

    All its versions and configurations are looked at. A file that cannot be read is left to TFDS,
    which says so.
    """
    folder = epath.Path(data_dir) / re.split("[:/]", name)[0]
    for pattern in ("*", "*/*"):
        for path in folder.glob(f"{pattern}/*.labels.txt"):
            _refuse_large(path)
        for path in folder.glob(f"{pattern}/features.json"):
            for key, value in _leaves(_read(path)):
                _refuse_feature(path, key, value)
        for path in folder.glob(f"{pattern}/dataset_info.json"):
            shards = 0
            for key, value in _leaves(_read(path)):
                if key in FILE_KEYS and ("/" in str(value) or "\\" in str(value)):
                    raise DataError(
                        f"{path} names files in another folder ({value!r}); it is not read"
                    )
                if key in SHARD_KEYS and value != "":
                    shards += 1
                    _refuse_count(path, "records in a file", value, 2**40)
            _refuse_count(path, "files", shards, MOST_SHARDS)


def _refuse_feature(path: epath.Path, key: str, value: str | int) -> None:
    if key in CLASS_KEYS and value and not str(value).startswith(FEATURES):
        raise DataError(
            f"{path} names the Python class {value!r}, which is none of TFDS's own "
            "and could run anything; it is not read"
        )
    # A class label's name is that of the file with its classes.
    if ".." in key.split("/") or key.startswith("/"):
        raise DataError(f"{path} names files in another folder ({key!r}); it is not read")
    if key in CLASS_COUNT_KEYS:
        _refuse_count(path, "classes", value, MOST_CLASSES)


def _refuse_count(path: epath.Path, of: str, value: str | int, most: int) -> None:
    """What is no number TFDS refuses itself."""
    if re.fullmatch(r"-?\d+", str(value)) and not 0 <= int(str(value)[:30]) <= most:
        raise DataError(
            f"{path} says that there are {str(value)[:30]} {of}; 0 to {most:,} are read"
        )


def _refuse_large(path: epath.Path) -> None:
    if (length := path.stat().length) > MOST_BYTES:
        raise DataError(f"{path} has {length:,} bytes; at most {MOST_BYTES:,} are read")


def _read(path: epath.Path) -> Any:
    _refuse_large(path)
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError, RecursionError):
        return None


def _leaves(value: Any, key: str = "") -> Iterator[tuple[str, str | int]]:
    """(key, value) of all texts and whole numbers in a JSON value, and (key, "") of all keys.

    Of JSON within a text too, as old sets have it.
    """
    match value:
        case dict():
            for name, inner in value.items():
                yield name, ""
                yield from _leaves(inner, name)
        case list():
            for inner in value:
                yield from _leaves(inner, key)
        case int():
            yield key, value
        case str():
            yield key, value
            if value.lstrip().startswith(("{", "[")):
                try:
                    inner = json.loads(value)
                except (ValueError, RecursionError):
                    return
                yield from _leaves(inner)
