"""The data set table: whatever the modules in datasets/ offer as DATASETS."""

from collections.abc import Mapping
from functools import cache

from jaxcnn.data.sources.prepared import PREFIX, any_prepared
from jaxcnn.data.spec import DataDir, DatasetSpec
from jaxcnn.discovery import discover, look_up


@cache
def _table() -> Mapping[str, DatasetSpec]:
    return discover("jaxcnn.data.datasets", "DATASETS")


def list_datasets() -> list[str]:
    """Names of the data sets, sorted."""
    return sorted(_table())


def dataset_spec(name: str) -> DatasetSpec:
    """The table row of a data set; "tfds:NAME" is any that is in the TFDS directory.

    Raises UserError, naming the nearest, if there is none.
    """
    if name.startswith(PREFIX):
        return any_prepared(name)
    return look_up(_table(), name, "data set")


def dataset_at(name: str, data_dir: DataDir) -> DatasetSpec:
    """The row of a data set with what only its folder tells, such as the classes' names."""
    spec = dataset_spec(name)
    return spec if spec.examine is None else spec.examine(data_dir)
