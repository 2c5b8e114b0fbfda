"""A TFDS directory made by hand, as `tfds.data_source` would leave it; and a fresh Python."""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from array_record.python.array_record_module import ArrayRecordWriter
from tensorflow_datasets.proto import tf_example_pb2

import jaxcnn

FEATURES = "tensorflow_datasets.core.features"


def _record(image: np.ndarray, label: int) -> bytes:
    bgr = image if image.shape[2] == 1 else image[..., ::-1]
    example = tf_example_pb2.Example()
    feature = example.features.feature
    feature["image"].bytes_list.value.append(cv2.imencode(".png", bgr)[1].tobytes())
    feature["label"].int64_list.value.append(label)
    feature["id"].bytes_list.value.append(b"other features are ignored")
    return example.SerializeToString()


@pytest.fixture(scope="session")
def write_tfds():
    """write(data_dir, name, {split: (images, labels)}) -> the folder of the version."""

    def write(
        data_dir: Path,
        name: str,
        splits: dict[str, tuple[np.ndarray, np.ndarray]],
        *,
        file_format: str = "array_record",
        num_shards: int = 2,
    ) -> Path:
        folder = data_dir / name / "3.0.1"
        folder.mkdir(parents=True)
        name, _, config = name.partition("/")
        infos = []
        for split, (images, labels) in splits.items():
            shards = np.array_split(np.arange(len(labels)), num_shards)
            for number, shard in enumerate(shards):
                file = f"{name}-{split}.{file_format}-{number:05d}-of-{num_shards:05d}"
                writer = ArrayRecordWriter(str(folder / file), "group_size:1")
                for index in shard:
                    writer.write(_record(images[index], int(labels[index])))
                writer.close()
            infos.append(
                {
                    "name": split,
                    "filepathTemplate": "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
                    "shardLengths": [str(len(shard)) for shard in shards],
                    "numBytes": "1",
                }
            )
        info = {
            "name": name,
            "configName": config,
            "version": "3.0.1",
            "fileFormat": file_format,
            "moduleName": "__main__",
            "splits": infos,
        }
        shape = {"dimensions": [str(side) for side in images.shape[1:]]}
        features = {
            "pythonClassName": f"{FEATURES}.features_dict.FeaturesDict",
            "featuresDict": {
                "features": {
                    "image": {
                        "pythonClassName": f"{FEATURES}.image_feature.Image",
                        "image": {"dtype": "uint8", "shape": shape},
                    },
                    "label": {
                        "pythonClassName": f"{FEATURES}.class_label_feature.ClassLabel",
                        "classLabel": {"numClasses": "10"},
                    },
                }
            },
        }
        (folder / "dataset_info.json").write_text(json.dumps(info))
        (folder / "features.json").write_text(json.dumps(features))
        return folder

    return write


@pytest.fixture
def refuse_tensorflow(tmp_path):
    """The first line of a program that ends where TensorFlow is imported."""
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "tensorflow.py").write_text("raise SystemExit('imported')")
    return f"import sys; sys.path.insert(0, {str(tmp_path / 'path')!r})"


@pytest.fixture
def run_python():
    """run(*arguments) -> what a new interpreter, which finds this jaxcnn, did with them."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            capture_output=True,
            text=True,
            timeout=100,
            env={**os.environ, "PYTHONPATH": str(Path(jaxcnn.__file__).parents[1])},
        )

    return run


SHAPES = {1: "square", 7: "disc", 90: "bar", 5: "crowd only"}  # COCO's ids are not contiguous.


def _draw_shape(image: np.ndarray, category: int, box: tuple[int, int, int, int]) -> None:
    x, y, width, height = box
    if category == 1:
        cv2.rectangle(image, (x, y), (x + width - 1, y + height - 1), (255, 40, 40), -1)
    elif category == 7:
        middle, axes = (x + width // 2, y + height // 2), (width // 2, height // 2)
        cv2.ellipse(image, middle, axes, 0, 0, 360, (40, 255, 40), -1)
    else:
        cv2.rectangle(image, (x, y), (x + width - 1, y + height - 1), (40, 40, 255), 2)


@pytest.fixture(scope="session")
def draw_shapes():
    """draw(folder, {split: count}): coloured shapes as JPEG and JSON, in COCO's layout.

    An image has none to three shapes, and each fifth also a crowd of a class of its own.
    """

    def draw(folder: Path, counts: dict[str, int]) -> dict[str, dict]:
        rng, files = np.random.default_rng(0), {}
        (folder / "annotations").mkdir(parents=True)
        for split, count in counts.items():
            (folder / split).mkdir()
            images, annotations = [], []
            for number in range(count):
                height, width = (int(side) for side in rng.integers(48, 80, 2))
                image = np.full((height, width, 3), 20, np.uint8)
                name = f"{number:05d}.jpg"
                images.append(
                    {"id": 1000 + number, "file_name": name, "height": height, "width": width}
                )
                kinds = rng.permutation([1, 7, 90])[: number % 4].tolist()
                for category in kinds + [5] * (number % 5 == 0):
                    w, h = (int(side) for side in rng.integers(12, 30, 2))
                    x, y = int(rng.integers(width - w)), int(rng.integers(height - h))
                    if category != 5:
                        _draw_shape(image, category, (x, y, w, h))
                    annotations.append(
                        {
                            "id": len(annotations) + 1,
                            "image_id": 1000 + number,
                            "category_id": category,
                            "bbox": [x, y, w, h],
                            "area": w * h,
                            "iscrowd": int(category == 5),
                        }
                    )
                cv2.imwrite(str(folder / split / name), image[..., ::-1])
            categories = [{"id": id_, "name": name} for id_, name in SHAPES.items()]
            files[split] = {
                "images": images,
                "annotations": annotations,
                "categories": categories,
            }
            path = folder / "annotations" / f"instances_{split}.json"
            path.write_text(json.dumps(files[split]))
        return files

    return draw
