"""What a program gave a run, as far as it can be told from something else of that kind.

Nothing imports what is kept here: whoever goes on with the run gives it again.
"""

import dataclasses
import functools
import hashlib
import inspect
import types
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from flax import linen as nn

from jaxcnn.data import DatasetSpec
from jaxcnn.data.own import Parts

# Of packages whose versions are kept, or that have their own: no source of theirs is looked at.
OURS = {"jaxcnn"}
OTHERS = {
    "jax", "jaxlib", "flax", "optax", "numpy", "scipy", "chex", "builtins", "typing",
    "abc", "enum", "functools", "collections", "dataclasses",
}  # fmt: skip
OF_LINEN = ("parent", "name")
PLAIN = (bool, int, float, complex, str, bytes, type(None))
DEEPEST = 8
# Of one value, as text.
MOST_CHARACTERS = 2_000


@dataclass(frozen=True)
class Known:
    """Something that a program gave.

    Attributes:
        path: what to import it by: "nets.MyNet"; of what a program itself defines "__main__.MyNet".
        sha256: of the source of its classes and functions, and of what these name in their own
            modules; None where there is no source, or none of the program's own.
        values: its fields, or what a function closes over, as text.
        shows: of a task, what it or the function gives: the class that outputs are shown by.
    """

    path: str
    sha256: str | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    shows: str = ""


def known(value: Any) -> Known:
    """How a module, a task, an augmentation or a function is known again."""
    sources = _Sources()
    value = inspect.unwrap(value) if inspect.isroutine(value) else value
    if isinstance(value, functools.partial):
        values = {"args": (value.func, *value.args), **value.keywords}
    elif inspect.isroutine(value) or isinstance(value, type):
        values = _closure(value)
        sources.add(value)
    else:
        values = _fields(value)
        sources.add(type(value))
    texts = {name: _text(each, sources, 0)[:MOST_CHARACTERS] for name, each in values.items()}
    named = value if inspect.isroutine(value) or isinstance(value, type) else type(value)
    return Known(_path(named), sources.digest(), texts)


def known_data(spec: DatasetSpec) -> Known:
    """The same of a data set, whose examples are known by their digests."""
    if isinstance(spec.load, Parts):
        return Known("jaxcnn.as_dataset")
    return replace(known(spec.load), values={})


def differences(before: Mapping[str, Known], now: Mapping[str, Known]) -> list[str]:
    """In what is given other than it was, each in a few words: another class, other values."""
    different = []
    for name in dict.fromkeys([*before, *now]):
        old, new = before.get(name), now.get(name)
        if old is None or new is None:
            has = f"{name}: none, where the run was given {old.path}" if old else None
            different.append(has or f"{name}: {now[name].path}, where the run was given none")
        elif _last(old.path) != _last(new.path):
            different.append(f"{name}: {new.path}, where the run was given {old.path}")
        else:
            different += [
                f"{name}'s {each}: {old.values.get(each)} != {new.values.get(each)}"
                for each in dict.fromkeys([*old.values, *new.values])
                if old.values.get(each) != new.values.get(each)
            ]
    return different


def changed(before: Mapping[str, Known], now: Mapping[str, Known]) -> list[str]:
    """A line for each whose code is not what it was."""
    return [
        f"the code of {name}, {new.path}, has changed: its SHA-256 is {new.sha256[:12]}..., where "
        f"the run had {old.sha256[:12]}..."
        for name, new in now.items()
        if (old := before.get(name)) and old.sha256 and new.sha256 and old.sha256 != new.sha256
    ]


class _Sources:
    """The texts of a program's own classes and functions, each once."""

    def __init__(self) -> None:
        self._texts: set[str] = set()
        self._seen: set[int] = set()

    def add(self, value: Any) -> None:
        value = inspect.unwrap(value) if callable(value) else value
        if id(value) in self._seen or _is_of(OURS | OTHERS, value):
            return
        self._seen.add(id(value))
        if isinstance(value, type):
            for base in value.__mro__[1:]:
                self.add(base)
            for name, each in vars(value).items():
                if isinstance(each, PLAIN) and not name.startswith("__"):
                    self._texts.add(f"{value.__qualname__}.{name} = {each!r}")
                self.add(each.fget if isinstance(each, property) else each)
            return
        value = getattr(value, "__func__", value)
        if not isinstance(value, types.FunctionType):
            return
        # What a library's decorator makes, a dataclass's methods for one, has no source, and what
        # was typed to Python need not.
        try:
            self._texts.add(_source(value))
        except (OSError, TypeError, ValueError, IndexError):
            return
        for name in _names(value.__code__):
            named = value.__globals__.get(name)
            if isinstance(named, PLAIN) and named is not None:
                self._texts.add(f"{name} = {named!r}")
            elif isinstance(named, type | types.FunctionType):
                self.add(named)

    def digest(self) -> str | None:
        if not self._texts:
            return None
        return hashlib.sha256("\n".join(sorted(self._texts)).encode()).hexdigest()


