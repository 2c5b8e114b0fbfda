"""A lowering of one device's programs is in no other's."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from jaxcnn.xla.one_device import on_one_device

X = np.arange(16, dtype=np.float32).reshape(8, 2)


def alone(factor, x):
    return factor * jnp.sin(x)


def shared(factor, x):
    return factor * jnp.cos(x)


def choose(x):
    return on_one_device(alone, shared, (2.0,), x)


def split_over_devices(x):
    mesh = jax.make_mesh((8,), ("data",), (jax.sharding.AxisType.Auto,))
    return jax.device_put(x, NamedSharding(mesh, PartitionSpec("data")))


def test_a_program_of_one_device_has_its_own_lowering():
    text = jax.jit(choose).lower(X).as_text()
    assert "stablehlo.sine" in text and "stablehlo.cosine" not in text
    np.testing.assert_allclose(jax.jit(choose)(X), 2 * np.sin(X), rtol=1e-5)


def test_a_program_of_several_devices_has_the_shared_one():
    text = jax.jit(choose).lower(split_over_devices(X)).as_text()
    assert "stablehlo.cosine" in text and "stablehlo.sine" not in text
    np.testing.assert_allclose(jax.jit(choose)(split_over_devices(X)), 2 * np.cos(X), rtol=1e-5)


def test_what_pmap_maps_is_a_program_of_one_device():
    np.testing.assert_allclose(jax.pmap(choose)(X), 2 * np.sin(X), rtol=1e-5)


@pytest.mark.parametrize("in_axis", [0, 1])
def test_vmap_maps_both_lowerings(in_axis):
    """Of functions that see the whole of their part, so that a wrong axis would show."""

    def from_the_start(x):
        return jnp.cumsum(x)

    def from_the_end(x):
        return jnp.cumsum(x[::-1])[::-1]

    op = jax.jit(jax.vmap(partial(on_one_device, from_the_start, from_the_end, ()), in_axis))
    rows = X if in_axis == 0 else X.T
    np.testing.assert_allclose(op(X), np.cumsum(rows, axis=1))
    backwards = np.cumsum(rows[:, ::-1], axis=1)[:, ::-1]
    np.testing.assert_allclose(op(split_over_devices(X)), backwards)


def test_shape_and_dtype_are_known_before_there_is_a_program():
    def halves(x):
        return x[::2].astype(jnp.bfloat16)

    result = jax.eval_shape(lambda x: on_one_device(halves, halves, (), x), X)
    assert (result.shape, result.dtype) == ((4, 2), jnp.bfloat16)
