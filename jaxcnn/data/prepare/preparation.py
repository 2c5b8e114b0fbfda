"""Prepares data sets for reading: ArrayRecord files in TFDS's layout, without TensorFlow.

A set is written to VERSION.incomplete, shard by shard, and gets its name when it is whole. So a
preparation that was killed goes on after its last whole shard, and what is half written is never
taken for a set.
"""

import errno
import hashlib
import importlib.util
import json
import math
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from jaxcnn.data.errors import DataError, DataNotFound
from jaxcnn.data.prepare.listing import (
    Listing,
    Split,
    Values,
    leave_out_unreadable,
    list_images,
)
from jaxcnn.data.registry import dataset_spec, list_datasets
from jaxcnn.data.sources import array_record
from jaxcnn.data.sources.pictures import read_encoded
from jaxcnn.files.whole import replacing

VERSION = "1.0.0"
# About the size of a file.
SHARD_BYTES = 256 * 2**20
# Around an image in a record: its file's name, its label or its objects.
BYTES_BESIDE_IMAGE = 1000

Say = Callable[[str], None]
OnProgress = Callable[[int, int], None]
"""progress(done, total): images."""


@dataclass(frozen=True)
class _Shard:
    indices: Sequence[int]
    num_bytes: int


Plan = Mapping[str, Sequence[_Shard]]


def prepared_name(name: str) -> str:
    """Name of a set in a TFDS directory: that of the data set's row, or `name` itself."""
    return (dataset_spec(name).prepared if name in list_datasets() else "") or name


def prepare_from(
    name: str,
    source: Path,
    data_dir: Path,
    *,
    say: Say,
    labels: str | None = None,
    progress: OnProgress = lambda done, total: None,
    on_error: Literal["raise", "skip"] = "raise",
) -> Path:
    """Prepares a set from a folder of images, or goes on with that; returns the set's folder.

    Args:
        name: a data set of our table that is read from a TFDS directory, or a new one, to be read
            as "tfds:NAME".
        source: a folder per class, with or without train, val and test above; or COCO's layout,
            annotations/instances_*.json beside folders of images.
        data_dir: the TFDS directory.
        say: is told what the user should know, the disk space before anything is written.
        labels: a CSV file with the classes of the pictures in `source`; their folders if not given.
        progress: is told how far it is.
        on_error: what a picture that cannot be read does: end the preparation, or be left out and
            listed at the end. To skip, all pictures are read once before.

    Raises UserError where the source is not such a folder, has a picture that cannot be read, or
    does not fit on the disk; the message names the file.
    """
    folder = data_dir / prepared_name(name) / VERSION
    if folder.exists():
        say(f"{folder} is prepared already; another name or --data-dir prepares it anew")
        return folder
    if not source.is_dir():
        raise DataNotFound(f"no folder {source}; give --from=DIR, a folder of images")
    listing, left_out = list_images(source, labels), {}
    for note in listing.notes:
        say(note)
    if on_error == "skip":
        say("reading all pictures, to leave out those that cannot be read")
        listing, left_out = leave_out_unreadable(listing)
    prepare_listing(name, listing, data_dir, say=say, progress=progress)
    for split, reasons in left_out.items():
        say(f"left out of {split}: {len(reasons):,} pictures that cannot be read")
        for reason in reasons:
            say(f"  {reason}")
    return folder


