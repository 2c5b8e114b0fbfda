"""Batch normalisation over all axes but the last. Ioffe & Szegedy 2015, arxiv.org/abs/1502.03167.

The gradient is written out, because autodiff passes over the batch more often than it must. It is
plain jnp, the same on every platform; choosing other reductions per platform gained nothing.
"""

from __future__ import annotations

import math
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax


def batch_norm(
    x: jax.Array,
    scale: jax.Array,
    bias: jax.Array,
    epsilon: float = 1e-5,
    axis_name: str | None = None,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Normalise by the batch's own statistics, all in float32.

    Args:
        x: [..., C].
        scale, bias: [C], float32.
        axis_name: mapped axis (pmap, shard_map) to take the statistics over as well. Under jit over
            a mesh the batch is already global and there is none.

    Returns:
        The result [..., C], its mean [C] and its biased variance [C], float32.
    """
    if axis_name is None:
        return _batch_norm(epsilon, x, scale, bias)
    mean, var = _statistics(x, axis_name)  # autodiff knows what to do with the collectives
    return normalize(x, mean, var, scale, bias, epsilon), mean, var


def normalize(
    x: jax.Array,
    mean: jax.Array,
    var: jax.Array,
    scale: jax.Array,
    bias: jax.Array,
    epsilon: float = 1e-5,
) -> jax.Array:
    """(x - mean) / sqrt(var + epsilon) * scale + bias: x [..., C], the others [C] -> float32."""
    return (x.astype(jnp.float32) - mean) * (lax.rsqrt(var + epsilon) * scale) + bias


def unbiased(var: jax.Array, count: int) -> jax.Array:
    """Biased variance of `count` values -> unbiased; that of a single value stays 0, not NaN."""
    return var * (count / max(count - 1, 1))


def _statistics(x: jax.Array, axis_name: str | None = None) -> tuple[jax.Array, jax.Array]:
    axes = tuple(range(x.ndim - 1))
    x = x.astype(jnp.float32)
    mean = x.mean(axis=axes)
    if axis_name is not None:
        mean = lax.pmean(mean, axis_name)
    # A second pass over x, because mean(x^2) - mean(x)^2 cancels where the mean is large.
    var = jnp.square(x - mean).mean(axis=axes)
    if axis_name is not None:
        var = lax.pmean(var, axis_name)
    return mean, var


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _batch_norm(
    epsilon: float, x: jax.Array, scale: jax.Array, bias: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    mean, var = _statistics(x)
    return normalize(x, mean, var, scale, bias, epsilon), mean, var


def _batch_norm_fwd(epsilon, x, scale, bias):
    mean, var = _statistics(x)
    y = normalize(x, mean, var, scale, bias, epsilon)
    return (y, mean, var), (x, scale, mean, var)


def _batch_norm_bwd(epsilon, residuals, cotangents):
    x, scale, mean, var = residuals
    g, g_mean, g_var = cotangents
    axes, count = tuple(range(x.ndim - 1)), math.prod(x.shape[:-1])
    inverse = lax.rsqrt(var + epsilon)
    centred = x.astype(jnp.float32) - mean
    d_bias = g.sum(axis=axes)
    d_scale = (g * centred).sum(axis=axes) * inverse
    # dx is linear in g, x - mean and 1, with coefficients per channel.
    by_g = scale * inverse
    by_centred = (2 * g_var - by_g * inverse * d_scale) / count
    by_one = (g_mean - by_g * d_bias) / count
    dx = by_g * g + by_centred * centred + by_one
    return dx.astype(x.dtype), d_scale, d_bias


_batch_norm.defvjp(_batch_norm_fwd, _batch_norm_bwd)
