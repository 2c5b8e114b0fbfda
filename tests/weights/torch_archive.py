"""Files as torch.save writes them, and as it never would, written without torch."""

import io
import pickle
import zipfile
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

STORAGES = {
    np.dtype(np.float64): "DoubleStorage",
    np.dtype(np.float32): "FloatStorage",
    np.dtype(np.float16): "HalfStorage",
    np.dtype(ml_dtypes.bfloat16): "BFloat16Storage",
    np.dtype(np.int64): "LongStorage",
    np.dtype(np.int8): "CharStorage",
    np.dtype(np.uint8): "ByteStorage",
    np.dtype(np.bool_): "BoolStorage",
    np.dtype(np.complex64): "ComplexFloatStorage",
}


@dataclass(frozen=True)
class Global:
    """A name that whoever reads the pickle is to import."""

    module: str
    name: str


@dataclass(frozen=True)
class Call:
    """What reading the pickle is to call."""

    function: Any
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Stored:
    """A storage, which the pickle names and which lies beside it."""

    key: str
    array: np.ndarray

    def named(self) -> tuple[Any, ...]:
        kind = Global("torch", STORAGES[self.array.dtype])
        return ("storage", kind, self.key, "cpu", self.array.size)


class Pickler(pickle._Pickler):
    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        if isinstance(obj, Global):
            self.write(f"c{obj.module}\n{obj.name}\n".encode())
        elif isinstance(obj, Call):
            self.save(obj.function)
            self.save(obj.arguments)
            self.write(pickle.REDUCE)
        elif isinstance(obj, Stored):
            self.save(obj.named())
            self.write(pickle.BINPERSID)
        else:
            super().save(obj, save_persistent_id)


def pickled(value: Any) -> bytes:
    file = io.BytesIO()
    Pickler(file, protocol=2).dump(value)
    return file.getvalue()


def tensor(stored: Stored, shape: tuple[int, ...], strides: tuple[int, ...], offset: int = 0):
    hooks = Call(Global("collections", "OrderedDict"), ())
    rebuild = Global("torch._utils", "_rebuild_tensor_v2")
    return Call(rebuild, (stored, offset, shape, strides, False, hooks))


def tensors(arrays: dict[str, np.ndarray]) -> tuple[dict[str, Any], list[Stored]]:
    """What stands in the pickle for a state dict, and what beside it."""
    storages = [Stored(str(number), array) for number, array in enumerate(arrays.values())]
    named = {
        key: tensor(stored, array.shape, tuple(s // array.itemsize for s in array.strides))
        for stored, (key, array) in zip(storages, arrays.items(), strict=True)
    }
    return named, storages


def write_archive(path, value, storages=(), *, compression=zipfile.ZIP_STORED, more=()):
    """As torch has saved since 1.6: a zip archive."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("w/data.pkl", pickled(value))
        for stored in storages:
            archive.writestr(f"w/data/{stored.key}", stored.array.tobytes())
        for name, content in more:
            archive.writestr(name, content)


def write_legacy(path, value, storages=()):
    """As it saved before: pickles, and the numbers after them."""
    head = (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, value)
    content = b"".join(map(pickled, (*head, sorted(stored.key for stored in storages))))
    for stored in sorted(storages, key=lambda stored: stored.key):
        content += np.int64(stored.array.size).tobytes() + stored.array.tobytes()
    path.write_bytes(content)
