"""The model zoo: one file a family, found by being here."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from jaxcnn.discovery import discover, look_up
from jaxcnn.errors import UserError
from jaxcnn.models.spec import ModelSpec


@cache
def _variants() -> Mapping[str, ModelSpec]:
    return discover("jaxcnn.models", "VARIANTS")


def list_models(pattern: str = "*") -> list[str]:
    """Names of the models that match a shell pattern, sorted: `list_models("resnet*")`."""
    return sorted(name for name in _variants() if fnmatchcase(name, pattern))


def model_spec(name: str) -> ModelSpec:
    """The table row of a model. An unknown name raises UserError with the nearest known one."""
    return look_up(_variants(), name, "model")


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
