import jax
import jax.numpy as jnp
import numpy as np

from jaxcnn.layers.layer_scale import LayerScale

X = jax.random.normal(jax.random.key(0), (2, 3, 5, 4))


def test_every_channel_starts_at_the_initial_value():
    y, variables = LayerScale(0.125).init_with_output(jax.random.key(0), X)
    np.testing.assert_array_equal(variables["params"]["gamma"], np.full(4, 0.125))
    np.testing.assert_array_equal(y, 0.125 * X)


def test_each_channel_has_a_scale_of_its_own_and_the_input_keeps_its_dtype():
    gamma = jnp.array([1.0, 2.0, -4.0, 0.0])
    y = LayerScale(1.0).apply({"params": {"gamma": gamma}}, X.astype(jnp.bfloat16))
    assert y.dtype == jnp.bfloat16
    np.testing.assert_array_equal(y, X.astype(jnp.bfloat16) * gamma.astype(jnp.bfloat16))
