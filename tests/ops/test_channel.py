"""Sums over all axes but the last equal plain sums: value, gradients, under vmap and sharding."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.sharding import NamedSharding, PartitionSpec

from jaxcnn.ops.channel import (
    add_channels,
    channel_dot,
    channel_square_sum,
    channel_sum,
    scale_channels,
)


def leading(x):
    return tuple(range(x.ndim - 1))


PAIRS = {
    "sum": (lambda a, b, c: channel_sum(a), lambda a, b, c: a.sum(leading(a))),
    "dot": (channel_dot, lambda a, b, c: (a * (b - c)).sum(leading(a))),
    "square_sum": (
        lambda a, b, c: channel_square_sum(a, c),
        lambda a, b, c: jnp.square(a - c).sum(leading(a)),
    ),
    "add": (lambda a, b, c: add_channels(a, c), lambda a, b, c: a + c),
    "scale": (lambda a, b, c: scale_channels(a, c), lambda a, b, c: a * c),
}


def draw_arrays(shape, seed=0):
    rng = np.random.default_rng(seed)
    a, b, c = (rng.normal(1, 2, s) for s in (shape, shape, shape[-1:]))
    return tuple(jnp.asarray(v, jnp.float32) for v in (a, b, c))


def assert_close(got, want, tolerance=1e-5):
    for g, w in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        w = np.asarray(w)
        np.testing.assert_allclose(g, w, rtol=0, atol=tolerance * max(np.abs(w).max(), 1))


@pytest.mark.parametrize("name", PAIRS)
@settings(max_examples=8, deadline=None)
@given(shape=st.lists(st.integers(1, 18), min_size=2, max_size=4), seed=st.integers(0, 99))
def test_value_and_gradients_equal_the_plain_sum(name, shape, seed):
    arrays = draw_arrays(tuple(shape), seed)
    results = []
    for op in PAIRS[name]:

        @jax.jit
        def run(*arrays, op=op):
            y, pullback = jax.vjp(op, *arrays)
            return y, pullback(jnp.cos(jnp.arange(y.size, dtype=y.dtype)).reshape(y.shape))

        results.append(run(*arrays))
    assert_close(*results)


@pytest.mark.parametrize("name", PAIRS)
def test_gradient_of_gradient_equals_the_plain_sums(name):
    arrays = draw_arrays((2, 6, 3, 4))

    def second(op):
        def slope(*arrays):
            first = jax.grad(lambda *a: jnp.mean(op(*a) ** 2), (0, 2))(*arrays)
            return sum(jnp.sum(g**2) for g in first)

        return jax.jit(jax.grad(slope, (0, 2)))(*arrays)

    assert_close(*map(second, PAIRS[name]), tolerance=1e-4)


@pytest.mark.parametrize("name", PAIRS)
def test_vmap_equals_one_by_one(name):
    arrays = draw_arrays((3, 2, 4, 2, 5))
    arrays = (*arrays[:2], jnp.stack([arrays[2]] * 3))
    ours = PAIRS[name][0]
    one_by_one = jnp.stack([ours(*one) for one in zip(*arrays, strict=True)])
    assert_close(jax.vmap(ours)(*arrays), one_by_one)


def test_a_batch_over_eight_devices_sums_to_the_same():
    mesh = jax.make_mesh((8,), ("data",), (jax.sharding.AxisType.Auto,))
    x = draw_arrays((8, 6, 4, 5))[0]
    sharded = jax.device_put(x, NamedSharding(mesh, PartitionSpec("data")))
    compiled = jax.jit(channel_sum).lower(sharded).compile()
    assert_close(compiled(sharded), x.sum((0, 1, 2)))
    assert "all-gather" not in compiled.as_text()


def test_squares_do_not_cancel_where_the_mean_is_large():
    x = 1e4 + draw_arrays((4, 16, 8, 3))[0]
    centre = channel_sum(x) / (4 * 16 * 8)
    got = channel_square_sum(x, centre)
    want = np.asarray(x, np.float64).var((0, 1, 2)) * 4 * 16 * 8
    np.testing.assert_allclose(got, want, rtol=1e-3)


def test_bfloat16_is_summed_in_float32():
    x = jnp.ones((2, 64, 64, 3), jnp.bfloat16)
    assert channel_sum(x).dtype == jnp.float32
    np.testing.assert_array_equal(channel_sum(x), 2 * 64 * 64)


def test_tpu_programs_have_plain_sums():
    lowered = jax.jit(channel_sum).trace(jnp.ones((2, 8, 8, 3))).lower(lowering_platforms=("tpu",))
    text = lowered.as_text()
    assert "stablehlo.reduce" in text and "dot_general" not in text and "slice" not in text


def test_on_cpu_the_gradient_that_reaches_a_scale_is_computed_once():
    """Without the barrier the sum for the scale and the gradient that goes on both compute it."""
    a, _, scale = draw_arrays((2, 4, 4, 3))
    gradients = jax.jit(jax.grad(lambda a, scale: jnp.sin(scale_channels(a, scale)).sum(), (0, 1)))
    lowered = gradients.trace(a, scale).lower(lowering_platforms=("cpu",))
    assert "optimization_barrier" in lowered.as_text()


@pytest.mark.parametrize("shape", [(4, 3, 2, 5), (32, 3, 2, 5), (32, 3, 2, 17)])
def test_a_bias_has_the_gradients_of_a_sum(shape):
    """Also with few channels and many examples, where the batch is innermost on CPU."""
    x, g, bias = draw_arrays(shape)

    def gradients_of(add):
        def slope(x, bias):
            dx, db = jax.grad(lambda x, b: jnp.sum(g * add(x, b) ** 3), (0, 1))(x, bias)
            return jnp.sum(dx**2) + jnp.sum(db**2)

        return jax.jit(jax.value_and_grad(slope, (0, 1)))(x, bias)

    ours, plain = gradients_of(add_channels), gradients_of(jnp.add)
    assert_close(ours, plain)
