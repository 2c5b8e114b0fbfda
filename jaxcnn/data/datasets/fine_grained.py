"""Photographs of one kind of thing, told apart closely: pets, flowers, dishes.

They are small beside ImageNet and usually learned from its weights, so they are normalised by its
mean and standard deviation.
"""

from jaxcnn.data.sources.prepared import photographs

DATASETS = {
    # 37 breeds of cats and dogs, 3,680 training and 3,669 test images.
    "oxford_iiit_pet": photographs(
        "oxford_iiit_pet",
        "oxford_iiit_pet",
        num_classes=37,
        num_train=3_680,
        splits={"train": "train", "test": "test"},
        paper="https://www.robots.ox.ac.uk/~vgg/publications/2012/parkhi12a/parkhi12a.pdf",
    ),
    # 102 kinds of flowers, 1,020 training, 1,020 validation and 6,149 test images.
    "oxford_flowers102": photographs(
        "oxford_flowers102",
        "oxford_flowers102",
        num_classes=102,
        num_train=1_020,
        splits={"train": "train", "val": "validation", "test": "test"},
        paper="https://www.robots.ox.ac.uk/~vgg/publications/2008/Nilsback08/nilsback08.pdf",
    ),
    # 101 dishes, 75,750 training images, some mislabelled, and 25,250 test images, which TFDS calls
    # validation.
    "food101": photographs(
        "food101",
        "food101",
        num_classes=101,
        num_train=75_750,
        splits={"train": "train", "test": "validation"},
        paper="https://data.vision.ee.ethz.ch/cvl/datasets_extra/food-101/",
    ),
}
