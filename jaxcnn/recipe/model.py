"""The network of a recipe: which fields its architecture's module has, and what they are given.

Those of `Model` mean the same for every architecture that has them; the others stand in
`Model.fields`, by name. An architecture that has one of the former, but of another type (`pool` is
one of three words to ViT, and yes or no to LeNet), has it there too.
"""

import types
from collections.abc import Mapping
from dataclasses import fields, replace
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from jaxcnn.discovery import suggestion
from jaxcnn.errors import UserError
from jaxcnn.files.typed_json import typed
from jaxcnn.models import list_models, model_fields
from jaxcnn.models.fields import ModelField
from jaxcnn.recipe.fields import Model, Recipe


def shared_fields(arch: str) -> set[str]:
    """The fields of `Model` that an architecture has, and means as `Model` does."""
    own = model_fields(arch)
    return {name for name, kind in _shared().items() if name in own and _is_it(own[name], kind)}


def own_fields(arch: str) -> dict[str, ModelField]:
    """The plain fields of an architecture's module that are none of `shared_fields`."""
    shared = shared_fields(arch)
    known = model_fields(arch).items()
    return {name: own for name, own in known if own.kind is not None and name not in shared}


def with_model(recipe: Recipe, **values: Any) -> Recipe:
    """The recipe with fields of its architecture's module as they are given.

    `with_model(recipe_for("lenet5"), pool=False, maps=(3, 8))` is what --model.pool=False and
    --model.maps=3,8 are. One that is given the architecture's own value is as one that is not.

    Raises UserError, with the nearest name, for a field that the architecture has not, for one
    whose values are functions or classes, and for a value of another type.
    """
    arch, model = recipe.arch, recipe.model
    shared, own = shared_fields(arch), own_fields(arch)
    for name, value in values.items():
        if name in shared:
            model = replace(model, **{name: typed(_shared()[name], value, _flag(name))})
            continue
        given = {**model.fields, name: _checked(arch, name, value)}
        if given[name] == own[name].default:
            del given[name]
        model = replace(model, fields=given)
    return replace(recipe, model=model)


def field_value(recipe: Recipe, name: str) -> Any:
    """What one of `own_fields` is, given or not; None for one that cannot be known."""
    if name in recipe.model.fields or recipe.arch not in list_models():
        return recipe.model.fields.get(name)
    own = own_fields(recipe.arch).get(name)
    return own and own.default


def check_model(recipe: Recipe) -> None:
    """Raises UserError where the architecture has no such fields, or of other types.

    Those of a model that is not there (a plug-in's) are let be: there is no asking it.
    """
    model, arch = recipe.model, recipe.arch
    if arch not in list_models():
        return
    shared = shared_fields(arch)
    for name, value in model.fields.items():
        if name in shared:
            raise UserError(f"{name} is a field of Model itself: Model({name}={value!r})")
        _checked(arch, name, value)
    own = own_fields(arch)
    for name in _shared():
        if name in own and getattr(model, name) != getattr(Model(), name):
            kind = getattr(own[name].kind, "__name__", own[name].kind)
            raise UserError(
                f"{name} of {arch} is another field than that of Model, {kind}: give "
                f"fields={{{name!r}: ...}}"
            )


def model_overrides(recipe: Recipe) -> dict[str, Any]:
    """What `create_model` is told beside the architecture's own values."""
    given = {name: getattr(recipe.model, name) for name in _shared()}
    overrides = {name: v for name, v in given.items() if v is not None and v is not False}
    if "patch" in overrides and "image_size" in model_fields(recipe.arch):
        # ViT's positions are of the patches that there are.
        overrides["image_size"] = recipe.image_size
    return overrides | dict(recipe.model.fields)


def refusal(arch: str, name: str) -> str:
    """Why a recipe cannot give that architecture a field of that name."""
    known = model_fields(arch)
    if name in known and known[name].kind is None:
        return (
            f"{name} of {arch} is no plain value but a function, a class or an object, which no "
            "recipe holds; register a model of your own that has it (jaxcnn.register_model, "
            "docs/add.md)"
        )
    names = [*own_fields(arch), *shared_fields(arch)]
    if not names:
        return f"{arch} has no {name}, nor any other field"
    return f"{arch} has no {name}; {suggestion(name, names)}"


def _checked(arch: str, name: str, value: Any) -> Any:
    own = own_fields(arch)
    if name not in own:
        raise UserError(refusal(arch, name))
    return typed(own[name].kind, value, _flag(name))


def _flag(name: str) -> str:
    return f"--model.{name.replace('_', '-')}"


@cache
def _shared() -> Mapping[str, Any]:
    """The types of `Model`'s own fields."""
    hints = get_type_hints(Model)
    return {field.name: hints[field.name] for field in fields(Model) if field.name != "fields"}


def _is_it(own: ModelField, kind: Any) -> bool:
    """Whether an architecture's field takes what the one of `Model` does, None being not given."""
    if own.kind is bool and own.default is not False:
        return False  # `Model` has no word for no.
    return _without_none(own.kind) == _without_none(kind)


def _without_none(kind: Any) -> set[Any]:
    is_union = get_origin(kind) in (Union, types.UnionType)
    return set(get_args(kind) if is_union else (kind,)) - {type(None)}
