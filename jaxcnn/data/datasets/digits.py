"""Handwritten digits, 8x8, that scikit-learn carries: real data without a download.

1,797 digits of 43 people, a part of Alpaydin & Kaynak's set, 1998,
https://archive.ics.uci.edu/dataset/80. It has no official splits. Writers are not told
apart, so test digits may share a writer with training digits.
"""

import numpy as np

from jaxcnn.data.spec import ArraySource, DataDir, DatasetSpec


def _load(split: str, data_dir: DataDir = None) -> ArraySource:
    import sklearn
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    labels = np.asarray(labels, np.int32)
    # Grey levels go from 0 to 16.
    images = np.round(pixels.reshape(-1, 8, 8, 1) * (255 / 16)).astype(np.uint8)
    return ArraySource(images, labels, f"scikit-learn {sklearn.__version__}")


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
        splits=("all",),
        paper="https://archive.ics.uci.edu/dataset/80",
    )
}