def _source(function: types.FunctionType) -> str:
    """Of a lambda its body alone: the lines that it stands on may say other things too."""
    if function.__name__ != "<lambda>":
        return inspect.getsource(function)
    lines, _ = inspect.findsource(function)
    # One instruction of none of its text comes first.
    places: Any = [place for place in function.__code__.co_positions() if place[3]]
    first, begin = min((line, column) for line, _, column, _ in places)
    last, end = max((line, column) for _, line, _, column in places)
    text = "".join(lines[first - 1 : last]).encode()
    return text[begin : len(text) - len(lines[last - 1].encode()) + end].decode()


def _names(code: types.CodeType) -> list[str]:
    inner = [each for each in code.co_consts if isinstance(each, types.CodeType)]
    return [*code.co_names, *(name for each in inner for name in _names(each))]


def _text(value: Any, sources: _Sources, depth: int) -> str:
    """A value in words that are the same in another process; no address of memory."""
    if isinstance(value, PLAIN):
        return repr(value)
    if depth > DEEPEST:
        return type(value).__name__

    def text(inner: Any) -> str:
        return _text(inner, sources, depth + 1)

    if isinstance(value, type):
        sources.add(value)
        return value.__qualname__
    if isinstance(value, np.ndarray | np.generic) or hasattr(value, "__array__"):
        array = np.asarray(value)
        digest = hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:12]
        return f"{array.dtype}{list(array.shape)} {digest}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{text(k)}: {text(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "(" + ", ".join(map(text, value)) + ")"
    if isinstance(value, set | frozenset):
        return "{" + ", ".join(sorted(map(text, value))) + "}"
    if isinstance(value, functools.partial):
        return f"partial({text((value.func, *value.args))}, {text(value.keywords)})"
    if hasattr(value, "__qualname__"):
        sources.add(value)
        # What other packages close over is their own, and changes with their versions.
        inner = {} if _is_of(OTHERS, value) else _closure(value)
        if (owner := getattr(value, "__self__", None)) is not None:
            inner["self"] = owner
        return value.__qualname__ + (text(inner) if inner else "")
    sources.add(type(value))
    return f"{type(value).__qualname__}{text(_fields(value))}"


def _fields(value: Any) -> dict[str, Any]:
    if dataclasses.is_dataclass(value):
        names = (each.name for each in dataclasses.fields(value))
        left_out = OF_LINEN if isinstance(value, nn.Module) else ()
        found = {name: getattr(value, name, None) for name in names if name not in left_out}
        return _unlike_defaults(value, found) if _is_of(OTHERS, type(value)) else found
    return dict(sorted(getattr(value, "__dict__", {}).items()))


def _unlike_defaults(value: Any, found: dict[str, Any]) -> dict[str, Any]:
    """Of another package's: it may have more of them in its next version."""
    defaults = {each.name: each.default for each in dataclasses.fields(value)}
    return {name: each for name, each in found.items() if each is not defaults[name]}


def _is_of(packages: set[str], value: Any) -> bool:
    return (getattr(value, "__module__", None) or "").partition(".")[0] in packages


def _closure(function: Any) -> dict[str, Any]:
    """What a function closes over, by name."""
    function = inspect.unwrap(function) if callable(function) else function
    function = getattr(function, "__func__", function)
    names = getattr(getattr(function, "__code__", None), "co_freevars", ())
    cells = getattr(function, "__closure__", None) or ()
    found = {}
    for name, cell in zip(names, cells, strict=True):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # A name that is not bound yet.
            continue
    return found


def _path(value: Any) -> str:
    return f"{getattr(value, '__module__', None) or '?'}.{getattr(value, '__qualname__', '?')}"


def _last(path: str) -> str:
    """Without the module: a file that is run is `__main__`, and has a name where it is imported."""
    outer, local, inner = path.partition(".<locals>")
    return outer.rpartition(".")[2] + local + inner
