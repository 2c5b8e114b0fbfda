"""Street View House Numbers: digits cut out of photographs, 32x32; neighbours reach into them.

Netzer et al., 2011, http://ufldl.stanford.edu/housenumbers/nips2011_housenumbers.pdf.

73,257 training and 26,032 test images; the 531,131 easier ones of the split "extra" are not used.
"""

from jaxcnn.data.spec import DataDir, DatasetSpec, Source


def _load(split: str, data_dir: DataDir = None) -> Source:
    from jaxcnn.data.sources.tfds import load_images

    return load_images("svhn_cropped", split, data_dir, image_size=32, channels=3)


DATASETS = {
    "svhn_cropped": DatasetSpec(
        name="svhn_cropped",
        num_classes=10,
        image_size=32,
        channels=3,
        # As widely used with torchvision's copy of the set.
        mean=(0.4377, 0.4438, 0.4728),
        std=(0.1980, 0.2010, 0.1970),
        flip=False,
        class_names=tuple("0123456789"),
        load=_load,
        num_train=73_257,
        paper="http://ufldl.stanford.edu/housenumbers/nips2011_housenumbers.pdf",
    )
}
