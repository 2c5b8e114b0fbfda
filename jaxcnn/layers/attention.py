"""Multi-head self-attention. Vaswani et al., 2017, https://arxiv.org/abs/1706.03762"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxcnn.layers.dense import Dense
from jaxcnn.layers.dropout import Dropout
from jaxcnn.ops.matmul import matmul

# The collection that has, of each layer, how its tokens look at each other:
# `apply(..., mutable=[ATTENTION])`. Free when it is not asked for.
ATTENTION = "attention"


def attend(
    query: jax.Array,
    key: jax.Array,
    value: jax.Array,
    bias: jax.Array | None = None,
    dropout: Callable[[jax.Array], jax.Array] = lambda weights: weights,
) -> jax.Array:
    """softmax(query key^T / sqrt(D) + bias) value, the softmax in float32 whatever the inputs.

    Args:
        query, key, value: [..., L, D].
        bias: broadcastable to [..., L, L].
        dropout: of the softmax, [..., L, L].

    Returns:
        [..., L, D] in value's dtype.
    """
    query = query * query.shape[-1] ** -0.5
    logits = matmul(query, key, transpose_b=True, preferred_element_type=jnp.dtype("float32"))
    if bias is not None:
        logits = logits + bias
    return matmul(dropout(jax.nn.softmax(logits).astype(value.dtype)), value)


class SelfAttention(nn.Module):
    """x [..., L, C] -> [..., L, C]: each of L tokens looks at all of them, in `heads` ways.

    `bias` is added to the logits, [..., heads, L, L] or what broadcasts to it. Dropout after the
    projection, and of the softmax, at rates named as timm's. Sows `weights`, the softmax
    [..., heads, L, L], in the collection ATTENTION.
    """

    heads: int
    proj_drop_rate: float = 0.0
    attn_drop_rate: float = 0.0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, bias: jax.Array | None = None, *, train: bool) -> jax.Array:
        def dense(features: int, name: str) -> Dense:
            # timm truncates at +-2, a hundred deviations away: its draws are plain normal ones.
            init = nn.initializers.normal(0.02)
            return Dense(features, kernel_init=init, dtype=self.dtype, name=name)

        channels = x.shape[-1]
        qkv = dense(3 * channels, "qkv")(x)
        qkv = qkv.reshape(*x.shape[:-1], 3, self.heads, channels // self.heads)
        # The one transpose makes both products plain matrix products: [3, ..., heads, L, D].
        query, key, value = jnp.moveaxis(qkv, (-3, -2), (0, -3))
        # Named, so that the other's name, and with it what it draws, stays.
        dropout = Dropout(self.attn_drop_rate, deterministic=not train, name="attn_drop")

        def seen(weights: jax.Array) -> jax.Array:
            if not self.is_initializing():  # `model.init` would keep them as variables.
                self.sow(ATTENTION, "weights", weights)
            return dropout(weights)

        y = attend(query, key, value, bias, seen)  # [..., heads, L, D]
        y = dense(channels, "proj")(y.swapaxes(-3, -2).reshape(x.shape))
        return Dropout(self.proj_drop_rate, deterministic=not train)(y)
