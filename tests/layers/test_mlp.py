import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import erf

from jaxcnn.layers.mlp import Mlp


def test_mlp_is_two_dense_layers_around_an_exact_gelu():
    x = jax.random.normal(jax.random.key(0), (2, 3, 5, 4))
    module = Mlp(hidden=6)
    params = module.init(jax.random.key(1), x, train=False)["params"]
    params = jax.tree.map(lambda leaf: 0.5 + 20 * leaf, params)  # No bias is zero.
    hidden = x @ params["fc1"]["kernel"] + params["fc1"]["bias"]
    hidden = 0.5 * hidden * (1 + erf(hidden / jnp.sqrt(2)))
    expected = hidden @ params["fc2"]["kernel"] + params["fc2"]["bias"]
    y = module.apply({"params": params}, x, train=False)
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)


def test_dropout_is_of_training_only_and_zeroes_outputs_too():
    x = jnp.ones((8, 16))
    module = Mlp(hidden=6, drop_rate=0.5)
    variables = module.init(jax.random.key(1), x, train=False)
    key = {"dropout": jax.random.key(2)}
    assert module.apply(variables, x, train=False).all()
    dropped = jnp.mean(module.apply(variables, x, train=True, rngs=key) == 0)
    assert 0.3 < dropped < 0.7
