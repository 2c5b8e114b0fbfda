"""Batch normalisation over all axes but the last. Ioffe & Szegedy 2015, arxiv.org/abs/1502.03167.
Layer normalisation over the last. Ba, Kiros & Hinton 2016, arxiv.org/abs/1607.06450.

The gradients are written out, because autodiff passes over the batch more often than it must.
"""

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jaxcnn.ops.channel import (
    channel_dot,
    channel_mean_and_variance,
    channel_square_sum,
    channel_sum,
)
from jaxcnn.xla.materialize import materialize
from jaxcnn.xla.platform import per_platform


def batch_norm(
    x: jax.Array,
    scale: jax.Array,
    bias: jax.Array,
    epsilon: float = 1e-5,
    axis_name: str | None = None,
    dtype: Any = jnp.float32,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Normalise by the batch's own statistics, all in float32.

    Args:
        x: [..., C].
        scale, bias: [C], float32.
        axis_name: mapped axis (pmap, shard_map) to take the statistics over as well. Under jit over
            a mesh the batch is already global and there is none.
        dtype: of the result, and so of the gradient that comes back to it: half the memory's
            traffic in bfloat16.

    Returns:
        The result [..., C], its mean [C] and its biased variance [C], float32.
    """
    return _batch_norm(epsilon, axis_name, dtype, x, scale, bias)


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


def _statistics(x: jax.Array, axis_name: str | None) -> tuple[jax.Array, jax.Array]:
    if axis_name is None:
        return channel_mean_and_variance(x)
    count = _count(x, axis_name)
    mean = lax.psum(channel_sum(x), axis_name) / count
    # Around the mean over all devices, hence a second pass over x.
    return mean, lax.psum(channel_square_sum(x, mean), axis_name) / count


def _count(x: jax.Array, axis_name: str | None) -> int:
    devices = 1 if axis_name is None else lax.axis_size(axis_name)
    return math.prod(x.shape[:-1]) * devices


def _total(sums: jax.Array, axis_name: str | None) -> jax.Array:
    return sums if axis_name is None else lax.psum(sums, axis_name)


@partial(jax.custom_vjp, nondiff_argnums=(0, 1, 2))
def _batch_norm(
    epsilon: float,
    axis_name: str | None,
    dtype: Any,
    x: jax.Array,
    scale: jax.Array,
    bias: jax.Array,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    return _batch_norm_fwd(epsilon, axis_name, dtype, x, scale, bias)[0]


def _batch_norm_fwd(epsilon, axis_name, dtype, x, scale, bias):
    mean, var = _statistics(x, axis_name)
    y = normalize(x, mean, var, scale, bias, epsilon).astype(dtype)
    return (y, mean, var), (x, scale, mean, var)


def _batch_norm_bwd(epsilon, axis_name, dtype, residuals, cotangents):
    x, scale, mean, var = residuals
    g, g_mean, g_var = cotangents
    g = materialize(g).astype(jnp.float32)
    count = _count(x, axis_name)
    inverse = lax.rsqrt(var + epsilon)
    # A device's own, as the gradients of all parameters are.
    d_bias = channel_sum(g)
    d_scale = channel_dot(g, x, mean) * inverse
    # dx is linear in g, x - mean and 1, with coefficients per channel. Every device's result
    # depends on the statistics, and they on every device's x.
    by_g = scale * inverse
    through_var = _total(2 * g_var - by_g * inverse * d_scale, axis_name)
    through_mean = _total(g_mean - by_g * d_bias, axis_name)
    centred = x.astype(jnp.float32) - mean
    dx = by_g * g + through_var / count * centred + through_mean / count
    return dx.astype(x.dtype), d_scale, d_bias


_batch_norm.defvjp(_batch_norm_fwd, _batch_norm_bwd)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def layer_norm(epsilon: float, x: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    """Normalise each position by its own mean and biased variance, all in float32.

    x [..., C], scale and bias [C] -> [..., C], float32.
    """
    return _layer_norm_fwd(epsilon, x, scale, bias)[0]


def _layer_norm_fwd(epsilon, x, scale, bias):
    weights = jnp.full(x.shape[-1], 1 / x.shape[-1], jnp.float32)
    mean = _weighted_sum(x.astype(jnp.float32), weights)
    # Centred first, because mean(x^2) - mean(x)^2 cancels where the mean is large.
    centred = x - mean
    inverse = lax.rsqrt(_weighted_sum(jnp.square(centred), weights) + epsilon)
    return centred * inverse * scale + bias, (x, mean, inverse, scale)


def _weighted_sum(x: jax.Array, weights: jax.Array) -> jax.Array:
    """x [..., C], weights [C] -> [..., 1].

    On CPU a product with a vector: XLA's code for a sum along the last axis adds one number after
    the other.
    """
    return per_platform(jnp.matmul, _plain_weighted_sum, (), x, weights)[..., None]


def _plain_weighted_sum(x: jax.Array, weights: jax.Array) -> jax.Array:
    return (x * weights).sum(axis=-1)


def _layer_norm_bwd(epsilon, residuals, g):
    x, mean, inverse, scale = residuals
    normalized = (x.astype(jnp.float32) - mean) * inverse
    product = g * normalized
    weights = scale / x.shape[-1]
    by_one, by_normalized = _weighted_sum(g, weights), _weighted_sum(product, weights)
    dx = inverse * (g * scale - by_one - normalized * by_normalized)
    matrices = (a.reshape(-1, a.shape[-1]) for a in (product, g))
    d_scale, d_bias = (channel_sum(matrix) for matrix in matrices)
    return dx.astype(x.dtype), d_scale, d_bias


layer_norm.defvjp(_layer_norm_fwd, _layer_norm_bwd)
