"""ArrayRecord files, where the system has a package for them: there is none for Windows."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from jaxcnn.data.errors import DataError


def reader(files: Sequence[Any]) -> Any:
    """The records (bytes) of files, given by name or as TFDS's shards, as one sequence."""
    return _package("array_record_data_source").ArrayRecordDataSource(files)


def writer(path: str, options: str) -> Any:
    """Writes records (bytes) to a new file."""
    return _package("array_record_module").ArrayRecordWriter(path, options)


def _package(module: str) -> Any:
    try:
        return import_module(f"array_record.python.{module}")
    except ImportError as error:
        raise DataError(
            "prepared sets are read by the package array_record, which is not here and not to be "
            "had for Windows; use Linux, WSL2 or a Mac, or --dataset=image_folder"
        ) from error
