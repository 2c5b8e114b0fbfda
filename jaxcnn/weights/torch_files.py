"""torch's files of weights, read without torch, and without calling anything that they name.

torch's own reader, told to load weights only, calls what a file names of a list of harmless
functions. With these alone 645 bytes took 8 GB (a tensor of one repeated number, brought to another
type), and others hang. Here a name in a file stands for a tensor, or for nothing.

The format is that of `torch.serialization`: a pickle with a place in each storage for each tensor,
and the storages beside it, in a zip archive; or after it, as torch wrote until version 1.6.
"""

import io
import math
import pickle
import struct
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import ml_dtypes
import numpy as np

from jaxcnn.errors import UserError

# Names and places of ten thousand tensors take two; a hundred times what most files have.
MOST_PICKLE_BYTES = 8 * 10**6
MAGIC_NUMBER, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
LOCAL_HEADER = struct.Struct("<26xHH")
# Training scripts keep the weights beside other things, by one of these names: averages first.
NESTED = ("state_dict_ema", "model_ema", "state_dict", "model_state_dict", "model")

DTYPES = {
    "Double": np.float64,
    "Float": np.float32,
    "Half": np.float16,
    "BFloat16": ml_dtypes.bfloat16,
    "Long": np.int64,
    "Int": np.int32,
    "Short": np.int16,
    "Char": np.int8,
    "Byte": np.uint8,
    "Bool": np.bool_,
    "ComplexFloat": np.complex64,
    "ComplexDouble": np.complex128,
}


class Damaged(Exception):
    """The file is no whole one of torch's."""


@dataclass(eq=False)
class _Named:
    """What a pickle asks to import; or, `called`, what it asks to make with that."""

    module: str
    name: str
    called: bool = False

    def __setstate__(self, state: Any) -> None:
        pass


class _Dict(dict[Any, Any]):
    """In the place of any kind of dictionary; of its attributes (`_metadata`) none is kept."""

    def __setstate__(self, state: Any) -> None:
        pass


@dataclass(eq=False)
class _Tensor:
    """Where a tensor lies: in elements of `dtype`, from the start of the storage `key`."""

    key: str
    dtype: np.dtype
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def __setstate__(self, state: Any) -> None:
        pass


@dataclass(eq=False)
class _Storage:
    key: str
    dtype: np.dtype
    count: int

    def __setstate__(self, state: Any) -> None:
        pass


def read_state_dict(path: Path) -> dict[str, np.ndarray]:
    """torch's names -> arrays of the file's own types, which take no memory until they are used.

    Raises UserError, in one line, for what is no whole file of torch's, has no state dict, or a
    tensor there that is no plain one: sparse, quantised, or larger than what is stored of it.
    """
    try:
        with path.open("rb") as file:
            legacy = not zipfile.is_zipfile(file)
        loaded, storages = _read_legacy(path) if legacy else _read_archive(path)
    # Whatever a damaged file makes the archive's reader or the unpickler raise.
    except Exception as error:
        raise UserError(f"{path} is damaged, or no file of weights that torch saved") from error
    if not isinstance(loaded, Mapping):
        raise UserError(f"{path} does not hold a state dict")
    state_dict = next(
        (loaded[key] for key in NESTED if isinstance(loaded.get(key), Mapping)), loaded
    )
    arrays = {}
    for key, value in state_dict.items():
        if isinstance(value, _Tensor) and isinstance(key, str):
            arrays[key] = _array(path, key, value, storages)
        elif isinstance(value, _Named) and value.module.startswith("torch"):
            raise UserError(
                f"{path}: {key!r:.200} is no plain tensor, but made by {value.name:.80}"
            )
    return arrays


def _array(path: Path, key: str, tensor: _Tensor, storages: Mapping[str, np.ndarray]) -> np.ndarray:
    storage = storages[tensor.key]
    size = tensor.dtype.itemsize
    if math.prod(tensor.shape) * size > len(storage):
        raise UserError(
            f"{path}: {key!r:.200} has shape {str(tensor.shape):.80}, and of it {len(storage):,} "
            "bytes are stored; save the tensor itself, not a view that repeats it"
        )
    strides = tuple(size * stride for stride in tensor.strides)
    try:
        return np.ndarray(tensor.shape, tensor.dtype, storage, size * tensor.offset, strides)
    except (TypeError, ValueError, OverflowError) as error:
        raise UserError(
            f"{path} is damaged: {key!r:.200} lies outside of what is stored"
        ) from error


def _read_archive(path: Path) -> tuple[Any, dict[str, np.ndarray]]:
    content = np.memmap(path, mode="r")
    with zipfile.ZipFile(path) as archive:
        records = {info.filename: info for info in archive.infolist()}
        [name] = [name for name in records if name.endswith("/data.pkl")]
        folder = name.removesuffix("data.pkl")
        # An archive can be compressed a thousandfold; torch stores.
        if any(info.compress_type != zipfile.ZIP_STORED for info in records.values()):
            raise Damaged("compressed")
        order = records.get(f"{folder}byteorder")
        if order is not None and bytes(_record(content, order)) != b"little":
            raise Damaged("of a machine with another order of bytes")
        pickled = _record(content, records[name])
        storages = {
            name.removeprefix(f"{folder}data/"): _record(content, info)
            for name, info in records.items()
            if name.startswith(f"{folder}data/")
        }
    if len(pickled) > MOST_PICKLE_BYTES:
        raise Damaged("more names than any model has")
    return _Unpickler(io.BytesIO(pickled.tobytes())).load(), storages