def prepare_listing(
    name: str,
    listing: Listing,
    data_dir: Path,
    *,
    say: Say,
    progress: OnProgress = lambda done, total: None,
) -> Path:
    """As `prepare_from`, from a list of images; the set must not be there yet."""
    folder = data_dir / prepared_name(name) / VERSION
    plan = {split: _shards(split, part) for split, part in listing.splits.items()}
    incomplete = folder.with_name(f"{folder.name}.incomplete")
    _claim(incomplete, listing, plan, say)
    needed = sum(shard.num_bytes for shards in plan.values() for shard in shards)
    there = sum(path.stat().st_size for path in incomplete.iterdir())
    _check_space(max(needed - there, 0), incomplete, say)
    total = sum(len(shard.indices) for shards in plan.values() for shard in shards)
    done = 0
    for split, shards in plan.items():
        for number, shard in enumerate(shards):
            path = incomplete / _file_name(name, split, number, len(shards))
            if not path.exists():
                before = done
                _write_shard(
                    path, listing.splits[split], shard, lambda n, b=before: progress(b + n, total)
                )
            done += len(shard.indices)
            progress(done, total)
    try:
        _describe(incomplete, name, listing, plan)
        for litter in incomplete.glob("*.partial"):
            litter.unlink()
        os.replace(incomplete, folder)
    except OSError as error:
        raise _not_written(incomplete, error) from error
    return folder


def prepare_official(name: str, data_dir: Path, *, say: Say) -> Path:
    """Downloads a set and prepares it by TFDS's own builder; returns its folder.

    Raises DataNotFound, with the command that installs it, if TensorFlow is absent; DataError if
    TFDS does not know the set, it does not fit on the disk, or its files must be fetched by hand.
    """
    import tensorflow_datasets as tfds

    official = prepared_name(name)
    if official.split("/")[0] not in tfds.list_builders(with_community_datasets=False):
        raise DataError(f"TFDS has no {official}; give --from=FOLDER with its images")
    if importlib.util.find_spec("tensorflow") is None:
        raise DataNotFound(
            f"TFDS needs TensorFlow to prepare {official}, once: pip install 'jaxcnn[prepare]'"
            f" && python -m jaxcnn.data.prepare {name} --data-dir={data_dir}"
        )
    data_dir.mkdir(parents=True, exist_ok=True)
    try:
        builder = tfds.builder(official, data_dir=data_dir, file_format="array_record")
        if not builder.data_path.exists():
            info = builder.info
            needed = int(info.download_size or 0) + int(info.dataset_size or 0)
            _check_space(needed, data_dir, say)
            builder.download_and_prepare(file_format="array_record")
    except (AssertionError, ValueError, OSError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"TFDS cannot prepare {official}: {reason}") from error
    return Path(builder.data_path)


def _shards(split: str, part: Split) -> list[_Shard]:
    """Which images go into which file: in random order, always the same."""
    if not part.paths:
        raise DataError(f"the {split} split has no image")
    try:
        sizes = np.array([path.stat().st_size for path in part.paths]) + BYTES_BESIDE_IMAGE
    except OSError as error:
        raise DataError(f"{error.filename} is missing; the {split} split names it") from error
    order = np.random.default_rng(0).permutation(len(part.paths))
    chunks = np.array_split(order, min(len(order), math.ceil(sizes.sum() / SHARD_BYTES)))
    return [_Shard(chunk.tolist(), int(sizes[chunk].sum())) for chunk in chunks]


def _claim(incomplete: Path, listing: Listing, plan: Plan, say: Say) -> None:
    """Makes the folder that of this plan; what is there of another one is deleted."""
    digest = hashlib.sha256(json.dumps(listing.class_names).encode())
    for split, shards in plan.items():
        part = listing.splits[split]
        for shard in shards:
            digest.update(f"{split} {shard.num_bytes}".encode())
            for index in shard.indices:
                digest.update(f"{part.paths[index]} {dict(part.values(index))}".encode())
    marker, plan_id = incomplete / "plan", digest.hexdigest()
    if incomplete.exists():
        if marker.exists() and marker.read_text() == plan_id:
            say(f"going on in {incomplete}")
            return
        say(f"{incomplete} was begun from other images: starting again")
        shutil.rmtree(incomplete)
    try:
        incomplete.mkdir(parents=True)
        marker.write_text(plan_id)
    except OSError as error:
        raise _not_written(incomplete, error) from error


