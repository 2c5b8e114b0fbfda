"""Local response normalisation: a channel is damped where its neighbours are strong.

Krizhevsky et al., 2012, section 3.3. The gradient is written out in terms of the input alone:
autodiff keeps the denominators, and on CPU computes each of them once per channel that it reaches.
Plain jnp otherwise, the same on every platform.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax


def local_response_norm(
    x: jax.Array, size: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 2.0
) -> jax.Array:
    """x_c / (k + alpha * sum of x_j^2 over the `size` channels j around c)^beta.

    The defaults are the paper's. PyTorch and Caffe take the mean instead of the sum: what they
    call alpha is `size` times this one. Channels beyond the first and the last count as zero.

    Args:
        x: [..., C].
        size: channels that a sum is over, odd.
        k: positive.

    Returns:
        [..., C], computed in float32, in `x.dtype`.

    Raises:
        ValueError: if `size` is even, so that no channel is in the middle.
    """
    if size % 2 == 0:
        raise ValueError(f"the window of channels must be odd, with one in the middle; got {size}")
    y: jax.Array = _normalize(size, alpha, beta, k, x.astype(jnp.float32))
    return y.astype(x.dtype)


@partial(jax.custom_vjp, nondiff_argnums=(0, 1, 2, 3))
def _normalize(size: int, alpha: float, beta: float, k: float, x: jax.Array) -> jax.Array:
    return x * _power(_denominator(size, alpha, k, x), -beta)


def _normalize_bwd(
    size: int, alpha: float, beta: float, k: float, x: jax.Array, g: jax.Array
) -> tuple[jax.Array]:
    denominator = _denominator(size, alpha, k, x)
    direct = g * _power(denominator, -beta)
    # Channel j is in the windows of the channels that are in j's window.
    others = _window_sum(size, direct * x / denominator)
    return (direct - 2 * alpha * beta * x * others,)


_normalize.defvjp(
    lambda size, alpha, beta, k, x: (_normalize(size, alpha, beta, k, x), x), _normalize_bwd
)


def _denominator(size: int, alpha: float, k: float, x: jax.Array) -> jax.Array:
    return k + alpha * _window_sum(size, jnp.square(x))


def _power(x: jax.Array, exponent: float) -> jax.Array:
    """x^exponent for positive x; faster on CPU than `x ** exponent`, which also minds signs."""
    return jnp.exp(exponent * jnp.log(x))


def _window_sum(size: int, x: jax.Array) -> jax.Array:
    """[..., C] -> for each channel the sum over the `size` channels around it."""
    half, channels = size // 2, x.shape[-1]
    # The barrier keeps XLA from computing x again for each of the slices.
    x = lax.optimization_barrier(x)
    x = jnp.pad(x, (*[(0, 0)] * (x.ndim - 1), (half, half)))
    total = x[..., :channels]
    for start in range(1, size):
        total = total + x[..., start : start + channels]
    return total
