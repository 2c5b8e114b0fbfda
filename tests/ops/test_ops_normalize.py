"""The written-out gradients of batch and layer normalisation are those of autodiff."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.ops.normalize import batch_norm, layer_norm, normalize, unbiased


def reference(x, scale, bias):
    axes = tuple(range(x.ndim - 1))
    mean, var = x.mean(axis=axes), x.var(axis=axes)
    return normalize(x, mean, var, scale, bias), mean, var


@pytest.mark.parametrize("shape", [(4, 5, 3, 6), (8, 6), (1, 1, 1, 6)])
def test_value_and_gradients_equal_autodiff(shape):
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(2, 3, shape), jnp.float32)
    scale, bias = jnp.asarray(rng.normal(size=(2, 6)), jnp.float32)
    results = []
    for op in (batch_norm, reference):
        out, pullback = jax.vjp(op, x, scale, bias)
        results.append((*out, *pullback(jax.tree.map(jnp.cos, out))))
    for got, want in zip(*results, strict=True):
        assert np.isfinite(got).all()
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)


def test_gradient_of_gradient_equals_autodiff():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(4, 3, 2)), jnp.float32)
    scale, bias = jnp.array([1.0, 2.0]), jnp.array([0.0, 1.0])

    def second(op):
        def slope(x):
            return jnp.sum(jax.grad(lambda x: jnp.sum(op(x, scale, bias)[0] ** 3))(x) ** 2)

        return jax.jit(jax.grad(slope))(x)

    want = second(reference)
    np.testing.assert_allclose(second(batch_norm), want, rtol=0, atol=1e-4 * np.abs(want).max())


def test_variance_does_not_cancel_where_the_mean_is_large():
    x = 1e4 + jnp.asarray(np.random.default_rng(0).normal(size=(512, 1)), jnp.float32)
    _, _, var = batch_norm(x, jnp.ones(1), jnp.zeros(1))
    np.testing.assert_allclose(var, np.var(np.asarray(x, np.float64)), rtol=1e-3)


def test_unbiased_variance_of_one_value_is_zero_not_nan():
    assert unbiased(jnp.zeros(()), 1) == 0
    assert unbiased(jnp.ones(()), 2) == 2


def layer_reference(x, scale, bias):
    mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) / jnp.sqrt(var + 1e-6) * scale + bias


@pytest.mark.parametrize("shape", [(4, 5, 3, 6), (8, 6), (1, 6)])
def test_layer_norm_value_and_gradients_equal_autodiff(shape):
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(2, 3, shape), jnp.float32)
    scale, bias = jnp.asarray(rng.normal(size=(2, 6)), jnp.float32)
    results = []
    for op in (partial(layer_norm, 1e-6), layer_reference):
        y, pullback = jax.vjp(op, x, scale, bias)
        results.append((y, *pullback(jnp.cos(y))))
    for got, want in zip(*results, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=2e-5)


def test_layer_norm_gradient_of_gradient_equals_autodiff():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(4, 3, 5)), jnp.float32)
    scale, bias = jnp.arange(1.0, 6.0), jnp.arange(5.0)

    def second(op):
        def slope(x):
            return jnp.sum(jax.grad(lambda x: jnp.sum(op(x, scale, bias) ** 3))(x) ** 2)

        return jax.jit(jax.grad(slope))(x)

    want = second(layer_reference)
    got = second(partial(layer_norm, 1e-6))
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-4 * np.abs(want).max())


def test_layer_norm_does_not_cancel_where_the_mean_is_large():
    x = 1e4 + jnp.asarray(np.random.default_rng(0).normal(size=(3, 512)), jnp.float32)
    y = layer_norm(1e-6, x, jnp.ones(512), jnp.zeros(512))
    want = np.asarray(x, np.float64)
    want = (want - want.mean(-1, keepdims=True)) / want.std(-1, keepdims=True)
    np.testing.assert_allclose(y, want, atol=2e-3)
