"""Data sets prepared by TensorFlow Datasets, read without TensorFlow.

Preparing one needs TensorFlow, once; reading needs ArrayRecord files, which can be read in any
order.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from etils import epath

from jaxcnn.data.errors import DataError, DataNotFound
from jaxcnn.data.sources.array_record import reader
from jaxcnn.data.sources.description import refuse_foreign
from jaxcnn.data.sources.records import (
    LARGEST_LABEL,
    Annotation,
    Objects,
    OneClass,
    RecordSource,
    SeveralClasses,
    parse,
)
from jaxcnn.data.sources.unreadable import first_unreadable, in_one_line
from jaxcnn.data.spec import ArraySource, DataDir
from jaxcnn.files.paths import expanded
from jaxcnn.text.phrases import reason


def resolve_data_dir(data_dir: DataDir = None) -> str:
    """The TFDS directory: the argument, else $JAXCNN_DATA_DIR, else TFDS's own default."""
    chosen = data_dir or os.environ.get("JAXCNN_DATA_DIR") or os.environ.get("TFDS_DATA_DIR")
    return expanded(chosen or "~/tensorflow_datasets")


def load_images(
    name: str, split: str, data_dir: DataDir, *, image_size: int, channels: int
) -> ArraySource:
    """A split of an image classification set whose images have one size, decoded into memory.

    Args:
        name: TFDS's, "cifar10" or "cifar10:3.0.2".
        split: TFDS's, "train" or "test".
        data_dir: see `resolve_data_dir`.
        image_size: height and width in pixels.
        channels: 1 (grey) or 3 (red, green, blue).

    Raises:
        DataNotFound: not there, damaged, of another size, or not in ArrayRecord files.
    """
    return _load_images(name, split, resolve_data_dir(data_dir), image_size, channels)


# "train" and "val" are parts of the same arrays. Two: the training and the test split.
@lru_cache(maxsize=2)
def _load_images(
    name: str, split: str, data_dir: str, image_size: int, channels: int
) -> ArraySource:
    builder = _open(name, data_dir)
    return _decode(name, builder, _records(name, builder, split), image_size, channels)


def load_records(name: str, split: str, data_dir: DataDir) -> RecordSource:
    """A split whose images are read and decoded when asked for, of whatever size they are.

    Args:
        name: TFDS's, "food101" or "coco/2017".
        split: TFDS's, "train" or "validation".
        data_dir: see `resolve_data_dir`.

    Raises:
        DataNotFound: not there, damaged, or not in ArrayRecord files.
        DataError: the set has no image, or no class to learn.
    """
    builder = _open(name, resolve_data_dir(data_dir))
    facts = _facts(name, builder)
    info = _split_info(name, builder, split)
    remedy = _how_to_again(name, builder)
    if builder.info.file_format.value != "array_record":
        raise DataNotFound(_how_to_convert(name, builder))
    for path in info.filepaths:
        if not path.exists():
            raise DataNotFound(f"there is no {path}; {remedy}")
    return RecordSource(
        tuple(info.file_instructions),
        facts.annotation,
        channels=facts.channels,
        image_feature=facts.image_feature,
        remedy=remedy,
        version=str(builder.version),
    )


@dataclass(frozen=True)
class Facts:
    """What a prepared set says of itself.

    Attributes:
        class_names: in the order of the labels.
        splits: TFDS's names.
        image_size: side in pixels where all images are squares of one size, else None.
        channels: 1 or 3.
        annotation: what a record says of its image.
        image_feature: the image's name in a record.
    """

    class_names: tuple[str, ...]
    splits: tuple[str, ...]
    image_size: int | None
    channels: int
    annotation: Annotation
    image_feature: str


def examine(name: str, data_dir: DataDir = None) -> Facts:
    """Facts about a prepared set, from its description. Errors are those of `load_records`."""
    return _facts(name, _open(name, resolve_data_dir(data_dir)))


def _facts(name: str, builder: Any) -> Facts:
    import tensorflow_datasets as tfds

    # TFDS's own types say less than is true of them.
    features: dict[str, Any] = dict(builder.info.features)
    image_class: Any = tfds.features.Image
    class_label: Any = tfds.features.ClassLabel
    sequence: Any = tfds.features.Sequence
    keys: Any = builder.info.supervised_keys or ()
    simple = len(keys) == 2 and all(isinstance(key, str) for key in keys)
    image_name, label_name = keys if simple else ("image", "label")
    image: Any = features.get(image_name)
    if not isinstance(image, image_class):
        raise DataError(f"{name} has no image; its features are {', '.join(features)}")
    height, width, channels = image.shape
    label: Any = features.get(label_name)
    objects: Any = features.get("objects")
    annotation: Annotation
    if isinstance(label, class_label):
        annotation, classes = OneClass(label_name), label
    elif isinstance(label, sequence) and isinstance(label.feature, class_label):
        classes = label.feature
        annotation = SeveralClasses(label_name, classes.num_classes)
    elif isinstance(objects, sequence) and "label" in objects.feature:
        classes = objects.feature["label"]
        annotation = Objects("objects", classes.num_classes)
    else:
        raise DataError(f"{name} has no class label; its features are {', '.join(features)}")
    return Facts(
        class_names=tuple(classes.names),
        splits=tuple(builder.info.splits),
        image_size=height if height == width else None,
        channels=1 if channels == 1 else 3,
        annotation=annotation,
        image_feature=image_name,
    )


