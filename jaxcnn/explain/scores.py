"""The score that is explained: each image's, for the class asked about."""

import jax
import jax.numpy as jnp


def of_class(scores: jax.Array, classes: jax.Array) -> jax.Array:
    """scores [N, K], classes int [N] in [0, K) -> [N]."""
    return jnp.take_along_axis(scores, classes[:, None], axis=1)[:, 0]
