"""What a model is made of, layer by layer, without computing anything."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxcnn.models.spec import init_variables
from jaxcnn.models.tools.macs import count_macs


@dataclass(frozen=True)
class Layer:
    """A module with parameters of its own.

    Attributes:
        name: its path in the model.
        kind: its class.
        shape: of its output, for one image.
        num_params: its own.
        macs: multiply-accumulates of its kernel; 0 for a normalisation.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    num_params: int
    macs: int


@dataclass(frozen=True)
class LayerTable:
    """The layers in the order they run; `num_params` and `macs` are of the whole model.

    `macs` is more than the layers' sum where activations multiply each other, as in attention.
    """

    layers: tuple[Layer, ...]
    num_params: int
    macs: int


def layer_table(model: nn.Module, image_size: tuple[int, int], channels: int) -> LayerTable:
    """The layers of `model` for one image [1, *image_size, channels], at inference."""
    variables = jax.eval_shape(
        lambda: init_variables(model, jax.random.key(0), image_size, channels)
    )
    images = jax.ShapeDtypeStruct((1, *image_size, channels), jnp.float32)
    layers: dict[str, Layer] = {}

    def record(call: Callable[..., Any], args: Any, kwargs: Any, context: Any) -> Any:
        output = call(*args, **kwargs)
        module = context.module
        own = {
            name: leaf
            for name, leaf in module.variables.get("params", {}).items()
            if hasattr(leaf, "shape")
        }
        if context.method_name == "__call__" and own and isinstance(output, jax.Array):
            kernel = own.get("kernel")
            positions = math.prod(output.shape[:-1])
            name = ".".join(module.path)
            layers[name] = Layer(
                name or "(the model itself)",
                type(module).__name__,
                output.shape,
                sum(leaf.size for leaf in own.values()),
                0 if kernel is None else positions * kernel.size,
            )
        return output

    def forward(variables: Any, images: jax.Array) -> Any:
        with nn.intercept_methods(record):
            return model.apply(variables, images, train=False)

    macs = count_macs(forward, variables, images)
    num_params = sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))
    return LayerTable(tuple(layers.values()), num_params, macs)
