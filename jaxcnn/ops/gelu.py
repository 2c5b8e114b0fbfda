"""GELU, exact. Hendrycks and Gimpel, 2016, https://arxiv.org/abs/1606.08415.

With erf, as PyTorch has it; `jax.nn.gelu` takes erfc, which XLA computes by two branches, forward
and again in the gradient.
"""

import math

import jax
import jax.numpy as jnp


@jax.custom_jvp
def gelu(x: jax.Array) -> jax.Array:
    """x times the normal distribution function at x."""
    return x * _distribution(x)


@gelu.defjvp
def _gelu_jvp(primals, tangents):
    (x,), (t,) = primals, tangents
    density = jnp.exp(-x * x / 2) * (1 / math.sqrt(2 * math.pi))
    return gelu(x), t * (_distribution(x) + x * density)


def _distribution(x: jax.Array) -> jax.Array:
    return 0.5 * (1 + jax.lax.erf(x * math.sqrt(0.5)))
