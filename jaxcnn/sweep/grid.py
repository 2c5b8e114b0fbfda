"""Values of a recipe's fields, each with each other, and names for the recipes that they make.

A field is called as its flag is, `optim.lr` or `model.drop-rate`, with `-` or `_`.
"""

import hashlib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from jaxcnn.errors import UserError
from jaxcnn.files.typed_text import text_of
from jaxcnn.recipe.by_name import archs_in, field_called, field_types, listed_values

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
    types = field_types(archs_in(words) or [arch or ""])
    for word in words:
        name, equals, values = word.partition("=")
        if not equals:
            raise UserError(
                f"--grid: {word!r} is not FIELD=V1,V2, as optim.lr=0.1,0.05 is (a space ends it: "
                "none after a comma, or in quotation marks)"
            )
        try:
            field = field_name(name, types)
            if field in axes:
                raise UserError(f"{field} is there twice; give all its values in one list")
            axes[field] = listed_values(field, types[field], values)
        except UserError as error:
            raise UserError(f"--grid: {error}") from error
    if (number := math.prod(map(len, axes.values()))) > MOST_RECIPES:
        raise UserError(f"--grid: these are {number:,} recipes; {MOST_RECIPES:,} are the most")
    return axes


def field_name(name: str, types: Mapping[str, Any]) -> str:
    """As a recipe has it, whose fields are `types`. Raises UserError for one that it has not."""
    for word, instead in (("seed", "--seeds"), ("fold", "--folds"), ("test", "--no-test")):
        if name.strip().lstrip("-") == word:
            raise UserError(f"{word} is not of the grid; give {instead}")
    return field_called(name, types)


def choices(axes: Axes) -> Iterator[Choice]:
    """Every combination, the last field changing fastest."""
    return (dict(zip(axes, values, strict=True)) for values in product(*axes.values()))


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
