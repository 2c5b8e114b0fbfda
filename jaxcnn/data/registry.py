"""The data set table: whatever the modules in datasets/ offer as DATASETS."""

from collections.abc import Mapping
from functools import cache

from jaxcnn.data.spec import DatasetSpec
from jaxcnn.discovery import discover, look_up


@cache
def _table() -> Mapping[str, DatasetSpec]:
    return discover("jaxcnn.data.datasets", "DATASETS")


def list_datasets() -> list[str]:
    """Names of the data sets, sorted."""
    return sorted(_table())


def dataset_spec(name: str) -> DatasetSpec:
    """The table row of a data set. Raises UserError, naming the nearest, if there is none."""
    return look_up(_table(), name, "data set")
