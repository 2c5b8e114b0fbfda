"""Shifted products with the batch innermost equal XLA's, and lend their order to what follows."""

import re

import jax
import jax.numpy as jnp
import pytest

from jaxcnn.ops.conv import Sliding, conv_general_dilated, cpu
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


def test_on_cpu_the_result_is_kept_with_the_batch_innermost():
    """Through one axis, which has one layout: XLA would keep [N, H, W, C] and transpose."""
    x, w = jnp.ones((40, 12, 12, 1)), jnp.ones((5, 5, 1, 6))

    def convolve(x, w):
        return conv_general_dilated(x, w, (1, 1), "VALID", dimension_numbers=NHWC)

    lowered = jax.jit(convolve).trace(x, w).lower(lowering_platforms=("cpu",))
    kept = re.findall(r"optimization_barrier .*tensor<(\w+)>", lowered.as_text())
    assert kept == [f"{x.size}xf32", f"{40 * 8 * 8 * 6}xf32"]
