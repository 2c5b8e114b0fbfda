"""A recipe as plain values and back, and where two of them differ."""

from dataclasses import asdict, fields, is_dataclass, replace
from typing import Any

from jaxcnn.errors import UserError
from jaxcnn.files.typed_json import typed
from jaxcnn.recipe.check import check
from jaxcnn.recipe.fields import PLACE_FIELDS, Recipe, momentum_of
from jaxcnn.recipe.model import field_value
from jaxcnn.recipe.older import in_this_version


def to_json(recipe: Recipe) -> dict[str, Any]:
    """Nested dictionaries of plain values, as `recipe.json` holds them."""
    return asdict(recipe)


def from_json(values: Any) -> Recipe:
    """The recipe that `to_json` made `values` of.

    Raises UserError for fields it does not know, of another type, or that cannot work.
    """
    if isinstance(values, dict):
        values = in_this_version(values)
    try:
        recipe = typed(Recipe, values, "")
        check(recipe)
    except UserError as error:
        raise UserError(f"not a recipe of this version: {error}") from error
    return recipe


def differences(one: Recipe, other: Recipe) -> list[str]:
    """Flags in which two recipes compute different things, with both values."""
    pairs = [
        (name, mine, theirs)
        for (name, mine), (_, theirs) in zip(_counted(one), _counted(other), strict=True)
        if name.split(".")[0].replace("-", "_") not in PLACE_FIELDS
    ]
    for name in sorted({*one.model.fields, *other.model.fields}):
        flag = f"model.{name.replace('_', '-')}"
        pairs.append((flag, field_value(one, name), field_value(other, name)))
    return [f"--{name}: {mine} != {theirs}" for name, mine, theirs in pairs if mine != theirs]


def _counted(recipe: Recipe) -> list[tuple[str, Any]]:
    """As `_flat`, what a field stands for in the place of one that is not given; without those of
    one architecture alone."""
    optim = replace(recipe.optim, momentum=momentum_of(recipe.optim))
    return _flat(replace(recipe, optim=optim, model=replace(recipe.model, fields={})))


def _flat(config: Any, prefix: str = "") -> list[tuple[str, Any]]:
    """(flag, value) of every field, nested ones as group.flag."""
    flat: list[tuple[str, Any]] = []
    for entry in fields(config):
        value, name = getattr(config, entry.name), prefix + entry.name.replace("_", "-")
        flat += _flat(value, f"{name}.") if is_dataclass(value) else [(name, value)]
    return flat
