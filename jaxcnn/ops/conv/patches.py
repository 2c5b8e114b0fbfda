"""The gradient to a dense kernel as products of patches of the input with g ("im2col").

XLA's is a convolution with a kernel as large as the output: slow where that is large and channels
are few. Measured against it, as `cpu` says; the other two figures are oneDNN's:

    convolution                       batch    XLA                 here
    3x3, 32x32, 16 -> 16                128    7.1 / 5.8 / 11      3 / 3 / 7.8
    3x3, 16x16, 32 -> 32                128    3.3 / 3.3 / 6.3     2.7 / 2.7 / 5.2
    3x3, 112x112, 24 -> 24               16    16 / 16 / 33        14 / 13 / 22
    3x3, 224x224, 3 -> 64                16    92 / 133 / 89       67 / 73 / 100
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jaxcnn.ops.chunks import largest_divisor
from jaxcnn.ops.conv.window import Shape, Sliding, pad_spatial, read_offset, row_reads
from jaxcnn.ops.kernel_gradient import kernel_gradient

_PATCHES_BYTES = 2**20  # of one dot


def weight_grad(window: Sliding, w_shape: Shape, x: jax.Array, g: jax.Array) -> jax.Array:
    kernel, size, features = w_shape[:2], g.shape[1:3], g.shape[3]
    patch = kernel[1] * x.shape[3]  # one row of the kernel

    # A few examples at a time: the patches are KW times the input and must stay in cache.
    def add_examples(dw: jax.Array, examples: tuple[jax.Array, jax.Array]) -> tuple:
        x, g = (a.astype(jnp.float32) for a in examples)
        x = pad_spatial(x, window.padding)
        tall = window._replace(strides=(1, window.strides[1]))
        reads = row_reads(x, kernel[1], tall, (x.shape[1], size[1]))
        patches = jnp.concatenate(reads, axis=3)  # [n, padded H, OW, KW * C]
        tall = window._replace(dilation=(window.dilation[0], 1), strides=(window.strides[0], 1))
        g = g.reshape(-1, features)
        rows = [
            kernel_gradient(read_offset(patches, i, 0, tall, size).reshape(-1, patch), g)
            for i in range(kernel[0])
        ]
        return dw + jnp.stack(rows), None

    chunk = largest_divisor(len(x), _PATCHES_BYTES // (4 * math.prod(size) * patch))
    chunks: Any = tuple(a.reshape(-1, chunk, *a.shape[1:]) for a in (x, g))
    dw, _ = lax.scan(add_examples, jnp.zeros((kernel[0], patch, features), jnp.float32), chunks)
    return dw.reshape(w_shape).astype(x.dtype)
