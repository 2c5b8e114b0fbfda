"""The two dense layers of a transformer block, and of ConvNeXt's."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxcnn.layers.dense import Dense
from jaxcnn.layers.dropout import Dropout
from jaxcnn.ops.gelu import gelu


class Mlp(nn.Module):
    """x [..., C] -> [..., C], through `hidden` channels and an exact GELU.

    Dropout after each dense layer, as in Dosovitskiy et al., 2021, https://arxiv.org/abs/2010.11929
    """

    hidden: int
    drop_rate: float = 0.0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        def dense(features: int, name: str) -> Dense:
            # timm truncates at +-2, a hundred deviations away: its draws are plain normal ones.
            init = nn.initializers.normal(0.02)
            return Dense(features, kernel_init=init, dtype=self.dtype, name=name)

        y = gelu(dense(self.hidden, "fc1")(x))
        y = Dropout(self.drop_rate, deterministic=not train)(y)
        y = dense(x.shape[-1], "fc2")(y)
        return Dropout(self.drop_rate, deterministic=not train)(y)
