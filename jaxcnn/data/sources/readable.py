"""Which examples of a source can be read at all, found by reading every one of them."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from jaxcnn.data.errors import DataError
from jaxcnn.data.spec import Source, Subset


class Unreadable(NamedTuple):
    """An example that cannot be read: its index in the source, and the message that names it."""

    index: int
    reason: str


def find_unreadable(source: Source) -> list[Unreadable]:
    """The examples that raise DataError when read, by rising index."""
    return unreadable_among(len(source), source.__getitem__)


def unreadable_among(count: int, read: Callable[[int], object]) -> list[Unreadable]:
    """Those of the indices below `count` for which `read` raises DataError, rising."""

    def reason(index: int) -> str | None:
        try:
            read(index)
        except DataError as error:
            return str(error)
        return None

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # OpenCV lets other threads run.
        reasons = pool.map(reason, range(count))
        return [Unreadable(index, text) for index, text in enumerate(reasons) if text is not None]


def leave_out(source: Source, unreadable: Sequence[Unreadable]) -> Source:
    """The source without them, in the same order. Raises DataError if that leaves nothing."""
    if not unreadable:
        return source
    kept = np.delete(np.arange(len(source)), [example.index for example in unreadable])
    if not kept.size:
        raise DataError(f"no example can be read; the first: {unreadable[0].reason}")
    return Subset(source, kept)
