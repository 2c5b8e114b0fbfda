"""EMNIST: handwritten letters and digits, 28x28, from the writers that MNIST's digits are of.

Cohen et al., 2017, https://arxiv.org/abs/1702.05373.

The published files, and so TFDS, hold every image transposed; here they stand upright. Letters are
labelled 1 to 26 there, with TFDS counting 37 classes; here 0 to 25.
"""

import string
from functools import lru_cache, partial

import numpy as np

from jaxcnn.data.spec import ArraySource, DataDir, DatasetSpec

PAPER = "https://arxiv.org/abs/1702.05373"


def _load(prepared: str, first_label: int, split: str, data_dir: DataDir = None) -> ArraySource:
    from jaxcnn.data.sources.tfds import resolve_data_dir

    return _upright(prepared, first_label, split, resolve_data_dir(data_dir))


# As for the sets that are read as they are: the training and the test split.
@lru_cache(maxsize=2)
def _upright(prepared: str, first_label: int, split: str, data_dir: str) -> ArraySource:
    from jaxcnn.data.sources.tfds import load_images

    stored = load_images(prepared, split, data_dir, image_size=28, channels=1)
    images = np.ascontiguousarray(stored.images.swapaxes(1, 2))
    return ArraySource(images, stored.labels - first_label)


DATASETS = {
    "emnist_balanced": DatasetSpec(
        name="emnist_balanced",
        num_classes=47,
        image_size=28,
        channels=1,
        # As widely used with torchvision's copy of the set.
        mean=(0.1751,),
        std=(0.3332,),
        flip=False,
        # Small letters that look like their capitals share a class with them.
        class_names=tuple(string.digits + string.ascii_uppercase + "abdefghnqrt"),
        load=partial(_load, "emnist/balanced", 0),
        num_train=112_800,
        prepared="emnist/balanced",
        paper=PAPER,
    ),
    "emnist_letters": DatasetSpec(
        name="emnist_letters",
        num_classes=26,
        image_size=28,
        channels=1,
        mean=(0.1722,),
        std=(0.3309,),
        flip=False,
        class_names=tuple(string.ascii_uppercase),
        load=partial(_load, "emnist/letters", 1),
        num_train=88_800,
        prepared="emnist/letters",
        paper=PAPER,
    ),
}
