"""Picture files with their classes, as a source of examples."""

import hashlib
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jaxcnn.data.sources.pictures import read_picture
from jaxcnn.data.spec import Example
from jaxcnn.data.splits import PROTOCOL_SEED


@dataclass(frozen=True)
class FolderSource:
    """Picture files, decoded when asked for; as many bytes as their paths.

    Attributes:
        paths: the files.
        labels: their classes, int32 [N].
        root: the folder that they are below.
        draws: float64 [N] in [0, 1), what decides each picture's split where the folder has none.
        groups: the name of each picture's group [N], where they have some.
    """

    paths: tuple[Path, ...]
    labels: np.ndarray
    root: Path = Path()
    draws: np.ndarray | None = None
    groups: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int, /) -> Example:
        return {"image": read_picture(self.paths[index]), "label": int(self.labels[index])}

    def name(self, index: int) -> str:
        return str(self.paths[index])

    def identity(self, index: int) -> str:
        """What tells an example from others: "train/cat/1.jpg 5321", path and size in bytes."""
        path = self.paths[index]
        return f"{path.relative_to(self.root).as_posix()} {path.stat().st_size}"


def draw(name: str) -> float:
    """A number in [0, 1) that follows from a name alone, the same on every machine, for ever."""
    # Macs may write a name's accents as letters of their own.
    name = unicodedata.normalize("NFC", name)
    digest = hashlib.sha256(f"{PROTOCOL_SEED}/{name}".encode()).digest()
    # 53 bits, all that a float holds: more could round up to 1.
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53
