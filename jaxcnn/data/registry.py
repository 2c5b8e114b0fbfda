"""The data set table: what the modules in datasets/ offer as DATASETS, and what users register."""

from collections.abc import Callable
from typing import Any, TypeVar

from jaxcnn.data.folds import FoldedPlace, folded
from jaxcnn.data.sources.prepared import PREFIX, any_prepared
from jaxcnn.data.spec import DataDir, DatasetSpec
from jaxcnn.discovery import Table
from jaxcnn.errors import UserError
from jaxcnn.plugins import Place

Given = TypeVar("Given", DatasetSpec, Callable[[], DatasetSpec])

_table: Table[DatasetSpec] = Table("jaxcnn.data.datasets", "DATASETS", "data set")


def list_datasets() -> list[str]:
    """Names of the data sets, sorted."""
    return sorted(_table.all())


def dataset_spec(name: str) -> DatasetSpec:
    """The table row of a data set; "tfds:NAME" is any that is in the TFDS directory.

    Raises UserError, naming the nearest, if there is none.
    """
    if name.startswith(PREFIX):
        return any_prepared(name)
    return _table.look_up(name)


def dataset_at(name: str, data_dir: DataDir) -> DatasetSpec:
    """The row of a data set with what only its folder tells, such as the classes' names."""
    if isinstance(data_dir, FoldedPlace):
        return folded(dataset_at(name, data_dir.place), data_dir.fold)
    spec = dataset_spec(name)
    return spec if spec.examine is None else spec.examine(data_dir)


def dataset_place(name: str) -> Place | None:
    """Where a data set was registered; None for one of jaxcnn's, of TFDS's, or of nobody's."""
    return _table.place(name)


def register_dataset(given: Given, /) -> Given:
    """Puts a data set of one's own beside jaxcnn's, by the name in its row; returns `given`.

    `given` is the row, or a function that gives it, which this may decorate. `load(split,
    data_dir)` of the row gives a `Source` for each of its `splits`: images uint8 [H, W, C], labels
    from 0 on. Raises UserError for a name that is taken, and for a row that contradicts itself.
    """
    spec, make = _spec_of(given)
    _check(spec)
    _table.register(spec.name, spec, make)
    return given


def _spec_of(given: Any) -> tuple[DatasetSpec, Callable[..., Any]]:
    """The row, and the user's function that tells where it comes from."""
    if isinstance(given, DatasetSpec):
        return given, given.load
    spec = given() if callable(given) else given
    if not isinstance(spec, DatasetSpec):
        raise UserError(f"register_dataset takes a DatasetSpec, or what gives one; got {spec!r}")
    return spec, given


def _check(spec: DatasetSpec) -> None:
    name = f"data set {spec.name!r}"
    if spec.num_classes < 1:
        raise UserError(f"{name}: num_classes is {spec.num_classes}, not 1 or more")
    if len(spec.class_names) not in (0, spec.num_classes):
        raise UserError(
            f"{name}: class_names has {len(spec.class_names)} names for {spec.num_classes} classes"
        )
    for field, values in (("mean", spec.mean), ("std", spec.std)):
        if len(values) not in (1, spec.channels):
            raise UserError(
                f"{name}: {field} has {len(values)} numbers for {spec.channels} channels"
            )
    if min(spec.std) <= 0:
        raise UserError(f"{name}: std has {min(spec.std)}, not numbers above 0")
    if "train" not in spec.splits and spec.splits != ("all",):
        raise UserError(f'{name}: splits is {spec.splits}, without "train", and not ("all",)')
