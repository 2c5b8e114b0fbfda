"""The written-out gradients of batch and layer normalisation are those of autodiff."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.ops import channel
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


def test_one_pass_on_a_gpu_equals_two_in_value_and_gradient():
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(2, 3, (4, 5, 3, 6)), jnp.float32)
    one, two = (
        jax.vjp(pass_, x)[0] for pass_ in (channel._one_pass, channel.channel_mean_and_variance)
    )
    for got, want in zip(one, two, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5)
    weights = jnp.asarray(rng.normal(size=(2, 6)), jnp.float32)
    axes = (0, 1, 2)

    def gradient(mean_and_variance):
        def weighted(x):
            return jnp.vdot(weights, jnp.stack(mean_and_variance(x)))

        return jax.grad(weighted)(x)

    want = gradient(lambda x: (x.mean(axes), x.var(axes)))
    got = gradient(channel.channel_mean_and_variance)
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("shape", [(8, 16, 16, 4), (2048, 4), (1, 1, 1, 4)])
@pytest.mark.parametrize("mean", [0.0, 1e4])
def test_one_pass_on_a_gpu_does_not_cancel(shape, mean):
    x = mean + np.random.default_rng(0).normal(size=shape)
    # A value far away among the channel's first.
    x[(0,) * (x.ndim - 1)] += 100
    x = jnp.asarray(x, jnp.float32)
    got_mean, got_var = jax.jit(channel._one_pass)(x)
    exact = np.asarray(x, np.float64).reshape(-1, 4)
    np.testing.assert_allclose(got_mean, exact.mean(0), rtol=1e-6, atol=1e-5)
    np.testing.assert_allclose(got_var, exact.var(0), rtol=1e-5, atol=1e-12)


def test_bfloat16_passes_through_memory_as_bfloat16():
    """The result, and the gradient that comes back: float32 would be twice the traffic."""
    x, ones = jnp.ones((2, 4, 4, 3), jnp.bfloat16), jnp.ones(3)
    y, pullback = jax.vjp(lambda x: batch_norm(x, ones, ones, dtype=jnp.dtype("bfloat16"))[0], x)
    assert y.dtype == jnp.bfloat16 and pullback(y)[0].dtype == jnp.bfloat16


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
