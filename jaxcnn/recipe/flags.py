"""The recipe that a command line's flags begin with."""

import argparse
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile
from typing import Any

from jaxcnn.errors import UserError
from jaxcnn.models import list_models
from jaxcnn.recipe.defaults import recipe_for
from jaxcnn.recipe.fields import Recipe

# What the defaults of the others follow.
DEFAULTING_FIELDS = ("arch", "dataset", "data_dir", "labels", "recipe", "pretrained")


def default_recipe(args: Sequence[str], unknown_flags: Callable[[Recipe], str]) -> Recipe:
    """The recipe for --arch, --dataset, --data-dir, --labels, --recipe and --pretrained, which the
    other flags change.

    `unknown_flags` says which of the flags there are not, where --arch is missing: it may be
    misspelt.
    """
    arch = _value_of("--arch", args)
    asks_help = "--help" in args or "-h" in args
    if arch is None and not asks_help:
        if wrong := unknown_flags(Recipe("lenet5")):
            raise UserError(f"--arch=NAME is missing, and {wrong}")
        raise UserError(f"--arch=NAME is missing; NAME is one of {', '.join(list_models())}")
    dataset = _value_of("--dataset", args) or "digits"
    data_dir, recipe = _value_of("--data-dir", args), _value_of("--recipe", args)
    labels, pretrained = _value_of("--labels", args), _value_of("--pretrained", args)
    return recipe_for(
        arch or "lenet5", dataset, data_dir, recipe, labels=labels, pretrained=pretrained
    )


def _value_of(flag: str, args: Sequence[str]) -> str | None:
    """The value of one flag, before the others can be understood; None if it is not given."""
    return next(reversed(values_of(flag, args)), None)


def values_of(flag: str, args: Sequence[str]) -> list[str]:
    """The same of a flag that may be there several times."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument(flag, action="append", default=[])
    try:
        known, _ = parser.parse_known_args(args)
    except argparse.ArgumentError as error:
        raise UserError(f"{flag} needs a value") from error
    return vars(known)[flag.lstrip("-").replace("-", "_")]


def words_after(flag: str, args: Sequence[str]) -> list[str] | None:
    """The words of a flag that takes several, as `--grid A=1,2 B=3,4`; None if it is not there.

    Raises UserError if it is there twice.
    """
    at = [i for i, arg in enumerate(args) if arg.partition("=")[0] == flag]
    if not at:
        return None
    if len(at) > 1:
        raise UserError(f"{flag} is there twice; give all fields after one")
    after = [args[at[0]].removeprefix(flag).removeprefix("="), *args[at[0] + 1 :]]
    return [word for word in takewhile(lambda a: not a.startswith("-"), after) if word]


def given_fields(args: Sequence[str]) -> set[str]:
    """The fields whose flags are there, --optim.no-nesterov for optim.nesterov too."""
    names = (arg.partition("=")[0][2:].replace("-", "_") for arg in args if arg.startswith("--"))
    return {re.sub(r"(^|\.)no_(\w+)$", r"\1\2", name) for name in names}


def defaulting_flags(choice: Mapping[str, Any]) -> tuple[str, ...]:
    """Those of a choice's fields that the defaults of others follow."""
    chosen = ((field, choice.get(field)) for field in DEFAULTING_FIELDS)
    return tuple(
        f"--{field.replace('_', '-')}={value}" for field, value in chosen if value is not None
    )
