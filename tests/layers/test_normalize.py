"""BatchNorm normalises as Flax's does and keeps PyTorch's running statistics."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxcnn.layers.normalize import BatchNorm

X = np.random.default_rng(0).normal(3, 2, (4, 5, 6, 3)).astype(np.float32)


def test_output_and_tree_equal_flax():
    ours, theirs = BatchNorm(False), nn.BatchNorm(False)
    variables = ours.init(jax.random.key(0), X)
    jax.tree.map(np.testing.assert_array_equal, variables, theirs.init(jax.random.key(0), X))
    y, _ = ours.apply(variables, X, mutable=["batch_stats"])
    want, _ = theirs.apply(variables, X, mutable=["batch_stats"])
    np.testing.assert_allclose(y, want, atol=1e-5)


def test_running_variance_is_unbiased():
    norm = BatchNorm(False, momentum=0.8)
    variables = norm.init(jax.random.key(0), X)
    _, updated = norm.apply(variables, X, mutable=["batch_stats"])
    stats, flat = updated["batch_stats"], X.reshape(-1, 3)
    np.testing.assert_allclose(stats["mean"], 0.2 * flat.mean(0), rtol=1e-5)
    np.testing.assert_allclose(stats["var"], 0.8 + 0.2 * flat.var(0, ddof=1), rtol=1e-5)


def test_running_average_is_used_and_left_alone():
    norm = BatchNorm(True, epsilon=0.0)
    variables = {
        "params": {"scale": jnp.full(3, 2.0), "bias": jnp.ones(3)},
        "batch_stats": {"mean": jnp.full(3, 5.0), "var": jnp.full(3, 4.0)},
    }
    np.testing.assert_allclose(norm.apply(variables, X), X - 4, rtol=1e-5, atol=1e-5)


def test_axis_name_gives_the_statistics_of_the_whole_batch():
    whole, split = BatchNorm(False), BatchNorm(False, axis_name="batch")
    variables = whole.init(jax.random.key(0), X)
    want, stats = whole.apply(variables, X, mutable=["batch_stats"])

    def per_device(x):
        return split.apply(variables, x, mutable=["batch_stats"])

    y, updated = jax.vmap(per_device, axis_name="batch")(X.reshape(2, 2, 5, 6, 3))
    np.testing.assert_allclose(y.reshape(X.shape), want, atol=1e-5)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a[0], b, rtol=1e-5), updated, stats)


def test_a_single_position_gives_the_bias_and_no_nan():
    norm = BatchNorm(False, bias_init=nn.initializers.constant(3.0))
    x = jnp.full((1, 1, 1, 2), 7.0)
    y, variables = norm.init_with_output(jax.random.key(0), x)
    gradient = jax.grad(lambda x: norm.apply(variables, x, mutable=["batch_stats"])[0].sum())(x)
    _, updated = norm.apply(variables, x, mutable=["batch_stats"])
    assert (y == 3).all() and (gradient == 0).all()
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(updated))


def test_statistics_of_bfloat16_inputs_are_float32():
    norm = BatchNorm(False, dtype=jnp.bfloat16)
    y, variables = norm.init_with_output(jax.random.key(0), jnp.asarray(X, jnp.bfloat16))
    assert y.dtype == jnp.bfloat16
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(variables))
