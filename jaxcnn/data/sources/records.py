"""Records of prepared sets, read and decoded one at a time: for sets that do not fit in memory."""

import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from jaxcnn.data.errors import DataError, DataNotFound
from jaxcnn.data.sources.array_record import reader
from jaxcnn.data.sources.unreadable import first_unreadable, in_one_line
from jaxcnn.data.spec import Example
from jaxcnn.files.cache_folder import cache_folder
from jaxcnn.files.whole import replacing

# A record's features by name, as protocol buffers have them.
Features = Mapping[str, Any]

# Records whose labels are read at once: what is in memory of the images meanwhile.
LABELS_AT_ONCE = 256
LARGEST_LABEL = np.iinfo(np.int32).max


class Annotation(Protocol):
    """What a record says of its image. Raises DataError, without a subject, where it says nothing
    that makes sense."""

    def label(self, features: Features, /) -> int | np.ndarray:
        """See `Example`."""
        ...

    def annotate(self, image: np.ndarray, features: Features, /) -> Example: ...


@dataclass(frozen=True)
class OneClass:
    """The class of the whole image."""

    feature: str = "label"

    def label(self, features: Features, /) -> int:
        labels = features[self.feature].int64_list.value
        if not labels or labels[0] < 0:  # TFDS's way of saying that it is kept secret.
            raise DataError("has no label; choose a split that has labels")
        if labels[0] > LARGEST_LABEL:
            raise DataError(f"has label {labels[0]}, which is no class's")
        return labels[0]

    def annotate(self, image: np.ndarray, features: Features, /) -> Example:
        return {"image": image, "label": self.label(features)}


@dataclass(frozen=True)
class SeveralClasses:
    """The classes of the whole image, of `num_classes`; none at all is possible."""

    feature: str
    num_classes: int

    def label(self, features: Features, /) -> np.ndarray:
        return _marked(features[self.feature].int64_list.value, self.num_classes)

    def annotate(self, image: np.ndarray, features: Features, /) -> Example:
        return {"image": image, "label": self.label(features)}


@dataclass(frozen=True)
class Objects:
    """Objects with class and box, as TFDS's `coco` has them; the label is the classes there are.

    A crowd, one box around many objects of a class, is left out: it neither makes a label nor is
    it among the boxes. (Some published multi-label results count crowds.)
    """

    feature: str
    num_classes: int

    def label(self, features: Features, /) -> np.ndarray:
        return _marked(self._classes(features)[self._single(features)], self.num_classes)

    def annotate(self, image: np.ndarray, features: Features, /) -> Example:
        single = self._single(features)
        boxes = np.array(features[f"{self.feature}/bbox"].float_list.value, np.float32)
        classes = self._classes(features)[single]
        return {
            "image": image,
            "label": _marked(classes, self.num_classes),
            "boxes": boxes.reshape(-1, 4)[single],
            "box_labels": classes,
        }

    def _classes(self, features: Features) -> np.ndarray:
        labels = features[f"{self.feature}/label"].int64_list.value
        return _known(labels, self.num_classes).astype(np.int32)

    def _single(self, features: Features) -> np.ndarray:
        crowd = np.array(features[f"{self.feature}/is_crowd"].int64_list.value, bool)
        return ~crowd if len(crowd) else np.ones(len(self._classes(features)), bool)


def _marked(classes: Any, num_classes: int) -> np.ndarray:
    """uint8 [num_classes], 1 at each of the classes."""
    marked = np.zeros(num_classes, np.uint8)
    marked[_known(classes, num_classes)] = 1
    return marked


def _known(classes: Any, num_classes: int) -> np.ndarray:
    """int64 [N], once they are known to be classes."""
    known = np.asarray(classes, np.int64)
    wrong = known[(known < 0) | (known >= num_classes)]
    if wrong.size:
        raise DataError(f"has label {wrong[0]}; labels go from 0 to {num_classes - 1}")
    return known


