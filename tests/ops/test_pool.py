"""Pooling equals XLA's reduce_window, in value and gradients."""

import re
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxcnn.ops import pool
from jaxcnn.ops.pool import avg_pool, global_avg_pool, max_pool


@st.composite
def poolings(draw):
    pair = st.tuples(st.integers(1, 3), st.integers(1, 3))
    window = draw(pair)
    strides = draw(st.just(window) | pair)
    pads = st.tuples(*(st.tuples(*[st.integers(0, min(k - 1, 1))] * 2) for k in window))
    padding = draw(st.sampled_from(["SAME", "VALID"]) | pads)
    size = draw(st.tuples(st.integers(4, 8), st.integers(4, 8)))
    n = draw(st.sampled_from([2, 32]))  # With many examples avg_pool has them innermost.
    # Few distinct values, so that most windows hold their maximum more than once.
    values = np.random.default_rng(draw(st.integers(0, 1000))).integers(-2, 3, (n, *size, 3))
    return jnp.asarray(values, draw(st.sampled_from([jnp.float32, jnp.bfloat16]))), (
        window,
        strides,
        padding,
    )


def assert_equal_in_value_and_gradient(ours, reference, x):
    @partial(jax.jit, static_argnums=0)
    def value_and_gradient(pool, x):
        y, pullback = jax.vjp(pool, x)
        g = jnp.arange(y.size).reshape(y.shape).astype(y.dtype) / y.size
        return y, *pullback(g)

    tolerance = 1e-5 if x.dtype == jnp.float32 else 4e-2
    got, expected = value_and_gradient(ours, x), value_and_gradient(reference, x)
    for a, b in zip(got, expected, strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype
        a, b = np.asarray(a, np.float32), np.asarray(b, np.float32)
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * max(np.abs(b).max(), 1e-6))


@settings(max_examples=8, deadline=None)
@given(poolings())
def test_max_pool_equals_xla_with_ties(case):
    x, (window, strides, padding) = case
    assert_equal_in_value_and_gradient(
        lambda x: max_pool(x, window, strides, padding),
        lambda x: nn.max_pool(x, window, strides, padding),
        x,
    )


@settings(max_examples=8, deadline=None)
@given(poolings())
def test_gradient_of_max_pool_on_a_gpu_equals_xlas_with_ties(case):
    x, (window, strides, padding) = case
    kernel, how = pool._window(x, window, strides, padding)
    # In bfloat16 a sum of some of these is rounded, and in another order.
    g = jax.random.normal(jax.random.key(0), (len(x), *how.output_size(x.shape[1:3], kernel), 3))
    g = jnp.round(8 * g).astype(x.dtype)
    ours = jax.jit(pool._gpu_max_scatter, static_argnums=(0, 1))(how, kernel, x, g)
    exact = jax.jit(pool._xla_max_scatter, static_argnums=(0, 1))(how, kernel, x, g)
    assert ours.dtype == exact.dtype
    np.testing.assert_array_equal(ours, exact)


def test_gradient_of_max_pool_on_a_gpu_has_no_order_to_depend_on():
    step = jax.jit(jax.grad(lambda x: jnp.sum(max_pool(x, 3, 2, 1))))
    for platform in ("cuda", "rocm"):
        text = step.trace(jnp.ones((2, 6, 6, 3))).lower(lowering_platforms=(platform,)).as_text()
        assert "scatter" not in text and "stablehlo.pad" in text


@settings(max_examples=8, deadline=None)
@given(poolings(), st.booleans())
def test_avg_pool_equals_xla(case, count_include_pad):
    x, (window, strides, padding) = case
    assert_equal_in_value_and_gradient(
        lambda x: avg_pool(x, window, strides, padding, count_include_pad),
        lambda x: nn.avg_pool(x, window, strides, padding, count_include_pad).astype(x.dtype),
        x,
    )


@pytest.mark.parametrize("ours, reference", [(max_pool, nn.max_pool), (avg_pool, nn.avg_pool)])
@pytest.mark.parametrize("n", [1, 32])
def test_gradient_of_gradient_equals_xla(ours, reference, n):
    values = np.random.default_rng(0).permutation(72 * n).reshape(n, 6, 6, 2) / (72 * n)
    x = jnp.asarray(values, jnp.float32)

    def second(pool):
        def loss(x):
            return jnp.sum(pool(x, (3, 3), (2, 2), ((1, 1), (1, 1))) ** 3)

        return jax.jit(jax.grad(lambda x: jnp.sum(jax.grad(loss)(x) ** 2)))(x)

    np.testing.assert_allclose(second(ours), second(reference), rtol=1e-4, atol=1e-5)


def test_vmap_equals_a_loop():
    xs = jnp.asarray(np.random.default_rng(0).normal(size=(3, 2, 5, 5, 2)), jnp.float32)
    grad = jax.jit(jax.grad(lambda x: jnp.sum(max_pool(x, 3, 2, 1) ** 2)))
    np.testing.assert_allclose(jax.vmap(grad)(xs), jnp.stack([grad(x) for x in xs]), rtol=1e-6)


def test_tpu_lowering_of_max_pool_has_no_conditionals():
    step = jax.jit(jax.grad(lambda x: jnp.sum(max_pool(x, 3, 2, 1))))
    text = step.trace(jnp.ones((2, 6, 6, 3))).lower(lowering_platforms=("tpu",)).as_text()
    assert "stablehlo.select_and_scatter" in text
    # As for the convolution: no case but those of a constant, that XLA resolves.
    platform = r'"stablehlo.case"\(%c\w*\) \(\{.*?\}\) : \(tensor<i32>\) -> tensor<i32>'
    text, resolved = re.subn(platform, "", text, flags=re.DOTALL)
    assert resolved and text.count("}, {") == text.count("select_and_scatter")


def test_integer_arguments_are_pytorchs():
    x = jnp.arange(16.0).reshape(1, 4, 4, 1)
    want = nn.max_pool(x, (2, 2), (2, 2), ((1, 1), (1, 1)))
    np.testing.assert_array_equal(max_pool(x, 2, padding=1), want)


def test_window_larger_than_the_input_is_refused():
    with pytest.raises(ValueError, match="does not fit"):
        max_pool(jnp.ones((1, 2, 2, 1)), 3)


def test_padding_that_fills_a_window_is_refused():
    with pytest.raises(ValueError, match="padding"):
        max_pool(jnp.ones((1, 4, 4, 1)), 2, padding=2)


def test_global_avg_pool_of_bfloat16_sums_in_float32():
    # In bfloat16 the running sum would stop growing at 256.
    assert (global_avg_pool(jnp.ones((1, 64, 64, 2), jnp.bfloat16)) == 1).all()
