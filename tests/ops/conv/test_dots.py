"""Products of matrices equal XLA's convolution, 1x1 and with a kernel as large as the input."""

import jax
import jax.numpy as jnp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxcnn.ops.conv import Sliding, cpu
from tests.ops.conv.cases import assert_equals_xla, random

SIZES = st.integers(1, 6)


@settings(max_examples=8, deadline=None)
@given(st.tuples(*[SIZES] * 5), st.tuples(*[st.integers(1, 3)] * 2))
def test_pointwise_equals_xla(shape, strides):
    n, height, width, channels, features = shape
    window = Sliding(strides, ((0, 0), (0, 0)))
    x, w = random(0, (n, height, width, channels)), random(1, (1, 1, channels, features))
    assert_equals_xla(cpu.POINTWISE, window, x, w)


@settings(max_examples=8, deadline=None)
@given(st.tuples(*[SIZES] * 5))
def test_a_kernel_as_large_as_the_input_equals_xla(shape):
    n, height, width, channels, features = shape
    window = Sliding((1, 1), ((0, 0), (0, 0)))
    x, w = random(0, (n, height, width, channels)), random(1, (height, width, channels, features))
    assert_equals_xla(cpu.WHOLE, window, x, w)


@pytest.mark.parametrize("lowering", cpu.DOTS)
def test_bfloat16_is_summed_in_float32(lowering):
    """In bfloat16 ones are added up to 256, where the next one is lost."""
    x = jnp.ones((1, 1, 1, 1000), jnp.bfloat16)
    w = jnp.ones((1, 1, 1000, 1), jnp.bfloat16)
    y = lowering.forward(Sliding((1, 1), ((0, 0), (0, 0))), x, w)
    assert (y.dtype, float(y.squeeze())) == (jnp.bfloat16, 1000.0)


@pytest.mark.parametrize("lowering", cpu.DOTS)
def test_nothing_is_left_of_the_convolution(lowering):
    x, w = jnp.ones((2, 1, 1, 3)), jnp.ones((1, 1, 3, 4))
    window = Sliding((1, 1), ((0, 0), (0, 0)))
    text = str(jax.make_jaxpr(lambda x, w: lowering.forward(window, x, w))(x, w))
    assert "dot_general" in text and "conv_general_dilated" not in text
