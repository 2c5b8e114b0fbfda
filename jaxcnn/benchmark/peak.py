"""What the device makes of a large matrix product: the peak that models are measured by."""

import time
from typing import Any

import jax
import jax.numpy as jnp

# Rows and columns, and products one after the other: with less, a GPU's many cores would not be
# full, or would wait for the host.
ON_CPU, ON_ACCELERATOR = (2048, 1), (8192, 10)


def matmul_flops(dtype: Any = jnp.float32, *, repeats: int = 5) -> float:
    """Floating-point operations per second of square products of `dtype`: the best of `repeats`."""
    size, products = ON_CPU if jax.default_backend() == "cpu" else ON_ACCELERATOR
    # Random, because a GPU multiplies equal numbers at a higher clock; a product is as large as its
    # factors again.
    a = (jax.random.normal(jax.random.key(0), (size, size)) / size**0.5).astype(dtype)
    product = jax.jit(jnp.matmul)
    product(a, a).block_until_ready()
    seconds = []
    for _ in range(repeats):
        start, b = time.perf_counter(), a
        for _ in range(products):
            b = product(b, a)
        b.block_until_ready()
        seconds.append((time.perf_counter() - start) / products)
    return 2 * size**3 / min(seconds)
