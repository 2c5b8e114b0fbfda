"""Finds what a folder of modules offers, and looks names up in it.

A module offers things by a constant (`VARIANTS`, `DATASETS`): a mapping from name to value.
Nothing registers itself; a file is part of the library because it is in the folder.
"""

import difflib
import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from jaxcnn.errors import UserError

T = TypeVar("T")


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
        raise UserError(f"unknown {kind} {name!r}; {_suggestion(name, mapping)}")
    return mapping[name]


def _suggestion(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(known))}"
