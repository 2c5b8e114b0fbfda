"""Whether all of many arrays' elements are finite."""

import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree

from jaxcnn.xla.materialize import materialize
from jaxcnn.xla.platform import per_platform

# Of fewer elements jax 0.12's compiler makes one expression, in which it has no code for a barrier.
LEAST_MATERIALIZED = 32


def all_finite(*arrays: jax.Array) -> jax.Array:
    """bool []: whether every element is finite, and so is their sum.

    On CPU an operation's code takes longer to compile than a small array to sum: there the arrays
    become one vector first, each matrix by a product with ones, for which nothing is compiled.
    """
    return jnp.isfinite(per_platform(_sum_of_one_vector, _sum, (), *arrays))


def _sum(*arrays: jax.Array) -> jax.Array:
    return jnp.asarray(optax.tree.sum(arrays))


def _sum_of_one_vector(*arrays: jax.Array) -> jax.Array:
    def vector(x: jax.Array) -> jax.Array:
        return x if x.ndim < 2 else x.reshape(-1, x.shape[-1]) @ jnp.ones(x.shape[-1], x.dtype)

    whole, _ = ravel_pytree([vector(x) for x in arrays])
    return (materialize(whole) if whole.size >= LEAST_MATERIALIZED else whole).sum()
