"""Matrix product plus bias, with the gradients as products of matrices.

Autodiff's gradient to the kernel of a [N, ..., I] input transposes it, and computes anew what made
it while doing so; that to the bias is a sum: see `jaxcnn.ops.channel`.
"""

import jax

from jaxcnn.ops.channel import add_channels
from jaxcnn.ops.kernel_gradient import kernel_gradient
from jaxcnn.ops.matmul import matmul


def dense(x: jax.Array, kernel: jax.Array, bias: jax.Array | None = None) -> jax.Array:
    """x [..., I] @ kernel [I, O] + bias [O] -> [..., O]; all of one dtype."""
    y = _matmul(x.reshape(-1, x.shape[-1]), kernel)
    if bias is not None:
        y = add_channels(y, bias)
    return y.reshape(*x.shape[:-1], kernel.shape[1])


@jax.custom_vjp
def _matmul(x: jax.Array, kernel: jax.Array) -> jax.Array:
    return matmul(x, kernel)


def _matmul_bwd(residuals, g):
    x, kernel = residuals
    return matmul(g, kernel, transpose_b=True), kernel_gradient(x, g)


_matmul.defvjp(lambda x, kernel: (_matmul(x, kernel), (x, kernel)), _matmul_bwd)
