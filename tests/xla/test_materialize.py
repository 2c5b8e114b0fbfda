"""`materialize` changes no value, and is a barrier on CPU alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.xla.materialize import materialize


def test_values_and_gradients_of_any_order_are_those_of_the_identity():
    x = jnp.linspace(-1, 1, 5)
    for order in range(3):
        ops = [lambda x: jnp.sin(materialize(x)), jnp.sin]
        for _ in range(order):
            ops = [jax.grad(op) for op in ops]
        got, want = (jax.vmap(op)(x) for op in ops)
        np.testing.assert_allclose(got, want, rtol=1e-6)


@pytest.mark.parametrize("platform, is_barrier", [("cpu", True), ("tpu", False), ("cuda", False)])
def test_only_cpu_programs_have_the_barrier(platform, is_barrier):
    lowered = jax.jit(materialize).trace(jnp.ones(3)).lower(lowering_platforms=(platform,))
    assert ("optimization_barrier" in lowered.as_text()) == is_barrier
