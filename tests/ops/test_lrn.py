"""Local response normalisation equals the paper's formula, in value and gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxcnn.layers.lrn import LocalResponseNorm
from jaxcnn.ops.lrn import local_response_norm


def definition(x, size, alpha, beta, k):
    """Section 3.3's sum, a channel at a time; differentiable by autodiff."""
    channels, out = x.shape[-1], []
    for c in range(channels):
        around = range(max(0, c - size // 2), min(channels - 1, c + size // 2) + 1)
        squares = sum(x[..., j] ** 2 for j in around)
        out.append(x[..., c] / (k + alpha * squares) ** beta)
    return jnp.stack(out, -1)


@st.composite
def normalizations(draw):
    shape = (*draw(st.lists(st.integers(1, 3), max_size=3)), draw(st.integers(1, 7)))
    x = np.random.default_rng(draw(st.integers(0, 1000))).normal(0, 3, shape)
    size = draw(st.sampled_from([1, 3, 5]))
    # Strong enough that the neighbours matter.
    alpha, beta, k = draw(st.tuples(*[st.floats(0.1, 2)] * 3))
    return jnp.asarray(x, jnp.float32), (size, alpha, beta, k)


@settings(max_examples=10, deadline=None)
@given(normalizations())
def test_value_and_gradient_equal_the_definition(case):
    x, constants = case
    results = []
    for op in (local_response_norm, definition):

        @jax.jit
        def run(x, op=op):
            y, pullback = jax.vjp(lambda x: op(x, *constants), x)
            return y, *pullback(jnp.cos(jnp.arange(y.size, dtype=y.dtype)).reshape(y.shape))

        results.append(run(x))
    for got, want in zip(*results, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5 * np.abs(want).max())


def test_gradient_of_gradient_equals_the_definitions():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 6)), jnp.float32)

    def second(op):
        def slope(x):
            return jnp.sum(jax.grad(lambda x: jnp.sum(op(x, 3, 0.5, 0.75, 1.0) ** 3))(x) ** 2)

        return jax.jit(jax.grad(slope))(x)

    want = second(definition)
    np.testing.assert_allclose(
        second(local_response_norm), want, rtol=0, atol=1e-4 * np.abs(want).max()
    )


def test_the_layers_defaults_are_the_papers_constants():
    x = 100 * jnp.asarray(np.random.default_rng(0).normal(size=(1, 2, 3, 8)), jnp.float32)
    y = LocalResponseNorm().apply({}, x)
    np.testing.assert_allclose(y, definition(x, 5, 1e-4, 0.75, 2.0), rtol=1e-5)


def test_bfloat16_is_normalized_in_float32():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(4, 16)), jnp.bfloat16)
    y = local_response_norm(x)
    assert y.dtype == jnp.bfloat16
    exact = local_response_norm(x.astype(jnp.float32))
    assert jnp.array_equal(y, exact.astype(jnp.bfloat16))


def test_vmap_equals_a_loop():
    xs = jnp.asarray(np.random.default_rng(0).normal(size=(3, 2, 5)), jnp.float32)
    grad = jax.grad(lambda x: jnp.sum(local_response_norm(x, alpha=1.0) ** 2))
    np.testing.assert_allclose(jax.vmap(grad)(xs), jnp.stack([grad(x) for x in xs]), rtol=1e-6)


def test_a_window_without_a_middle_is_refused():
    with pytest.raises(ValueError, match="odd"):
        local_response_norm(jnp.ones((1, 4)), size=4)
