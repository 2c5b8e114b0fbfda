"""Keeps XLA's CPU compiler from computing a value anew for each of its uses."""

import jax
from jax import lax

from jaxcnn.xla.platform import per_platform


def materialize(x: jax.Array) -> jax.Array:
    """x, on CPU put into memory; GPU and TPU decide for themselves.

    For what takes several operations to compute and is used several times. XLA on CPU drops
    barriers before it fuses, unless told otherwise, as `jaxcnn.set_up` does: without that, values
    are the same and steps slower.
    """
    return per_platform(lax.optimization_barrier, _unchanged, (), x)


def _unchanged(x: jax.Array) -> jax.Array:
    return x
