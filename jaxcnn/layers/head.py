"""The last layer of a classifier, which a network of features does without."""

from typing import Any

import jax
import jax.numpy as jnp

from jaxcnn.layers.dense import Dense


def head(x: jax.Array, num_classes: int, *, name: str = "head", **fields: Any) -> jax.Array:
    """Features [N, C] -> logits [N, num_classes] float32; of no classes the features, float32.

    `fields` are those of `Dense`. To be called by a compact module, whose layer `name` it is.
    """
    if num_classes > 0:
        x = Dense(num_classes, name=name, **fields)(x)
    return x.astype(jnp.float32)
