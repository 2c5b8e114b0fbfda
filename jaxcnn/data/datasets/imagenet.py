"""ImageNet: 1,281,167 photographs of 1,000 kinds of things, and sets built around it.

Russakovsky et al., 2015, https://arxiv.org/abs/1409.0575.

The labels of the official test images are secret, so the 50,000 official validation images are the
test split, as everywhere in the literature; validation is held out of the training images.

ImageNet-V2 and ReaL are for testing only. ReaL gives the validation images new labels: a prediction
is right if it is any of an image's labels, and images without one are left out.

ImageNet-A and ImageNet-R, for testing only too, have images of 200 of the 1,000 classes, and models
are asked among these alone, as their authors do (https://arxiv.org/abs/1907.07174, section 3;
https://arxiv.org/abs/2006.16241, section 3).
"""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from jaxcnn.data.sources.prepared import load_prepared, photographs
from jaxcnn.data.spec import DataDir, DatasetSpec, Source, Subset

CLASS_FOLDER = re.compile(r"n\d{8}")  # A WordNet id.


def _load_labelled(split: str, data_dir: DataDir = None) -> Source:
    images = load_prepared("imagenet2012_real", {"test": "validation"}, split, data_dir)
    return Subset(images, np.flatnonzero(images.labels.any(axis=1)))


# 14 million images; how many classes depends on the release (21,841 in 2011's). A class with a
# single image cannot be divided into splits: remove it, as https://arxiv.org/abs/2104.10972 does
# with all rare ones.
PREPARED_21K = photographs(
    "imagenet21k",
    "imagenet21k",
    num_classes=0,
    splits={"all": "train"},
    paper="https://arxiv.org/abs/2104.10972",
)


def _examine_21k(data_dir: DataDir) -> DatasetSpec:
    """A prepared set, or a folder with a folder of images per WordNet id."""
    from jaxcnn.data.datasets.image_folder import DATASETS as FOLDERS
    from jaxcnn.data.sources.prepared import any_prepared
    from jaxcnn.data.sources.tfds import resolve_data_dir

    root = Path(resolve_data_dir(data_dir))
    places = [place for place in (root, root / "train") if place.is_dir()]
    if any(CLASS_FOLDER.fullmatch(path.name) for place in places for path in place.iterdir()):
        examine = FOLDERS["image_folder"].examine
    else:
        examine = any_prepared("tfds:imagenet21k").examine
    assert examine is not None, "both rows have one"
    return replace(examine(root), name="imagenet21k", paper=PREPARED_21K.paper)


DATASETS = {
    "imagenet2012": photographs(
        "imagenet2012",
        "imagenet2012",
        num_classes=1000,
        num_train=1_281_167,
        splits={"train": "train", "test": "validation"},
        paper="https://arxiv.org/abs/1409.0575",
    ),
    "imagenet_v2": photographs(
        "imagenet_v2",
        "imagenet_v2/matched-frequency",
        num_classes=1000,
        splits={"test": "test"},
        paper="https://arxiv.org/abs/1902.10811",
    ),
    "imagenet2012_real": photographs(
        "imagenet2012_real",
        "imagenet2012_real",
        num_classes=1000,
        splits={"test": "validation"},
        load=_load_labelled,
        paper="https://arxiv.org/abs/2006.07159",
    ),
    "imagenet_a": replace(
        photographs(
            "imagenet_a",
            "imagenet_a",
            num_classes=1000,
            splits={"test": "test"},
            paper="https://arxiv.org/abs/1907.07174",
        ),
        among_shown=True,
    ),
    "imagenet_r": replace(
        photographs(
            "imagenet_r",
            "imagenet_r",
            num_classes=1000,
            splits={"test": "test"},
            paper="https://arxiv.org/abs/2006.16241",
        ),
        among_shown=True,
    ),
    "imagenet21k": replace(PREPARED_21K, examine=_examine_21k),
}
