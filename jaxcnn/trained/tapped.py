"""What a network has at one of its taps, as a row of numbers an image."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxcnn.errors import UserError
from jaxcnn.models.spec import Variables
from jaxcnn.models.tools.features import of_taps

POOLED = "pooled"


def tapped(model: nn.Module, variables: Variables, inputs: jax.Array, stage: str) -> jax.Array:
    """float32 [N, C] of images [N, H, W, C], normalised; a map's mean over its positions.

    Raises UserError for a stage that the model does not have, naming those that it has.
    """
    found: Any = model.apply(variables, inputs, train=False, mutable=["stages"])[1]
    stages = of_taps(found)
    if stage not in stages:
        raise UserError(f"this network has no stage {stage!r}; it has {', '.join(stages)}")
    values = stages[stage].astype(jnp.float32)
    return values.mean(axis=tuple(range(1, values.ndim - 1)))
