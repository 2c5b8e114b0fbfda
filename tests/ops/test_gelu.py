"""GELU is x times the normal distribution function, as the paper defines it."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from jaxcnn.ops.gelu import gelu


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-30, 30, width=32), min_size=8, max_size=8))
def test_value_and_slope_are_those_of_the_definition(values):
    x = np.array(values, np.float32)
    wide = x.astype(np.float64)
    got, slope = jax.vmap(jax.value_and_grad(gelu))(jnp.asarray(x))
    np.testing.assert_allclose(got, wide * norm.cdf(wide), rtol=1e-6, atol=2e-6)
    expected = norm.cdf(wide) + wide * norm.pdf(wide)
    np.testing.assert_allclose(slope, expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize("order", range(3))
def test_it_is_jax_s_own_to_the_second_derivative(order):
    x = jnp.linspace(-6, 6, 241)
    ops = [gelu, lambda x: jax.nn.gelu(x, approximate=False)]
    for _ in range(order):
        ops = [jax.grad(op) for op in ops]
    got, want = (jax.vmap(op)(x) for op in ops)
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-6 * max(np.abs(want).max(), 1))


def test_it_is_differentiated_forward_too():
    value, slope = jax.jvp(gelu, (jnp.float32(0.5),), (jnp.float32(2.0),))
    assert float(value) == pytest.approx(0.5 * norm.cdf(0.5), abs=1e-6)
    assert float(slope) == pytest.approx(2 * (norm.cdf(0.5) + 0.5 * norm.pdf(0.5)), abs=1e-6)


def test_zero_and_the_ends_are_exact():
    """Far to the left nothing is left, and no infinity times zero comes of it in the slope."""
    x = jnp.array([0.0, -100.0, 100.0])
    np.testing.assert_array_equal(gelu(x), [0.0, 0.0, 100.0])
    np.testing.assert_array_equal(jax.vmap(jax.grad(gelu))(x), [0.5, 0.0, 1.0])


def test_bfloat16_stays_bfloat16():
    x = jnp.linspace(-4, 4, 65, dtype=jnp.bfloat16)
    y = gelu(x)
    assert y.dtype == jnp.bfloat16
    exact = [v * 0.5 * (1 + math.erf(v / math.sqrt(2))) for v in np.asarray(x, np.float64)]
    np.testing.assert_allclose(np.asarray(y, np.float64), exact, rtol=0, atol=2**-5)
