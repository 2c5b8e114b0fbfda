import jax
import jax.numpy as jnp
import pytest

from jaxcnn.layers.stochastic_depth import StochasticDepth

X = jnp.ones((4096, 2, 2, 3))


def dropped(rate, *, train=True):
    return StochasticDepth(rate).apply({}, X, train=train, rngs={"dropout": jax.random.key(0)})


def test_an_example_is_kept_or_dropped_as_a_whole():
    per_example = dropped(0.25).reshape(len(X), -1)
    assert (per_example == per_example[:, :1]).all()


def test_the_rate_is_that_of_dropping_and_the_mean_stays():
    y = dropped(0.25)[:, 0, 0, 0]
    assert (y == 0).mean() == pytest.approx(0.25, abs=0.03)
    assert jnp.unique(y).tolist() == pytest.approx([0, 4 / 3])


def test_inference_is_the_identity():
    assert jnp.array_equal(dropped(0.9, train=False), X)
