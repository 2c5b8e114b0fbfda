"""Shifted products equal XLA's depthwise convolution, in chunks of any size."""

import jax
import jax.numpy as jnp
import pytest

from jaxcnn.ops.conv import Sliding, conv_general_dilated, cpu, depthwise
from tests.ops.conv.cases import NHWC, assert_equals_xla, random


@pytest.mark.parametrize(
    ("features", "strides", "dilation"),
    [(4, (1, 2), (2, 3)), (2, (3, 2), (2, 1)), (6, (2, 2), (1, 1)), (2, (1, 1), (1, 1))],
)
def test_multipliers_strides_and_dilations_equal_xla(features, strides, dilation):
    window = Sliding(strides, ((1, 0), (2, 1)), dilation, groups=2)
    x, w = random(0, (3, 9, 8, 2)), random(1, (3, 2, 1, features))
    assert_equals_xla(cpu.DEPTHWISE, window, x, w)


def test_one_channel_seen_by_many_equals_xla():
    window = Sliding((2, 1), ((1, 0), (2, 1)), (1, 2))
    x, w = random(0, (3, 9, 8, 1)), random(1, (5, 3, 1, 4))
    assert_equals_xla(cpu.ONE_CHANNEL, window, x, w)


@pytest.mark.parametrize("chunk_bytes", [1, 2**9, 2**12])
@pytest.mark.parametrize(
    ("strides", "dilation"), [((1, 1), (1, 1)), ((2, 1), (1, 2)), ((1, 2), (2, 1))]
)
def test_chunks_of_any_size_equal_xla(monkeypatch, chunk_bytes, strides, dilation):
    """A row, some rows, or some examples at a time."""
    monkeypatch.setattr(depthwise, "_CHUNK_BYTES", chunk_bytes)
    window = Sliding(strides, ((1, 1), (1, 1)), dilation, groups=3)
    x, w = random(0, (4, 12, 10, 3)), random(1, (3, 3, 1, 3))
    assert_equals_xla((None, None, depthwise.weight_grad), window, x, w)


def test_on_cpu_the_result_is_kept_for_all_its_readers():
    """Without the barrier each of them computes the kernel's products anew."""
    x, w = jnp.ones((1, 6, 6, 4)), jnp.ones((3, 3, 1, 4))

    def convolve(x, w):
        return conv_general_dilated(
            x, w, (1, 1), "SAME", dimension_numbers=NHWC, feature_group_count=4
        )

    lowered = jax.jit(convolve).trace(x, w).lower(lowering_platforms=("cpu",))
    assert "optimization_barrier" in lowered.as_text()
