"""Stochastic depth: drop a residual branch, example by example, in training.

Huang et al., 2016, https://arxiv.org/abs/1603.09382
"""

from functools import partial

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxcnn.ops.batch_axis import draw_rows


class StochasticDepth(nn.Module):
    """Zeroes whole examples of [N, ...] with probability `drop_rate`, scaling up the others.

    The scaling by 1 / (1 - drop_rate) keeps the expectation, so that inference is the identity.
    Uses the "dropout" random stream.
    """

    drop_rate: float

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        if not train or self.drop_rate == 0.0:
            return x
        keep_rate = 1.0 - self.drop_rate
        shape = (x.shape[0],) + (1,) * (x.ndim - 1)
        keep = draw_rows(partial(jax.random.bernoulli, self.make_rng("dropout"), keep_rate), shape)
        return jnp.where(keep, x / keep_rate, jnp.zeros_like(x))
