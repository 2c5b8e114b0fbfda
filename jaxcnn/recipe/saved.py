"""A recipe as plain values and back, and where two of them differ."""

from dataclasses import asdict, fields, is_dataclass
from typing import Any

from jaxcnn.errors import UserError
from jaxcnn.files.typed_json import typed
from jaxcnn.recipe.check import check
from jaxcnn.recipe.fields import PLACE_FIELDS, Recipe


def to_json(recipe: Recipe) -> dict[str, Any]:
    """Nested dictionaries of plain values, as `recipe.json` holds them."""
    return asdict(recipe)


def from_json(values: Any) -> Recipe:
    """The recipe that `to_json` made `values` of.

    Raises UserError for fields it does not know, of another type, or that cannot work.
    """
    if isinstance(values, dict) and values.get("loss") == "bce":
        # A version before it was a field always had this threshold.
        values = {"bce_threshold": 0.2, **values}
    if isinstance(values, dict):
        values = {**values, **_of_this_version(values)}
    try:
        recipe = typed(Recipe, values, "")
        check(recipe)
    except UserError as error:
        raise UserError(f"not a recipe of this version: {error}") from error
    return recipe


def _of_this_version(values: dict[str, Any]) -> dict[str, Any]:
    """The groups of a recipe whose fields had other meanings before others were there."""
    optim, model = values.get("optim"), values.get("model")
    changed: dict[str, Any] = {}
    if isinstance(optim, dict) and "adam_lr" not in optim:
        if optim.get("name") == "muon" and "lr" in optim:
            # The rate of whatever was no kernel.
            changed["optim"] = {**optim, "adam_lr": optim["lr"]}
        elif optim.get("momentum") == 0.9:
            changed["optim"] = {**optim, "momentum": None}
    is_transformer = str(values.get("arch")).startswith(("vit_", "swin_"))
    if is_transformer and isinstance(model, dict) and "proj_drop_rate" not in model:
        # It was of all places but the head and the attention's softmax.
        rate = model.get("drop_rate")
        of_blocks = {"drop_rate": None, "pos_drop_rate": rate, "proj_drop_rate": rate}
        changed["model"] = {**model, **of_blocks}
    return changed


def differences(one: Recipe, other: Recipe) -> list[str]:
    """Flags in which two recipes compute different things, with both values."""
    return [
        f"--{name}: {mine} != {theirs}"
        for (name, mine), (_, theirs) in zip(_flat(one), _flat(other), strict=True)
        if mine != theirs and name.split(".")[0].replace("-", "_") not in PLACE_FIELDS
    ]


def _flat(config: Any, prefix: str = "") -> list[tuple[str, Any]]:
    """(flag, value) of every field, nested ones as group.flag."""
    flat: list[tuple[str, Any]] = []
    for entry in fields(config):
        value, name = getattr(config, entry.name), prefix + entry.name.replace("_", "-")
        flat += _flat(value, f"{name}.") if is_dataclass(value) else [(name, value)]
    return flat
