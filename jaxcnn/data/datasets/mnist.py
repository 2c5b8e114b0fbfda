"""MNIST and its drop-in replacement: 60,000 and 10,000 grey images, 28x28, in ten classes.

LeCun et al., 1998, http://yann.lecun.com/exdb/publis/pdf/lecun-98.pdf.
"""

from functools import partial

from jaxcnn.data.spec import DataDir, DatasetSpec, Source


def _load(name: str, split: str, data_dir: DataDir = None) -> Source:
    from jaxcnn.data.sources.tfds import load_images

    return load_images(name, split, data_dir, image_size=28, channels=1)


DATASETS = {
    "mnist": DatasetSpec(
        name="mnist",
        num_classes=10,
        image_size=28,
        channels=1,
        mean=(0.1307,),
        std=(0.3081,),
        flip=False,
        class_names=tuple("0123456789"),
        load=partial(_load, "mnist"),
        num_train=60_000,
        paper="http://yann.lecun.com/exdb/publis/pdf/lecun-98.pdf",
    ),
    "fashion_mnist": DatasetSpec(
        name="fashion_mnist",
        num_classes=10,
        image_size=28,
        channels=1,
        # As published with PyTorch's examples of this set.
        mean=(0.2860,),
        std=(0.3530,),
        flip=True,
        class_names=(
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
        load=partial(_load, "fashion_mnist"),
        num_train=60_000,
        paper="https://arxiv.org/abs/1708.07747",
    ),
}
