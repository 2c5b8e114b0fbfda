"""Who may see what: training, validation and test examples.

The test split is the official one and is never part of any other. Where a set comes without a
validation split, a stratified tenth of the training split is held out. The seed of that is part of
the protocol, not of a run: all runs of a sweep tune on the same examples, and none has trained on
what another was validated with.
"""

import numpy as np

from jaxcnn.data.errors import DataError
from jaxcnn.data.spec import Concatenation, DataDir, DatasetSpec, Source, Subset

SPLITS = ("train", "val", "train+val", "test")
VAL_FRACTION = 0.1
PROTOCOL_SEED = 0


def load_split(spec: DatasetSpec, split: str, data_dir: DataDir = None) -> Source:
    """The examples of one split: "train", "val", "train+val" or "test".

    Args:
        spec: row of the data set table.
        split: one of SPLITS.
        data_dir: where prepared data sets are; see `jaxcnn.data.tfds.resolve_data_dir`.

    Raises:
        DataError: no such split.
        DataNotFound: the data set is not there.
    """
    if split not in SPLITS:
        raise DataError(f"unknown split {split!r}; known: {', '.join(SPLITS)}")
    if split in spec.splits:
        native = spec.load(split, data_dir)
        if split != "train" or "val" in spec.splits:
            return native
        return Subset(native, hold_out(native.labels, VAL_FRACTION)[0])
    if split == "train+val" and "val" in spec.splits:
        return Concatenation(spec.load("train", data_dir), spec.load("val", data_dir))
    train = spec.load("train", data_dir)
    if split == "train+val":
        return train
    return Subset(train, hold_out(train.labels, VAL_FRACTION)[1])


def hold_out(labels: np.ndarray, fraction: float) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the kept and of the held-out examples, each ascending.

    Every class is divided in the same proportion, to the nearest example. The same labels are
    always divided the same way.
    """
    from sklearn.model_selection import train_test_split

    kept, held = train_test_split(
        np.arange(len(labels)), test_size=fraction, stratify=labels, random_state=PROTOCOL_SEED
    )
    return np.sort(kept), np.sort(held)
