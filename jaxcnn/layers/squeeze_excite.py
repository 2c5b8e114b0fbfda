"""Squeeze-and-excitation: scale each channel by what the whole image says of it.

Hu et al., 2018, https://arxiv.org/abs/1709.01507
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxcnn.layers.conv import Conv


class SqueezeExcite(nn.Module):
    """x [N, H, W, C] -> x scaled per example and channel, through `reduced` channels."""

    reduced: int
    activation: Callable[[jax.Array], jax.Array] = nn.relu
    kernel_init: Callable[..., jax.Array] = nn.initializers.lecun_normal()
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        def conv(features: int, name: str) -> Conv:
            return Conv(features, (1, 1), kernel_init=self.kernel_init, dtype=self.dtype, name=name)

        scale = x.mean((1, 2), keepdims=True)  # [N, 1, 1, C]
        scale = self.activation(conv(self.reduced, "reduce")(scale))
        return x * nn.sigmoid(conv(x.shape[-1], "expand")(scale))
