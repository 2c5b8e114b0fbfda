"""Products of many matrices, as attention takes them.

XLA's CPU code multiplies one pair after the other and splits each over the cores, which costs most
where matrices are small: ViT-S/16's 96 pairs of 197 x 64 and 64 x 197 take 8.1 ms so, 4.3 ms by
oneDNN, which gives each core its own pairs.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from jaxcnn.xla import onednn
from jaxcnn.xla.one_device import on_one_device
from jaxcnn.xla.platform import per_platform


def matmul(
    a: jax.Array,
    b: jax.Array,
    transpose_a: bool = False,
    transpose_b: bool = False,
    preferred_element_type: jnp.dtype | None = None,
) -> jax.Array:
    """a [..., M, K] x b [..., K, N] -> [..., M, N]; of equal leading dimensions.

    Args:
        transpose_a: a is [..., K, M].
        transpose_b: b is [..., N, K].
        preferred_element_type: of the sums and the result; that of a and b if None.
    """
    if a.dtype == b.dtype == jnp.float32:
        return _product(transpose_a, transpose_b, a, b)
    return _plain(transpose_a, transpose_b, a, b, preferred_element_type)


# Each gradient of a product is a product.


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _product(transpose_a: bool, transpose_b: bool, a: jax.Array, b: jax.Array) -> jax.Array:
    return per_platform(cpu_product, _plain, (transpose_a, transpose_b), a, b)


def _product_bwd(transpose_a, transpose_b, residuals, g):
    a, b = residuals
    if transpose_a:
        d_a = _product(transpose_b, True, b, g)
    else:
        d_a = _product(False, not transpose_b, g, b)
    if transpose_b:
        d_b = _product(True, transpose_a, g, a)
    else:
        d_b = _product(not transpose_a, False, a, g)
    return d_a, d_b


_product.defvjp(
    lambda transpose_a, transpose_b, a, b: (_product(transpose_a, transpose_b, a, b), (a, b)),
    _product_bwd,
)


def cpu_product(transpose_a: bool, transpose_b: bool, a: jax.Array, b: jax.Array) -> jax.Array:
    """`matmul` of arrays of one dtype on CPU, without a gradient of its own."""
    if not onednn.pays_for_matmul(transpose_a, transpose_b, a, b):
        return _plain(transpose_a, transpose_b, a, b)
    return on_one_device(onednn.matmul, _plain, (transpose_a, transpose_b), a, b)


def _plain(
    transpose_a: bool,
    transpose_b: bool,
    a: jax.Array,
    b: jax.Array,
    preferred_element_type: jnp.dtype | None = None,
) -> jax.Array:
    leading = tuple(range(a.ndim - 2))
    contract = (
        (a.ndim - 2 if transpose_a else a.ndim - 1,),
        (b.ndim - 1 if transpose_b else b.ndim - 2,),
    )
    return lax.dot_general(
        a, b, (contract, (leading, leading)), preferred_element_type=preferred_element_type
    )
