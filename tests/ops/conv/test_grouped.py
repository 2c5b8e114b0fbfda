"""Fewer, wider groups give what the groups give."""

import jax
import pytest
from hypothesis import given, settings
from jax import lax

from jaxcnn.ops.conv import Sliding, conv_general_dilated, cpu, grouped
from tests.ops.conv.cases import (
    assert_close,
    assert_equals_xla,
    grouped_convolutions,
    random,
    value_and_gradients,
)


@settings(max_examples=8, deadline=None)
@given(grouped_convolutions())
def test_value_and_gradients_equal_xla(case):
    ours, exact = (
        value_and_gradients(op, *case) for op in (conv_general_dilated, lax.conv_general_dilated)
    )
    for got, want in zip(ours, exact, strict=True):
        assert_close(got, want)


@pytest.mark.parametrize("at_most", [1, 4, 6, 100])
def test_however_many_go_together_it_equals_xla(monkeypatch, at_most):
    """Of 6 groups of 2 channels: each alone, pairs, threes, and all."""
    monkeypatch.setattr(grouped, "_CHANNELS_TOGETHER", at_most)
    window = Sliding((2, 1), ((1, 1), (0, 1)), (1, 2), groups=6)
    x, w = random(0, (3, 7, 8, 12)), random(1, (3, 2, 2, 18))
    assert_equals_xla(cpu.GROUPED, window, x, w)


@pytest.mark.parametrize(("channels", "groups"), [(1, 1), (4, 4), (16, 16), (20, 32), (64, 32)])
def test_xla_is_given_groups_that_together_have_32_channels_or_are_alone(channels, groups):
    window = Sliding((1, 1), ((1, 1), (1, 1)), groups=32)
    x = jax.ShapeDtypeStruct((1, 5, 5, 32 * channels), "float32")
    w = jax.ShapeDtypeStruct((3, 3, channels, 32), "float32")
    (equation,) = (
        equation
        for equation in jax.make_jaxpr(lambda x, w: grouped.forward(window, x, w))(x, w).eqns
        if equation.primitive.name == "conv_general_dilated"
    )
    assert equation.params["feature_group_count"] == groups
