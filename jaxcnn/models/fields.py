"""Which fields of an architecture's module a recipe may give: those whose values are plain."""

import dataclasses
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from inspect import Parameter, signature
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

# What `create_model` gives itself, and Linen's own.
NOT_FIELDS = ("num_classes", "dtype", "parent", "name")
PLAIN = (bool, int, float, str, type(None))


@dataclass(frozen=True)
class ModelField:
    """Of a module.

    Attributes:
        kind: the type that a recipe may give it, as `jaxcnn.files.typed_json.typed` takes it; None
            for what is not plain, a function or a class.
        default: the architecture's own value.
    """

    kind: Any
    default: Any


@cache
def fields_of(make: Callable[..., Any]) -> dict[str, ModelField]:
    """The fields of what makes a model, by name: a module's class, a function, a partial of one."""
    hints = _hints(make)
    found = {}
    for parameter in signature(make).parameters.values():
        if parameter.kind in (Parameter.VAR_KEYWORD, Parameter.VAR_POSITIONAL):
            continue
        if parameter.name not in NOT_FIELDS:
            default = _default(make, parameter)
            kind = _plain(hints.get(parameter.name, Any), default)
            found[parameter.name] = ModelField(kind, default)
    return found


def _hints(make: Callable[..., Any]) -> dict[str, Any]:
    """Types by name; of annotations that cannot be read, none."""
    make = _innermost(make)
    try:
        return get_type_hints(make)
    except Exception:
        # Annotations are code of the module's author: names that are for type checkers alone.
        return {}


def _innermost(make: Callable[..., Any]) -> Callable[..., Any]:
    while isinstance(make, partial):
        make = make.func
    return make


def _default(make: Callable[..., Any], parameter: Parameter) -> Any:
    """The default, also of a dataclass's field that a factory makes."""
    make = _innermost(make)
    if dataclasses.is_dataclass(make):
        field = next((f for f in dataclasses.fields(make) if f.name == parameter.name), None)
        if field is not None and field.default_factory is not dataclasses.MISSING:
            own = type(parameter.default).__name__ == "_HAS_DEFAULT_FACTORY_CLASS"
            return field.default_factory() if own else parameter.default
    return parameter.default


def _plain(hint: Any, default: Any) -> Any:
    """The hint with tuples in the place of other sequences; None if it is of anything not plain.

    Where there is none, the default tells.
    """
    if hint is not Any:
        return plain_kind(hint)
    if isinstance(default, list | tuple):
        kinds = {type(item) for item in default}
        return tuple[kinds.pop(), ...] if len(kinds) == 1 and kinds <= set(PLAIN) else None
    return type(default) if isinstance(default, bool | int | float | str) else None


def plain_kind(hint: Any) -> Any:
    """The type in the words of `typed_json.typed`; None if it takes what is not plain."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint in PLAIN or origin is Literal:
        return hint
    if origin is Annotated:
        return plain_kind(inner[0])
    if origin in (Union, types.UnionType):
        kinds = [plain_kind(alternative) for alternative in inner]
        return None if None in kinds else Union[tuple(kinds)]  # noqa: UP007
    if origin is tuple and inner:
        kinds = [each if each is Ellipsis else plain_kind(each) for each in inner]
        return None if None in kinds else tuple[tuple(kinds)]
    if isinstance(origin, type) and origin is not str and issubclass(origin, Sequence) and inner:
        kind = plain_kind(inner[0])
        return None if kind is None else tuple[kind, ...]
    return None