@dataclass(frozen=True)
class RecordSource:
    """A split in ArrayRecord files. An example is read and decoded when asked for.

    `labels` reads all records once, without decoding images, and keeps what it found in
    $XDG_CACHE_HOME/jaxcnn/labels (~/.cache) for as long as the files stay as they are.

    Attributes:
        shards: files that hold the records, in order, each as TFDS's FileInstruction.
        annotation: what to take from a record beside its image.
        channels: 1 (grey) or 3 (red, green, blue).
        image_feature: the name of the image in a record.
        remedy: what to do if a file is damaged, for error messages.
        version: of the data set.
    """

    shards: tuple[Any, ...]
    annotation: Annotation
    channels: int = 3
    image_feature: str = "image"
    remedy: str = "prepare the set again"
    version: str | None = None

    def __len__(self) -> int:
        return sum(shard.examples_in_shard for shard in self.shards)

    def __getitem__(self, index: int, /) -> Example:
        from jaxcnn.data.sources.pictures import CannotDecode, decode

        try:
            record = self._records[int(index)]
        except (RuntimeError, IndexError, OSError) as error:
            raise DataNotFound(f"{self._unreadable(error)}; {self.remedy}") from error
        features = self._features(index, record)
        encoded = b"".join(features[self.image_feature].bytes_list.value)
        # Boxes refer to the pixels as stored, whatever the camera says is up.
        upright = not isinstance(self.annotation, Objects)
        try:
            image = decode(encoded, self.channels, upright=upright)
        except CannotDecode as error:
            name = self.name(index)
            raise DataError(
                f"{name} has an image that cannot be decoded: it {error.what}; {self.remedy}"
            ) from error
        try:
            return self.annotation.annotate(image, features)
        except DataError as error:
            raise DataError(f"{self.name(index)} {error}") from error

    def name(self, index: int) -> str:
        for shard in self.shards:
            if index < shard.examples_in_shard:
                return f"record {index} of {shard.filename}"
            index -= shard.examples_in_shard
        raise IndexError(index)

    def _features(self, index: int, record: bytes) -> Features:
        from google.protobuf.message import DecodeError

        try:
            return parse(record)
        except DecodeError as error:
            raise DataError(f"{self.name(index)} is damaged; {self.remedy}") from error

    def _label(self, index: int, record: bytes) -> int | np.ndarray:
        features = self._features(index, record)
        try:
            return self.annotation.label(features)
        except DataError as error:
            raise DataError(f"{self.name(index)} {error}") from error

    @property
    def labels(self) -> np.ndarray:
        return self._labels

    @cached_property
    def _labels(self) -> np.ndarray:
        kept = self._kept_labels()
        # A cache that is damaged, or holds a pickle, which numpy does not load, is made anew.
        with suppress(OSError, ValueError, EOFError):
            if kept is not None:
                return np.load(kept, allow_pickle=False)
        labels: list[int | np.ndarray] = []
        for start in range(0, len(self), LABELS_AT_ONCE):
            chosen = range(start, min(start + LABELS_AT_ONCE, len(self)))
            try:
                records = self._records.__getitems__(chosen)
            except (RuntimeError, IndexError, OSError) as error:
                raise DataNotFound(f"{self._unreadable(error)}; {self.remedy}") from error
            labels += map(self._label, chosen, records)
        several = bool(labels) and isinstance(labels[0], np.ndarray)
        read = np.array(labels, np.uint8 if several else np.int32)
        if kept is not None:
            _keep(kept, read)
        return read

    @cached_property
    def _records(self) -> Any:
        # Files are opened when first read, the count of their records being known.
        return reader(self.shards)

    def __getstate__(self) -> dict[str, Any]:
        """Without open files: worker processes open their own."""
        return {k: v for k, v in self.__dict__.items() if k != "_records"}

    def _unreadable(self, error: Exception) -> str:
        """The first file that cannot be read, and why; else the `error` that was met."""
        promised = {shard.filename: shard.examples_in_shard for shard in self.shards}

        def read(path: str) -> None:
            # The whole file, unlike a shard's entry, is counted when it is opened.
            whole = reader([path])
            if len(whole) != promised[path]:
                raise IndexError(f"it has {len(whole)} records in the place of {promised[path]}")
            for index in range(len(whole)):
                _ = whole[index]

        path, reason = first_unreadable(promised, read) or (next(iter(promised)), error)
        return in_one_line(path, reason)

    def _kept_labels(self) -> Path | None:
        facts = [repr(self.annotation)]
        facts += [f"{s.filename} {s.examples_in_shard} {_version(s.filename)}" for s in self.shards]
        name = hashlib.sha256("\n".join(facts).encode()).hexdigest()[:32]
        folder = cache_folder()
        return folder and folder / "labels" / f"{name}.npy"


def parse(record: bytes) -> Features:
    """A serialised tf.train.Example's features by name."""
    from tensorflow_datasets.proto import tf_example_pb2

    example_class = tf_example_pb2.Example  # pyright: ignore[reportAttributeAccessIssue]
    return example_class.FromString(record).features.feature


def _version(path: str) -> str:
    """Another one whenever the file is another one."""
    from etils import epath

    if "://" in path:
        bucket = epath.Path(path).stat()
        return f"{bucket.length} {bucket.mtime}"
    local = os.stat(path)  # Its times are finer than the seconds that buckets have.
    return f"{local.st_size} {local.st_mtime_ns} {local.st_ino}"


def _keep(path: Path, labels: np.ndarray) -> None:
    """Writes all or nothing; a folder that cannot be written costs the next run some reading."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        # Opened here: numpy would add its ending to a name that lacks it.
        with replacing(path) as draft, draft.open("wb") as file:
            np.save(file, labels)
