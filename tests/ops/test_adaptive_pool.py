"""Adaptive pooling equals its definition, a window at a time."""

import math

import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxcnn.ops.adaptive_pool import adaptive_avg_pool
from jaxcnn.ops.pool import avg_pool

SIZES = st.tuples(st.integers(1, 9), st.integers(1, 9))


@settings(max_examples=10, deadline=None)
@given(SIZES, SIZES)
def test_each_output_is_the_mean_of_its_window(input_size, size):
    x = np.random.default_rng(0).normal(size=(2, *input_size, 3)).astype(np.float32)

    def window(i, n, m):
        return slice(math.floor(i * n / m), math.ceil((i + 1) * n / m))

    want = np.empty((2, *size, 3), np.float32)
    for i in range(size[0]):
        for j in range(size[1]):
            rows, columns = window(i, input_size[0], size[0]), window(j, input_size[1], size[1])
            want[:, i, j] = x[:, rows, columns].mean((1, 2))
    np.testing.assert_allclose(adaptive_avg_pool(jnp.asarray(x), size), want, rtol=1e-5, atol=1e-6)


def test_a_size_that_divides_the_input_is_plain_pooling():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(1, 6, 8, 2)), jnp.float32)
    np.testing.assert_allclose(adaptive_avg_pool(x, (3, 2)), avg_pool(x, (2, 4)), rtol=1e-5)


def test_bfloat16_sums_in_float32():
    # In bfloat16 the running sum would stop growing at 256.
    x = jnp.ones((1, 512, 4, 1), jnp.bfloat16)
    y = adaptive_avg_pool(x, (1, 3))
    assert y.dtype == jnp.bfloat16 and (y == 1).all()
