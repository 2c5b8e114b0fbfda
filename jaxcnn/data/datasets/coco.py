"""COCO 2017: 118,287 photographs of everyday scenes, and which of 80 kinds of objects they show.

Lin et al., 2014, https://arxiv.org/abs/1405.0312.

The label of an image is the set of its objects' classes; crowds do not count (`records.Objects`),
and images without any object, about one in a hundred, stay in, as examples of nothing. The 5,000
official validation images are the test split, since the official test images have no public
labels; validation is held out of the training images.
"""

from jaxcnn.data.sources.prepared import photographs

DATASETS = {
    "coco": photographs(
        "coco",
        "coco/2017",
        num_classes=80,
        splits={"train": "train", "test": "validation"},
        multi_label=True,
        paper="https://arxiv.org/abs/1405.0312",
    )
}