def _record(content: np.ndarray, info: zipfile.ZipInfo) -> np.ndarray:
    header = content[info.header_offset :][: LOCAL_HEADER.size].tobytes()
    start = info.header_offset + LOCAL_HEADER.size + sum(LOCAL_HEADER.unpack(header))
    return _part(content, start, info.file_size)


def _read_legacy(path: Path) -> tuple[Any, dict[str, np.ndarray]]:
    content = np.memmap(path, mode="r")
    file = io.BytesIO(content[:MOST_PICKLE_BYTES].tobytes())
    if [_Unpickler(file).load() for _ in range(2)] != [MAGIC_NUMBER, PROTOCOL]:
        raise Damaged("of no format of torch's")
    if _Unpickler(file).load().get("little_endian") is not True:
        raise Damaged("of a machine with another order of bytes")
    unpickler = _Unpickler(file)
    loaded = unpickler.load()
    storages = {}
    keys = _Unpickler(file).load()
    start = file.tell()
    for key in keys:
        count = int.from_bytes(_part(content, start, 8).tobytes(), "little", signed=True)
        storage = unpickler.storages[key]
        if count != storage.count:
            raise Damaged("another count of numbers")
        storages[key] = _part(content, start + 8, count * storage.dtype.itemsize)
        start += 8 + len(storages[key])
    return loaded, storages


def _part(content: np.ndarray, start: int, count: int) -> np.ndarray:
    part = content[start : start + count]
    if count < 0 or len(part) != count:
        raise Damaged("cut short")
    return part


# Python's own, in Python: the one in C takes memory for whatever index a pickle makes up.
class _Unpickler(pickle._Unpickler):
    """Builds containers, plain values and the classes above, and calls nothing else."""

    dispatch: dict[int, Callable[[Any], None]] = dict(pickle._Unpickler.dispatch)
    # Of the base class, whose types leave them out.
    stack: list[Any]
    append: Callable[[Any], None]
    pop_mark: Callable[[], list[Any]]

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, encoding="utf-8")
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> _Named:
        return _Named(module, name)

    def persistent_load(self, pid: Any) -> _Storage:
        kind, named, key, _, count, *view = pid
        if kind != "storage" or not isinstance(key, str) or any(part is not None for part in view):
            raise Damaged("stored by another name")
        if type(count) is not int or count < 0:
            raise Damaged("no count of numbers")
        # An untyped storage is one of bytes; its tensors say what they are.
        dtype = DTYPES.get(named.name.removesuffix("Storage"), np.uint8)
        self.storages[key] = _Storage(key, np.dtype(dtype), count)
        return self.storages[key]

    def load_call(self) -> None:
        arguments = self.stack.pop()
        self.stack[-1] = _made(self.stack[-1], arguments)

    def load_call_with_names(self) -> None:
        del self.stack[-1]
        self.load_call()

    def load_instance(self) -> NoReturn:
        raise Damaged("a protocol that torch does not use")

    # Lists, for a tuple of tuples of the same tuples takes for ever to hash.
    def load_tuple(self) -> None:
        items = self.pop_mark()
        self.append(items)  # To the stack that was below the mark.

    def load_empty_tuple(self) -> None:
        self.append([])

    def load_tuple1(self) -> None:
        self.stack[-1:] = [self.stack[-1:]]

    def load_tuple2(self) -> None:
        self.stack[-2:] = [self.stack[-2:]]

    def load_tuple3(self) -> None:
        self.stack[-3:] = [self.stack[-3:]]

    dispatch[pickle.REDUCE[0]] = load_call
    dispatch[pickle.NEWOBJ[0]] = load_call
    dispatch[pickle.NEWOBJ_EX[0]] = load_call_with_names
    dispatch[pickle.TUPLE[0]] = load_tuple
    dispatch[pickle.EMPTY_TUPLE[0]] = load_empty_tuple
    dispatch[pickle.TUPLE1[0]] = load_tuple1
    dispatch[pickle.TUPLE2[0]] = load_tuple2
    dispatch[pickle.TUPLE3[0]] = load_tuple3
    for code in (pickle.INST, pickle.OBJ, pickle.EXT1, pickle.EXT2, pickle.EXT4):
        dispatch[code[0]] = load_instance
    # It takes as much memory as it says.
    dispatch[pickle.BYTEARRAY8[0]] = load_instance


def _made(function: Any, arguments: Any) -> Any:
    """In the place of what calling `function` would make."""
    if not isinstance(function, _Named) or function.called or not isinstance(arguments, list):
        raise Damaged("a call of what is no name")
    match function.module, function.name:
        case "collections", "OrderedDict" | "defaultdict" | "Counter":
            # Python 2 gave the items of an OrderedDict here.
            items = arguments[0] if arguments and isinstance(arguments[0], list) else []
            return _Dict((key, value) for key, value in items)
        case "torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2":
            storage, offset, shape, strides = arguments[:4]
            return _tensor(storage, offset, shape, strides)
        case "torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state":
            if isinstance(arguments[0], _Tensor):
                return arguments[0]
    return _Named(function.module, function.name, called=True)


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any) -> _Tensor:
    numbers = [offset, *shape, *strides]
    if not all(type(number) is int and 0 <= number < 2**62 for number in numbers):
        raise Damaged("no place in a storage")
    if not isinstance(storage, _Storage) or len(shape) != len(strides):
        raise Damaged("no place in a storage")
    return _Tensor(storage.key, storage.dtype, offset, tuple(shape), tuple(strides))
