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


def refuse_foreign(name: str, data_dir: str) -> None:
    """Raises DataError if a description of the set names what is neither TFDS's nor its own.

    All its versions and configurations are looked at. A file that cannot be read is left to TFDS,
    which says so.
    """
    folder = epath.Path(data_dir) / re.split("[:/]", name)[0]
    for pattern in ("*", "*/*"):
        for path in folder.glob(f"{pattern}/features.json"):
            for key, value in _texts(_read(path)):
                if key in CLASS_KEYS and value and not value.startswith(FEATURES):
                    raise DataError(
                        f"{path} names the Python class {value!r}, which is none of TFDS's own "
                        "and could run anything; it is not read"
                    )
                # A class label's name is that of the file with its classes.
                if ".." in key.split("/") or key.startswith("/"):
                    raise DataError(
                        f"{path} names files in another folder ({key!r}); it is not read"
                    )
        for path in folder.glob(f"{pattern}/dataset_info.json"):
            for key, value in _texts(_read(path)):
                if key in FILE_KEYS and ("/" in value or "\\" in value):
                    raise DataError(
                        f"{path} names files in another folder ({value!r}); it is not read"
                    )


def _read(path: epath.Path) -> Any:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError, RecursionError):
        return None


def _texts(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """(key, text) of all texts in a JSON value, and (key, "") of all keys.

    Of JSON within a text too, as old sets have it.
    """
    match value:
        case dict():
            for name, inner in value.items():
                yield name, ""
                yield from _texts(inner, name)
        case list():
            for inner in value:
                yield from _texts(inner, key)
        case str():
            yield key, value
            if value.lstrip().startswith(("{", "[")):
                try:
                    inner = json.loads(value)
                except (ValueError, RecursionError):
                    return
                yield from _texts(inner)
