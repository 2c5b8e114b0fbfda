"""Values of a recipe's fields, each with each other, and names for the recipes that they make.

A field is called as its flag is, `optim.lr` or `model.drop-rate`, with `-` or `_`.
"""

import hashlib
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import is_dataclass, replace
from difflib import get_close_matches
from functools import cache
from itertools import product
from typing import Any, get_type_hints

from jaxcnn.errors import UserError
from jaxcnn.files.typed_text import from_text, text_of
from jaxcnn.models import list_models
from jaxcnn.recipe import Recipe, with_model
from jaxcnn.recipe.model import own_fields

# More than anyone means: a field too many, or a list pasted.
MOST_RECIPES = 1_000
# Of a name: a folder's may have 255, and the digest comes after it.
MOST_NAME_BYTES = 160

# By a field's name its values, as the field has them.
Axes = Mapping[str, Sequence[Any]]
Choice = Mapping[str, Any]


def read_grid(words: Sequence[str], arch: str | None = None) -> dict[str, tuple[Any, ...]]:
    """`["optim.lr=0.1,0.05"]` as the fields and their values.

    `arch` is the architecture of the recipes, unless the grid has it: its module's fields are
    called model.NAME too.

    Raises UserError for a field there is not, with the nearest that there is, for one that stands
    there twice, and for values that are none of the field's type, or twice the same.
    """
    if not words:
        raise UserError("--grid is empty; give FIELD=V1,V2, as in --grid optim.lr=0.1,0.05")
    axes: dict[str, tuple[Any, ...]] = {}
    in_grid = [word for word in words if word.lstrip("-").startswith("arch=")]
    archs = in_grid[0].partition("=")[2].split(",") if in_grid else [arch or ""]
    types = _types(Recipe) | _own_types(name.strip() for name in archs)
    for word in words:
        name, equals, values = word.partition("=")
        if not equals:
            raise UserError(
                f"--grid: {word!r} is not FIELD=V1,V2, as optim.lr=0.1,0.05 is (a space ends it: "
                "none after a comma, or in quotation marks)"
            )
        field = field_name(name, types)
        if field in axes:
            raise UserError(f"--grid: {field} is there twice; give all its values in one list")
        axes[field] = tuple(_value(field, types[field], text.strip()) for text in values.split(","))
        if len(set(axes[field])) < len(axes[field]):
            raise UserError(f"--grid: {field}={values} has a value twice; give each once")
    if (number := math.prod(map(len, axes.values()))) > MOST_RECIPES:
        raise UserError(f"--grid: these are {number:,} recipes; {MOST_RECIPES:,} are the most")
    return axes


def field_name(name: str, types: Mapping[str, Any]) -> str:
    """As a recipe has it, whose fields are `types`. Raises UserError for one that it has not."""
    asked = name.strip().lstrip("-").replace("-", "_")
    if asked == "seed":
        raise UserError("--grid: seed is not of the grid; give --seeds")
    if asked in types:
        return asked
    # Of a field in a group the last part is near too: lr is near to optim.lr.
    by_name = {known.rpartition(".")[2]: known for known in types} | {n: n for n in types}
    near = get_close_matches(asked, by_name, n=1)
    right = f"did you mean {by_name[near[0]]}?" if near else "a field is called as its flag is"
    raise UserError(f"--grid: no field is called {name!r}; {right} (--help lists the flags)")


def choices(axes: Axes) -> Iterator[Choice]:
    """Every combination, the last field changing fastest."""
    return (dict(zip(axes, values, strict=True)) for values in product(*axes.values()))


def with_fields(recipe: Recipe, choice: Choice) -> Recipe:
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


def name_of(choice: Choice) -> str:
    """`optim.lr=0.1,model.drop_rate=0`, as a folder may be called.

    What may not stand there is replaced, and what is too long is cut; a digest then tells it from
    others that become the same.
    """
    whole = ",".join(f"{field}={_text_of(value)}" for field, value in choice.items())
    name = re.sub(r"[^\w.=,+-]", "-", whole)
    while len(name.encode()) > MOST_NAME_BYTES:
        name = name[:-1]
    if name == whole:
        return name
    return f"{name}-{hashlib.sha256(whole.encode()).hexdigest()[:8]}"


def _text_of(value: Any) -> str:
    """As it is typed; but commas are between fields."""
    return text_of(value).replace(",", "_") if isinstance(value, tuple) else text_of(value)


def _value(field: str, kind: Any, text: str) -> Any:
    """What `text` means for that field. Raises UserError if nothing."""
    if not text:
        raise UserError(
            f"--grid: a value of {field} is empty; give {field}=V1,V2, no space after the comma"
        )
    try:
        return from_text(kind, text, field)
    except UserError as error:
        raise UserError(f"--grid: {error}") from error


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
