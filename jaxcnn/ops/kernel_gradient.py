"""The gradient of a product of matrices to its kernel: x^T g, summed over very many rows.

On CPU the large ones are oneDNN's (see `jaxcnn.xla.onednn`): 50,176 rows, 256 x 64 take 11 ms where
XLA's product takes 20. XLA's own is faster with the wider of the two on the right, where a row of
the result is written as it lies. On one core, float32, GFLOP/s of a plain product / this one:

    50,176 rows, 384 x 96       73 /  98
     3,136 rows, 1024 x 256     68 / 101
    12,544 rows, 512 x 128      55 / 103
   131,072 rows,  48 x 16       36 /  63
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from jaxcnn.xla import onednn
from jaxcnn.xla.materialize import materialize
from jaxcnn.xla.one_device import on_one_device
from jaxcnn.xla.platform import per_platform

# With fewer rows the result is larger than what it is made of: turning it over costs most.
_ROWS_TO_TURN = 512


@jax.custom_vjp
def kernel_gradient(x: jax.Array, g: jax.Array) -> jax.Array:
    """x [R, I], g [R, O] -> x^T g [I, O]; summed in float32, of x's dtype."""
    return per_platform(_cpu, _plain, (), x, g)


def _bwd(residuals, ct):
    x, g = residuals
    return g @ ct.T, x @ ct


kernel_gradient.defvjp(lambda x, g: (kernel_gradient(x, g), (x, g)), _bwd)


def _plain(x: jax.Array, g: jax.Array) -> jax.Array:
    out = lax.dot_general(x, g, (((0,), (0,)), ((), ())), preferred_element_type=jnp.float32)
    return out.astype(x.dtype)


def _cpu(x: jax.Array, g: jax.Array) -> jax.Array:
    if onednn.pays_for_matmul(True, False, x, g):
        return on_one_device(partial(onednn.matmul, True, False), _wider_right, (), x, g)
    if onednn.pays_for_matmul(True, False, g, x):
        return on_one_device(_onednn_turned, _wider_right, (), x, g)
    return _wider_right(x, g)


def _onednn_turned(x: jax.Array, g: jax.Array) -> jax.Array:
    return materialize(onednn.matmul(True, False, g, x)).T


def _wider_right(x: jax.Array, g: jax.Array) -> jax.Array:
    if x.shape[1] <= g.shape[1] or len(x) < _ROWS_TO_TURN:
        return _plain(x, g)
    # Kept from XLA, which would take the transposition back into the product.
    return materialize(_plain(g, x)).T