def _check_space(needed: int, folder: Path, say: Say) -> None:
    """Says how many bytes are needed and free; raises DataError if they are too few."""
    free = shutil.disk_usage(folder).free
    text = f"needs {_size(needed)} in {folder}, {_size(free)} are free"
    say(text)
    if needed > free:
        raise DataError(f"{text}; make room, or give another --data-dir")


def _size(num_bytes: int) -> str:
    return f"{num_bytes / 1e9:,.1f} GB" if num_bytes >= 1e8 else f"{num_bytes / 1e6:,.1f} MB"


def _write_shard(path: Path, part: Split, shard: _Shard, progress: Callable[[int], None]) -> None:
    paths = [part.paths[index] for index in shard.indices]
    try:
        with replacing(path) as draft:
            # Records by themselves can be read in any order.
            writer = array_record.writer(str(draft), "group_size:1")
            with ThreadPoolExecutor(os.cpu_count()) as pool:  # OpenCV lets other threads run.
                for count, encoded in enumerate(pool.map(read_encoded, paths)):
                    writer.write(_record(encoded, part.values(shard.indices[count])))
                    progress(count + 1)
            try:
                writer.close()
            except RuntimeError as error:  # Said here at the latest, whichever record it was.
                raise OSError(errno.EIO, str(error).split(";")[0]) from error
    except OSError as error:
        raise _not_written(path, error) from error


def _not_written(path: Path, error: OSError) -> DataError:
    return DataError(
        f"{path} cannot be written: {error.strerror}; "
        "make room or leave to write, and run the same command again to go on"
    )


def _record(encoded: bytes, values: Values) -> bytes:
    from tensorflow_datasets.proto import tf_example_pb2

    example: Any = tf_example_pb2.Example()  # pyright: ignore[reportAttributeAccessIssue]
    features = example.features.feature
    features["image"].bytes_list.value.append(encoded)
    for name, value in values.items():
        if isinstance(value, bytes):
            features[name].bytes_list.value.append(value)
        elif name.endswith("bbox"):
            features[name].float_list.value.extend(value)
        else:
            features[name].int64_list.value.extend(value)
    # Equal input, equal files.
    return example.SerializeToString(deterministic=True)


def _describe(folder: Path, name: str, listing: Listing, plan: Plan) -> None:
    """TFDS's own description of the set: features.json, labels and dataset_info.json."""
    import tensorflow_datasets as tfds

    classes = tfds.features.ClassLabel(names=listing.class_names)
    features: dict[str, Any] = {"image": tfds.features.Image()}
    if listing.has_objects:
        features |= {
            "image/filename": tfds.features.Text(),
            "image/id": np.int64,
            "objects": tfds.features.Sequence(
                {
                    "id": np.int64,
                    "area": np.int64,
                    "bbox": tfds.features.BBoxFeature(),
                    "label": classes,
                    "is_crowd": np.bool_,
                }
            ),
        }
    else:
        features |= {"label": classes, "file_name": tfds.features.Text()}
    tfds.features.FeaturesDict(features).save_config(str(folder))
    set_name, _, config = prepared_name(name).partition("/")
    info = {
        "name": set_name,
        **({"configName": config} if config else {}),
        "version": VERSION,
        "fileFormat": "array_record",
        "moduleName": __name__,
        "splits": [
            {
                "name": split,
                "filepathTemplate": "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
                "shardLengths": [str(len(shard.indices)) for shard in shards],
                "numBytes": str(sum(shard.num_bytes for shard in shards)),
            }
            for split, shards in plan.items()
        ],
    }
    (folder / "dataset_info.json").write_text(json.dumps(info, indent=2) + "\n")


def _file_name(name: str, split: str, number: int, count: int) -> str:
    set_name = prepared_name(name).split("/")[0]
    return f"{set_name}-{split}.array_record-{number:05d}-of-{count:05d}"
