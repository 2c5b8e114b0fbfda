"""Data sets prepared by TensorFlow Datasets, read without TensorFlow.

Preparing one needs TensorFlow, once; reading needs ArrayRecord files, which can be read in any
order.
"""

import json
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import numpy as np
from etils import epath

from jaxcnn.data.errors import DataNotFound
from jaxcnn.data.spec import ArraySource, DataDir


def resolve_data_dir(data_dir: DataDir = None) -> str:
    """The TFDS directory: the argument, else $JAXCNN_DATA_DIR, else TFDS's own default."""
    chosen = data_dir or os.environ.get("JAXCNN_DATA_DIR") or os.environ.get("TFDS_DATA_DIR")
    return os.path.expanduser(os.fspath(chosen or "~/tensorflow_datasets"))


def load_images(name: str, split: str, data_dir: DataDir, *, channels: int) -> ArraySource:
    """A split of an image classification set whose images have one size, decoded into memory.

    Args:
        name: TFDS's, "cifar10" or "cifar10:3.0.2".
        split: TFDS's, "train" or "test".
        data_dir: see `resolve_data_dir`.
        channels: 1 (grey) or 3 (red, green, blue).

    Raises:
        DataNotFound: not there, damaged, or not in ArrayRecord files.
    """
    return _load_images(name, split, resolve_data_dir(data_dir), channels)


# "train" and "val" are parts of the same arrays. Two: the training and the test split.
@lru_cache(maxsize=2)
def _load_images(name: str, split: str, data_dir: str, channels: int) -> ArraySource:
    builder = _open(name, data_dir)
    return _decode(builder, _records(builder, split), channels)


def _open(name: str, data_dir: str) -> Any:
    from tensorflow_datasets.core.read_only_builder import builder_from_files
    from tensorflow_datasets.core.registered import DatasetNotFoundError

    try:
        return builder_from_files(name, data_dir=data_dir)
    except DatasetNotFoundError:
        raise DataNotFound(f"no {name} in {data_dir}; {_how_to(name, data_dir)}") from None
    except Exception as error:  # Whatever a broken description makes TFDS raise.
        folder = epath.Path(data_dir) / name.split(":")[0]
        descriptions = (
            version / file
            for version in folder.iterdir()
            for file in ("dataset_info.json", "features.json")
        )
        damaged = _first_unreadable(descriptions, lambda path: json.loads(path.read_text()))
        raise DataNotFound(
            f"{damaged or folder} is damaged or incomplete; delete {folder}, then"
            f" {_how_to(name, data_dir)}"
        ) from error


def _records(builder: Any, split: str) -> list[bytes]:
    """The serialised examples of a split."""
    import tensorflow_datasets as tfds

    folder = builder.data_path
    prepare_again = _how_to_again(builder)
    if split not in builder.info.splits:
        known = ", ".join(builder.info.splits)
        raise DataNotFound(f"{folder} has no split {split!r}, only {known}; {prepare_again}")
    try:
        source = builder.as_data_source(
            split=split, deserialize_method=tfds.decode.DeserializeMethod.RAW_BYTES
        )
        return source.__getitems__(range(len(source)))
    except NotImplementedError:
        raise DataNotFound(f"{folder} is not in ArrayRecord files; {prepare_again}") from None
    except (RuntimeError, IndexError) as error:
        damaged = _first_unreadable(builder.info.splits[split].filepaths, _read_records)
        raise DataNotFound(
            f"{damaged or folder} is damaged or incomplete; {prepare_again}"
        ) from error


def _read_records(path: epath.Path) -> Sequence[bytes]:
    from array_record.python.array_record_data_source import ArrayRecordDataSource

    source = ArrayRecordDataSource([str(path)])
    return source.__getitems__(range(len(source)))


def _first_unreadable(
    paths: Iterable[epath.Path], read: Callable[[epath.Path], object]
) -> epath.Path | None:
    for path in paths:
        try:
            read(path)
        except Exception:
            return path
    return None


def _decode(builder: Any, records: list[bytes], channels: int) -> ArraySource:
    """TFDS's own decoding builds a nested dictionary an example, which takes most of its time."""
    import cv2
    from tensorflow_datasets.proto import tf_example_pb2

    example_class = tf_example_pb2.Example  # pyright: ignore[reportAttributeAccessIssue]
    mode = cv2.IMREAD_GRAYSCALE if channels == 1 else cv2.IMREAD_COLOR_RGB

    def decode(record: bytes) -> tuple[np.ndarray, int]:
        feature = example_class.FromString(record).features.feature
        encoded = np.frombuffer(feature["image"].bytes_list.value[0], np.uint8)
        image = cv2.imdecode(encoded, mode)
        if image is None:
            raise DataNotFound(
                f"{builder.data_path} has an image that cannot be decoded; {_how_to_again(builder)}"
            )
        return image, feature["label"].int64_list.value[0]

    def decode_all(part: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
        images, labels = zip(*map(decode, part), strict=True)
        return np.stack(images), np.array(labels, np.int32)

    parts = [records[start : start + 1000] for start in range(0, len(records), 1000)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # OpenCV lets other threads run.
        images, labels = zip(*pool.map(decode_all, parts), strict=True)
    images = np.concatenate(images)
    return ArraySource(images.reshape(*images.shape[:3], channels), np.concatenate(labels))


def _how_to(name: str, data_dir: str) -> str:
    return (
        "prepare it with: pip install 'jaxcnn[prepare]' && python -c"
        f' "import tensorflow_datasets as tfds; tfds.data_source({name!r}, data_dir={data_dir!r})"'
    )


def _how_to_again(builder: Any) -> str:
    folder = builder.data_path
    return f"delete {folder}, then {_how_to(builder.name, str(folder.parent.parent))}"
