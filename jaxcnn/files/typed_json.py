"""JSON that anyone may have written, as the types that its fields are declared with."""

import math
import reprlib
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from itertools import repeat
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from jaxcnn.errors import UserError

# Of any list: as many classes as a data set may have. Of any text: Linux's longest argument.
MOST_ITEMS, MOST_CHARACTERS = 1_000_000, 2**17


def typed(kind: Any, value: Any, name: str) -> Any:
    """`value`, of JSON, as the type `kind`; `name` is the field's, for what is said of it.

    `kind` is a dataclass, plain type, Literal, union, tuple[X, ...], tuple[X, Y] or Mapping[str, X]
    of these. A whole number may stand for a float, and stays one. No figure may be infinite or NaN,
    and no whole number need more than 64 bits.

    Raises UserError, naming the field.
    """
    origin, inner = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        return _typed_fields(kind, value, name)
    if origin in (Union, types.UnionType):
        for alternative in inner:
            try:
                return typed(alternative, value, name)
            except UserError:
                continue
    elif origin is Literal:
        if any(type(value) is type(word) and value == word for word in inner):
            return value
    elif origin is tuple:
        is_any_length = inner[-1:] == (Ellipsis,)
        most, least = (MOST_ITEMS, 0) if is_any_length else (len(inner), len(inner))
        if isinstance(value, list | tuple) and least <= len(value) <= most:
            kinds = repeat(inner[0]) if is_any_length else inner
            items = enumerate(zip(kinds, value, strict=False))
            return tuple(typed(of, item, f"{name}[{i}]") for i, (of, item) in items)
    elif isinstance(origin, type) and issubclass(origin, Mapping):
        if isinstance(value, dict) and len(value) <= MOST_ITEMS:
            return {
                key: typed(inner[1], item, f"{name}.{reprlib.repr(key)}")
                for key, item in value.items()
            }
    elif _is_plain(kind, value):
        return value
    # On one line, and short, whatever is in it.
    raise UserError(f"{name} is {reprlib.repr(value)}, not {words_of(kind)}")


def _typed_fields(kind: Any, value: Any, name: str) -> Any:
    if not isinstance(value, dict):
        raise UserError(f"{name or 'it'} is {reprlib.repr(value)}, not an object")
    prefix = f"{name}." if name else ""
    known = {field.name: field for field in fields(kind)}
    if unknown := sorted(value.keys() - known.keys()):
        raise UserError(f"it has an unknown field {prefix}{reprlib.repr(unknown[0])}")
    needed = (
        field.name
        for field in known.values()
        if field.default is MISSING and field.default_factory is MISSING
    )
    if missing := next((field for field in needed if field not in value), None):
        raise UserError(f"it has no field {prefix}{missing}")
    hints = _hints(kind)
    return kind(**{key: typed(hints[key], item, prefix + key) for key, item in value.items()})


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _is_plain(kind: Any, value: Any) -> bool:
    if kind is Any:
        return True
    if kind is str:
        return isinstance(value, str) and len(value) <= MOST_CHARACTERS
    if kind is float:
        return type(value) is float and math.isfinite(value) or _is_plain(int, value)
    # JSON's true is no number, though Python's True is one.
    return type(value) is kind and (kind is not int or -(2**63) <= value < 2**63)


def words_of(kind: Any) -> str:
    """ "a number or null"."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return " or ".join(map(words_of, inner))
    if origin is Literal:
        return " or ".join(map(str, inner))
    if origin is tuple:
        if len(set(inner)) > 1 and inner[-1] is not Ellipsis:
            return f"a list of {', '.join(map(words_of, inner))}"
        count = "" if inner[-1] is Ellipsis else f"{len(inner)} times "
        return f"a list of {count}{words_of(inner[0])}"
    plain = {
        str: "text",
        int: "a whole number",
        float: "a finite number",
        bool: "true or false",
        type(None): "null",
    }
    return plain.get(kind, "an object")
