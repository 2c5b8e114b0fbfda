"""Average pooling to a given size, whatever the size of the input: PyTorch's adaptive pooling."""

import jax
import jax.numpy as jnp
from jax import lax


def adaptive_avg_pool(x: jax.Array, size: tuple[int, int]) -> jax.Array:
    """Means of size[0] x size[1] windows that divide the input as evenly as integers allow.

    Along an axis of n positions window i of m is from floor(i n / m) up to ceil((i + 1) n / m), so
    that windows overlap where m does not divide n, and repeat positions where m > n, as PyTorch's
    `adaptive_avg_pool2d` has it.

    Args:
        x: [N, H, W, C].
        size: height and width of the result, positive.

    Returns:
        [N, *size, C], summed in float32, in `x.dtype`.
    """
    # The mean over a rectangle is the mean over its columns of the mean over its rows.
    out = x.astype(jnp.float32)
    for axis, windows in zip((1, 2), size, strict=True):
        out = _average(out, axis, windows)
    return out.astype(x.dtype)


def _average(x: jax.Array, axis: int, windows: int) -> jax.Array:
    n = x.shape[axis]
    if n == windows:
        return x
    means = [
        lax.slice_in_dim(x, i * n // windows, -(-(i + 1) * n // windows), axis=axis).mean(
            axis, keepdims=True
        )
        for i in range(windows)
    ]
    return jnp.concatenate(means, axis)
