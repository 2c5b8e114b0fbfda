"""Features in a file: .npz, or .parquet where pyarrow is there."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jaxcnn.errors import UserError
from jaxcnn.files import own_files


@dataclass(frozen=True)
class Split:
    """Of a split, or of pictures that are of none.

    Attributes:
        features: float32 [N, C].
        labels: int [N], or uint8 [N, K] where images show several; None where nobody knows them.
        names: of each image the path below the data folder; None where images have no names.
    """

    features: np.ndarray
    labels: np.ndarray | None
    names: Sequence[str] | None


def columns(splits: Mapping[str, Split]) -> dict[str, np.ndarray]:
    """`features`, `label` if known, `path` or `index` in the split, and `split`: a row an image."""
    parts = list(splits.values())
    found = {"features": np.concatenate([part.features for part in parts])}
    labels = [part.labels for part in parts if part.labels is not None]
    if labels:
        found["label"] = np.concatenate(labels)
    names = [name for part in parts for name in part.names or ()]
    if names:
        found["path"] = np.array(names)
    else:
        found["index"] = np.concatenate([np.arange(len(part.features)) for part in parts])
    numbers = [len(part.features) for part in parts]
    found["split"] = np.repeat(np.array(list(splits)), numbers)
    return found


def check_output(path: Path) -> None:
    """Raises UserError for a .parquet file where there is no pyarrow."""
    if path.suffix == ".parquet":
        _pyarrow()


def write(path: Path, splits: Mapping[str, Split]) -> None:
    """Writes all or nothing. Raises UserError where it cannot be written."""
    rows, file = columns(splits), io.BytesIO()
    if path.suffix == ".parquet":
        arrow, parquet = _pyarrow()
        table = arrow.table(
            {name: list(column) if column.ndim > 1 else column for name, column in rows.items()}
        )
        parquet.write_table(table, file)
    else:
        np.savez_compressed(file, **rows)  # pyright: ignore[reportArgumentType]
    try:
        own_files.write(path, file.getvalue())
    except OSError as error:
        raise UserError(f"--output={path} cannot be written: {error.strerror}") from error


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise UserError(
            "a .parquet file needs pyarrow: pip install pyarrow; or give a .npz file"
        ) from None
    return pyarrow, pyarrow.parquet
