"""Values of a recipe's fields, each with each other, and names for the recipes that they make.

A field is called as its flag is, `optim.lr` or `model.drop-rate`, with `-` or `_`.
"""

import hashlib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import is_dataclass, replace
from difflib import get_close_matches
from functools import cache
from itertools import product
from typing import Any, get_type_hints

from jaxcnn.errors import UserError
from jaxcnn.files.typed_json import typed
from jaxcnn.recipe import Recipe

# More than anyone means: a field too many, or a list pasted.
MOST_RECIPES = 1_000
# Of a name: a folder's may have 255, and the digest comes after it.
MOST_NAME_BYTES = 160
WORDS: Mapping[str, Any] = {"none": None, "null": None, "true": True, "false": False}

# By a field's name its values, as the field has them.
Axes = Mapping[str, Sequence[Any]]
Choice = Mapping[str, Any]


def read_grid(words: Sequence[str]) -> dict[str, tuple[Any, ...]]:
    """`["optim.lr=0.1,0.05"]` as the fields and their values.

    Raises UserError for a field there is not, with the nearest that there is, for one that stands
    there twice, and for values that are none of the field's type, or twice the same.
    """
    if not words:
        raise UserError("--grid is empty; give FIELD=V1,V2, as in --grid optim.lr=0.1,0.05")
    axes: dict[str, tuple[Any, ...]] = {}
    for word in words:
        name, equals, values = word.partition("=")
        if not equals:
            raise UserError(
                f"--grid: {word!r} is not FIELD=V1,V2, as optim.lr=0.1,0.05 is (a space ends it: "
                "none after a comma, or in quotation marks)"
            )
        field = field_name(name)
        if field in axes:
            raise UserError(f"--grid: {field} is there twice; give all its values in one list")
        axes[field] = tuple(_value(field, text.strip()) for text in values.split(","))
        if len(set(axes[field])) < len(axes[field]):
            raise UserError(f"--grid: {field}={values} has a value twice; give each once")
    if (number := math.prod(map(len, axes.values()))) > MOST_RECIPES:
        raise UserError(f"--grid: these are {number:,} recipes; {MOST_RECIPES:,} are the most")
    return axes


def field_name(name: str) -> str:
    """As a recipe has it. Raises UserError for one that it has not."""
    asked = name.strip().lstrip("-").replace("-", "_")
    types = _types(Recipe)
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
    """The recipe with the fields as they are chosen."""
    for field, value in choice.items():
        group, dot, name = field.rpartition(".")
        changed = replace(getattr(recipe, group), **{name: value}) if dot else value
        recipe = replace(recipe, **{group or name: changed})
    return recipe


def name_of(choice: Choice) -> str:
    """`optim.lr=0.1,model.drop_rate=0`, as a folder may be called.

    What may not stand there is replaced, and what is too long is cut; a digest then tells it from
    others that become the same.
    """
    whole = ",".join(f"{field}={text_of(value)}" for field, value in choice.items())
    name = re.sub(r"[^\w.=,+-]", "-", whole)
    while len(name.encode()) > MOST_NAME_BYTES:
        name = name[:-1]
    if name == whole:
        return name
    return f"{name}-{hashlib.sha256(whole.encode()).hexdigest()[:8]}"


def text_of(value: Any) -> str:
    """A field's value as it is typed: 0.1, 1, none, true."""
    match value:
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case float():
            return repr(value).removesuffix(".0")
        case tuple():
            return "_".join(map(text_of, value))
    return str(value)


def _value(field: str, text: str) -> Any:
    """What `text` means for that field. Raises UserError if nothing."""
    if not text:
        raise UserError(
            f"--grid: a value of {field} is empty; give {field}=V1,V2, no space after the comma"
        )
    kind = _types(Recipe)[field]
    for meaning in _meanings(text):
        with suppress(UserError):
            return typed(kind, meaning, field)
    try:
        return typed(kind, text, field)
    except UserError as error:
        raise UserError(f"--grid: {error}") from error


def _meanings(text: str) -> Iterator[Any]:
    """Not text, which is the last that is tried; a list's numbers have spaces between them."""
    if text.lower() in WORDS:
        yield WORDS[text.lower()]
    for kind in (float, int):
        with suppress(ValueError):
            yield kind(text)
    with suppress(ValueError):
        yield [float(part) for part in text.split()]


@cache
def _types(kind: type, prefix: str = "") -> dict[str, Any]:
    """The type of every field, those of groups as `group.field`."""
    types: dict[str, Any] = {}
    for name, hint in get_type_hints(kind).items():
        inner = _types(hint, f"{name}.") if is_dataclass(hint) else {name: hint}
        types |= {f"{prefix}{field}": of for field, of in inner.items()}
    return types
