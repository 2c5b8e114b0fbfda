"""Conv is Flax's Conv with our convolution."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.layers.conv import Conv


@pytest.mark.parametrize("kernel, groups", [((3, 3), 1), ((1, 1), 1), ((3, 3), 4)])
def test_parameters_and_output_equal_flax(kernel, groups):
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 6, 6, 4)), jnp.float32)
    how = {"strides": 2, "padding": kernel[0] // 2, "feature_group_count": groups}
    ours, theirs = Conv(8, kernel, **how), nn.Conv(8, kernel, **how)
    variables = ours.init(jax.random.key(0), x)
    want = theirs.init(jax.random.key(0), x)
    jax.tree.map(np.testing.assert_array_equal, variables, want)
    np.testing.assert_allclose(ours.apply(variables, x), theirs.apply(want, x), rtol=0, atol=1e-5)


def test_pointwise_convolution_lowers_to_a_dot_on_cpu():
    conv = Conv(8, (1, 1), use_bias=False)
    x = jnp.ones((2, 6, 6, 4))
    variables = conv.init(jax.random.key(0), x)
    text = jax.jit(conv.apply).trace(variables, x).lower(lowering_platforms=("cpu",)).as_text()
    assert "stablehlo.dot_general" in text and "stablehlo.convolution" not in text


def test_output_has_the_compute_dtype_and_parameters_stay_float32():
    conv = Conv(64, (3, 3), strides=2, padding=1, use_bias=False, dtype=jnp.bfloat16)
    y, variables = conv.init_with_output(jax.random.key(0), jnp.ones((2, 8, 8, 3)))
    assert y.shape == (2, 4, 4, 64) and y.dtype == jnp.bfloat16
    assert variables["params"]["kernel"].dtype == jnp.float32