def _split_info(name: str, builder: Any, split: str) -> Any:
    if split not in builder.info.splits:
        known = ", ".join(builder.info.splits)
        raise DataNotFound(
            f"{builder.data_path} has no split {split!r}, only {known};"
            f" {_how_to_again(name, builder)}"
        )
    return builder.info.splits[split]


def _open(name: str, data_dir: str) -> Any:
    from tensorflow_datasets.core.read_only_builder import builder_from_files
    from tensorflow_datasets.core.registered import DatasetNotFoundError

    try:
        refuse_foreign(name, data_dir)
        return builder_from_files(name, data_dir=data_dir)
    except DataError:
        raise
    except DatasetNotFoundError:
        raise DataNotFound(f"no {name} in {data_dir}; {_how_to(name, data_dir)}") from None
    except Exception as error:  # Whatever a broken description makes TFDS raise.
        if "://" in data_dir:  # Or a bucket's reader, if there is one.
            raise DataNotFound(
                f"{data_dir} cannot be read ({reason(error)}); gs:// needs pip install gcsfs and"
                " leave to read the bucket; or mount it, and give the folder"
            ) from error
        folder = epath.Path(data_dir) / name.split(":")[0]
        descriptions = (
            version / file
            for version in (folder.iterdir() if folder.is_dir() else ())
            for file in ("dataset_info.json", "features.json")
        )
        found = first_unreadable(descriptions, lambda path: json.loads(path.read_text()))
        # Only TFDS knows what is wrong with descriptions that are there and are JSON.
        path, cause = found or (folder, error)
        raise DataNotFound(
            f"{in_one_line(path, cause)}; its records may be whole: mend what is named there, or"
            f" else, with {folder} out of the way, {_how_to(name, data_dir)}"
        ) from error


def _records(name: str, builder: Any, split: str) -> list[bytes]:
    """The serialised examples of a split."""
    import tensorflow_datasets as tfds

    folder = builder.data_path
    prepare_again = _how_to_again(name, builder)
    info = _split_info(name, builder, split)
    try:
        source = builder.as_data_source(
            split=split, deserialize_method=tfds.decode.DeserializeMethod.RAW_BYTES
        )
        return source.__getitems__(range(len(source)))
    except NotImplementedError:
        raise DataNotFound(_how_to_convert(name, builder)) from None
    except (RuntimeError, IndexError, OSError) as error:
        path, cause = first_unreadable(info.filepaths, _read_records) or (folder, error)
        raise DataNotFound(f"{in_one_line(path, cause)}; {prepare_again}") from error


def _read_records(path: epath.Path) -> Sequence[bytes]:
    source = reader([str(path)])
    return source.__getitems__(range(len(source)))


def _decode(
    name: str, builder: Any, records: list[bytes], image_size: int, channels: int
) -> ArraySource:
    """TFDS's own decoding builds a nested dictionary an example, which takes most of its time."""
    from google.protobuf.message import DecodeError

    from jaxcnn.data.sources.pictures import CannotDecode, decode

    def read(record: bytes) -> tuple[np.ndarray, int]:
        try:
            feature = parse(record)
            label = feature["label"].int64_list.value[0]
            image = decode(feature["image"].bytes_list.value[0], channels)
        except (DecodeError, IndexError, CannotDecode):  # No example, one without label or image.
            image, label = None, 0
        if image is None or image.shape[:2] != (image_size, image_size):
            raise DataNotFound(
                f"{builder.data_path} has an image that cannot be decoded or is not of "
                f"{image_size}x{image_size} pixels; {_how_to_again(name, builder)}"
            )
        if label > LARGEST_LABEL:
            raise DataError(f"{builder.data_path} has label {label}, which is no class's")
        return image, label

    # In one thread: OpenCV lets others run while it decodes a thumbnail, and then waits for Python
    # longer than that took: 60,000 of MNIST took two threads on two cores 4.4 s, and one 2.4.
    images = np.empty((len(records), image_size, image_size, channels), np.uint8)
    labels = np.empty(len(records), np.int32)
    for number, record in enumerate(records):
        images[number], labels[number] = read(record)
    return ArraySource(images, labels, str(builder.version))


def _how_to(name: str, data_dir: str) -> str:
    from tensorflow_datasets import list_builders

    if name.split("/")[0] not in list_builders(with_community_datasets=False):
        return (
            "prepare it with: python -m jaxcnn.data.prepare"
            f" {name} --from=FOLDER --data-dir={data_dir}"
        )
    return (
        "prepare it with: pip install 'jaxcnn[prepare]' && python -c"
        f' "import tensorflow_datasets as tfds; tfds.data_source({name!r}, data_dir={data_dir!r})"'
    )


def _how_to_again(name: str, builder: Any) -> str:
    """`name` as it was asked for: TFDS's or, of a configuration, "coco/2017"."""
    data_dir = _data_dir(name, builder)
    return (
        "if a file is damaged put a whole copy in its place, or else, with"
        f" {builder.data_path} out of the way, {_how_to(name.split(':')[0], data_dir)}"
    )


def _how_to_convert(name: str, builder: Any) -> str:
    """https://www.tensorflow.org/datasets/cli, `tfds convert_format`."""
    folder, data_dir = builder.data_path, _data_dir(name, builder)
    converted = f"{data_dir}-array_record"
    return (
        f"{folder} is not in ArrayRecord files; convert it by: pip install 'jaxcnn[prepare]' &&"
        f" tfds convert_format --dataset_version_dir={folder} --out_file_format=array_record"
        f" --out_dir={converted}/{folder.relative_to(data_dir)}; then give --data-dir={converted}"
    )


def _data_dir(name: str, builder: Any) -> str:
    return str(builder.data_path.parents[1 + name.count("/")])
