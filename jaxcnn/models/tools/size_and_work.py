"""Parameters and arithmetic of a model: its row's, or counted where its row has none."""

import math
from functools import cache

import jax
import jax.numpy as jnp

from jaxcnn.models.registry import model_spec
from jaxcnn.models.spec import ModelSpec, init_variables
from jaxcnn.models.tools.macs import count_macs


def num_params_of(name: str) -> int:
    """At its own image size, channels and number of classes."""
    spec = model_spec(name)
    return _counted(spec)[0] if spec.num_params is None else spec.num_params


def gmacs_of(name: str) -> float:
    """1e9 multiply-accumulates of one image's forward pass, at its own image size."""
    return gmacs_of_row(model_spec(name))


def gmacs_of_row(spec: ModelSpec) -> float:
    """The same of a row."""
    return _counted(spec)[1] if spec.gmacs is None else spec.gmacs


@cache
def _counted(spec: ModelSpec) -> tuple[int, float]:
    """From shapes alone; a name that is registered again has another row."""
    model = spec.make(num_classes=spec.num_classes, dtype=jnp.float32)
    size = (spec.image_size, spec.image_size)
    variables = jax.eval_shape(
        lambda: init_variables(model, jax.random.key(0), size, spec.channels)
    )
    images = jax.ShapeDtypeStruct((1, *size, spec.channels), jnp.float32)
    macs = count_macs(lambda v, x: model.apply(v, x, train=False), variables, images)
    params = jax.tree.leaves(variables["params"])
    return sum(math.prod(leaf.shape) for leaf in params), macs / 1e9
