"""Convolution layer over `jaxcnn.ops.conv`."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxcnn.ops.channel import add_channels
from jaxcnn.ops.conv import conv_general_dilated


class Conv(nn.Module):
    """`flax.linen.Conv` over [N, H, W, C], faster on CPU: the same parameters `kernel` and `bias`.

    Output [N, OH, OW, features], in `dtype`. An integer `padding` is symmetric, as PyTorch has it;
    the default is Flax's "SAME".
    """

    features: int
    kernel_size: tuple[int, int]
    strides: int | tuple[int, int] = 1
    padding: str | int | Sequence[tuple[int, int]] = "SAME"
    feature_group_count: int = 1
    use_bias: bool = True
    dtype: Any = jnp.float32
    kernel_init: Callable[..., jax.Array] = nn.linear.default_kernel_init
    bias_init: Callable[..., jax.Array] = nn.initializers.zeros

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        shape = (*self.kernel_size, x.shape[-1] // self.feature_group_count, self.features)
        kernel = self.param("kernel", self.kernel_init, shape, jnp.float32)
        strides, padding = self.strides, self.padding
        y = conv_general_dilated(
            x.astype(self.dtype),
            kernel.astype(self.dtype),
            (strides, strides) if isinstance(strides, int) else strides,
            [(padding, padding)] * 2 if isinstance(padding, int) else padding,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            feature_group_count=self.feature_group_count,
        )
        if not self.use_bias:
            return y
        bias = self.param("bias", self.bias_init, (self.features,), jnp.float32)
        return add_channels(y, bias.astype(self.dtype))
