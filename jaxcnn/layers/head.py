"""The last layer of a classifier, which a network of features does without, and what it reads."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxcnn.layers.dense import Dense
from jaxcnn.layers.tap import POOLED, tap


def head(
    module: nn.Module, x: jax.Array, num_classes: int, *, name: str = "head", **fields: Any
) -> jax.Array:
    """Features [N, C] -> logits [N, num_classes] float32; of no classes the features, float32.

    Of the compact `module`, whose layer `name` it is and whose features are tapped as "pooled".
    `fields` are those of `Dense`.
    """
    x = tap(module, POOLED, x)
    if num_classes > 0:
        x = Dense(num_classes, name=name, **fields)(x)
    return x.astype(jnp.float32)
