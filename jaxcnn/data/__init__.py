"""Data: sets and splits here; what augments and loads is in `augment` and `loader`.

spec = dataset_spec("cifar10")
train = load_split(spec, "train", data_dir)
steps = pipeline.train_batches(train, transforms, batch_size=128, seed=0, stop_step=1000)
"""

from jaxcnn.data.errors import DataError, DataNotFound, ExampleError
from jaxcnn.data.folds import read_fold, with_fold
from jaxcnn.data.registry import (
    dataset_at,
    dataset_place,
    dataset_spec,
    list_datasets,
    register_dataset,
)
from jaxcnn.data.sources.labelled import with_labels
from jaxcnn.data.spec import ArraySource, DataDir, DatasetSpec, Source
from jaxcnn.data.splits import load_split

__all__ = [
    "ArraySource",
    "DataDir",
    "DataError",
    "DataNotFound",
    "DatasetSpec",
    "ExampleError",
    "Source",
    "dataset_at",
    "dataset_place",
    "dataset_spec",
    "list_datasets",
    "load_split",
    "read_fold",
    "register_dataset",
    "with_fold",
    "with_labels",
]
