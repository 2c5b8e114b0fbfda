"""A module that a program has, as a row of the table of models is."""

import dataclasses
from functools import partial
from inspect import Parameter, signature
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxcnn.errors import UserError
from jaxcnn.models.spec import ModelSpec

NNX = "flax.nnx"


def spec_of_module(
    model: Any, *, image_size: int, channels: int, dtype: Any = jnp.float32
) -> ModelSpec:
    """The row of a Linen module: `module.apply(variables, images, train=bool) -> logits [N, K]`.

    Its `num_classes` is K. `make` gives the module itself, or where it is asked for other classes
    or in another compute type, a clone with that in its field.

    Args:
        model: the module, an instance.
        image_size: height and width in pixels that it is to take.
        channels: of the images.
        dtype: that it is to compute in.

    Raises UserError for what is no such module, or does not compute in that type.
    """
    _check(model)
    name = type(model).__name__
    make = partial(_made, model, None)
    computing = make(num_classes=None, dtype=dtype)
    images = jax.ShapeDtypeStruct((1, image_size, image_size, channels), jnp.float32)
    key = jax.random.key(0)
    logits, _ = jax.eval_shape(
        lambda x: computing.init_with_output({"params": key, "dropout": key}, x, train=False),
        images,
    )
    if not (hasattr(logits, "shape") and logits.ndim == 2 and len(logits) == 1):
        raise UserError(
            f"{name} gives {getattr(logits, 'shape', type(logits).__name__)} of images "
            f"{images.shape}; it has to give logits [N, classes]"
        )
    if logits.dtype != jnp.float32:
        raise UserError(
            f"{name} gives logits in {logits.dtype}; end with .astype(jnp.float32), whatever it "
            "computes in"
        )
    return ModelSpec(
        partial(_made, model, logits.shape[1]),
        None,
        None,
        image_size=image_size,
        channels=channels,
        num_classes=logits.shape[1],
    )


def _check(model: Any) -> None:
    if isinstance(model, type):
        raise UserError(f"model is the class {model.__name__}; give {model.__name__}(...)")
    if not isinstance(model, nn.Module):
        kind = type(model)
        is_nnx = any(base.__module__.startswith(NNX) for base in kind.__mro__)
        hint = ", an NNX module" if is_nnx else ""
        raise UserError(f"model is a {kind.__name__}{hint}; give a module of flax.linen")
    parameters = signature(type(model).__call__).parameters
    if "train" not in parameters and not any(
        parameter.kind is Parameter.VAR_KEYWORD for parameter in parameters.values()
    ):
        name = type(model).__name__
        raise UserError(f"{name}.__call__ takes no train; let it be (self, images, *, train=False)")


def _made(
    model: nn.Module, outputs: int | None, *, num_classes: int | None, dtype: Any
) -> nn.Module:
    fields = {field.name for field in dataclasses.fields(model)}
    name = type(model).__name__
    changes: dict[str, Any] = {}
    if num_classes not in (None, outputs):
        if "num_classes" not in fields:
            raise UserError(
                f"{name} has no field num_classes, by which its head is told from other layers: "
                "finetune and muon ask for that"
            )
        changes["num_classes"] = num_classes
    if jnp.dtype(dtype) != jnp.float32:
        if "dtype" not in fields:
            raise UserError(
                f"{name} has no field dtype, so that it cannot compute in {jnp.dtype(dtype)}; give "
                "it one, or the recipe precision='float32'"
            )
        changes["dtype"] = dtype
    return model.clone(**changes) if changes else model
