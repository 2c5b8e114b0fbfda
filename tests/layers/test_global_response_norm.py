import jax
import jax.numpy as jnp
import numpy as np

from jaxcnn.layers.global_response_norm import GlobalResponseNorm

X = jax.random.normal(jax.random.key(0), (2, 5, 3, 4))
PARAMS = {"params": {"scale": jnp.array([1.0, 2.0, 3.0, 4.0]), "bias": jnp.arange(4.0)}}


apply = jax.jit(GlobalResponseNorm().apply)


def test_it_starts_as_the_identity():
    y, _ = GlobalResponseNorm().init_with_output(jax.random.key(0), X)
    assert jnp.array_equal(y, X)


def test_a_channel_is_scaled_by_its_norm_relative_to_the_channels_mean_norm():
    norms = np.linalg.norm(np.asarray(X).reshape(2, 15, 4), axis=1)
    response = (norms / norms.mean(1, keepdims=True))[:, None, None, :]
    want = X + PARAMS["params"]["scale"] * X * response + PARAMS["params"]["bias"]
    np.testing.assert_allclose(apply(PARAMS, X), want, rtol=1e-5, atol=1e-5)


def test_an_image_does_not_see_the_others():
    both, one = (apply(PARAMS, x) for x in (X, X[1:]))
    np.testing.assert_allclose(both[1:], one, rtol=1e-6)


def test_silent_channels_give_the_bias_and_finite_gradients():
    silent = X.at[..., 1].set(0.0).at[1].set(0.0)

    def loss(x):
        return apply(PARAMS, x).sum()

    assert (apply(PARAMS, silent)[1] == PARAMS["params"]["bias"]).all()
    assert jnp.isfinite(jax.jit(jax.grad(loss))(silent)).all()


def test_bfloat16_inputs_are_normalised_in_float32_and_rounded_once():
    narrow = X.astype(jnp.bfloat16)
    y = apply(PARAMS, narrow)
    assert y.dtype == jnp.bfloat16
    assert jnp.array_equal(y, apply(PARAMS, narrow.astype(jnp.float32)).astype(jnp.bfloat16))
