"""A product of matrices plus bias equals plain jnp's, in value and gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from jaxcnn.layers.dense import Dense
from jaxcnn.ops.dense import dense


def normal(*shape):
    return jnp.asarray(np.random.default_rng(0).normal(size=shape), jnp.float32)


def assert_close(got, want, tolerance=1e-5):
    for g, w in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        w = np.asarray(w)
        assert g.shape == w.shape
        np.testing.assert_allclose(g, w, rtol=0, atol=tolerance * max(np.abs(w).max(), 1))


@pytest.mark.parametrize("leading", [(5,), (2, 3), (2, 3, 4)])
def test_dense_equals_the_plain_product(leading):
    args = normal(*leading, 6), normal(6, 7), normal(7)
    results = []
    for op in (dense, lambda x, kernel, bias: x @ kernel + bias):
        y, pullback = jax.vjp(op, *args)
        results.append((y, pullback(jnp.cos(y))))
    assert_close(*results)


def test_dense_gradient_of_gradient_equals_the_plain_products():
    args = normal(2, 3, 6), normal(6, 4), normal(4)

    def second(op):
        def slope(*args):
            first = jax.grad(lambda *a: jnp.sum(jnp.sin(op(*a))), (0, 1, 2))(*args)
            return sum(jnp.sum(g**2) for g in first)

        return jax.jit(jax.grad(slope, (0, 1, 2)))(*args)

    assert_close(second(dense), second(lambda x, k, b: x @ k + b), 1e-4)


@pytest.mark.parametrize("use_bias", [True, False])
def test_layer_equals_flax(use_bias):
    x = normal(2, 3, 6)
    ours, theirs = (layer(7, use_bias=use_bias) for layer in (Dense, nn.Dense))
    variables, want = (layer.init(jax.random.key(0), x) for layer in (ours, theirs))
    jax.tree.map(np.testing.assert_array_equal, variables, want)
    assert_close(ours.apply(variables, x), theirs.apply(want, x))
    half = Dense(7, dtype=jnp.bfloat16)
    y, variables = half.init_with_output(jax.random.key(0), x)
    assert y.dtype == jnp.bfloat16
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float32")}
