"""Shifted products with the batch innermost equal XLA's, and lend their order to what follows."""

import re

import jax
import jax.numpy as jnp
import pytest

from jaxcnn.ops.conv import Sliding, conv_general_dilated, cpu
from jaxcnn.ops.pool import avg_pool
from tests.ops.conv.cases import NHWC, assert_equals_xla, random


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("padding", [((0, 0), (0, 0)), ((1, 0), (5, 2))])
@pytest.mark.parametrize(
    ("strides", "dilation"),
    [((1, 1), (1, 1)), ((1, 1), (2, 1)), ((2, 1), (1, 2)), ((3, 2), (2, 1))],
)
def test_strides_dilations_and_padding_equal_xla(strides, dilation, padding, channels):
    window = Sliding(strides, padding, dilation)
    x, w = random(0, (5, 11, 9, channels)), random(1, (4, 3, channels, 2))
    assert_equals_xla(cpu.BATCH_MINOR, window, x, w)


def test_what_lies_between_a_convolution_and_a_pooling_has_the_batch_innermost():
    """Else a loop over few channels is its innermost, and not vectorised."""
    x, w, bias = jnp.ones((40, 12, 12, 1)), jnp.ones((5, 5, 1, 6)), jnp.ones(6)

    def network(x, w, bias):
        y = conv_general_dilated(x, w, (1, 1), "VALID", dimension_numbers=NHWC)
        return avg_pool(jnp.tanh(y + bias), 2)

    text = jax.jit(network).lower(x, w, bias).compile().as_text()
    (found,) = set(re.findall(r"= f32\[([\d,]+)\]\{([\d,]+)\} tanh\(", text))
    shape, minor_to_major = (list(map(int, part.split(","))) for part in found)
    assert shape[minor_to_major[0]] == 40
