"""Finds what a folder of modules offers, takes what users register beside it, and looks names up.

A module of ours offers things by a constant (`VARIANTS`, `DATASETS`): a mapping from name to value.
None of ours registers itself; a file is part of the library because it is in the folder. What comes
from outside is registered, by a plug-in or a program.
"""

import difflib
import importlib
import pkgutil
import re
from collections.abc import Callable, Collection, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from jaxcnn.errors import UserError
from jaxcnn.plugins import Place, is_loading, load_entry_points, place_of

T = TypeVar("T")


class Table(Generic[T]):
    """Names and their values: the `constant` of every module in `package`, and what is registered.

    `kind` is what a name is said to be of: "model".
    """

    def __init__(self, package: str, constant: str, kind: str) -> None:
        self._package, self._constant, self._kind = package, constant, kind
        self._ours: Mapping[str, T] | None = None
        self._registered: dict[str, T] = {}
        self._origins: dict[str, tuple[Place, str]] = {}
        self._all: Mapping[str, T] | None = None

    def all(self) -> Mapping[str, T]:
        """Read-only; the entry points of installed packages are loaded first."""
        load_entry_points()
        if self._all is None:
            self._all = MappingProxyType({**self.ours(), **self._registered})
        return self._all

    def ours(self) -> Mapping[str, T]:
        """Without what is registered."""
        if self._ours is None:
            self._ours = discover(self._package, self._constant)
        return self._ours

    def look_up(self, name: str) -> T:
        """An unknown name raises UserError with the nearest known one."""
        return look_up(self.all(), name, self._kind)

    def register(self, name: str, value: T, make: Callable[..., Any]) -> None:
        """Adds a row; `make` is the user's function or class, which tells where it comes from.

        A program may register the same again, as a notebook's cell does. Raises UserError for a
        name that something else has, and for one that no folder may have.
        """
        while isinstance(make, partial):
            make = make.func
        if not re.fullmatch(r"[A-Za-z0-9][\w.+-]{0,99}", name):
            raise UserError(
                f"{name!r} is no name for a {self._kind}; letters, figures, _, -, . and + make one"
            )
        place = place_of(make)
        qualified = f"{getattr(make, '__module__', '')}.{getattr(make, '__qualname__', '')}"
        origin = (place, qualified)
        if name in self.ours():
            raise UserError(
                f"a {self._kind} {name!r} is in {self._package} already, and cannot be registered "
                f"by {place.source}; give another name"
            )
        again = not is_loading() and self._origins.get(name, origin)[1] == qualified
        if name in self._origins and not again:
            raise UserError(
                f"a {self._kind} {name!r} is registered by {self._origins[name][0].source} "
                f"already, and again by {place.source}; give one of them another name"
            )
        self._registered[name], self._origins[name], self._all = value, origin, None

    def place(self, name: str) -> Place | None:
        """Where a name was registered; None for one of ours, or of nobody's."""
        return self._origins[name][0] if name in self._origins else None


def discover(package: str, constant: str) -> Mapping[str, Any]:
    """One read-only mapping from the `constant` of every module in `package`.

    Raises RuntimeError if two modules offer the same name.
    """
    found: dict[str, Any] = {}
    origin: dict[str, str] = {}
    path = importlib.import_module(package).__path__
    for info in sorted(pkgutil.iter_modules(path), key=lambda info: info.name):
        module = importlib.import_module(f"{package}.{info.name}")
        for name, value in getattr(module, constant, {}).items():
            if name in found:
                raise RuntimeError(f"{name!r} is in both {origin[name]} and {module.__name__}")
            found[name], origin[name] = value, module.__name__
    return MappingProxyType(found)


def look_up(mapping: Mapping[str, T], name: str, kind: str) -> T:
    """`mapping[name]`; an unknown name raises UserError with the nearest known one."""
    if name not in mapping:
        raise UserError(f"unknown {kind} {name!r}; {suggestion(name, mapping)}")
    return mapping[name]


def suggestion(name: str, known: Collection[str]) -> str:
    """What may have been meant by a name, or all that are known."""
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"known: {', '.join(sorted(known))}" if known else "none is registered"
