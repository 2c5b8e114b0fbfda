"""Names that are registered for a module of tests alone."""

from collections.abc import Iterator
from contextlib import contextmanager

from jaxcnn.data import registry as datasets
from jaxcnn.models import registry as models

TABLES = (models._table, datasets._table)


class Aside:
    """What is registered within it is forgotten at its end, and `again` for as long as wanted."""

    def __enter__(self) -> "Aside":
        self._before = [dict(table._registered) for table in TABLES]
        return self

    def __exit__(self, *error: object) -> None:
        self._registered = [dict(table._registered) for table in TABLES]
        _put(self._before)

    @contextmanager
    def again(self) -> Iterator[None]:
        before = [dict(table._registered) for table in TABLES]
        _put(self._registered)
        yield
        _put(before)


def _put(registered: list[dict]) -> None:
    for table, names in zip(TABLES, registered, strict=True):
        table._registered = names
        table._all = None
