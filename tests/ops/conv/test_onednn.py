"""Convolutions that oneDNN computes are what XLA computes, under every transformation."""

import jax
import jax.numpy as jnp
import pytest
from hypothesis import given, settings
from jax import lax

from jaxcnn.ops.conv import conv_general_dilated
from tests.ops.conv.cases import (
    LOWERINGS,
    NHWC,
    arguments,
    assert_close,
    convolutions,
    grouped_convolutions,
    random,
    value_and_gradients,
)
from tests.xla.onednn_calls import calls, however_small, only_where_called

pytestmark = only_where_called


@settings(max_examples=30, deadline=None)
@given(convolutions() | grouped_convolutions())
def test_value_and_gradients_equal_xla(case):
    x, w, how = case
    exact = value_and_gradients(lax.conv_general_dilated, x, w, how)
    with however_small():
        ours = value_and_gradients(conv_general_dilated, x, w, how)
    for got, want in zip(ours, exact, strict=True):
        assert_close(got, want)


@pytest.mark.parametrize("strides", [(1, 1), (2, 2), (3, 1)])
@pytest.mark.parametrize("padding", [(3, 0), (4, 4)])
def test_wide_padding_equals_xla(strides, padding):
    x, w = random(0, (2, 11, 9, 3)), random(1, (3, 2, 3, 4))
    how = {"window_strides": strides, "padding": [padding] * 2, "dimension_numbers": NHWC}
    exact = value_and_gradients(lax.conv_general_dilated, x, w, how)
    with however_small():
        ours = value_and_gradients(conv_general_dilated, x, w, how)
    for got, want in zip(ours, exact, strict=True):
        assert_close(got, want)


@pytest.mark.parametrize("name", sorted(LOWERINGS.keys() - {"pointwise", "whole"}))
def test_they_go_to_onednn_forward_and_back(name):
    x, w, how = arguments(name)

    def forward(x, w):
        return conv_general_dilated(x, w, **how)

    def pull_back(x, w):
        return jax.vjp(lambda x: forward(x, w), x)[1](jnp.ones(jax.eval_shape(forward, x, w).shape))

    # Of a strided one a call per residue class; a strided depthwise one has none.
    classes = {"grouped": 4, "one channel": 4, "few maps strided": 2, "depthwise": 0}
    backward = classes.get(name, 1)
    with however_small():
        assert calls(forward, x, w) == 1
        assert calls(pull_back, x, w) == backward


@pytest.mark.parametrize("name", LOWERINGS)
def test_gradient_of_gradient_and_vmap_equal_xla(name):
    x, w, how = arguments(name)
    xs, ws = jnp.stack([x, x + 1]), jnp.stack([w, -2 * w])

    def second(op):
        def slope(x, w):
            dx, dw = jax.grad(lambda x, w: jnp.sum(op(x, w, **how) ** 3), (0, 1))(x, w)
            return jnp.sum(dx**2) + jnp.sum(dw**2)

        return jax.jit(jax.vmap(jax.grad(slope, (0, 1))))(xs, ws)

    with however_small():
        got = second(conv_general_dilated)
    for a, b in zip(got, second(lax.conv_general_dilated), strict=True):
        assert_close(a, b, tolerance=1e-4)
