"""Handwritten digits, 8x8, that scikit-learn carries: real data without a download.

1,797 digits of 43 people, a part of Alpaydin & Kaynak's set, 1998,
https://archive.ics.uci.edu/dataset/80. It has no official splits: here they are a stratified 70 %,
10 % and 20 %. Writers are not told apart, so test digits may share a writer with training digits.
"""

import numpy as np

from jaxcnn.data.errors import DataError
from jaxcnn.data.spec import ArraySource, DataDir, DatasetSpec
from jaxcnn.data.splits import hold_out


def _load(split: str, data_dir: DataDir = None) -> ArraySource:
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    labels = np.asarray(labels, np.int32)
    # Grey levels go from 0 to 16.
    images = np.round(pixels.reshape(-1, 8, 8, 1) * (255 / 16)).astype(np.uint8)
    rest, test = hold_out(labels, 0.2)
    train, val = (rest[part] for part in hold_out(labels[rest], 0.1 / 0.8))
    parts = {"train": train, "val": val, "test": test}
    if split not in parts:
        raise DataError(f"unknown split {split!r}; known: {', '.join(parts)}")
    return ArraySource(images[parts[split]], labels[parts[split]])


DATASETS = {
    "digits": DatasetSpec(
        name="digits",
        num_classes=10,
        image_size=8,
        channels=1,
        mean=(0.3051,),
        std=(0.3759,),
        flip=False,
        class_names=tuple("0123456789"),
        load=_load,
        splits=("train", "val", "test"),
        paper="https://archive.ics.uci.edu/dataset/80",
    )
}
