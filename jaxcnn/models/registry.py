"""The table of models: whatever the modules here offer as VARIANTS, and what users register."""

from collections.abc import Callable
from fnmatch import fnmatchcase
from inspect import Parameter, isclass, signature
from typing import Any, TypeVar

import jax.numpy as jnp
from flax import linen as nn

from jaxcnn.discovery import Table
from jaxcnn.errors import UserError
from jaxcnn.models.fields import NOT_FIELDS, ModelField, fields_of
from jaxcnn.models.spec import ModelSpec
from jaxcnn.plugins import Place

Make = TypeVar("Make", bound=Callable[..., nn.Module])

_table: Table[ModelSpec] = Table("jaxcnn.models", "VARIANTS", "model")


def list_models(pattern: str = "*") -> list[str]:
    """Names of the models that match a shell pattern, sorted: `list_models("resnet*")`."""
    return sorted(name for name in _table.all() if fnmatchcase(name, pattern))


def model_spec(name: str) -> ModelSpec:
    """The table row of a model. An unknown name raises UserError with the nearest known one."""
    return _table.look_up(name)


def model_fields(name: str) -> dict[str, ModelField]:
    """The fields of a model's module, those beside `num_classes` and `dtype`, by name."""
    return fields_of(model_spec(name).make)


def model_place(name: str) -> Place | None:
    """Where a model was registered; None for one of jaxcnn's, or of nobody's."""
    return _table.place(name)


def create_model(
    name: str, *, num_classes: int = 1000, dtype: Any = jnp.float32, **overrides: Any
) -> nn.Module:
    """A Linen module: `model.apply(variables, images, train=False) -> logits`.

    images: [N, H, W, C], normalised; logits: [N, num_classes] float32. Of no classes it gives what
    the head would have read, as timm's models do: the features [N, C], float32.

    Args:
        name: one of `list_models()`.
        num_classes: width of the classifier; 0 for features.
        dtype: compute type; parameters, batch statistics and logits stay float32.
        **overrides: fields of the family's module, `drop_rate=0.0` for one.
    """
    if num_classes < 0:
        raise UserError(f"num_classes={num_classes} is out of range; it must be 0 or more")
    return model_spec(name).make(num_classes=num_classes, dtype=dtype, **overrides)


def register_model(
    name: str, *, image_size: int = 224, channels: int = 3
) -> Callable[[Make], Make]:
    """A decorator that puts a model of one's own beside jaxcnn's, by that name.

        @jaxcnn.register_model("mynet", image_size=32)
        class MyNet(nn.Module):
            num_classes: int
            width: int = 16
            dtype: Any = jnp.float32

            @nn.compact
            def __call__(self, images, *, train=False): ...

    What it decorates is a Linen module's class, or a function `(num_classes, dtype, **fields)` that
    gives a module. That is called as `module.apply(variables, images, train=bool)`, images float32
    [N, H, W, C], normalised, and gives logits [N, num_classes], float32; its dropout draws from
    "dropout", its running averages are in "batch_stats". Each field whose type is plain (bool, int,
    float, str, a Literal, tuples of these, or None) is a flag, `--model.width=32`, and must have a
    default.

    Args:
        name: as `create_model` and --arch take it, one that no other model has.
        image_size: height and width in pixels that it is made for; thumbnails are brought to 32 or
            less.
        channels: image channels that it is made for.

    Raises UserError for a name that is taken, and for what cannot be called like that.
    """

    def register(make: Make) -> Make:
        _check(name, make)
        spec = ModelSpec(make, None, None, image_size=image_size, channels=channels)
        _table.register(name, spec, make)
        return make

    return register


def _check(name: str, make: Any) -> None:
    """Raises UserError for what cannot make a model as `create_model` asks for one."""
    if not callable(make):
        raise UserError(f"model {name!r}: {make!r} is neither a module's class nor a function")
    _require(name, make, ("num_classes", "dtype"), "it takes")
    if isclass(make) and issubclass(make, nn.Module):
        _require(name, make.__call__, ("train",), "its __call__ takes")
    for parameter in signature(make).parameters.values():
        is_field = parameter.kind not in (Parameter.VAR_KEYWORD, Parameter.VAR_POSITIONAL)
        if is_field and parameter.default is Parameter.empty and parameter.name not in NOT_FIELDS:
            raise UserError(
                f"model {name!r}: {parameter.name} has no default; give it one (a recipe has only "
                "what differs from it)"
            )


def _require(name: str, function: Any, needed: tuple[str, ...], what: str) -> None:
    parameters = signature(function).parameters
    if any(parameter.kind is Parameter.VAR_KEYWORD for parameter in parameters.values()):
        return
    if missing := [each for each in needed if each not in parameters]:
        raise UserError(f"model {name!r}: {what} no {missing[0]}; add it (jaxcnn.register_model)")
