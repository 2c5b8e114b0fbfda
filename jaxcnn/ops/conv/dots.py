"""Convolutions that are one product of matrices: 1x1, and a kernel as large as the input.

The second is VGG's first dense layer. Measured against XLA's convolution, as `cpu` says:

    convolution                       batch    XLA                 here
    1x1, 56x56, 64 -> 256                16    8.6 / 9.4 / 18      8.3 / 9.4 / 9.9
    7x7, 7x7, 512 -> 4096                16    30 / 1044 / 262     31 / 172 / 127

oneDNN's convolution is no faster for these than its product, to which large ones go.
"""

import jax
import jax.numpy as jnp
from jax import lax

from jaxcnn.ops.conv.window import Shape, Sliding
from jaxcnn.ops.kernel_gradient import kernel_gradient
from jaxcnn.ops.matmul import cpu_product


def _dot(a: jax.Array, b: jax.Array, transpose_b: bool = False) -> jax.Array:
    """a [M, K] times b [K, N], or b [N, K] turned over, summed in float32."""
    if a.dtype == jnp.float32:
        return cpu_product(False, transpose_b, a, b)
    dims = (((1,), (1 if transpose_b else 0,)), ((), ()))
    return lax.dot_general(a, b, dims, preferred_element_type=jnp.float32).astype(a.dtype)


def pointwise_forward(window: Sliding, x: jax.Array, w: jax.Array) -> jax.Array:
    x = x[:, :: window.strides[0], :: window.strides[1]]
    y = _dot(x.reshape(-1, x.shape[3]), w[0, 0])
    return y.reshape(*x.shape[:3], -1)


def pointwise_input_grad(window: Sliding, x_shape: Shape, g: jax.Array, w: jax.Array) -> jax.Array:
    dx = _dot(g.reshape(-1, g.shape[3]), w[0, 0], transpose_b=True).reshape(*g.shape[:3], -1)
    # The positions that the stride skips have no gradient.
    gaps = [
        (0, n - (m - 1) * s - 1, s - 1)
        for n, m, s in zip(x_shape[1:3], g.shape[1:3], window.strides, strict=True)
    ]
    return lax.pad(dx, jnp.zeros((), dx.dtype), [(0, 0, 0), *gaps, (0, 0, 0)])


def pointwise_weight_grad(window: Sliding, w_shape: Shape, x: jax.Array, g: jax.Array) -> jax.Array:
    x = x[:, :: window.strides[0], :: window.strides[1]]
    dw = kernel_gradient(x.reshape(-1, x.shape[3]), g.reshape(-1, g.shape[3]))
    return dw.reshape(w_shape)


def whole_forward(window: Sliding, x: jax.Array, w: jax.Array) -> jax.Array:
    y = _dot(x.reshape(len(x), -1), w.reshape(-1, w.shape[3]))
    return y.reshape(len(x), 1, 1, -1)


def whole_input_grad(window: Sliding, x_shape: Shape, g: jax.Array, w: jax.Array) -> jax.Array:
    dx = _dot(g.reshape(len(g), -1), w.reshape(-1, w.shape[3]), transpose_b=True)
    return dx.reshape(x_shape)


def whole_weight_grad(window: Sliding, w_shape: Shape, x: jax.Array, g: jax.Array) -> jax.Array:
    return kernel_gradient(x.reshape(len(x), -1), g.reshape(len(g), -1)).reshape(w_shape)
