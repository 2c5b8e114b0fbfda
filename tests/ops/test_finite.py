"""One element that is not finite is found wherever it lies, on one device and on several."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.sharding import NamedSharding, PartitionSpec

from jaxcnn.ops.finite import LEAST_MATERIALIZED, all_finite

SHAPES = st.lists(st.integers(1, 4), max_size=4).map(tuple)


def arrays_of(shapes):
    rng = np.random.default_rng(0)
    return [np.asarray(rng.normal(size=shape), np.float32) for shape in shapes]


@settings(max_examples=30, deadline=None)
@given(st.lists(SHAPES, min_size=1, max_size=5), st.data())
def test_is_false_if_any_element_is_not_finite(shapes, data):
    arrays = arrays_of(shapes)
    assert jax.jit(all_finite)(*arrays)
    bad = data.draw(st.sampled_from(arrays))
    place = data.draw(st.integers(0, bad.size - 1))
    bad.flat[place] = data.draw(st.sampled_from([np.nan, np.inf, -np.inf]))
    assert not jax.jit(all_finite)(*arrays)


def test_infinities_do_not_cancel():
    vector = jnp.array([jnp.inf, -jnp.inf])
    for arrays in [(vector,), (jnp.diag(vector),), (vector[:1], vector[1:, None])]:
        assert not all_finite(*arrays)


@pytest.mark.parametrize("place", [None, 0, 127])
def test_arrays_split_over_eight_devices(place):
    mesh = jax.make_mesh((8,), ("fsdp",), axis_types=(jax.sharding.AxisType.Auto,))
    split = NamedSharding(mesh, PartitionSpec(None, "fsdp"))
    kernel, vector = arrays_of([(8, 16), (3,)])
    if place is not None:
        kernel.flat[place] = np.nan
    sharded = jax.device_put(kernel, split)
    assert jax.jit(all_finite)(sharded, vector) == (place is None)


@pytest.mark.parametrize("platform, has_product", [("cpu", True), ("tpu", False), ("cuda", False)])
def test_only_cpu_programs_have_the_product(platform, has_product):
    traced = jax.jit(all_finite).trace(jnp.ones((3, 2)), jnp.ones(2))
    assert ("dot_general" in traced.lower(lowering_platforms=(platform,)).as_text()) == has_product


@pytest.mark.parametrize("size", [LEAST_MATERIALIZED - 1, LEAST_MATERIALIZED])
def test_what_is_one_expression_to_the_compiler_has_no_barrier(size):
    """A network of one hidden unit, trained many steps at a time, met it in jax 0.12."""
    text = jax.jit(all_finite).trace(jnp.ones(size)).lower(lowering_platforms=("cpu",)).as_text()
    assert ("optimization_barrier" in text) == (size >= LEAST_MATERIALIZED)
