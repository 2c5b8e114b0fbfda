"""Sums over all axes but the last, lowered per platform: see `jaxcnn.ops.conv`.

XLA's CPU code for such a sum walks down a few channels at a time over the whole array, on one core,
at 1 to 7 GB/s here. On CPU each example's rows are first added to each other, a loop that streams
on all cores at 20 GB/s, and XLA sums the little that is left.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial, reduce

import jax
import jax.numpy as jnp
from jax import lax

from jaxcnn.ops import batch_innermost
from jaxcnn.ops.chunks import largest_divisor
from jaxcnn.xla.materialize import materialize
from jaxcnn.xla.one_device import on_one_device
from jaxcnn.xla.platform import per_platform

# More streams at once than this are no faster.
MAX_STREAMS = 16

Term = Callable[..., jax.Array]  # (centre, *arrays) -> what to sum, float32


@jax.custom_vjp
def channel_sum(x: jax.Array) -> jax.Array:
    """[..., C] -> [C], float32."""
    return _sum(_itself, jnp.zeros((), jnp.float32), x)


@jax.custom_vjp
def channel_dot(a: jax.Array, b: jax.Array, centre: jax.Array) -> jax.Array:
    """Sum of a * (b - centre): a, b [..., C], centre [C] -> [C], float32.

    The subtraction comes first, so that nothing cancels where b's mean is large.
    """
    return _sum(_product, centre, a, b)


@jax.custom_vjp
def channel_square_sum(x: jax.Array, centre: jax.Array) -> jax.Array:
    """Sum of (x - centre)^2: x [..., C], centre [C] -> [C], float32."""
    return _sum(_square, centre, x)


@jax.custom_vjp
def channel_mean_and_variance(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """[..., C] -> mean [C] and biased variance [C], float32."""
    return per_platform(_two_passes, _two_passes, (), x, gpu=_one_pass)


def _two_passes(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    count = math.prod(x.shape[:-1])
    mean = channel_sum(x) / count
    # A second pass over x, because mean(x^2) - mean(x)^2 cancels where the mean is large.
    return mean, channel_square_sum(x, mean) / count


def _one_pass(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Of x less a number near its mean: two sums of one array, which XLA on a GPU joins.

    What cancels is the distance of that number from the mean, in standard deviations: it is the
    median of three of the channel's own values, so that one far away does no harm.
    """
    # Of the first example: the others may be on other devices.
    first = lax.index_in_dim(x, 0, keepdims=False).reshape(-1, x.shape[-1]) if x.ndim > 2 else x
    a, b, c = (
        lax.index_in_dim(first, len(first) * k // 4, keepdims=False).astype(jnp.float32)
        for k in (1, 2, 3)
    )
    near = jnp.clip(b, jnp.minimum(a, c), jnp.maximum(a, c))
    shifted = x.astype(jnp.float32) - near
    axes = tuple(range(x.ndim - 1))
    distance, square = shifted.mean(axes), jnp.square(shifted).mean(axes)
    return near + distance, jnp.maximum(square - jnp.square(distance), 0)


def _mean_and_variance_fwd(x):
    mean, var = channel_mean_and_variance(x)
    return (mean, var), (x, mean)


def _mean_and_variance_bwd(residuals, cotangents):
    (x, mean), (d_mean, d_var) = residuals, cotangents
    d_x = (d_mean + 2 * d_var * (x.astype(jnp.float32) - mean)) / math.prod(x.shape[:-1])
    return (d_x.astype(x.dtype),)


channel_mean_and_variance.defvjp(_mean_and_variance_fwd, _mean_and_variance_bwd)


def _itself(_: jax.Array, x: jax.Array) -> jax.Array:
    return x.astype(jnp.float32)


def _product(centre: jax.Array, a: jax.Array, b: jax.Array) -> jax.Array:
    return a.astype(jnp.float32) * (b.astype(jnp.float32) - centre)


def _square(centre: jax.Array, x: jax.Array) -> jax.Array:
    return jnp.square(x.astype(jnp.float32) - centre)


def _channel_dot_bwd(residuals, ct):
    a, b, centre = residuals
    d_a = (ct * (b.astype(jnp.float32) - centre)).astype(a.dtype)
    d_b = (ct * a.astype(jnp.float32)).astype(b.dtype)
    return d_a, d_b, -ct * channel_sum(a)


def _channel_square_sum_bwd(residuals, ct):
    x, centre = residuals
    d_x = (2 * ct * (x.astype(jnp.float32) - centre)).astype(x.dtype)
    total = channel_sum(x) - math.prod(x.shape[:-1]) * centre
    return d_x, -2 * ct * total


channel_sum.defvjp(
    lambda x: (channel_sum(x), x),
    lambda x, ct: (jnp.broadcast_to(ct.astype(x.dtype), x.shape),),
)
channel_dot.defvjp(
    lambda a, b, centre: (channel_dot(a, b, centre), (a, b, centre)), _channel_dot_bwd
)
channel_square_sum.defvjp(
    lambda x, centre: (channel_square_sum(x, centre), (x, centre)), _channel_square_sum_bwd
)


@jax.custom_vjp
def add_channels(x: jax.Array, bias: jax.Array) -> jax.Array:
    """x [..., C] + bias [C]."""
    return x + bias


@jax.custom_vjp
def scale_channels(x: jax.Array, scale: jax.Array) -> jax.Array:
    """x [..., C] * scale [C]."""
    return x * scale


def _scale_channels_bwd(residuals, g):
    x, scale = residuals
    # In a residual network it is the sum of what comes from all later blocks.
    g = materialize(g)
    no_centre = jnp.zeros((x.shape[-1],), jnp.float32)
    return g * scale, channel_dot(g, x, no_centre).astype(scale.dtype)


def _add_channels_bwd(_, g):
    if g.ndim == 4 and batch_innermost.pays(len(g), g.shape[-1]):
        return _bias_gradient(g)
    # Of what comes before the bias, g is the gradient too, and in memory for its sake.
    matrix = g.reshape(-1, g.shape[-1])
    return g, channel_sum(matrix).astype(g.dtype)


@jax.custom_vjp
def _bias_gradient(g: jax.Array) -> tuple[jax.Array, jax.Array]:
    """g [N, H, W, C] itself, on CPU with the batch innermost, and its sum [C]."""
    return per_platform(_cpu_bias_gradient, _plain_bias_gradient, (), g)


def _cpu_bias_gradient(g: jax.Array) -> tuple[jax.Array, jax.Array]:
    rows = batch_innermost.batch_last(g)
    total = on_one_device(_row_sums, _channel_sums, (), rows)
    return rows.transpose(3, 1, 2, 0), total


def _row_sums(rows: jax.Array) -> jax.Array:
    """[C, H, W, N] -> [C], by a product."""
    matrix = rows.reshape(len(rows), -1).astype(jnp.float32)
    return (matrix @ jnp.ones(matrix.shape[1], jnp.float32)).astype(rows.dtype)


def _channel_sums(rows: jax.Array) -> jax.Array:
    """The same, of a batch that is split: joined with the positions it could not be."""
    return rows.sum(axis=(1, 2, 3), dtype=jnp.float32).astype(rows.dtype)


def _plain_bias_gradient(g: jax.Array) -> tuple[jax.Array, jax.Array]:
    return g, channel_sum(g).astype(g.dtype)


_bias_gradient.defvjp(
    lambda g: (_bias_gradient(g), None), lambda _, cotangents: (cotangents[0] + cotangents[1],)
)
add_channels.defvjp(lambda x, bias: (add_channels(x, bias), None), _add_channels_bwd)
scale_channels.defvjp(lambda x, scale: (scale_channels(x, scale), (x, scale)), _scale_channels_bwd)


def _sum(term: Term, centre: jax.Array, *arrays: jax.Array) -> jax.Array:
    return per_platform(_cpu_sum, _plain_sum, (term,), centre, *arrays)


def _plain_sum(term: Term, centre: jax.Array, *arrays: jax.Array) -> jax.Array:
    return term(centre, *arrays).sum(axis=tuple(range(arrays[0].ndim - 1)))


def _cpu_sum(term: Term, centre: jax.Array, *arrays: jax.Array) -> jax.Array:
    channels = arrays[0].shape[-1]
    if arrays[0].ndim != 4:
        return sum_matrix(term(centre, *arrays).reshape(-1, channels))
    n, height, width, _ = arrays[0].shape
    # Rows as one axis, so that the innermost loop is long where channels are few.
    rows = [a.reshape(n, height, width * channels) for a in arrays]
    centres = jnp.tile(centre, width) if centre.ndim else centre
    return sum_matrix(add_rows(partial(term, centres), rows).reshape(-1, channels))


def add_rows(term: Callable[..., jax.Array], arrays: Sequence[jax.Array]) -> jax.Array:
    """On CPU: `term` of blocks of rows (axis 1) of `arrays`, the blocks added up.

    [N, H, ...] -> [N, H / blocks, ...]. Examples are not added to each other, so that a batch over
    several devices stays where it is.
    """
    height = arrays[0].shape[1]
    blocks = largest_divisor(height, MAX_STREAMS)
    step = height // blocks
    terms = (
        term(*(lax.slice_in_dim(a, k * step, (k + 1) * step, axis=1) for a in arrays))
        for k in range(blocks)
    )
    return reduce(lax.add, terms)


def sum_matrix(x: jax.Array) -> jax.Array:
    """On CPU: sum of the rows of a matrix [M, C] that is in memory or has to be: a product.

    XLA would join a sum with the loop that computes x, and go down its columns, computing x anew.
    """
    return jnp.ones(len(x), jnp.float32) @ x.astype(jnp.float32)
