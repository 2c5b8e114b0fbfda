"""Cross-validation: training and validation examples divided anew, into parts that validate in
turn. The test split stays what it is, and is no part of any of them.

Every class is in each part in the same share; what belongs to one group, as pictures of one
patient, is in one part.
"""

import os
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from jaxcnn.data.errors import DataError
from jaxcnn.data.spec import DataDir, DatasetSpec, Source, Subset, groups_of
from jaxcnn.data.splits import load_split, strata_of
from jaxcnn.text.phrases import printable

MOST_FOLDS = 100


@dataclass(frozen=True)
class Fold:
    """One of `of` parts, `number`, counted from 1, which validates; drawn by `seed`."""

    number: int
    of: int
    seed: int = 0


@dataclass(frozen=True)
class FoldedPlace(os.PathLike[str]):
    """A data directory whose examples are divided so.

    To whatever knows of no folds it is the path of the directory.
    """

    place: DataDir
    fold: Fold

    def __fspath__(self) -> str:
        return os.fspath(self.place or "")


def read_fold(text: str, seed: int = 0) -> Fold:
    """ "2/5": the second of five. Raises DataError for what is none."""
    parts = re.fullmatch(r"(\d{1,4})/(\d{1,4})", text)
    number, of = map(int, parts.groups()) if parts else (0, 0)
    if not (2 <= of <= MOST_FOLDS and 1 <= number <= of):
        raise DataError(
            f"--fold={printable(text, 20)} is no fold; give K/N, the K-th of N parts, as 1/5; N is "
            f"2 to {MOST_FOLDS}"
        )
    return Fold(number, of, seed)


def with_fold(place: DataDir, fold: Fold | None) -> DataDir:
    return place if fold is None else FoldedPlace(place, fold)


def folded(spec: DatasetSpec, fold: Fold) -> DatasetSpec:
    """The row of a set whose training and validation examples are divided so.

    Its `load` raises DataError where there are too few of a class, or of groups.
    """
    return replace(
        spec,
        load=_loading(spec, fold),
        splits=("train", "val", "test"),
        examine=None,
        num_train=None,
    )


def _loading(spec: DatasetSpec, fold: Fold) -> Callable[[str, DataDir], Source]:
    def load(split: str, data_dir: DataDir = None) -> Source:
        place = data_dir.place if isinstance(data_dir, FoldedPlace) else data_dir
        if split == "test":
            return load_split(spec, "test", place)
        both = load_split(spec, "train+val", place)
        kept, held = divided(both.labels, groups_of(both), fold, spec.class_names)
        return Subset(both, kept if split == "train" else held)

    return load


def divided(
    labels: np.ndarray,
    groups: np.ndarray | None,
    fold: Fold,
    class_names: tuple[str, ...] = (),
) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the examples that a fold trains on, and of those that validate it, ascending.

    Args:
        labels: int32 [N], or uint8 [N, K] where images show several: then by the rarest shown.
        groups: the group of each example [N], where there are some.
        fold: which.
        class_names: for what is said of them.

    Raises DataError where a class has fewer examples than there are folds, or of groups that cannot
    be divided with every class on both sides.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    strata = strata_of(labels)

    def called(stratum: int) -> str:
        return class_names[stratum] if class_names else f"class {stratum}"

    if groups is None:
        present, counts = np.unique(strata, return_counts=True)
        if labels.ndim == 1 and counts.min() < fold.of:
            name = called(int(present[counts.argmin()]))
            raise DataError(
                f"{name} has {counts.min()} examples to train and validate with, fewer than "
                f"{fold.of} folds; add examples or give fewer folds"
            )
        divide = StratifiedKFold(fold.of, shuffle=True, random_state=fold.seed)
    else:
        if len(np.unique(groups)) < fold.of:
            raise DataError(
                f"there are {len(np.unique(groups))} groups, fewer than {fold.of} folds; give "
                "fewer folds"
            )
        divide = StratifiedGroupKFold(fold.of, shuffle=True, random_state=fold.seed)
    with warnings.catch_warnings():
        # That a stratum has fewer than there are folds: of several labels some have.
        warnings.filterwarnings("ignore", message="The least populated class")
        parts = list(divide.split(np.zeros(len(strata)), strata, groups))
    kept, held = parts[fold.number - 1]
    if not held.size:
        raise DataError(
            f"fold {fold.number} of {fold.of} has no group of its own; give fewer folds"
        )
    if labels.ndim == 1 and (missing := np.setdiff1d(strata, strata[kept])).size:
        raise DataError(
            f"fold {fold.number} of {fold.of} would train on no {called(int(missing[0]))}: all its "
            "examples are of groups that validate; give other folds, or more groups of it"
        )
    return np.sort(kept), np.sort(held)
