"""A recipe's fields by the names of their flags, `optim.lr` or `model.drop-rate`, with `-` or `_`:
their types, what a text means for them, and recipes with other values."""

from collections.abc import Iterable, Mapping
from dataclasses import is_dataclass, replace
from difflib import get_close_matches
from functools import cache
from typing import Any, get_type_hints

from jaxcnn.errors import UserError
from jaxcnn.files.typed_text import from_text, text_of
from jaxcnn.models import list_models
from jaxcnn.recipe.fields import Recipe
from jaxcnn.recipe.model import own_fields, with_model


def field_types(archs: Iterable[str]) -> dict[str, Any]:
    """The type of every field, and of those of the modules of `archs`, as `model.NAME`."""
    return _types(Recipe) | _own_types(archs)


def archs_in(words: Iterable[str]) -> list[str]:
    """The architectures that `arch=V1,V2` among the words has."""
    values = [word.partition("=")[2] for word in words if word.lstrip("-").startswith("arch=")]
    return [name.strip() for name in values[0].split(",")] if values else []


def field_called(name: str, types: Mapping[str, Any]) -> str:
    """As a recipe has it, whose fields are `types`. Raises UserError for one that it has not."""
    asked = name.strip().lstrip("-").replace("-", "_")
    if asked in types:
        return asked
    # Of a field in a group the last part is near too: lr is near to optim.lr.
    by_name = {known.rpartition(".")[2]: known for known in types} | {n: n for n in types}
    near = get_close_matches(asked, by_name, n=1)
    right = f"did you mean {by_name[near[0]]}?" if near else "a field is called as its flag is"
    raise UserError(f"no field is called {name!r}; {right} (--help lists the flags)")


def listed_values(field: str, kind: Any, text: str) -> tuple[Any, ...]:
    """`"0.1,0.05"` as values of a field of that type.

    Raises UserError for values that are none of the field's type, or twice the same.
    """
    values = []
    for part in map(str.strip, text.split(",")):
        if not part:
            raise UserError(
                f"a value of {field} is empty; give {field}=V1,V2, no space after the comma"
            )
        values.append(from_text(kind, part, field))
    if len(set(values)) < len(values):
        raise UserError(f"{field}={text} has a value twice; give each once")
    return tuple(values)


def with_fields(recipe: Recipe, choice: Mapping[str, Any]) -> Recipe:
    """The recipe with the fields as they are chosen. Raises UserError for a field of the model that
    the recipe's architecture has not."""
    for field, value in choice.items():
        group, dot, name = field.rpartition(".")
        if group == "model":
            recipe = with_model(recipe, **{name: value})
            continue
        changed = replace(getattr(recipe, group), **{name: value}) if dot else value
        recipe = replace(recipe, **{group or name: changed})
    return recipe


def flags_for(arch: str, field: str, value: Any) -> list[str]:
    """The words of a command line that give a recipe of `arch` that value."""
    flag = f"--{field.replace('_', '-')}"
    group, _, name = field.rpartition(".")
    if group == "model" and name in own_fields(arch):
        return [f"{flag}={text_of(value)}"]
    match value:
        case bool():
            before, dot, last = flag[2:].rpartition(".")
            return [flag if value else f"--{before}{dot}no-{last}"]
        case tuple():
            return [flag, *map(text_of, value)]
        case None:
            return [f"{flag}=None"]
    return [f"{flag}={text_of(value)}"]


@cache
def _types(kind: type, prefix: str = "") -> dict[str, Any]:
    """The type of every field, those of groups as `group.field`."""
    types: dict[str, Any] = {}
    for name, hint in get_type_hints(kind).items():
        inner = _types(hint, f"{name}.") if is_dataclass(hint) else {name: hint}
        types |= {f"{prefix}{field}": of for field, of in inner.items()}
    types.pop(f"{prefix}fields", None)  # Those of `Model.fields` are called by their own names.
    return types


def _own_types(archs: Iterable[str]) -> dict[str, Any]:
    """The types of the fields that architectures have beside those of `Model`; of one that several
    have, any of theirs."""
    types: dict[str, Any] = {}
    for arch in set(archs).intersection(list_models()):
        for name, own in own_fields(arch).items():
            types[f"model.{name}"] = types.get(f"model.{name}", own.kind) | own.kind
    shared = _types(Recipe)
    return {name: kind | shared[name] if name in shared else kind for name, kind in types.items()}
