"""Dropout: zero single features in training. Srivastava et al., 2014,
https://jmlr.org/papers/v15/srivastava14a.html
"""

from functools import partial

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxcnn.ops.batch_axis import draw_rows


class Dropout(nn.Module):
    """`flax.linen.Dropout`, which drops the same features of an example under `jax.pmap` too.

    Zeroes values of [N, ...] with probability `rate`, scaling up the others so that the expectation
    stays. Uses the "dropout" random stream.
    """

    rate: float
    deterministic: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        if self.deterministic or self.rate == 0.0:
            return x
        keep_rate = 1.0 - self.rate
        if keep_rate == 0.0:  # Nothing is left to scale up.
            return jnp.zeros_like(x)
        keep = draw_rows(
            partial(jax.random.bernoulli, self.make_rng("dropout"), keep_rate), x.shape
        )
        return jnp.where(keep, x / keep_rate, jnp.zeros_like(x))
