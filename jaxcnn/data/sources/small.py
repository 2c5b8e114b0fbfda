"""How large a small set of pictures is, without listing a large one."""

import os
from itertools import islice

from jaxcnn.data.errors import DataError, DataNotFound
from jaxcnn.data.registry import dataset_at
from jaxcnn.data.sources.labelled import with_labels
from jaxcnn.data.spec import DataDir
from jaxcnn.data.splits import load_split
from jaxcnn.files.paths import expanded

# More files than this below a folder, of whatever kind, are not counted further.
MOST_FILES = 10_000


def num_train_if_small(dataset: str, data_dir: DataDir, labels: str | None = None) -> int | None:
    """Training images of a set in a folder; None where it is large, or cannot be read.

    A set that cannot be read is refused where it is to be trained on.
    """
    if data_dir is None:
        return None
    walk = os.walk(expanded(data_dir), followlinks=True)
    files = (name for _, _, names in walk for name in names)
    if next(islice(files, MOST_FILES, None), None) is not None:
        return None
    try:
        place = with_labels(dataset, data_dir, labels)
        return len(load_split(dataset_at(dataset, place), "train", place))
    except (DataError, DataNotFound):
        return None
