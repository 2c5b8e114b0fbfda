"""Dropout zeroes the share that it is told to, and keeps the expectation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.layers.dropout import Dropout
from jaxcnn.ops.batch_axis import BATCH_AXIS

X = np.ones((64, 100), np.float32)


def dropped(rate, x=X, seed=0):
    return Dropout(rate).apply({}, x, rngs={"dropout": jax.random.key(seed)})


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
def test_the_rate_is_dropped_and_the_rest_scaled_up(rate):
    y = np.asarray(dropped(rate))
    kept = y != 0
    np.testing.assert_allclose(y[kept], 1 / (1 - rate), rtol=1e-6)
    # Four deviations of a binomial's share.
    assert abs((1 - kept.mean()) - rate) < 4 * (rate * (1 - rate) / y.size) ** 0.5


def test_other_keys_drop_other_features():
    assert (dropped(0.5) == dropped(0.5)).all()
    assert (dropped(0.5) != dropped(0.5, seed=1)).any()


@pytest.mark.parametrize("layer", [Dropout(0.5, deterministic=True), Dropout(0.0)])
def test_nothing_is_drawn_where_nothing_is_dropped(layer):
    np.testing.assert_array_equal(layer.apply({}, X), X)


def test_all_may_be_dropped():
    y, gradient = jax.value_and_grad(lambda x: dropped(1.0, x).sum())(X)
    assert y == 0 and not gradient.any()


def test_on_several_devices_an_example_loses_what_it_loses_on_one():
    parts = jnp.reshape(X, (4, 16, 100))
    apart = jax.vmap(lambda x: dropped(0.5, x), axis_name=BATCH_AXIS)(parts)
    np.testing.assert_array_equal(apart.reshape(X.shape), dropped(0.5))
