"""Multiply-accumulates, read off a program."""

import jax
import jax.numpy as jnp
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from jaxcnn.models.tools.macs import count_macs
from jaxcnn.ops.conv import conv_general_dilated

NHWC = ("NHWC", "HWIO", "NHWC")
SMALL = st.integers(1, 5)


def arrays(*shapes):
    return [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes]


@settings(max_examples=20, deadline=None)
@given(SMALL, SMALL, SMALL, SMALL)
def test_a_product_has_one_for_each_pair_of_numbers_that_meet(b, m, k, n):
    assert count_macs(jnp.matmul, *arrays((b, m, k), (b, k, n))) == b * m * k * n


def test_a_convolution_has_a_kernel_for_each_position_of_its_output():
    """In groups: of each output channel, over its own group's inputs alone."""

    def convolve(x, w):
        return conv_general_dilated(
            x, w, (2, 1), "VALID", dimension_numbers=NHWC, feature_group_count=4
        )

    x, w = arrays((2, 9, 7, 8), (3, 2, 2, 12))
    assert count_macs(convolve, x, w) == 2 * (4 * 6) * (3 * 2 * 2) * 12


def test_a_loops_body_counts_as_often_as_it_runs():
    def loop(x, w):
        return lax.scan(lambda x, _: (x @ w, None), x, length=7)[0]

    assert count_macs(loop, *arrays((3, 4), (4, 4))) == 7 * 3 * 4 * 4


def test_what_is_computed_again_counts_again_and_elementwise_work_not_at_all():
    @jax.checkpoint
    def block(x, w):
        return jnp.tanh(x @ w) * 3 + x

    x, w = arrays((3, 4), (4, 4))
    assert count_macs(block, x, w) == 3 * 4 * 4
    # Forward, forward again, and two products back.
    assert count_macs(jax.grad(lambda x, w: block(x, w).sum(), (0, 1)), x, w) == 4 * 3 * 4 * 4
